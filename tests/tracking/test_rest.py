"""Connections at rest: everything comes back, whatever the numbers are, and it takes few bytes."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from finis.terms import Flag, Quirk
from finis.tracking.reference import ReferenceTracker
from tests.tracking.test_kernel import (
    DTYPE,
    LIMITS,
    SECOND,
    Talk,
    kernels,
    run,
    run_asking,
    smooth,
)

kernel = pytest.importorskip("finis.tracking._kernel")

MAPPED = 0xFFFF << 32
FIELDS = ["seq", "ack", "tsval", "tsecr", "mss", "drop", "sack_left", "sack_right", "payload_len",
          "ip_len", "win", "ip_id", "ttl", "alert_desc", "file", "point", "head", "payload_hash",
          "frame", "wscale"]  # fmt: skip
LEAPS = [1, 999, SECOND, 1 << 40, 1 << 60, -(1 << 60), -SECOND]


@settings(max_examples=80, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32), st.integers(1, 4))
@example(73192, 1)  # a hole of more than 2 GiB behind a segment in order
def test_nothing_is_lost_however_large_the_numbers(seed: int, awake: int) -> None:
    """Anything anywhere in some fields, leaps in time, IPv4 and IPv6: with few awake, nearly every
    segment finds its connection at rest."""
    pick = random.Random(seed)
    if pick.random() < 0.5:
        rows = smooth(pick, pick.randrange(1, 120))
    else:
        talk = Talk(pick)
        talk.tuples = 3
        rows = np.zeros(pick.randrange(1, 120), DTYPE)
        for row in rows:
            talk.fill(row)
    rows["frame"] = np.arange(1, len(rows) + 1) * pick.choice([1, 300, 70_000, 40_000_000])
    if pick.random() < 0.6:
        rows["src_lo"] |= MAPPED
        rows["dst_lo"] |= MAPPED
        if pick.random() < 0.7:
            rows["src_hi"] = rows["dst_hi"] = 0
    for name in pick.sample(FIELDS, pick.randrange(4)):
        most = int(np.iinfo(rows.dtype[name]).max)
        for at in range(len(rows)):
            if pick.random() < 0.2:
                rows[name][at] = pick.choice([0, 1, most, pick.randrange(most + 1)])
    rows["ts_ns"][pick.randrange(len(rows)) :] += pick.choice(LEAPS)
    expected = run(ReferenceTracker(), rows, [])
    assert run(kernel.KernelTracker(awake=awake), rows, []) == expected


@settings(max_examples=80, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32), st.integers(1, 4), st.sampled_from(LIMITS))
def test_so_many_interleave_that_all_are_at_rest(
    seed: int, awake: int, limits: dict[str, int]
) -> None:
    """Handshakes, then data and ACKs, a segment of each in turn, with something unusual now and
    then: most connections are at rest as their segments, from a SYN alone to more than there is
    room for."""
    pick = random.Random(seed)
    rows = in_turn(pick)
    cuts = sorted(pick.choices(range(len(rows) + 1), k=pick.randrange(4)))
    expected = run(ReferenceTracker(**limits), rows, cuts)
    for one in kernels(limits, awake=awake):
        assert run(one, rows, cuts) == expected
    if not limits:
        some = kernel.KernelTracker(awake=awake, parts=True)
        got = run_asking(some, rows, cuts, pick)
        assert got[-1] == expected[-1]
        assert got[: len(cuts) + 1] == expected[: len(cuts) + 1]


def in_turn(pick: random.Random) -> np.ndarray:  # type: ignore[type-arg]
    ports = pick.choice([2, 10, 40])
    odd = pick.choice([0.0, 0.01, 0.05])
    step_ns = pick.choice([100, 30_000, 400_000, 5_000_000])
    data = pick.choice([0.2, 0.5, 0.9])
    wide, snapped, flaw = pick.random() < 0.3, pick.choice([0, int(Quirk.NO_PAYLOAD)]), ""
    base = [pick.choice([0, 2**32 - 150, 5000]), pick.choice([7, 2**32 - 60])]
    sent = [list(base) for _ in range(ports)]
    seen = [[0, 0] for _ in range(ports)]
    rounds = pick.randrange(1, 26)
    order = [port for _ in range(rounds) for port in pick.sample(range(ports), ports)]
    rows = np.zeros(len(order), DTYPE)
    turns = [0] * ports
    now = 1_700_000_000 * SECOND
    for row, port in zip(rows, order, strict=True):
        turn, flaw = turns[port], pick.choice(FLAWS) if pick.random() < odd else ""
        turns[port] += 1
        now += step_ns * pick.choice([0, 1, 1, 1, 2])
        side = turn % 2 if turn < 3 else pick.randrange(2)
        length = pick.choice([1, 31, 100, 1460]) if turn > 2 and pick.random() < data else 0
        flags = [Flag.SYN, Flag.SYN | Flag.ACK, Flag.ACK][min(turn, 2)]
        ends = [(int(wide), MAPPED | 0x0A000001, 40000 + port), (0, MAPPED | 0x0A000002, 443)]
        row["src_hi"], row["src_lo"], row["src_p"] = ends[side]
        row["dst_hi"], row["dst_lo"], row["dst_p"] = ends[1 - side]
        row["ts_ns"], row["ttl"], row["win"] = now, 64 - side, pick.choice([500, 500, 501])
        row["seq"], row["ip_id"] = sent[port][side], pick.randrange(3)
        sent[port][side] = (sent[port][side] + length + bool(flags & Flag.SYN)) % 2**32
        if turn and pick.random() < 0.9:  # else an ACK that is behind
            seen[port][1 - side] = sent[port][1 - side]
        row["ack"] = seen[port][1 - side] if turn else 0
        row["payload_len"], row["ip_len"] = length, length + (60 if flags & Flag.SYN else 52)
        row["quirks"] = int(Quirk.HAS_TS | Quirk.DF) | (snapped if length else 0)
        row["tsval"], row["tsecr"] = now // 1_000_000 % 2**32, now // 1_000_001 % 2**32
        if flags & Flag.SYN:
            row["mss"], row["wscale"] = 1460, 7
            row["quirks"] |= Quirk.HAS_MSS | Quirk.HAS_WSCALE | Quirk.SACK_PERMITTED
        elif length and not snapped:
            row["head"], row["head_len"], row["payload_hash"] = turn, min(length, 8), now % 5
        row["flags"] = int(flags | pick.choice([0, Flag.PSH, Flag.URG]))
        spoil(row, flaw, pick)
    rows["frame"] = np.arange(1, len(rows) + 1)
    return rows


FLAWS = ["seq", "ack", "win", "ts_ns", "flags", "quirks", "alert", "point", "file", "payload_len",
         "sack_left", "ttl", "ack behind", "frame"]  # fmt: skip


def spoil(row: np.void, flaw: str, pick: random.Random) -> None:
    """Something unusual."""
    if flaw in ("seq", "payload_len"):
        row[flaw] = (int(row[flaw]) + pick.choice([1, -1, 300, 70_000])) % 2**24
    elif flaw == "ack behind":
        row["ack"] = (int(row["ack"]) - pick.choice([1, 50, 2**30])) % 2**32
    elif flaw == "ts_ns":
        row[flaw] += pick.choice([-1, -SECOND, 70 * SECOND, 400 * SECOND])
    elif flaw == "flags":
        row[flaw] ^= int(pick.choice([Flag.SYN, Flag.FIN, Flag.RST, Flag.ACK]))
    elif flaw == "quirks":
        row[flaw] ^= 1 << pick.randrange(24)
    elif flaw:
        row[flaw] = pick.choice([0, 1, 2, 3])


def interleaved(connections: int, rounds: int) -> list[np.ndarray]:  # type: ignore[type-arg]
    """One segment of each connection per round, in random order, none closed; see
    benchmarks/make_interleaved.py."""
    pick = np.random.default_rng(1)
    batches = []
    sent = [1000, 1000]
    for step in range(rounds):
        side = step % 2 if step < 3 else (step - 3) // 2 % 2 ^ step % 2 ^ 1
        length = 100 if step >= 3 and step % 2 else 0
        rows = np.zeros(connections, DTYPE)
        number = pick.permutation(connections)
        at = step * connections + np.arange(connections)
        rows["ts_ns"] = 1_700_000_000 * SECOND + at * 1000
        rows["frame"], rows["ip_id"] = at + 1, at % 65521
        ends = [(MAPPED | 0x0A000000) + number // 28000, 32768 + number % 28000], [
            np.uint64(MAPPED | 0xC6336401), 443]  # fmt: skip
        (rows["src_lo"], rows["src_p"]), (rows["dst_lo"], rows["dst_p"]) = (
            ends[side], ends[1 - side]
        )  # fmt: skip
        rows["flags"] = int([Flag.SYN, Flag.SYN | Flag.ACK, Flag.ACK][min(step, 2)])
        rows["seq"], rows["ack"] = sent[side], sent[1 - side] if step else 0
        rows["payload_len"], rows["ip_len"] = length, 52 + length
        rows["quirks"] = int(Quirk.HAS_TS) | (int(Quirk.NO_PAYLOAD) if length else 0)
        rows["tsval"] = rows["tsecr"] = at // 1000
        rows["win"], rows["ttl"] = 1000, 64
        sent[side] += length + (step < 2)
        batches.append(rows)
    return batches


def test_an_open_connection_takes_no_more_than_400_bytes() -> None:
    """Its places in the table and all included, ten segments having been kept of it."""
    one = kernel.KernelTracker(awake=64)
    connections = 50_000
    for rows in interleaved(connections, 10):
        one.feed(rows)
        assert one.held_bytes < 400 * connections
    found = one.finish()
    assert len(found.rows) == connections
    assert found.rows["tail_n"].tolist() == [10] * connections
    assert one.held_bytes < 1 << 20


def test_many_that_go_on_for_long_are_those_of_the_reference() -> None:
    """Longer than what a connection at rest takes without being awakened, several times."""
    rows = np.concatenate(interleaved(40, 60))
    rows["payload_hash"] = np.where(rows["payload_len"], rows["frame"] % 7, 0)
    expected = run(ReferenceTracker(), rows, [])
    for awake in (1, 20):
        assert run(kernel.KernelTracker(awake=awake), rows, []) == expected


def test_one_that_goes_on_for_long_takes_no_more_than_640_bytes() -> None:
    one = kernel.KernelTracker(awake=64)
    connections = 20_000
    for rows in interleaved(connections, 40):
        one.feed(rows)
        assert one.held_bytes < 640 * connections + (1 << 20)


def test_what_only_sent_a_syn_takes_half_of_that() -> None:
    one = kernel.KernelTracker(awake=64)
    (rows,) = interleaved(50_000, 1)
    one.feed(rows)
    assert one.held_bytes < 200 * len(rows)
