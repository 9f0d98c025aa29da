"""Connections at rest: everything comes back, whatever the numbers are, and it takes few bytes."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finis.terms import Flag, Quirk
from finis.tracking.reference import ReferenceTracker
from tests.tracking.test_kernel import DTYPE, SECOND, Talk, run, smooth

kernel = pytest.importorskip("finis.tracking._kernel")

MAPPED = 0xFFFF << 32
FIELDS = ["seq", "ack", "tsval", "tsecr", "mss", "drop", "sack_left", "sack_right", "payload_len",
          "ip_len", "win", "ip_id", "ttl", "alert_desc", "file", "point", "head", "payload_hash",
          "frame", "wscale"]  # fmt: skip
LEAPS = [1, 999, SECOND, 1 << 40, 1 << 60, -(1 << 60), -SECOND]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32), st.integers(1, 4))
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


def test_what_only_sent_a_syn_takes_half_of_that() -> None:
    one = kernel.KernelTracker(awake=64)
    (rows,) = interleaved(50_000, 1)
    one.feed(rows)
    assert one.held_bytes < 200 * len(rows)
