"""Property: the compiled kernel gives what the readable reference gives, on any input."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from datetime import UTC
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finis.wire import walk
from finis.wire.captures import pcap, pcapng
from finis.wire.captures._api import Arrays
from finis.wire.source import APART, Points, Reading, Source
from finis.wire.stamps import stamp
from finis.wire.walk import DTYPE, Interface, Stop
from tests import builders as b
from tests.wire.corpus import FRAMES, FRAMES_BY_LINK, mutate

_walk = pytest.importorskip("finis.wire._walk", reason="the kernel is not compiled here")
_decode = pytest.importorskip("finis.wire._decode")


def test_the_c_struct_is_the_table() -> None:
    row = np.zeros(1, DTYPE)
    for number, name in enumerate(DTYPE.names or ()):
        row[name] = number + 1
    values = {name: number + 1 for number, name in enumerate(DTYPE.names or ())}
    assert _decode.unpack(row.tobytes()) == values


def taken(decoder: Any, source: Source) -> np.ndarray:
    """Rows of the decoder's own; what it says of all of them is true."""
    decoder.settle(source)
    rows: np.ndarray = decoder.take().copy()
    several = (rows["point"] != rows["point"][:1]).any()
    assert source.mixed == bool(several or (rows["quirks"] & np.uint32(APART)).any())
    return rows


def run(decoder: Any, walker: str, data: bytes, pieces: list[int]) -> tuple[bytes, Source, Any]:
    """Walk `data` handed over in `pieces`; gives all rows, what was counted, where it stopped."""
    rows, at, end, why = [], 0, 0, Stop.DATA
    source = Source(0, "x", Points(), "x")
    for size in [*pieces, len(data)]:
        end = min(len(data), end + size)
        while True:
            why, at = getattr(decoder, walker)(data[:end], at)
            if why == Stop.POINT:
                decoder.add_point(*decoder.wanted, 7 + len(rows))
            elif why == Stop.FULL:
                rows.append(taken(decoder, source))
            else:
                break
    decoder.flush()
    rows.append(taken(decoder, source))
    return np.concatenate(rows).tobytes(), source, (why, at, decoder.frames)


def both(setup: Callable[[Any], None], walker: str, data: bytes, pieces: list[int]) -> bytes:
    results = []
    for kind in (walk.Decoder, _walk.Decoder):
        decoder = kind(3, Arrays())
        setup(decoder)
        results.append(run(decoder, walker, data, pieces))
    (rows, source, end), (rows2, source2, end2) = results
    assert end == end2
    assert source.problems == source2.problems
    assert source.other == source2.other
    assert (source.first_ns, source.last_ns) == (source2.first_ns, source2.last_ns)
    assert (source.rows, source.used) == (source2.rows, source2.used)
    if rows == rows2:
        return rows
    names = DTYPE.names or ()
    for one, two in zip(np.frombuffer(rows, DTYPE), np.frombuffer(rows2, DTYPE), strict=True):
        assert {n: int(one[n]) for n in names} == {n: int(two[n]) for n in names}
    raise AssertionError("rows differ outside their fields")


def pcap_setup(linktype: int) -> Callable[[Any], None]:
    def setup(decoder: Any) -> None:
        decoder.set_pcap(False, 16, 1, walk.MAX_CAPTURED)
        decoder.add_interface(Interface(linktype, 5, 0, stamp()))

    return setup


@pytest.mark.parametrize(("linktype", "frame"), FRAMES_BY_LINK)
def test_each_kind_of_frame(linktype: int, frame: bytes) -> None:
    data = b.pcap([(b.EPOCH_NS, frame)])[24:]
    both(pcap_setup(linktype), "walk_pcap", data, [])


@pytest.mark.parametrize(("linktype", "frame"), FRAMES_BY_LINK)
def test_each_kind_of_frame_cut_anywhere(linktype: int, frame: bytes) -> None:
    frames = [(b.EPOCH_NS + n, frame[:n], len(frame)) for n in range(min(len(frame), 160))]
    both(pcap_setup(linktype), "walk_pcap", b.pcap(frames)[24:], [])


