"""One row of tables.SEGMENT as an object, for the readable reference."""

from __future__ import annotations

from finis.records import dataclass
from finis.terms import Flag, Quirk

MASK = 0xFFFFFFFF
SPAN_NS = 1 << 61  # stamps beyond are brought back into range: differences must fit 64 bits


@dataclass(slots=True)
class Segment:
    """Fields in the order of tables.SEGMENT, so that ``Segment(*row)`` takes a row."""

    ts_ns: int
    src_hi: int
    src_lo: int
    dst_hi: int
    dst_lo: int
    head: int
    payload_hash: int
    conn: int
    seq: int
    ack: int
    payload_len: int
    ip_len: int
    tsval: int
    tsecr: int
    sack_left: int
    sack_right: int
    quirks: int
    frame: int
    role: int
    file: int
    point: int
    src_p: int
    dst_p: int
    flags: int
    win: int
    vlan: int
    mss: int
    ip_id: int
    drop: int
    ttl: int
    wscale: int
    head_len: int
    alert: int
    alert_desc: int
    kind: int
    side: int
    sym: int

    @property
    def has_seq(self) -> bool:
        """False: the text form printed none."""
        return not self.quirks & Quirk.NO_SEQ

    @property
    def has_ack(self) -> bool:
        return bool(self.flags & Flag.ACK)

    @property
    def length(self) -> int:
        """SEG.LEN: payload, SYN and FIN counted (RFC 9293 §3.3.1); a RST occupies nothing."""
        if self.flags & Flag.RST:
            return 0
        return self.payload_len + bool(self.flags & Flag.SYN) + bool(self.flags & Flag.FIN)

    @property
    def end(self) -> int:
        """The number after the segment's last."""
        return (self.seq + self.length) & MASK
