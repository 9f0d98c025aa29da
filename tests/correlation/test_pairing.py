"""Random connections seen at two points: what correlation solves is what was put in."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finis.correlation import placing, twins
from finis.correlation.correlate import correlate
from finis.tables import SEGMENT, record_dtype
from finis.terms import Flag, Quirk
from tests.correlation.world import denials, log, point
from tests.script import address

DTYPE = record_dtype(SEGMENT)
MS = 1_000_000
START_NS = 1_700_000_000_000_000_000
FIN, SYN, RST, ACK = Flag.FIN, Flag.SYN, Flag.RST, Flag.ACK


@dataclass
class Sent:
    """A segment as its sender made it; numbers relative to the ISNs."""

    ts_ns: int
    side: int
    flags: int
    seq: int
    ack: int
    size: int
    ip_id: int
    hash: int
    lost: bool


@dataclass
class Talk:
    """A connection between two hosts that lose segments in the firewall between them."""

    rng: random.Random
    loss: float
    sent: list[Sent] = field(default_factory=list)
    now: int = START_NS
    nxt: list[int] = field(default_factory=lambda: [0, 0])  # next SEQ per side
    got: list[int] = field(default_factory=lambda: [0, 0])  # in order, per receiver's peer side
    ids: list[int] = field(default_factory=lambda: [100, 40000])

    def send(self, side: int, flags: int, size: int = 0, *, sure: bool = False) -> bool:
        """Send until it arrives; a bare ACK is sent once.  True if the first try arrived."""
        seq, span = self.nxt[side], size + bool(flags & FIN) + bool(flags & SYN)
        print_ = self.rng.getrandbits(63) | 1 if size else 0
        first = True
        while True:
            self.now += self.rng.randint(5, 400) * MS + (0 if first else 200 * MS)  # RTO
            lost = not sure and self.rng.random() < self.loss
            self.ids[side] = (self.ids[side] + self.rng.randint(1, 3)) % 65536
            ack, number = self.got[1 - side], self.ids[side]
            self.sent.append(Sent(self.now, side, flags, seq, ack, size, number, print_, lost))
            if not lost or not span:
                break
            first = False
        self.nxt[side] = seq + span
        if not lost:
            self.got[side] = self.nxt[side]
        return first


def talk(seed: int, loss: float, turns: int, ending: str) -> list[Sent]:
    t = Talk(random.Random(seed), loss)
    t.send(0, SYN)
    t.send(1, SYN | ACK)
    t.send(0, ACK, sure=True)
    for _ in range(turns):
        side = t.rng.randint(0, 1)
        t.send(side, ACK, t.rng.randint(1, 1460))
        if t.rng.random() < 0.6:
            t.send(1 - side, ACK)
    closer = t.rng.randint(0, 1)
    t.send(closer, FIN | ACK)
    t.send(1 - closer, ACK)
    if ending == "close":
        t.send(1 - closer, FIN | ACK)
        t.send(closer, ACK)
    else:
        t.send(1 - closer, RST | ACK)
    return t.sent


@dataclass(frozen=True)
class Place:
    """A point: on orig's side of the firewall or on resp's, its clock and what it rewrites."""

    orig_side: bool
    clock_ns: int = 0
    add: tuple[int, int] = (0, 0)  # per side, to SEQ
    orig: str = "192.0.2.1:40000"
    ids: bool = True
    hashes: bool = True


def capture(sent: list[Sent], at: Place, isn: tuple[int, int], seed: int) -> np.ndarray:
    rng = random.Random(seed)
    rows = []
    host, port = at.orig.rsplit(":", 1)
    ends = [(*address(host), int(port)), (*address("198.51.100.1"), 443)]
    for number, s in enumerate(sent, 1):
        near = (s.side == 0) == at.orig_side
        if s.lost and not near:
            continue
        row = np.zeros((), DTYPE)
        transit = 0 if near else rng.randint(20_000, 2 * MS)
        row["ts_ns"] = s.ts_ns + transit + at.clock_ns
        for n, (hi, lo, p) in zip(("src", "dst"), (ends[s.side], ends[1 - s.side]), strict=True):
            row[f"{n}_hi"], row[f"{n}_lo"], row[f"{n}_p"] = hi, lo, p
        row["flags"], row["payload_len"], row["win"], row["ttl"] = s.flags, s.size, 65535, 64
        row["seq"] = (s.seq + isn[s.side] + at.add[s.side]) % 2**32
        if s.flags & ACK:
            row["ack"] = (s.ack + isn[1 - s.side] + at.add[1 - s.side]) % 2**32
        row["ip_id"], row["payload_hash"] = (s.ip_id if at.ids else 0), (s.hash if at.hashes else 0)
        row["quirks"] = 0 if at.ids else int(Quirk.NO_IP_ID)
        row["frame"], row["ip_len"] = number, 40 + s.size
        rows.append(row)
    batch = np.array(rows, DTYPE)
    return batch[np.argsort(batch["ts_ns"], kind="stable")]


worlds = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10**6),
        "loss": st.sampled_from([0.0, 0.1, 0.3]),
        "turns": st.integers(0, 5),
        "ending": st.sampled_from(["close", "reset"]),
        "isn": st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
        "add": st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
        "clock_ns": st.sampled_from([0, 3, -400 * MS, 3_600_000 * MS, -1_234_567 * MS]),
        "mapped": st.sampled_from(["192.0.2.1:40000", "203.0.113.9:1024"]),
        "far_first": st.booleans(),
    }
)


def seen(world: dict, **options: object) -> tuple[list[Sent], object]:  # type: ignore[type-arg]
    sent = talk(world["seed"], world["loss"], world["turns"], world["ending"])
    near = Place(True)
    far = Place(False, world["clock_ns"], world["add"], world["mapped"], **options)  # type: ignore[arg-type]
    if not options.get("ids", True):
        near = replace(near, ids=False)
    made = [
        point(name, capture(sent, place, world["isn"], world["seed"] + at), file=at, margin_s=10)
        for at, (name, place) in enumerate((("alpha", near), ("beta", far)))
    ]
    if world["far_first"]:
        made.reverse()
    return sent, correlate(made, log(), denials())


@settings(max_examples=40)
@given(worlds)
def test_offsets_and_losses_are_found(world: dict) -> None:  # type: ignore[type-arg]
    sent, case = seen(world)
    assert len(case.table) == 1, case.unmatched  # type: ignore[attr-defined]
    (pairing,) = case.pairings[0]  # type: ignore[attr-defined]
    story = case.story(0)  # type: ignore[attr-defined]
    assert [s.point for s in story.seen] == ["alpha", "beta"]
    assert tuple(o % 2**32 for o in pairing.offset) == world["add"]
    assert abs(pairing.clock_ns - world["clock_ns"]) <= pairing.clock_slack_ns + 1
    for a, b in pairing.pairs:
        assert story.seen[0].tail["frame"][a] == story.seen[1].tail["frame"][b]
    found = {int(story.seen[which].tail["frame"][row]) for which, row in pairing.vanished}
    kept = {int(f) for s in story.seen for f in s.tail["frame"]}
    lost = {number for number, s in enumerate(sent, 1) if s.lost}
    assert found <= lost and not pairing.created
    unjudged = {int(story.seen[which].tail["frame"][row]) for which, row in pairing.unjudged}
    assert lost & kept == found | (unjudged & lost)
    if all(len(s.tail) == s.record["pkts"].sum() for s in story.seen):
        assert found == lost, "everything was kept: nothing is beyond judgement"


@settings(max_examples=25)
@given(worlds)
def test_order_of_points_changes_nothing(world: dict) -> None:  # type: ignore[type-arg]
    _, one = seen(world | {"far_first": False})
    _, two = seen(world | {"far_first": True})
    flat = [c for c in one.table.columns if not c.endswith("_ts")]  # type: ignore[attr-defined]
    assert one.table.select(flat).equals(two.table.select(flat))  # type: ignore[attr-defined]
    assert dict(one.pairings) == dict(two.pairings)  # type: ignore[attr-defined]


@settings(max_examples=30)
@given(worlds)
def test_twins_in_bulk_are_what_pairing_one_by_one_finds(world: dict) -> None:  # type: ignore[type-arg]
    world |= {"loss": 0.0, "mapped": "192.0.2.1:40000"}
    _, bulk = seen(world)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(placing, "identical", lambda *_: twins.EMPTY)
        _, single = seen(world)
    assert bulk.table.equals(single.table)  # type: ignore[attr-defined]
    assert dict(bulk.pairings) == dict(single.pairings)  # type: ignore[attr-defined]
    assert bulk.clocks == single.clocks  # type: ignore[attr-defined]


@settings(max_examples=20)
@given(worlds)
def test_shape_alone_never_identifies(world: dict) -> None:  # type: ignore[type-arg]
    world |= {"mapped": "203.0.113.9:1024"}
    _, case = seen(world, ids=False, hashes=False)
    assert len(case.table) == 2 and not case.pairings  # type: ignore[attr-defined]