@given(seed=st.integers(0, 2**32), linktype=st.sampled_from(sorted({k for k, _ in FRAMES_BY_LINK})))
@settings(max_examples=80)
def test_damaged_frames(seed: int, linktype: int) -> None:
    dice = random.Random(seed)
    mine = [frame for kind, frame in FRAMES_BY_LINK if kind == linktype]
    frames: list[b.Frame] = []
    ts_ns = b.EPOCH_NS
    for _ in range(60):
        ts_ns += dice.choice((0, 1000, 10**6, 31 * 10**9, -(40 * 10**9)))
        frame = mutate(dice.choice(mine), dice)
        frames.append((ts_ns, frame, dice.choice((len(frame), 0, 9000, 2**32 - 1))))
    both(pcap_setup(linktype), "walk_pcap", b.pcap(frames)[24:], [dice.randrange(500)])


@given(seed=st.integers(0, 2**32), linktype=st.sampled_from((1, 1, 113, 276)))
@settings(max_examples=60)
def test_sides(seed: int, linktype: int) -> None:
    """Frames of known and unknown link addresses, tagged or not, damaged or in fragments."""
    dice = random.Random(seed)
    known = [(dice.choice((0, 0, 7)), bytes((2, 0, 0, 0, 0, n))) for n in range(80)]
    sides = {link: walk.SIDE + dice.randrange(2) for link in known[: dice.choice((1, 3, 80))]}
    frames: list[bytes] = []
    for ident in range(60):
        links = dice.choice(known)[1], dice.choice((b"unseen", dice.choice(known)[1]))
        vlans = dice.choice(((), (), (7,), (7, 9), (8,)))
        whole = b.ipv4(b.tcp(1, 2, payload=bytes(dice.randrange(90))), ip_id=ident)
        parts = dice.choice(
            ([whole], b.fragments4(b.tcp(1, 2, payload=bytes(90)), 48, ip_id=ident))
        )
        frames += [b.ether(part, vlans=vlans, links=links) for part in parts]
    frames += [mutate(frame, dice) for frame in frames[:20]]
    data = b.pcap([(b.EPOCH_NS + n * 1000, frame) for n, frame in enumerate(frames)])[24:]

    def setup(decoder: Any) -> None:
        pcap_setup(linktype)(decoder)
        decoder.set_sides(sides)

    both(setup, "walk_pcap", data, [dice.randrange(500)])


@given(seed=st.integers(0, 2**32))
@settings(max_examples=60)
def test_fragments_in_any_order(seed: int) -> None:
    dice = random.Random(seed)
    frames: list[bytes] = []
    for ident in range(1, dice.randrange(2, 60)):
        hosts = dice.choice((("10.0.0.1", "10.0.0.2"), ("10.0.0.2", "10.0.0.1"), ("1.1.1.1",) * 2))
        segment = b.tcp(1, 2, payload=dice.randbytes(dice.randrange(600)))
        parts = b.fragments4(segment, 8 * dice.randrange(3, 20), src=hosts[0], dst=hosts[1],
                             ip_id=ident)  # fmt: skip
        frames += [b.ether(part) for part in parts]
        if dice.random() < 0.3:
            frames.append(b.ether(b.ipv4(b.tcp(3, 4), *hosts)))
    for _ in range(dice.randrange(20)):
        i, j = dice.randrange(len(frames)), dice.randrange(len(frames))
        frames[i], frames[j] = frames[j], frames[i]
    data = b.pcap([(b.EPOCH_NS + n * 10**6, frame) for n, frame in enumerate(frames)])[24:]
    both(pcap_setup(1), "walk_pcap", data, [])


