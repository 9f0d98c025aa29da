"""pcap files: every magic and byte order, damage, any chunking of the stream."""

from __future__ import annotations

import random
import struct
from datetime import UTC
from types import ModuleType

import numpy as np
import pytest

from finis.errors import InputError
from finis.terms import Flag
from finis.wire import kernel, walk
from finis.wire.captures import pcap, pcapng
from finis.wire.captures._api import BATCH
from finis.wire.source import Points, Reading, Source
from tests import builders as b
from tests.wire.corpus import FRAMES

SYN, SYN_ACK, FIN = (b.packet(flags=f, seq=n) for n, f in enumerate(("S", "SA", "FA")))
ARP = b.ether(bytes(28), ethertype=0x0806)
TALK: list[b.Frame] = [
    (b.EPOCH_NS + 1_000, SYN),
    (b.EPOCH_NS + 2_000, ARP),
    (b.EPOCH_NS + 3_000, SYN_ACK),
    (b.EPOCH_NS + 4_000, FIN),
]


@pytest.fixture(autouse=True, params=["kernel", "reference"])
def both_decoders(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test of the formats runs on either decoder."""
    monkeypatch.setenv("FINIS_PURE", "1" if request.param == "reference" else "")
    if request.param == "kernel" and not kernel.compiled():
        pytest.skip("the kernel is not compiled here")


class Pieces:
    """A stream that hands out what it likes."""

    def __init__(self, data: bytes, dice: random.Random | None = None, most: int = 1 << 20) -> None:
        self.data, self.at, self.dice, self.most = data, 0, dice, most

    def read(self, size: int, /) -> bytes:
        if self.dice is not None:
            size = min(size, self.dice.randrange(1, self.most))
        piece = self.data[self.at : self.at + size]
        self.at += len(piece)
        return piece


def read(
    data: bytes, format_: ModuleType = pcap, dice: random.Random | None = None, most: int = 1 << 20
) -> tuple[np.ndarray, Source]:
    source = Source(0, "x.pcap", Points(), "tap")
    rows = [np.zeros(0, walk.DTYPE)]
    for batch in format_.read(Pieces(data, dice, most), source, Reading(UTC)):
        assert 0 < len(batch) <= BATCH
        rows.append(batch.copy())
    return np.concatenate(rows), source


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("magic", [b.MAGIC_US, b.MAGIC_NS, b.MAGIC_KUZNETZOV])
def test_every_variant(order: str, magic: int) -> None:
    data = b.pcap(TALK, order=order, magic=magic)
    assert pcap.sniff(data) == 1
    rows, source = read(data)
    assert rows["frame"].tolist() == [1, 3, 4]
    assert rows["seq"].tolist() == [0, 1, 2]
    assert rows["ts_ns"].tolist() == [b.EPOCH_NS + n for n in (1000, 3000, 4000)]
    assert rows["flags"].tolist() == [Flag.SYN, Flag.SYN | Flag.ACK, Flag.FIN | Flag.ACK]
    assert (source.rows, source.used, source.other) == (4, 3, {"arp": 1})
    assert (source.first_ns, source.last_ns) == (b.EPOCH_NS + 1000, b.EPOCH_NS + 4000)
    assert source.resolution_ns == (1 if magic == b.MAGIC_NS else 1000)
    assert source.points.names == ["tap"]
    assert not source.problems
    assert not source.truncated


def test_sniff_never_claims_others() -> None:
    for head in (b"", b"\xa1\xb2\xc3", b"Jan 01 2024", b.ng_section(), bytes(100)):
        assert pcap.sniff(head) == 0


@pytest.mark.parametrize("data", [b"", b"no capture at all", b.pcap([])[:4], b.pcap([])[:23]])
def test_what_is_no_pcap(data: bytes) -> None:
    with pytest.raises(InputError):
        read(data)


def test_empty_but_valid() -> None:
    rows, source = read(b.pcap([]))
    assert (len(rows), source.rows, source.first_ns, source.truncated) == (0, 0, None, False)


def test_cut_at_every_byte() -> None:
    data = b.pcap(TALK)
    whole, _ = read(data)
    ends = [24]
    for _, frame, *_ in TALK:
        ends.append(ends[-1] + 16 + len(frame))
    for size in range(24, len(data)):
        rows, source = read(data[:size])
        complete = sum(end <= size for end in ends) - 1
        assert source.rows == complete
        assert np.array_equal(rows, whole[whole["frame"] <= complete])
        assert source.truncated == (size not in ends)
        if source.truncated:
            position = f"byte {max(end for end in ends if end <= size)}"
            expected = [("the file is cut off inside a record", 1, [position])]
            assert list(source.problems) == expected


@pytest.mark.parametrize("length", [walk.MAX_CAPTURED + 1, 2**31, 2**32 - 1])
def test_absurd_lengths_stop_without_allocating(length: int) -> None:
    bad = struct.pack("<IIII", 1_700_000_000, 0, length, 60)
    rows, source = read(b.pcap(TALK) + bad + bytes(5000))
    assert len(rows) == 3
    assert source.truncated
    ((reason, count, positions),) = source.problems
    assert (reason, count) == ("corrupt record header: not read further", 1)
    assert positions == [f"byte {len(b.pcap(TALK))}, after frame 4"]


def test_reading_goes_on_behind_a_damaged_record() -> None:
    garbage = struct.pack("<IIII", 1, 2, 2**31, 60) + bytes(range(1, 200))
    good = b.pcap(TALK)
    rows, source = read(good + garbage + good[24:])
    assert rows["frame"].tolist() == [1, 3, 4, 5, 7, 8]
    assert list(source.problems) == [
        (
            "corrupt record: passed over to the next that fits",
            1,
            [f"byte {len(good)} to {len(good) + len(garbage)}, after frame 4"],
        )
    ]
    assert not source.truncated


def test_records_of_another_day_are_no_way_back() -> None:
    garbage = struct.pack("<IIII", 1, 2, 2**31, 60)
    other = b.pcap([(ts + 10**6 * 10**9, frame) for ts, frame, *_ in TALK])[24:]
    rows, source = read(b.pcap(TALK) + garbage + other)
    assert len(rows) == 3
    assert source.truncated


def test_endless_damage_ends() -> None:
    garbage = struct.pack("<IIII", 1, 2, 2**31, 60)
    good = b.pcap(TALK)[24:]
    rows, source = read(b.pcap(TALK) + (garbage + good) * 200)
    assert len(rows) == 65 * 3
    assert source.truncated


@pytest.mark.parametrize("order", "<>")
def test_files_put_one_after_another(order: str) -> None:
    rows, source = read(b.pcap(TALK) + b.pcap(TALK, order=order, magic=b.MAGIC_US))
    assert rows["frame"].tolist() == [1, 3, 4, 5, 7, 8]
    assert not source.problems
    rows, source = read(b.pcap(TALK) + b.pcap(TALK, linktype=101))
    assert len(rows) == 3
    assert source.truncated


def test_frame_without_a_byte() -> None:
    rows, source = read(b.pcap([(b.EPOCH_NS, b""), *TALK]))
    assert rows["frame"].tolist() == [2, 4, 5]
    assert source.problems.counts == {"frame without a byte": 1}


def test_zeros_at_the_end_are_no_frames() -> None:
    rows, source = read(b.pcap(TALK) + bytes(4096))
    assert (len(rows), source.rows, source.truncated) == (3, 4, True)


def test_large_frames_within_the_snap_length() -> None:
    big = b.ether(b.ipv4(b.tcp(1, 2, payload=bytes(3_000_000)), total_length=0))
    rows, source = read(b.pcap([(b.EPOCH_NS, big), *TALK], snaplen=4_000_000))
    assert rows["payload_len"].tolist() == [3_000_000, 0, 0, 0]
    assert not source.problems
    rows, source = read(b.pcap([(b.EPOCH_NS, big), *TALK]))
    assert len(rows) == 0
    assert source.truncated


def test_wire_length_below_the_captured_one() -> None:
    rows, _ = read(b.pcap([(b.EPOCH_NS, SYN, 3)]))
    assert len(rows) == 1


def test_cooked_capture_of_one_interface_is_one_point() -> None:
    frame = b.cooked2(b.ipv4(b.tcp(1, 2)), 3)
    _, source = read(b.pcap([(b.EPOCH_NS, frame)] * 3, linktype=276))
    assert source.points.names == ["tap"]


def test_cooked_capture_of_several_interfaces_is_split() -> None:
    packet = b.ipv4(b.tcp(1, 2))
    frames: list[b.Frame] = [(b.EPOCH_NS, b.cooked2(packet, n)) for n in (3, 2, 3, 5)]
    rows, source = read(b.pcap(frames, linktype=276))
    names = [source.points.names[point] for point in rows["point"]]
    assert names == ["tap/if3", "tap/if2", "tap/if3", "tap/if5"]


def test_more_interfaces_than_anyone_has() -> None:
    packet = b.ipv4(b.tcp(1, 2))
    frames: list[b.Frame] = [(b.EPOCH_NS, b.cooked2(packet, n)) for n in range(1000)]
    rows, source = read(b.pcap(frames, linktype=276))
    assert len(rows) == 1000
    assert len(source.points.names) <= 258


def test_unsupported_link_type() -> None:
    rows, source = read(b.pcap(TALK, linktype=147))
    assert len(rows) == 0
    assert source.problems.counts == {
        "link type 147 is not supported": 1,
        "link type not supported": 4,
    }


def test_problems_carry_frame_numbers() -> None:
    bad = b.packet()[:30]
    _, source = read(b.pcap([(b.EPOCH_NS, bad, 54), *TALK] * 7))
    assert list(source.problems) == [
        ("frame cut inside the IP header", 7, [f"frame {n}" for n in (1, 6, 11, 16, 21)])
    ]


@pytest.mark.parametrize("format_", [pcap, pcapng])
def test_any_chunking_gives_the_same_rows(
    format_: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames: list[b.Frame] = [(b.EPOCH_NS + n, f) for n, f in enumerate(FRAMES * 3)]
    data = (b.pcap if format_ is pcap else b.pcapng)(frames)
    whole, source = read(data, format_)
    for seed in range(5):
        dice = random.Random(seed)
        monkeypatch.setattr("finis.wire.captures._window.WINDOW_BYTES", dice.randrange(1, 9000))
        rows, again = read(data, format_, dice, most=400)
        assert np.array_equal(rows, whole)
        assert again.problems == source.problems
        assert (again.other, again.rows, again.used) == (source.other, source.rows, source.used)


@pytest.mark.parametrize("format_", [pcap, pcapng])
@pytest.mark.parametrize("order", "<>")
def test_flipped_bytes_never_raise(format_: ModuleType, order: str) -> None:
    dice = random.Random(3)
    frames: list[b.Frame] = [(b.EPOCH_NS + n, f) for n, f in enumerate(FRAMES)]
    data = (b.pcap if format_ is pcap else b.pcapng)(frames, order=order)
    whole, _ = read(data, format_)
    for _ in range(60):
        body = bytearray(data)
        for _ in range(dice.choice((1, 1, 3, 30))):
            body[dice.randrange(len(body))] = dice.choice((0, 0xFF, dice.randrange(256)))
        if not format_.sniff(bytes(body)):
            continue
        rows, source = read(bytes(body), format_)
        assert len(rows) <= 4 * len(whole)
        assert source.used == len(rows)
