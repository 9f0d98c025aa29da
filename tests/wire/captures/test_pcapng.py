"""pcapng files: sections, interfaces, every packet block, options, damage."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from finis.errors import InputError
from finis.terms import Quirk
from finis.wire import walk
from finis.wire.captures import pcapng
from finis.wire.source import Source
from tests import builders as b
from tests.wire.captures import test_pcap

SYN = b.packet(flags="S", seq=5)
EPOCH_US = b.EPOCH_NS // 1000
both_decoders = test_pcap.both_decoders


def read(data: bytes) -> tuple[np.ndarray, Source]:
    assert pcapng.sniff(data) == 1
    return test_pcap.read(data, pcapng)


def names(rows: np.ndarray, source: Source) -> list[str]:
    return [source.points.names[point] for point in rows["point"]]


@pytest.mark.parametrize("order", "<>")
def test_every_packet_block(order: str) -> None:
    data = b"".join(
        (
            b.ng_section(order, [(1, b"a comment"), (4, b"some tool")]),
            b.ng_interface(order, name="eth7"),
            b.ng_packet(EPOCH_US, SYN, order, options=[(1, b"commented"), (2, bytes(4))]),
            b.ng_obsolete(EPOCH_US + 1, SYN, order),
            b.ng_simple(SYN, order),
        )
    )
    rows, source = read(data)
    assert rows["ts_ns"].tolist() == [b.EPOCH_NS, b.EPOCH_NS + 1000, b.EPOCH_NS + 1000]
    assert rows["seq"].tolist() == [5, 5, 5]
    assert names(rows, source) == ["eth7"] * 3
    assert list(source.problems) == [
        ("packet without a time stamp, the one before it is used", 1, ["frame 3"])
    ]
    assert (source.resolution_ns, source.dated, source.truncated) == (1000, True, False)


def test_only_simple_blocks_are_undated() -> None:
    rows, source = read(b.ng_section() + b.ng_interface() + b.ng_simple(SYN))
    assert rows["ts_ns"].tolist() == [0]
    assert rows["quirks"][0] & Quirk.UNDATED
    assert (source.dated, source.first_ns) == (False, None)


def test_simple_block_is_cut_to_the_snap_length() -> None:
    frame = b.packet(payload=bytes(500))
    block = b.ng_simple(frame[:60], wire_len=len(frame))
    rows, _ = read(b.ng_section() + b.ng_interface(snaplen=60) + block)
    assert rows["payload_len"].tolist() == [500]
    assert rows["quirks"][0] & Quirk.NO_PAYLOAD


@pytest.mark.parametrize(
    ("tsresol", "tsoffset", "ticks"),
    [
        (None, None, EPOCH_US),
        (9, None, b.EPOCH_NS),
        (3, None, b.EPOCH_NS // 10**6),
        (0x80 | 20, None, b.EPOCH_NS // 10**9 << 20),
        (6, 1_000_000_000, 700_000_000 * 10**6),
        (9, -5, b.EPOCH_NS + 5 * 10**9),
    ],
)
@pytest.mark.parametrize("order", "<>")
def test_resolutions_and_offsets(
    order: str, tsresol: int | None, tsoffset: int | None, ticks: int
) -> None:
    interface = b.ng_interface(order, tsresol=tsresol, tsoffset=tsoffset)
    rows, _ = read(b.ng_section(order) + interface + b.ng_packet(ticks, SYN, order))
    assert rows["ts_ns"].tolist() == [b.EPOCH_NS]


def test_a_stamp_out_of_range_is_said() -> None:
    good, bad = b.ng_packet(EPOCH_US, SYN), b.ng_packet(2**64 - 1, SYN)
    rows, source = read(b.ng_section() + b.ng_interface() + good + bad)
    assert rows["ts_ns"].tolist() == [b.EPOCH_NS] * 2
    assert source.problems.counts == {"time stamp out of range, the one before it is used": 1}
    assert source.last_ns == b.EPOCH_NS


def test_sections_number_their_own_interfaces_in_their_own_order() -> None:
    data = b"".join(
        (
            b.ng_section("<"),
            b.ng_interface("<", name="in"),
            b.ng_interface("<", name="out", linktype=101),
            b.ng_packet(EPOCH_US, SYN, "<"),
            b.ng_packet(EPOCH_US, SYN[14:], "<", interface=1),
            b.ng_section(">"),
            b.ng_interface(">", name="dmz", linktype=101),
            b.ng_packet(EPOCH_US, SYN[14:], ">"),
            b.ng_packet(EPOCH_US, SYN, ">", interface=1),
        )
    )
    rows, source = read(data)
    assert names(rows, source) == ["in", "out", "dmz"]
    assert rows["frame"].tolist() == [1, 2, 3]
    assert list(source.problems) == [
        ("packet of an interface that the file does not describe", 1, ["frame 4"])
    ]


@pytest.mark.parametrize(
    ("name", "description", "point"),
    [
        ("eth0", "", "eth0"),
        ("eth0", "uplink", "eth0"),
        ("", "uplink", "uplink"),
        ("\\Device\\NPF_{00000000-0000}", "Ethernet 2", "Ethernet 2"),
        ("", "", "tap"),
        ("a\nb\x1b[31mc\x00", "", "ab[31mc"),
        ("x" * 100, "", "x" * 48),
    ],
)
def test_the_name_of_the_point(name: str, description: str, point: str) -> None:
    interface = b.ng_interface(name=name, description=description)
    rows, source = read(b.ng_section() + interface + b.ng_packet(EPOCH_US, SYN))
    assert names(rows, source) == [point]


def test_cooked_interfaces_are_split() -> None:
    frames = [b.cooked2(b.ipv4(b.tcp(1, 2)), n) for n in (4, 5)]
    blocks = b"".join(b.ng_packet(EPOCH_US, frame) for frame in frames)
    rows, source = read(b.ng_section() + b.ng_interface(linktype=276, name="any") + blocks)
    assert names(rows, source) == ["any/if4", "any/if5"]


def test_what_is_not_known_is_passed_over() -> None:
    data = b"".join(
        (
            b.ng_section(),
            b.ng_block(4, b"\1\0\x08\0" + bytes(8)),  # name resolution
            b.ng_interface(options=[(0x8001, b"vendor"), (2988, b"x")]),
            b.ng_block(0x0BAD, bytes(64)),
            b.ng_block(10, b"TLSK" + bytes(50_000)),  # decryption secrets
            b.ng_block(0x40000BAD, bytes(walk.MAX_BLOCK * 9)),  # larger than any window
            b.ng_packet(EPOCH_US, SYN),
            b.ng_block(0x0BAD, b""),
        )
    )
    rows, source = read(data)
    assert len(rows) == 1
    assert not source.problems


def test_losses_are_taken_from_the_last_statistics_of_each_interface() -> None:
    def statistics(interface: int, dropped: int) -> bytes:
        options = b.ng_options([(4, bytes(8)), (5, struct.pack("<Q", dropped))])
        return b.ng_block(5, struct.pack("<III", interface, 0, 0) + options)

    data = b.ng_section() + b.ng_interface() + b.ng_interface() + b.ng_packet(EPOCH_US, SYN)
    assert read(data)[1].lost is None
    assert read(data + statistics(0, 3) + statistics(1, 10) + statistics(0, 7))[1].lost == 17


def small() -> tuple[bytes, list[int]]:
    blocks = [
        b.ng_section(),
        b.ng_interface(name="if"),
        b.ng_packet(EPOCH_US, SYN),
        b.ng_block(99, bytes(20)),
        b.ng_packet(EPOCH_US, SYN),
    ]
    return b"".join(blocks), np.cumsum([len(block) for block in blocks]).tolist()


def test_cut_at_every_byte() -> None:
    data, ends = small()
    for size in range(len(data)):
        if size < 12:
            with pytest.raises(InputError):
                test_pcap.read(data[:size], pcapng)
            continue
        rows, source = read(data[:size])
        assert len(rows) == source.rows == sum(end <= size for end in (ends[2], ends[4]))
        assert source.truncated == (size not in ends)
        if source.truncated:
            position = f"byte {max((end for end in ends if end <= size), default=0)}"
            assert [p for _, _, p in source.problems] == [[position]]


@pytest.mark.parametrize("length", [0, 8, 13, 2**32 - 4, 2**31])
@pytest.mark.parametrize("block", [1, 2, 3])
def test_absurd_block_lengths(block: int, length: int) -> None:
    data, ends = small()
    at = ends[block - 1] + 4
    rows, source = read(data[:at] + struct.pack("<I", length) + data[at + 4 :])
    resynced = block == 3 and length < 16
    assert source.truncated != resynced
    assert len(rows) == {1: 0, 2: 0, 3: 1 + resynced}[block]
    assert sum(source.problems.counts.values()) == 1


def test_the_second_length_must_agree() -> None:
    data, ends = small()
    at = ends[2] - 4
    rows, source = read(data[:at] + b"\0\1\0\0" + data[at + 4 :])
    assert len(rows) == 0
    assert list(source.problems) == [
        ("corrupt block: not read further", 1, [f"byte {ends[1]}, after frame 0"])
    ]
    at = ends[4] - 4
    rows, source = read(data[:at] + b"\0\1\0\0" + b.ng_packet(EPOCH_US, SYN))
    assert rows["frame"].tolist() == [1, 2]
    assert list(source.problems) == [
        (
            "corrupt block: passed over to the next that fits",
            1,
            [f"byte {ends[3]} to {ends[4]}, after frame 1"],
        )
    ]


def test_packet_longer_than_its_block() -> None:
    packet = bytearray(b.ng_packet(EPOCH_US, SYN))
    packet[20:24] = struct.pack("<I", len(SYN) + 100)
    rows, source = read(
        b.ng_section() + b.ng_interface() + bytes(packet) + b.ng_packet(EPOCH_US, SYN)
    )
    assert rows["frame"].tolist() == [2]
    assert source.problems.counts == {"packet longer than the block that holds it": 1}


def test_broken_options_count_as_absent() -> None:
    body = struct.pack("<HHI", 1, 0, 0) + struct.pack("<HH", 9, 60000) + bytes(4)
    rows, _ = read(b.ng_section() + b.ng_block(1, body) + b.ng_packet(EPOCH_US, SYN))
    assert rows["ts_ns"].tolist() == [b.EPOCH_NS]


def test_floods_of_interfaces_are_bounded() -> None:
    interfaces = b"".join(b.ng_interface(name=f"if{n}") for n in range(5000))
    rows, source = read(b.ng_section() + interfaces + b.ng_packet(EPOCH_US, SYN))
    assert len(rows) == 1
    assert len(source.points.names) <= 257
    assert source.problems.counts == {"interface description not usable": 5000 - 4096}