@given(seed=st.integers(0, 2**32))
@settings(max_examples=80)
def test_pcapng_blocks(seed: int) -> None:
    dice = random.Random(seed)
    order = dice.choice("<>")
    resolutions = [dice.choice((6, 9, 3, 12, 0, 19, 20, 127, 0x80, 0x8A, 0xBF, 0xC0, 0xFF))
                   for _ in range(3)]  # fmt: skip
    links = [dice.choice((1, 276, 101)) for _ in range(3)]
    offset = dice.choice((0, 1, -5, 2**40, -(2**62)))

    def setup(decoder: Any) -> None:
        decoder.set_section(order == ">")
        for n in range(3):
            decoder.add_interface(Interface(links[n], n, n * 30, stamp(resolutions[n], offset)))

    blocks = []
    for _ in range(40):
        number = dice.randrange(4)
        frame = dice.choice([f for k, f in FRAMES_BY_LINK if k == links[number % 3]])
        ticks = dice.choice((dice.randrange(2**64), dice.randrange(2**51), 2**64 - 1))
        kind = dice.randrange(5)
        if kind == 0:
            block = b.ng_simple(frame, order, wire_len=dice.choice((None, 10, 2**32 - 1)))
        elif kind == 1:
            block = b.ng_obsolete(ticks, frame, order, interface=number)
        elif kind == 2:
            block = b.ng_block(dice.randrange(7, 99), dice.randbytes(dice.randrange(40)), order)
        else:
            block = b.ng_packet(ticks, frame, order, interface=number, options=[(1, b"x")])
        if dice.random() < 0.1:
            body = bytearray(block)
            body[dice.randrange(8, len(body))] ^= 1 << dice.randrange(8)
            block = bytes(body)
        blocks.append(block)
    both(setup, "walk_pcapng", b"".join(blocks), [dice.randrange(900), dice.randrange(900)])


def test_more_rows_than_a_batch() -> None:
    frame = b.packet(flags="PA", payload=b"x")
    data = b.pcap([(b.EPOCH_NS, frame)] * 20_000)[24:]
    assert len(both(pcap_setup(1), "walk_pcap", data, [])) == 20_000 * DTYPE.itemsize


def test_corpus_holds_every_outcome_a_frame_can_have() -> None:
    from finis.wire.decode import decode_frame
    from finis.wire.outcomes import Outcome

    seen = {Outcome.TCP}
    for linktype, frame in FRAMES_BY_LINK:
        for size in range(len(frame) + 1):
            found = decode_frame(frame[:size], len(frame), linktype)
            seen.add(found if isinstance(found, Outcome) else Outcome.TCP)
    assert seen >= {o for o in Outcome if o <= Outcome.NESTED}
    assert FRAMES


@pytest.mark.parametrize("seed", range(40))
def test_damaged_files(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(seed)
    linktype = dice.choice((1, 1, 276, 113, 0, 9))
    frames: list[b.Frame] = [
        (b.EPOCH_NS + n, mutate(frame, dice))
        for n, (_, frame) in enumerate(dice.sample(FRAMES_BY_LINK, 60))
    ]
    format_ = dice.choice((pcap, pcapng))
    order = dice.choice("<>")
    if format_ is pcap:
        data = bytearray(b.pcap(frames, order=order, linktype=linktype))
    else:
        data = bytearray(b.pcapng(frames, order=order, linktype=linktype))
    for _ in range(dice.choice((0, 1, 5))):
        data[dice.randrange(12, len(data))] = dice.choice((0, 1, 6, 255, dice.randrange(256)))
    results = []
    for pure in ("", "1"):
        monkeypatch.setenv("FINIS_PURE", pure)
        source = Source(0, "x", Points(), "x")
        batches = format_.read(io.BytesIO(data), source, Reading(UTC))
        results.append((b"".join(rows.tobytes() for rows in batches), source.points.names, source))
    (rows, names, one), (rows2, names2, two) = results
    assert rows == rows2
    assert names == names2
    for attribute in ("problems", "other", "rows", "used", "first_ns", "last_ns", "truncated"):
        assert getattr(one, attribute) == getattr(two, attribute)
