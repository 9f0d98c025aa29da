"""Which end of a connection is the server, where no SYN tells: a guess from the ports."""

from __future__ import annotations

# Services that are met above port 1023 (IANA registry and common use).  Clients of some old ones
# (NFS, rsh) send from ports below 1024, so "lower" alone would be wrong there.
SERVICES = frozenset(
    {1080, 1194, 1433, 1521, 1723, 1883, 1935, 2049, 2181, 2375, 2376, 3000, 3128, 3260, 3268,
     3269, 3306, 3389, 4433, 4443, 5000, 5060, 5061, 5222, 5432, 5601, 5671, 5672, 5900, 5985,
     5986, 6379, 6443, 6514, 7001, 8000, 8080, 8081, 8443, 8883, 8888, 9000, 9090, 9092, 9093,
     9200, 9300, 9443, 10000, 10050, 10051, 10443, 11211, 15672, 27017, 50000}
)  # fmt: skip

# Ports below 1024 that clients also send from, counting down from 1023 (rresvport).
RESERVED = range(600, 1024)


def _ranks() -> bytes:
    ranks = bytearray(b"\2" * 65536)
    for port in range(1024):
        ranks[port] = int(port in RESERVED)
    for port in SERVICES:
        ranks[port] = 0
    return bytes(ranks)


RANKS = _ranks()  # by port, 0: a service; 1: perhaps; 2: an ordinary client port


def sender_is_resp(src_p: int, dst_p: int) -> bool:
    """Of a segment that is no SYN: does it come from the likelier server?  The better rank, else
    the lower port; equal ports: no."""
    return (RANKS[src_p], src_p) < (RANKS[dst_p], dst_p)
