"""Write an ASA log of any length whose time advances, for measuring.

    python benchmarks/make_log.py LINES [SHARE] > asa.log

The mix, per 100 lines: 36 Built and 36 Teardown of TCP connections, 10 denials (7 of message
106015 after a teardown, 3 of an access list), 8 UDP Built and Teardown, 6 local-host lines,
4 others.  Connections live 1 ms to 10 min (log-uniform) and end by FINs (80 %), resets (12 %),
SYN timeout (4 %), idle timeout (2 %) and others; 2000 lines a second.  The same seed gives the
same bytes.  SHARE, 0 to 1: so many of the connections, denials and hosts have IPv6 addresses, the
clients of /64s of their own with random interface identifiers; all else stays as it is.
"""

from __future__ import annotations

import heapq
import random
import sys
from datetime import UTC, datetime, timedelta

RATE = 2000  # lines per second of log time
REASONS = (
    ("TCP FINs from outside", 40),
    ("TCP FINs from inside", 40),
    ("TCP Reset-O from outside", 7),
    ("TCP Reset-I from inside", 5),
    ("SYN Timeout", 4),
    ("Connection timeout", 2),
    ("FIN Timeout", 1),
    ("Flow closed by inspection", 1),
)
LATE_FLAGS = ("RST", "RST ACK", "ACK", "FIN ACK", "PSH ACK")
START = datetime(2024, 3, 1, tzinfo=UTC)


def lines(total: int, share: float = 0.0, seed: int = 1) -> object:
    """`total` lines, each with its newline; `share` of them IPv6."""
    chance, six = random.Random(seed), random.Random(seed)
    reasons = [reason for reason, weight in REASONS for _ in range(weight)]
    ends: list[tuple[float, int, str, str, float]] = []
    late: list[tuple[float, str, str]] = []
    number, now, written, stamp_second, stamp = 1000, 0.0, 0, -1, ""
    while written < total:
        now += 1 / RATE
        if int(now) != stamp_second:
            stamp_second = int(now)
            stamp = f"{START + timedelta(seconds=stamp_second):%b %d %Y %H:%M:%S} fw01 : "
        if ends and ends[0][0] <= now:
            _, conn, client, server, born = heapq.heappop(ends)
            life = int(now - born)
            reason = chance.choice(reasons)
            silent = reason == "SYN Timeout"
            size = 0 if silent else chance.randrange(200, 5_000_000)
            clock = f"{life // 3600}:{life // 60 % 60:02d}:{life % 60:02d}"
            yield (
                f"<166>{stamp}%ASA-6-302014: Teardown TCP connection {conn} for outside:{client} "
                f"to inside:{server} duration {clock} bytes {size} {reason}\n"
            )
            if chance.random() < 0.19:
                heapq.heappush(late, (now + chance.expovariate(1), client, server))
        elif late and late[0][0] <= now:
            _, client, server = heapq.heappop(late)
            yield (
                f"<166>{stamp}%ASA-6-106015: Deny TCP (no connection) from {server} to {client} "
                f"flags {chance.choice(LATE_FLAGS)}  on interface inside\n"
            )
        else:
            other = six if six.random() < share else None
            yield from _other(chance, other, stamp, now, ends, number)
            number += 1
        written += 1


def _other(
    chance: random.Random,
    six: random.Random | None,
    stamp: str,
    now: float,
    ends: list[tuple[float, int, str, str, float]],
    number: int,
) -> object:
    client = (
        f"{chance.randrange(1, 224)}.{chance.randrange(256)}.{chance.randrange(256)}."
        f"{chance.randrange(1, 255)}/{chance.randrange(1024, 65536)}"
    )
    server = f"10.1.{chance.randrange(4)}.{chance.randrange(1, 255)}/{chance.choice((80, 443))}"
    if six:
        client, server = _client6(six, client), _server6(server)
    draw = chance.random() * 57
    if draw < 36:
        life = 10 ** chance.uniform(-3, 2.78)
        heapq.heappush(ends, (now + life, number, client, server, now))
        yield (
            f"<166>{stamp}%ASA-6-302013: Built inbound TCP connection {number} for "
            f"outside:{client} ({client}) to inside:{server} ({server})\n"
        )
    elif draw < 39:
        yield (
            f"<164>{stamp}%ASA-4-106023: Deny tcp src outside:{client} dst inside:{server} "
            'by access-group "outside_in" [0x0, 0x0]\n'
        )
    elif draw < 47:
        yield (
            f"<166>{stamp}%ASA-6-302015: Built inbound UDP connection {number} for "
            f"outside:{client} ({client}) to inside:{server} ({server})\n"
        )
    elif draw < 53:
        host = client.partition("/")[0]
        yield f"<167>{stamp}%ASA-7-609001: Built local-host outside:{host}\n"
    else:
        yield f"<165>{stamp}%ASA-5-111008: User 'enable_15' executed the 'show conn' command.\n"


def _client6(six: random.Random, client: str) -> str:
    groups = [0x2400 | six.randrange(1024), *(six.randrange(1 << 16) for _ in range(7))]
    return f"{':'.join(f'{group:x}' for group in groups)}/{client.partition('/')[2]}"


def _server6(server: str) -> str:
    host, _, port = server.partition("/")
    _, _, subnet, last = host.split(".")
    return f"2001:db8:1:{int(subnet) + 1}::{int(last):x}/{port}"


if __name__ == "__main__":
    write = sys.stdout.write
    total, share = [*sys.argv[1:], *("100000", "0")[len(sys.argv) - 1 :]][:2]
    for line in lines(int(total), float(share)):  # type: ignore[attr-defined]
        write(line)
