"""Both sides of a rewriting firewall in one file are told apart, and nothing else is."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finis import intake
from finis.pipeline import Case, read
from finis.wire.captures import pcap as pcap_format
from finis.wire.captures import pcapng as pcapng_format
from finis.wire.source import Points, Reading, Source
from tests.builders import EPOCH_NS, Frame, ether, ipv4, pcap, pcapng, tcp

MS = 1_000_000
CLIENT, SERVER = "10.0.0.1", "198.51.100.7"
HOST, INSIDE, OUTSIDE, ROUTER = (bytes((2, 0, 0, 0, 0, n)) for n in range(1, 5))


@dataclass(frozen=True)
class Place:
    """Where frames are seen: link addresses towards client and server, the VLAN, what is added to
    the numbers of either, when frames pass (of the client, of the server), and who is who."""

    near: bytes = HOST
    far: bytes = INSIDE
    vlans: tuple[int, ...] = ()
    added: tuple[int, int] = (0, 0)
    after_us: tuple[int, int] = (0, 300)
    hosts: tuple[str, str] = (CLIENT, SERVER)


BEFORE = Place()
BEHIND = Place(OUTSIDE, ROUTER, (), (7_000_000, 3_000_000_000), (200, 100))
LIFE = [
    (0, "S", 0), (1, "SA", 0), (0, "A", 0), (0, "PA", 100), (1, "PA", 900), (0, "A", 0),
    (0, "FA", 0), (1, "FA", 0), (0, "A", 0),
]  # fmt: skip


Life = Sequence[tuple[int, str, int]]  # side, flags, bytes of payload


def frames(place: Place, *, port: int = 40_000, at_ms: int = 0, life: Life = LIFE) -> list[Frame]:
    """A connection as it is seen there."""
    out: list[Frame] = []
    sent = [1000, 5000]
    for number, (side, flags, size) in enumerate(life):
        seq = sent[side] + place.added[side]
        ack = sent[1 - side] + place.added[1 - side] if "A" in flags else 0
        ports = (port, 443) if side == 0 else (443, port)
        segment = tcp(*ports, flags=flags, seq=seq % 2**32, ack=ack % 2**32, payload=bytes(size))
        hosts = place.hosts if side == 0 else place.hosts[::-1]
        links = (place.near, place.far) if side == 0 else (place.far, place.near)
        frame = ether(ipv4(segment, *hosts), vlans=place.vlans, links=links)
        at_ns = EPOCH_NS + (at_ms + 10 * number) * MS + 1000 * place.after_us[side]
        out.append((at_ns, frame))
        sent[side] += size + ("S" in flags) + ("F" in flags)
    return out


def opened_by_server(port: int, at_ms: int) -> list[list[Frame]]:
    """A connection from the other side, on both."""
    return [
        frames(replace(place, near=place.far, far=place.near, after_us=other.after_us,
                       hosts=(SERVER, CLIENT)), port=port, at_ms=at_ms)
        for place, other in ((BEFORE, BEHIND), (BEHIND, BEFORE))
    ]  # fmt: skip


Write = Callable[[list[Frame]], bytes]


def diagnosed(folder: Path, *seen: list[Frame], write: Write = pcap) -> Case:
    path = folder / "both.cap"
    path.write_bytes(write(sorted(frame for part in seen for frame in part)))
    return read(path)


def told(case: Case) -> list[str]:
    return [note for note in case.notes if "both sides" in note]


@pytest.mark.parametrize("write", [pcap, pcapng])
@pytest.mark.parametrize("behind", [
    BEHIND,
    replace(BEHIND, near=HOST, far=INSIDE, vlans=(20,)),  # one arm: the VLAN tells
])  # fmt: skip
def test_two_sides_are_two_points(tmp_path: Path, behind: Place, write: Write) -> None:
    case = diagnosed(tmp_path, frames(BEFORE), frames(behind), write=write)
    assert [point.name for point in case.points] == ["both/1", "both/2"]
    assert case.connections["points"].to_list() == ["both/1,both/2"]
    assert case.connections["cause_name"].to_list() == ["client-closed-first"]
    assert case.connections["confidence"].to_list() == ["certain"]
    assert len(told(case)) == 1 and "as two points" in told(case)[0]


def test_all_frames_of_a_link_address_are_on_its_side(tmp_path: Path) -> None:
    """A SYN that did not get through, a connection from before the capture, one the other way."""
    refused = frames(BEFORE, port=40_001, at_ms=300, life=[(0, "S", 0)])
    old = [frames(place, port=40_002, life=LIFE[3:]) for place in (BEFORE, BEHIND)]
    back = opened_by_server(port=40_003, at_ms=500)
    late = frames(BEHIND, port=40_004, at_ms=3000)
    case = diagnosed(tmp_path, frames(BEFORE), frames(BEHIND), refused, *old, *back, late)
    seen = case.connections.select("orig_p", "points").sort("orig_p").rows()
    assert seen == [
        (40_000, "both/1,both/2"), (40_001, "both/1"), (40_002, "both/1,both/2"),
        (40_003, "both/2,both/1"), (40_004, "both/2"),
    ]  # fmt: skip


@pytest.mark.parametrize("seen", [
    [frames(BEFORE)],
    [frames(BEFORE), frames(replace(BEHIND, added=(0, 0)))],  # a router: copies
    # The same ports again at once, as some clients do.
    [frames(BEFORE, life=[*LIFE[:2], (0, "R", 0)]),
     frames(replace(BEFORE, added=(9, 9)), at_ms=35)],
    # A SYN that goes out anew with another number; only the second is answered.
    [frames(BEFORE, life=LIFE[:1]), frames(replace(BEFORE, added=(77, 0)), at_ms=5)],
    # Nobody acknowledged what a stranger claims to have sent.
    [frames(BEFORE), frames(BEHIND, life=LIFE[:1])],
], ids=["one side", "a router", "reuse", "a SYN anew", "a forged SYN"])  # fmt: skip
def test_what_is_no_second_side(tmp_path: Path, seen: list[list[Frame]]) -> None:
    case = diagnosed(tmp_path, *seen)
    assert [point.name for point in case.points] == ["both"] and not told(case)


@pytest.mark.parametrize("behind", [
    replace(BEHIND, near=HOST, far=INSIDE),
    replace(BEHIND, far=HOST),  # one address is on both sides
])  # fmt: skip
def test_sides_that_link_addresses_do_not_tell_are_named(tmp_path: Path, behind: Place) -> None:
    case = diagnosed(tmp_path, frames(BEFORE), frames(behind))
    assert [point.name for point in case.points] == ["both"]
    assert len(told(case)) == 1 and "do not hold" in told(case)[0]


def test_frames_without_link_addresses(tmp_path: Path) -> None:
    raw: list[list[Frame]] = [
        [(ts, frame[14:]) for ts, frame, *_ in frames(place)] for place in (BEFORE, BEHIND)
    ]
    case = diagnosed(tmp_path, *raw, write=lambda found: pcap(found, linktype=101))
    assert len(told(case)) == 1 and "do not hold" in told(case)[0]


@given(seed=st.integers(0, 2**32), write=st.sampled_from((pcap, pcapng)))
@settings(max_examples=60)
def test_damage_harms_nothing(seed: int, write: Write) -> None:
    """Whatever the file says, it is read."""
    dice = random.Random(seed)
    seen = [frames(place, port=n, at_ms=3 * n) for n in range(9) for place in (BEFORE, BEHIND)]
    data = bytearray(write(sorted(frame for part in seen for frame in part)))
    for _ in range(dice.randrange(40)):
        data[dice.randrange(24, len(data))] = dice.choice((0, 1, 255, dice.randrange(256)))
    source = Source(0, "both.cap", Points(), "both")
    reader = pcap_format if write is pcap else pcapng_format
    rows = sum(len(part) for part in reader.read(io.BytesIO(data), source, Reading(UTC)))
    assert rows == source.used


def test_files_of_one_point_have_the_same_sides(tmp_path: Path) -> None:
    """Whoever opens the first connection of each, and in one without a handshake."""
    back = opened_by_server(port=40_001, at_ms=500)
    rest = [frames(place, port=40_002, at_ms=900, life=LIFE[3:]) for place in (BEFORE, BEHIND)]
    first = [frames(place) for place in (BEFORE, BEHIND)]
    for number, seen in enumerate((first, back, rest)):
        path = tmp_path / f"both_{number}.pcap"
        path.write_bytes(pcap(sorted(frame for part in seen for frame in part)))
    case = read(tmp_path)
    seen_at = dict(case.connections.select("orig_p", "points").rows())
    assert seen_at == {40_000: "both/1,both/2", 40_001: "both/2,both/1", 40_002: "both/1,both/2"}


@pytest.mark.parametrize(("chatter", "sides"), [(300, 2), (9000, 1)])
def test_how_far_it_looks(tmp_path: Path, chatter: int, sides: int) -> None:
    """Where full frames come before any handshake, further than usual, but not for ever."""
    long = [(0, "A", 1400)] * chatter
    seen = frames(BEFORE, port=50_000, life=long)
    at_ms = 10 * chatter
    both = [frames(place, at_ms=at_ms) for place in (BEFORE, BEHIND)]
    case = diagnosed(tmp_path, seen, *both)
    assert len(case.points) == sides


def test_in_much_input_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where connections would be judged as they end."""
    monkeypatch.setattr(intake, "LARGE_BYTES", 0)
    seen = [
        frames(place, port=20_000 + n, at_ms=n)
        for n in range(300) for place in (BEFORE, BEHIND)
    ]  # fmt: skip
    case = diagnosed(tmp_path, *seen)
    assert case.connections["points"].to_list() == ["both/1,both/2"] * 300
