"""Rows as text prints them: addresses, ports, and the fields a text form can know."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from finis.records import dataclass, field
from finis.wire.captures._api import BATCH, Arrays
from finis.wire.captures._text import bits

if TYPE_CHECKING:
    from finis.wire.source import Reading, Source

U32 = 0xFFFFFFFF

NO_ADDRESSES = "addresses missing"
NAME_ADDRESS = "address is a name"
NAME_PORT = "port name unknown"

_MAPPED = 0xFFFF << 32  # ::ffff:0:0/96 in the lower 64 bits


@lru_cache(maxsize=65_536)
def address(text: str) -> tuple[int, int] | None:
    """(upper, lower 64 bits) of a printed IP address, IPv4 as ::ffff:a.b.c.d; None if it is none.

    The cache bounds memory on hostile input and makes repeated addresses cheap.
    """
    if len(text) > 64:
        return None
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    value = int(parsed)
    if parsed.version == 4:
        return 0, _MAPPED | value
    return value >> 64, value & 0xFFFFFFFFFFFFFFFF


def named(text: str, reading: Reading) -> tuple[int, int] | None:
    """The address of a name, where the user gave a list of names."""
    known = reading.names.get(text)
    return address(known) if known is not None else None


def endpoints(
    src: str, dst: str, row: Row, port: Callable[[str], int | None], reading: Reading
) -> str:
    """Put two printed ``host.port`` into `row`; the reason if one cannot be, else the empty
    string.  `port` knows the format's port names."""
    problem = ""
    places = []
    for text in (src, dst):
        host, dot, service = text.rpartition(".")
        place = address(host) or named(host, reading)
        number = port(service)
        if not dot or not host:
            problem = NO_ADDRESSES
        elif place is None:
            problem = problem or NAME_ADDRESS
        elif number is None:
            problem = problem or NAME_PORT
        else:
            places.append((*place, number))
    if not problem:
        (row.src_hi, row.src_lo, row.src_p), (row.dst_hi, row.dst_lo, row.dst_p) = places
    return problem


def torn(prefix: str) -> bool:
    """Do the words before a source address end in what may be its first half?

    A terminal wraps wherever its line is full; the halves of ``10.1.1.5`` are addresses too.
    """
    before, _, last = prefix.rpartition(" ")
    if last.strip("0123456789.") == "":
        return last != "" and not before.endswith("Length:")
    if before.endswith("length"):  # tcpdump -e: "length 74: "
        return False
    return ":" in last and last.strip("0123456789abcdef:") == ""


# --- rows ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Row:
    """The `tables.SEGMENT` fields a text form can know; tracking fills in others."""

    ts_ns: int = 0
    src_hi: int = 0
    src_lo: int = 0
    dst_hi: int = 0
    dst_lo: int = 0
    seq: int = 0
    ack: int = 0
    payload_len: int = 0
    ip_len: int = 0  # 0: not printed
    tsval: int = 0
    tsecr: int = 0
    sack_left: int = 0
    sack_right: int = 0
    quirks: int = bits.NO_PAYLOAD | bits.NO_TTL | bits.NO_IP_ID | bits.NO_SEQ | bits.NO_WIN
    frame: int = 0
    point: int = 0
    src_p: int = 0
    dst_p: int = 0
    flags: int = 0
    win: int = 0
    vlan: int = 0
    mss: int = 0
    ip_id: int = 0
    drop: int = 0
    ttl: int = 0
    wscale: int = 0
    head: int = 0  # this and the following: only where a hex dump shows the payload
    head_len: int = 0
    payload_hash: int = 0
    alert: int = 0
    alert_desc: int = 0


_FIELDS = tuple(Row.__slots__)
_VALUES = attrgetter(*_FIELDS)


@dataclass(slots=True)
class Batch:
    """Rows on their way out."""

    source: Source
    rows: list[Row] = field(default_factory=list)
    arrays: Arrays = field(default_factory=Arrays)

    def add(self, row: Row) -> bool:
        """Keep a row; True once the batch is full."""
        self.rows.append(row)
        self.source.used += 1
        self.source.seen(row.ts_ns)
        return len(self.rows) >= BATCH

    def take(self) -> npt.NDArray[np.void]:
        """The rows kept so far, in an array that will be used again; empties the batch."""
        count = len(self.rows)
        out = self.arrays.next()[:count]
        out.view(np.uint8)[:] = 0
        out["file"] = self.source.id
        if count:
            columns = zip(*map(_VALUES, self.rows), strict=True)
            for name, values in zip(_FIELDS, columns, strict=True):
                out[name] = values
        self.rows.clear()
        return out


def too_large(row: Row) -> bool:
    """True if a printed number does not fit its field in the header."""
    return row.win > 0xFFFF or row.seq > U32 or row.ack > U32 or row.payload_len > U32
