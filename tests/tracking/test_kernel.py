"""The compiled kernel gives what the readable reference gives, bit for bit: on random and hostile
segments over few tuples, small number spaces next to the wrap, and in batches of any size."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finis.tables import SEGMENT, record_dtype
from finis.terms import Flag, Quirk
from finis.tracking._api import Observations, SegmentTracker
from finis.tracking.reference import ReferenceTracker
from tests.script import segments
from tests.tracking.test_reference import ENDINGS, KINDS, OPEN, RESETS

kernel = pytest.importorskip("finis.tracking._kernel")

SECOND = 1_000_000_000
FLAGS = [
    Flag.SYN, Flag.SYN | Flag.ACK, Flag.ACK, Flag.ACK, Flag.ACK, Flag.PSH | Flag.ACK,
    Flag.FIN | Flag.ACK, Flag.FIN | Flag.ACK, Flag.RST, Flag.RST | Flag.ACK, Flag.FIN,
    Flag.FIN | Flag.RST, Flag.SYN | Flag.FIN, Flag.SYN | Flag.RST, Flag(0),
]  # fmt: skip
QUIRKS = [0, 0, 0, Quirk.NO_SEQ, Quirk.NO_WIN, Quirk.NO_TTL, Quirk.NO_PAYLOAD, Quirk.HAS_TS,
          Quirk.BAD_CHECKSUM, Quirk.HAS_MSS, Quirk.HAS_MSS | Quirk.HAS_WSCALE,
          Quirk.TRUNCATED_HEADER, Quirk.RELATIVE_SEQ, Quirk.COPY]  # fmt: skip
NUMBERS = [0, 1, 2, 3, 50, 100, 101, 102, 150, 200, 201, 300, 1000, 70_000, 1 << 27, 1 << 31]
WRAP = (1 << 32) - 120
DTYPE = record_dtype(SEGMENT)


HOSTS = [(0, 10, 443), (0, 11, 40000), (7, 10, 1022), (0, 11, 443)]
PAUSES = [0, 0, 1, 1000, 1_000_000, SECOND, 3 * SECOND, 60 * SECOND, 121 * SECOND, 300 * SECOND,
          -5 * SECOND]  # fmt: skip


class Talk:
    """What the endpoints would send next, so that random traffic is mostly nearly right."""

    def __init__(self, pick: random.Random) -> None:
        self.pick = pick
        self.base = pick.choice([0, WRAP, 1 << 31])
        self.calm = pick.choice([0.0, 0.5, 0.9, 0.97])  # how often a segment is to the point
        self.quick = pick.choice([0.3, 0.95])
        self.tuples = pick.choice([1, 1, 2, 3])
        self.nxt: dict[object, int] = {}
        self.now = pick.choice([0, 1, 1_700_000_000 * SECOND])

    def ends(self) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        a, b = HOSTS[0], HOSTS[1 + self.pick.randrange(self.tuples)]
        if self.pick.random() < 0.005:
            b = a
        return (a, b) if self.pick.random() < 0.5 else (b, a)

    def pause(self) -> None:
        calm = self.pick.random() < self.quick
        self.now += self.pick.randrange(50_000_000) if calm else self.pick.choice(PAUSES)
        if self.pick.random() < 0.005:
            self.now += self.pick.choice([90_000 * SECOND, -90_000 * SECOND])

    def fill(self, row: np.void) -> None:
        pick = self.pick
        a, b = self.ends()
        row["src_hi"], row["src_lo"], row["src_p"] = a
        row["dst_hi"], row["dst_lo"], row["dst_p"] = b
        self.pause()
        row["ts_ns"] = self.now
        known, peer = self.nxt.get((a, b)), self.nxt.get((b, a))
        calm = pick.random() < self.calm
        flags = pick.choice(FLAGS)
        if calm:
            if known is None:
                flags = Flag.SYN if peer is None else Flag.SYN | Flag.ACK
            elif flags & Flag.SYN:
                flags = Flag.ACK
        length = pick.choice([0, 0, 0, 1, 2, 31, 50, 100, 100, 1000])
        if flags & Flag.SYN and calm:
            length = 0
        number = (self.base + pick.choice(NUMBERS)) & 0xFFFFFFFF
        row["seq"] = known if calm and known is not None else number
        if calm and pick.random() < 0.2:
            row["seq"] = (int(row["seq"]) + pick.choice([-1, -1, -100, -50, 100])) & 0xFFFFFFFF
        number = (self.base + pick.choice(NUMBERS)) & 0xFFFFFFFF
        row["ack"] = peer if calm and peer is not None else number
        if pick.random() < 0.03:
            row["seq"] = 0
        row["flags"], row["payload_len"], row["ip_len"] = int(flags), length, 40 + length
        if not flags & Flag.RST and (calm or pick.random() < 0.1):
            span = length + bool(flags & Flag.SYN) + bool(flags & Flag.FIN)
            self.nxt[a, b] = (int(row["seq"]) + span) & 0xFFFFFFFF
        row["win"] = pick.choice([0, 1, 1000, 65535, 65535, 65535])
        self.trimmings(row)

    def trimmings(self, row: np.void) -> None:
        pick = self.pick
        row["wscale"] = pick.choice([0, 3, 7, 200])
        row["mss"] = pick.choice([0, 1460])
        row["ttl"] = pick.choice([0, 63, 64, 255])
        row["ip_id"] = pick.choice([0, 1, 1, 2])
        row["vlan"] = pick.choice([0, 0, 0, 0, 0, 0, 0, 5])
        rare = pick.random() < 0.15
        row["quirks"] = pick.choice(QUIRKS) if rare else pick.choice(QUIRKS[9:11])
        row["quirks"] |= pick.choice([0, Quirk.NO_IP_ID, Quirk.NO_IP_ID, Quirk.NO_IP_ID])
        row["payload_hash"] = pick.choice([0, 1, 1])
        row["alert"] = pick.choice([0, 0, 0, 1, 2, 3, 4, 5])
        row["alert_desc"] = pick.randrange(4)
        row["head"] = pick.choice([0, 0x1603010000000000, 0x4745542000000000])
        row["head_len"] = pick.choice([0, 3, 8, 200])
        row["tsval"] = pick.choice([1, 2])


@st.composite
def traffic(draw: st.DrawFn) -> np.ndarray:  # type: ignore[type-arg]
    """Segments between a few endpoints, from nearly right to nonsense."""
    pick = draw(st.randoms(use_true_random=False, note_method_calls=False))
    talk = Talk(random.Random(pick.getrandbits(64)))
    rows = np.zeros(draw(st.integers(1, 80)), DTYPE)
    for at in range(len(rows)):
        if at and talk.pick.random() < 0.08:  # something again, as it was or nearly so
            rows[at] = rows[talk.pick.randrange(max(at - 4, 0), at)]
            rows[at]["ts_ns"] += talk.pick.choice([0, 500_000, SECOND])
        else:
            talk.fill(rows[at])
    rows["frame"] = np.arange(1, len(rows) + 1)
    return rows


def smooth(pick: random.Random, size: int) -> np.ndarray:  # type: ignore[type-arg]
    """Connections in which hardly anything is unusual: most segments take the short way, and what
    interrupts it (a loss, a probe, a copy, an option that does not fit the short form of a kept
    segment, an alert, a closed window, an ending) comes in the midst of it."""
    rows = np.zeros(size, DTYPE)
    odd = pick.choice([0.0, 0.02, 0.1])
    base = pick.choice([0, WRAP, (1 << 31) - 500])
    lives: dict[int, list[int]] = {}
    now = 1_700_000_000 * SECOND
    for at, row in enumerate(rows):
        port = 40000 + pick.randrange(pick.choice([1, 3]))
        life = lives.setdefault(port, [0, base, base + 7])
        now += pick.choice([0, 1000, 400_000, 2_000_000, SECOND])
        side = life[0] % 2 if life[0] < 3 else pick.randrange(2)
        ends = [(0, 10, port), (0, 11, 443)]
        row["src_hi"], row["src_lo"], row["src_p"] = ends[side]
        row["dst_hi"], row["dst_lo"], row["dst_p"] = ends[1 - side]
        length = 0 if life[0] < 3 else pick.choice([0, 0, 1, 2, 100, 1460])
        flags = [Flag.SYN, Flag.SYN | Flag.ACK, Flag.ACK][min(life[0], 2)]
        row["ts_ns"], row["ttl"], row["win"] = now, pick.choice([63, 64]), pick.choice([9, 10])
        row["seq"], row["ack"] = life[1 + side] % 2**32, life[2 - side] % 2**32
        row["ip_id"], row["tsval"], row["tsecr"] = pick.choice([0, at, at]), at // 4, at // 5
        row["quirks"] = Quirk.HAS_TS
        if flags & Flag.SYN:
            row["mss"], row["wscale"] = 1460, pick.choice([0, 7])
            row["quirks"] |= Quirk.HAS_MSS | Quirk.HAS_WSCALE
        if length:
            row["head"], row["head_len"] = pick.choice([at, 0x1703030000000000]), min(length, 8)
            row["payload_hash"] = pick.choice([at, 3])
            row["quirks"] |= pick.choice([0, Quirk.NO_PAYLOAD])
        life[0] += 1
        life[1 + side] += length + bool(flags & Flag.SYN)
        if life[0] > 3 and pick.random() < odd:
            kind = pick.randrange(14)
            row["win"] = 0 if kind == 0 else row["win"]
            row["seq"] = (int(row["seq"]) + ([0, -1, -100, 300][kind] if kind < 4 else 0)) % 2**32
            row["ack"] = (int(row["ack"]) - (50 if kind == 4 else 0)) % 2**32
            row["alert"] = pick.choice([1, 2, 3]) if kind == 5 else 0
            row["sack_left"] = 5 if kind in (6, 7) else 0
            row["point"], row["file"] = kind == 8, kind == 9
            row["quirks"] |= [Quirk.NO_SEQ, Quirk.NO_WIN, Quirk.BAD_CHECKSUM][kind % 3] * (
                kind == 10
            )
            flags |= [Flag.FIN, Flag.RST, Flag.SYN][pick.randrange(3)] if kind == 11 else 0
            if kind == 12 and at > 3:
                rows[at] = rows[at - pick.randrange(1, 4)]
                flags = Flag(int(row["flags"]))
                row["ts_ns"] = now
        row["flags"] = int(flags) | pick.choice([0, int(Flag.PSH)])
        row["payload_len"], row["ip_len"] = length, length + pick.choice([40, 52])
    rows["frame"] = np.arange(1, size + 1)
    return rows


def plain(found: Observations) -> tuple[list[object], list[object]]:
    return dicts(found.rows), dicts(found.tail)


def dicts(rows: np.ndarray) -> list[object]:  # type: ignore[type-arg]
    columns = [rows[name].tolist() for name in rows.dtype.names]
    return [dict(zip(rows.dtype.names, row, strict=True)) for row in zip(*columns, strict=True)]


def run(one: SegmentTracker, rows: np.ndarray, cuts: list[int]) -> list[object]:  # type: ignore[type-arg]
    batch = rows.copy()
    out: list[object] = []
    for start, end in zip([0, *cuts], [*cuts, len(batch)], strict=True):
        one.feed(batch[start:end])
        out.append(plain(one.take()))
    out.append(plain(one.finish()))
    out.append(batch.tolist())
    return out


LIMITS = [{}, {"max_connections": 1}, {"max_connections": 2, "linger_ns": SECOND},
          {"idle_ns": 2 * SECOND, "embryonic_ns": SECOND, "reuse_ns": SECOND},
          {"max_kept": 5}, {"max_embryonic": 1}, {"max_kept": 20, "linger_ns": SECOND},
          {"shares": 2}, {"shares": 2, "max_connections": 2, "max_kept": 20},
          {"shares": 2, "idle_ns": 2 * SECOND, "embryonic_ns": SECOND, "linger_ns": SECOND},
          ]  # fmt: skip
AWAKE = [1, 1, 2, 2048]  # the fewer, the more often connections are put to rest


def kernels(limits: dict[str, int], **more: object) -> list[SegmentTracker]:
    """Kernels with these limits: where there are two shares, one follows them by threads, too."""
    threads = [-1, 0] if limits.get("shares") == 2 else [-1]
    return [kernel.KernelTracker(beside=beside, **limits, **more) for beside in threads]


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(traffic(), st.sampled_from(LIMITS), st.sampled_from(AWAKE), st.data())
def test_kernel_is_the_reference(
    rows: np.ndarray,  # type: ignore[type-arg]
    limits: dict[str, int],
    awake: int,
    data: st.DataObject,
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=3)))
    expected = run(ReferenceTracker(**limits), rows, cuts)
    for one in kernels(limits, awake=awake):
        assert run(one, rows, cuts) == expected


@settings(max_examples=100)
@given(
    st.integers(0, 2**32),
    st.integers(1, 150),
    st.sampled_from(LIMITS),
    st.sampled_from(AWAKE),
    st.data(),
)
def test_kernel_is_the_reference_where_little_happens(
    seed: int, size: int, limits: dict[str, int], awake: int, data: st.DataObject
) -> None:
    rows = smooth(random.Random(seed), size)
    cuts = sorted(data.draw(st.lists(st.integers(0, size), max_size=3)))
    expected = run(ReferenceTracker(**limits), rows, cuts)
    for one in kernels(limits, awake=awake):
        assert run(one, rows, cuts) == expected


@settings(max_examples=30)
@given(traffic(), st.randoms(use_true_random=False))
def test_what_is_asked_for_while_threads_follow_is_what_there_is(
    rows: np.ndarray,  # type: ignore[type-arg]
    pick: random.Random,
) -> None:
    """Kept segments are asked for by one thread while others follow what was fed after them."""
    limits = {"shares": 2, "linger_ns": SECOND, "embryonic_ns": SECOND, "idle_ns": SECOND}
    batches = [rows.copy() for _ in range(20)]
    for at, batch in enumerate(batches):
        batch["ts_ns"] += at * 600 * SECOND
    slow, quick = kernels(limits, parts=True, awake=2)
    expected = []
    for batch in batches:
        slow.feed(batch.copy())
        expected.append(plain(slow.take().whole()))
    for at in range(0, len(batches), 5):
        before = None
        for n, batch in enumerate(batches[at : at + 5], at):
            quick.feed(batch)
            if before is not None:
                assert plain(before[0].whole()) == before[1]
            before = quick.take(), expected[n]
        assert before is not None
        assert plain(before[0].whole()) == before[1]
    del quick  # while nothing is being followed; threads end
    assert sum(len(part) for part, _ in expected) > 0 or not len(rows)


def test_more_than_threads_can_take_waits() -> None:
    """Batches beyond the slots wait for one to be free; memory grows in the thread; what was fed is
    followed when the tracker goes."""
    rows = np.zeros(600_000, DTYPE)
    rows["ts_ns"] = 1 + np.arange(len(rows))
    rows["src_lo"] = np.arange(len(rows)) % 300_000
    rows["src_p"], rows["dst_p"], rows["flags"] = 40000, 443, int(Flag.SYN)
    plain_one, quick = kernels({"shares": 2}, parts=True)
    for one in (plain_one, quick):
        for at in range(0, len(rows), 7_000):
            one.feed(rows[at : at + 7_000])
    found = [[part.rows["conn"].tolist() for part in one.drain()] for one in (plain_one, quick)]
    assert found[0] == found[1] and sum(map(len, found[0])) == 300_000
    assert quick.evicted == plain_one.evicted == 0
    quick.feed(rows)
    del quick


def test_what_has_finished_does_not_depend_on_how_far_threads_are() -> None:
    """They are asked while they work; parts are cut by the answer."""
    rows = np.zeros(400_000, DTYPE)
    rows["ts_ns"] = 1 + np.arange(len(rows)) * (SECOND // 1000)
    rows["src_lo"] = np.arange(len(rows))
    rows["src_p"], rows["dst_p"], rows["flags"] = 40000, 443, int(Flag.SYN)
    plain_one, quick = kernels({"shares": 2, "embryonic_ns": SECOND}, parts=True)
    for half in np.split(rows, 2):  # the second one after a part was taken
        told: list[list[int]] = [[], []]
        for batch in np.split(half, 100):
            for one, finished in zip((plain_one, quick), told, strict=True):
                one.feed(batch.copy())
                finished.append(one.finished)
        now, before = told
        assert before == [0] * 8 + now[:-8] and now[-9] > 0
        assert len(plain_one.take().rows) == len(quick.take().rows) == now[-1]
        assert plain_one.finished == quick.finished == 0


@settings(max_examples=40)
@given(traffic(), st.data())
def test_where_the_batches_are_cut_does_not_matter(
    rows: np.ndarray,  # type: ignore[type-arg]
    data: st.DataObject,
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=10)))

    def all_of(cuts: list[int]) -> list[object]:
        *parts, batch = run(kernel.KernelTracker(), rows, cuts)
        found = [row for part, _ in parts for row in part]  # type: ignore[misc]
        tail = [row for _, part in parts for row in part]  # type: ignore[misc]
        for row in found:
            row["tail_at"] = 0
        order = sorted(range(len(found)), key=lambda i: found[i]["conn"])
        return [[found[i] for i in order], sorted(map(repr, tail)), batch]

    assert all_of(cuts) == all_of([])


def run_asking(
    one: SegmentTracker, rows: np.ndarray, cuts: list[int], pick: random.Random
) -> list[object]:  # type: ignore[type-arg]
    """`run`, of a tracker that makes kept segments when they are asked for: of the part handed on
    last and of the one before it, of some rows and of all, once and again."""
    batch = rows.copy()
    out: list[object] = []
    before: tuple[Observations, object] | None = None

    def take(found: Observations) -> None:
        nonlocal before
        assert len(found.tail) == 0
        some = np.array([n for n in range(len(found.rows)) if pick.random() < 0.3], np.int64)
        part = found.segments(some)
        whole = found.whole()
        length, start = found.rows["tail_n"], found.rows["tail_at"]
        expected = [whole.tail[start[n] : start[n] + length[n]] for n in some.tolist()]
        assert part.tolist() == [row for tail in expected for row in tail.tolist()]
        if before is not None:
            old, told = before
            assert plain(old.whole()) == told
        before = found, plain(whole)
        out.append(before[1])

    for start, end in zip([0, *cuts], [*cuts, len(batch)], strict=True):
        one.feed(batch[start:end])
        take(one.take())
    last = list(one.drain(most=pick.choice([1, 2, 1000])))
    if len(last) < 2:  # all of it is alive
        take(last[0] if last else one.take())
    else:
        one.feed(batch[:0])
        for part in last:
            with pytest.raises(ValueError, match="given back"):
                part.whole()
    out.append(batch.tolist())
    return out


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(
    traffic() | st.builds(smooth, st.randoms(use_true_random=False), st.integers(1, 150)),
    st.sampled_from(LIMITS), st.sampled_from(AWAKE), st.data(),
)  # fmt: skip
def test_kept_segments_that_are_asked_for_are_those_of_the_reference(
    rows: np.ndarray,  # type: ignore[type-arg]
    limits: dict[str, int],
    awake: int,
    data: st.DataObject,
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=5)))
    pick = data.draw(st.randoms(use_true_random=False))
    expected = run(ReferenceTracker(**limits), rows, cuts)
    for one in kernels(limits, awake=awake, parts=True):
        got = run_asking(one, rows, cuts, pick)
        assert got[-1] == expected[-1]
        assert got[: len(cuts) + 1] == expected[: len(cuts) + 1]
        if len(got) == len(expected):
            assert got == expected
        again = rows.copy()
        one.feed(again)  # as new
        assert sum(len(part.rows) for part in one.drain()) > 0 or not len(rows)


SCRIPTS = [case[1] for case in ENDINGS] + [OPEN + case[1] for case in KINDS] + [
    case[1] for case in RESETS
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(SCRIPTS)))
def test_kernel_is_the_reference_on_every_script(number: int) -> None:
    rows = segments(SCRIPTS[number])
    expected = run(ReferenceTracker(), rows, [])
    assert run(kernel.KernelTracker(), rows, []) == expected


def test_the_table_grows_and_empties() -> None:
    rows = np.zeros(20_000, DTYPE)
    rows["ts_ns"] = 1 + np.arange(len(rows)) * 1000  # the same SYN sooner would be a copy
    rows["src_lo"] = np.arange(len(rows)) % 7_000
    rows["src_p"], rows["dst_p"], rows["flags"] = 40000, 443, int(Flag.SYN)
    one = kernel.KernelTracker()
    one.feed(rows)
    assert len(one.take().rows) == 0
    found = one.finish()
    assert found.rows["conn"].tolist() == list(range(7_000))
    assert found.rows["pkts"].sum() == 20_000
    one.feed(rows)
    assert len(one.finish().rows) == 7_000


def test_a_batch_of_another_shape_is_refused() -> None:
    with pytest.raises(TypeError):
        kernel.KernelTracker().feed(np.zeros(3, "u8"))
    with pytest.raises(TypeError):
        kernel.KernelTracker().feed(np.zeros(8, DTYPE)[::2])
