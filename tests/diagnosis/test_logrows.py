"""The columns of packed connections: kernel ≡ reference, whatever the rows hold."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finis.diagnosis import kinds, logrows, refused
from finis.diagnosis.coded import Names
from finis.diagnosis.logrows import NO_HOW, NO_PORT, NO_SIDE, Columns
from finis.diagnosis.refused import Codes
from finis.tracking.packed import CONNECTION, DENIAL
from finis.wire.dialects._packed import BIT, NAMED, V4

_logrows = pytest.importorskip("finis.diagnosis._logrows")

STAMPS = st.sampled_from([-(2**62), -1, 0, 1, 999_999_999, 10**9, 1_700_000_000 * 10**9])
HOSTS = st.sampled_from(
    [0, V4, V4 + 7, V4 + 2**32 - 1, V4 + (239 << 24), NAMED, NAMED + 1, NAMED + 5]
)
HAS = st.integers(0, (1 << len(BIT)) - 1)


@st.composite
def connections(draw: st.DrawFn) -> np.ndarray:
    """Rows as the follower may give them, and as it never does."""
    rows = np.zeros(draw(st.integers(0, 12)), CONNECTION)
    for row in rows:
        start, end = row["start"], row["end"]
        event = start["event"]
        for name in ("a_h", "b_h"):
            event[name] = draw(HOSTS)
        for name in ("a_p", "b_p"):
            event[name] = draw(st.sampled_from([0, 443, 65_535]))
        event["ts"], end["ts"] = draw(STAMPS), draw(STAMPS)
        event["has"], end["has"] = draw(HAS), draw(HAS)
        event["line"], end["line"] = draw(st.integers(0, 99)), draw(st.integers(0, 99))
        start["row"], start["device"] = draw(st.integers(0, 2**40)), draw(st.integers(0, 3))
        start["orig"], start["guessed"] = draw(st.integers(0, 1)), draw(st.integers(0, 1))
        end["bytes"] = draw(st.sampled_from([0, 1, -1]))
        end["duration_s"] = draw(st.sampled_from([0.0, 0.5, float("nan")]))
        end["words"], end["how"], end["by"] = (draw(st.integers(0, 3)) for _ in range(3))
        row["ended"], row["implied"] = draw(st.integers(0, 1)), draw(st.integers(0, 1))
        for name in ("denials_after", "data_denied", "acks_denied"):
            row[name] = draw(st.integers(0, 2))
    return rows


@given(rows=connections())
def test_kernel_is_the_reference(rows: np.ndarray) -> None:
    named = np.array([V4 + 9, NAMED + 3], np.uint64)
    reasons, hows = np.arange(4, dtype="u8"), np.array([5, 0, 9], "u8")
    found = []
    for fill in (_logrows.fill, logrows.fill):
        out = Columns.room(len(rows))
        fill(rows.view(np.uint8), named, reasons, hows, out)
        found.append(out)
    for one in fields(Columns):
        kernel, reference = (getattr(out, one.name) for out in found)
        assert np.array_equal(kernel, reference), one.name


@st.composite
def denials(draw: st.DrawFn, most: int) -> np.ndarray:
    rows = np.zeros(draw(st.integers(0, 12)), DENIAL)
    lags = st.sampled_from([float("nan"), -1.0, 0.0, *kinds.LAG_S, 1e6, 0.3])
    for row in rows:
        refusal = row["refusal"]
        event = refusal["event"]
        for name in ("a_h", "b_h"):
            event[name] = draw(HOSTS)
        for name in ("a_p", "b_p"):
            event[name] = draw(st.sampled_from([0, 443, 1023, 1024, 65_535]))
        event["ts"], event["has"] = draw(STAMPS), draw(HAS)
        event["line"], event["hit_count"] = draw(st.integers(0, 99)), draw(st.integers(-1, 9))
        event["words"], event["origin"] = draw(st.integers(0, 3)), draw(st.integers(0, 1))
        refusal["row"], refusal["log_row"] = draw(st.integers(0, 99)), draw(st.integers(-1, 9))
        for name in ("lag_s", "failover_s"):
            refusal[name] = draw(lags)
        row["syn_after_s"] = draw(lags | st.sampled_from(kinds.SYN_AFTER_S))
        refusal["device"] = draw(st.integers(0, 1))
        for name in ("seen", "side"):
            refusal[name] = draw(st.integers(0, 2))
        refusal["pending"] = draw(st.integers(0, 1))
        row["at"] = draw(st.integers(-1, most - 1)) if most else -1
    return rows


@given(data=st.data(), of=connections())
def test_kernel_of_denials_is_the_reference(data: st.DataObject, of: np.ndarray) -> None:
    rows = data.draw(denials(len(of)))
    causes = np.arange(len(of), dtype="u8") % np.uint64(120)
    words, ends = np.array([70_000, 1, 2, 3], "u8"), np.array([0, 250, 3], "u8")
    codes = Codes(np.array([V4 + 9, NAMED + 3], "u8"), words % np.uint64(1 << 17), ends, causes,
                  words, np.array([0, 1], "u8"), np.array([8, 9], "u8"), words,
                  np.array([4, 0, 2, 7], "u8"))  # fmt: skip
    found = []
    for fill in (_logrows.fill_denials, refused.fill):
        out, said = np.zeros(len(rows), refused.REFUSED), np.zeros(len(rows), "u8")
        fill(rows.view("u1"), of.view("u1"), codes, out.view("u1"), said)
        found.append((out, said))
    (kernel, one), (reference, other) = found
    for name in refused.REFUSED.names or ():
        assert np.array_equal(kernel[name], reference[name], equal_nan=True), name
    assert np.array_equal(one, other)


def test_a_row_is_as_wide_in_both() -> None:
    assert refused.REFUSED.itemsize == _logrows.ROW_BYTES


def test_what_is_unknown_is_said_to_be() -> None:
    row = np.zeros(1, CONNECTION)
    out = Columns.room(1)
    logrows.fill(row.view(np.uint8), np.empty(0, "u8"), np.zeros(1, "u8"), np.zeros(1, "u8"), out)
    assert (out.orig_p[0], out.resp_p[0]) == (NO_PORT, NO_PORT)
    assert (out.how[0], out.by[0], out.second[0]) == (NO_HOW, NO_SIDE, 0)
    assert out.begin[0] == 0 and out.first_ns[0] == out.last_ns[0] < 0


HOST_CODES = st.lists(
    st.tuples(st.integers(0, 2**32 - 1) | st.sampled_from([0, 1, 10, 100, 2**32 - 1]),
              st.integers(1, 3)),
    unique_by=lambda pair: pair[0], max_size=60,
)  # fmt: skip


@given(hosts=HOST_CODES, names=st.lists(st.sampled_from(["a", "fe80::1", "1host", "zz"]),
                                        unique=True), most=st.integers(1, 9))  # fmt: skip
def test_the_leading_hosts_are_in_order_of_text(
    hosts: list[tuple[int, int]], names: list[str], most: int
) -> None:
    known = Names()
    counted = {V4 + number: n for number, n in hosts} | {known.code(text): 2 for text in names}
    codes, counts = np.array(list(counted), "u8"), np.array(list(counted.values()), "i8")
    found, times = known.leading(codes, counts, most)
    texts = dict(zip(counted, known.texts(codes).to_list(), strict=True))
    want = sorted(counted, key=lambda code: (-counted[code], texts[code]))[:most]
    assert found.tolist() == want
    assert times.tolist() == [counted[code] for code in want]
