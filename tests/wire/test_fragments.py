"""Segments in several IP packets, through the decoder that is in use and the reference."""

from __future__ import annotations

import numpy as np
import pytest

from finis.terms import Quirk
from finis.wire import kernel, payload, walk
from finis.wire.captures._api import Arrays
from finis.wire.source import Points, Source
from finis.wire.stamps import stamp
from finis.wire.walk import Interface
from tests import builders as b

KINDS = [walk.Decoder, *([type(kernel.decoder(0, Arrays()))] if kernel.compiled() else [])]
DATA = bytes(range(200)) * 3
SEGMENT = b.tcp(1, 2, flags="PA", payload=DATA)
PLAIN = b.ether(b.ipv4(b.tcp(9, 2)))
OTHER_HOSTS = b.ether(b.ipv4(b.tcp(8, 2), "10.0.0.9", "10.0.0.8"))


def parts(ident: int = 1, size: int = 256) -> list[bytes]:
    return [b.ether(p) for p in b.fragments4(SEGMENT, size, ip_id=ident)]


def read(
    kind: type[walk.FrameDecoder], frames: list[bytes], step_ns: int = 1000
) -> tuple[list[tuple[int, int, int]], Source, np.ndarray]:
    """Rows as (frame, payload_len, reassembly quirks)."""
    decoder = kind(0, Arrays())
    decoder.set_pcap(False, 16, 1, walk.MAX_CAPTURED)
    decoder.add_interface(Interface(1, 0, 0, stamp()))
    data = b.pcap([(b.EPOCH_NS + n * step_ns, frame) for n, frame in enumerate(frames)])[24:]
    decoder.walk_pcap(data, 0)
    decoder.flush()
    rows = decoder.take().copy()
    source = Source(0, "x", Points(), "x")
    decoder.settle(source)
    mask = Quirk.REASSEMBLED | Quirk.FRAGMENT_MISSING
    found = [(int(r["frame"]), int(r["payload_len"]), int(r["quirks"]) & mask) for r in rows]
    return found, source, rows


WHOLE, PART = int(Quirk.REASSEMBLED), int(Quirk.FRAGMENT_MISSING)
LOWER = 256 - 20
CASES = [
    ("in order", parts(), [(1, 600, WHOLE)]),
    ("backwards", parts()[::-1], [(3, 600, WHOLE)]),
    ("first in the middle", [parts()[i] for i in (1, 0, 2)], [(2, 600, WHOLE)]),
    ("last missing", parts()[:2], [(1, LOWER, PART)]),
    ("middle missing", [parts()[0], parts()[2]], [(1, LOWER, PART)]),
    ("first missing", parts()[1:], []),
    ("two datagrams interleaved", [f for both in zip(parts(1), parts(2), strict=True)
                                   for f in both],
     [(1, 600, WHOLE), (2, 600, WHOLE)]),
    ("other hosts between", [parts()[0], OTHER_HOSTS, *parts()[1:]], [(2, 0, 0), (1, 600, WHOLE)]),
    ("overtaken by the same hosts", [parts()[0], PLAIN, *parts()[1:]],
     [(1, LOWER, PART), (2, 0, 0)]),
    ("the first twice", [parts()[0], *parts()], [(1, LOWER, PART), (2, 600, WHOLE)]),
    ("many firsts", [parts(n)[0] for n in range(1, 41)], [(n, LOWER, PART) for n in range(1, 41)]),
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("frames", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_lengths(
    kind: type[walk.FrameDecoder], frames: list[bytes], expected: list[tuple[int, int, int]]
) -> None:
    assert read(kind, frames)[0] == expected


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_is_hashed_like_the_unfragmented(kind: type[walk.FrameDecoder]) -> None:
    _, source, rows = read(kind, parts())
    assert int(rows["payload_hash"][0]) == payload.fingerprint(DATA, len(DATA))
    assert int(rows["ip_len"][0]) == 20 + len(SEGMENT)
    assert (source.rows, source.used, source.other) == (3, 1, {"ip-fragment": 2})


@pytest.mark.parametrize("kind", KINDS)
def test_what_waits_too_long_is_let_go(kind: type[walk.FrameDecoder]) -> None:
    frames = [parts()[0], OTHER_HOSTS, OTHER_HOSTS, *parts()[1:]]
    found, _, _ = read(kind, frames, step_ns=20 * 10**9)
    assert found == [(2, 0, 0), (1, LOWER, PART), (3, 0, 0)]


@pytest.mark.parametrize("kind", KINDS)
def test_ipv6(kind: type[walk.FrameDecoder]) -> None:
    head = [(60, bytes(6))]
    first = b.ipv6(SEGMENT[:200], extensions=[*head, b.fragment6(0, True, 77)])
    last = b.ipv6(SEGMENT[200:], extensions=[*head, b.fragment6(200, False, 77)])
    assert read(kind, [b.ether(first), b.ether(last)])[0] == [(1, 600, WHOLE)]
    alien = b.ipv6(SEGMENT[200:], extensions=[*head, b.fragment6(200, False, 78)])
    assert read(kind, [b.ether(first), b.ether(alien)])[0] == [(1, 180, PART)]
