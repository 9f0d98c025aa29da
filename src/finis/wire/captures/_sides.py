"""Both sides of a firewall in one capture: a mirror port that shows them, or two captures merged.

A firewall that gives connections other sequence numbers (ASA, a SYN proxy) then shows each of them
twice under one tuple, which nobody can follow.  Link addresses tell the sides apart, as frames of
one have none of the other's.  Looked for in what is read first, by handshakes within each other: a
second SYN of a tuple, with another number, before the first is acknowledged, and both are.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC
from itertools import chain, pairwise
from typing import TYPE_CHECKING

import numpy as np

from finis.records import dataclass
from finis.tables import SEGMENT, record_dtype
from finis.terms import Flag
from finis.wire import kernel
from finis.wire.captures._api import Arrays
from finis.wire.link import LinkType, Network, network
from finis.wire.source import Points, Reading, Source
from finis.wire.stamps import SECOND_NS
from finis.wire.walk import SIDE, Bytes, Decoder, FrameDecoder, Link

if TYPE_CHECKING:
    from finis.wire.captures._api import Readable
    from finis.wire.captures._window import Window

# Looked at first, and more if there were not ENOUGH SYNs and SYN ACKs in it.
FIRST_BYTES, MORE_BYTES = 1 << 19, 1 << 23
ENOUGH, MOST = 64, 1024
SYN, ACK = int(Flag.SYN), int(Flag.ACK)
MAX_LINKS = 64  # those met most
Links = frozenset[Link]
Read = Callable[["Readable", Source, Reading], Iterator[np.ndarray]]


@dataclass(frozen=True, slots=True)
class Handshake:
    """The frames of a SYN and of the SYN ACK that acknowledges it."""

    syn: int
    answer: int


def decoder_of(read: Read, window: Window, source: Source) -> FrameDecoder:
    """A new decoder, which tells apart the sides that the beginning of the capture shows; that
    there are two is entered into `source`.  `window` is at its beginning and stays there; `read` is
    that of its format."""
    arrays = Arrays()
    decoder = kernel.decoder(source.id, arrays)
    sides = source.points.sides.get(source.point, {})  # of the files before
    data, syns = _beginning(read, window, arrays)
    if pairs := _within(syns):
        links = _Links(chain.from_iterable((one.syn, one.answer) for pair in pairs for one in pair))
        _syns(read, data, links)
        sides = _apart(Counter((links.of(one), links.of(other)) for one, other in pairs), sides)
        source.sides = "apart" if sides else "mixed"
    source.points.sides[source.point] = sides
    decoder.set_sides(sides)
    return decoder


def _beginning(read: Read, window: Window, arrays: Arrays) -> tuple[Bytes, np.ndarray]:
    """As much as is looked at, and its `_syns`; `arrays` collect them, as new memory is dear."""
    data = window.data[:FIRST_BYTES]
    syns = _syns(read, data, kernel.decoder(0, arrays))
    if len(syns) < ENOUGH and len(window.data) > len(data):
        while len(window.data) < MORE_BYTES and window.advance(0):
            pass
        data = window.data[:MORE_BYTES]
        syns = _syns(read, data, kernel.decoder(0, arrays))
    return data, syns


def _syns(read: Read, data: Bytes, probe: FrameDecoder) -> np.ndarray:
    """tables.SEGMENT rows of the SYNs and SYN ACKs in `data`."""
    source, reading = Source(0, "", Points(), ""), Reading(UTC, probe=probe)
    parts = [np.empty(0, record_dtype(SEGMENT))]
    for part in read(io.BytesIO(data), source, reading):
        parts.append(part[np.flatnonzero(part["flags"] & SYN)])
    return np.concatenate(parts)[:MOST]


def _within(rows: np.ndarray) -> list[tuple[Handshake, Handshake]]:
    """Pairs of handshakes of one tuple, of which the second is within the first."""
    ends = [
        list(zip(*(rows[f"{end}_{part}"].tolist() for part in ("hi", "lo", "p")), strict=True))
        for end in ("src", "dst")
    ]
    numbers = (rows[name].tolist() for name in ("point", "flags", "seq", "ack", "ts_ns", "frame"))
    sent: dict[object, dict[int, tuple[int, int]]] = {}  # tuple → ISN → time, frame
    met: dict[object, list[tuple[int, Handshake]]] = {}  # tuple → ISN, in order of the answers
    for src, dst, point, flags, seq, ack, ts_ns, frame in zip(*ends, *numbers, strict=True):
        if not flags & ACK:
            sent.setdefault((src, dst, point), {}).setdefault(seq, (ts_ns, frame))
            continue
        isn = ack - 1 & 0xFFFFFFFF
        at, syn = sent.get((dst, src, point), {}).get(isn, (None, 0))
        known = met.setdefault((dst, src, point), [])
        if at is not None and ts_ns - at < SECOND_NS and isn not in (one for one, _ in known):
            known.append((isn, Handshake(syn, frame)))
    out = []
    for answered in met.values():
        for (_, inner), (_, outer) in pairwise(answered):
            if outer.syn < inner.syn:
                out.append((outer, inner))
    return out


class _Links(Decoder):
    """Reads the link addresses of some frames."""

    def __init__(self, numbers: Iterable[int]) -> None:
        super().__init__(0, Arrays())
        self.found: dict[int, Links] = dict.fromkeys(numbers, frozenset())

    def of(self, handshake: Handshake) -> Links:
        """Those of both ends; none where there are no such addresses."""
        return self.found[handshake.syn] | self.found[handshake.answer]

    def _frame(self, data: Bytes, wire_len: int, number: int, *stamp: object) -> bool:
        self.frames += 1
        if self.frames in self.found and self._interfaces[number].linktype == LinkType.ETHERNET:
            net = network(LinkType.ETHERNET, bytes(data))
            vlan = net.vlan if isinstance(net, Network) else 0
            self.found[self.frames] = frozenset((vlan, bytes(data[at : at + 6])) for at in (0, 6))
        return True


def _apart(pairs: Mapping[tuple[Links, Links], int], known: Mapping[Link, int]) -> dict[Link, int]:
    """The side of every link address, with those already `known`; nothing if one would be on both.
    `pairs`: how often each was met."""
    out, count = dict(known), Counter(known.keys())
    waiting = list(pairs)
    while waiting:
        pair = next((one for one in waiting if out.keys() & (one[0] | one[1])), waiting[0])
        waiting.remove(pair)
        found = {out[link] ^ at for at, links in enumerate(pair) for link in links if link in out}
        if len(found) > 1 or pair[0] & pair[1] or not all(pair):
            return {}
        side = min(found, default=SIDE)
        for at, links in enumerate(pair):
            out.update(dict.fromkeys(links, side ^ at))
            count.update(dict.fromkeys(links, pairs[pair]))
    return {link: out[link] for link, _ in count.most_common(MAX_LINKS)}
