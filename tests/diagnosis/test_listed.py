"""Connections of logs in packed rows: kernel ≡ reference, and what is put in order stays the same
whatever the runs."""

from __future__ import annotations

import io

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finis.correlation import keys, naming
from finis.diagnosis import listed, runs, spill
from finis.diagnosis.cutting import Cut
from finis.diagnosis.kinds import Verdict
from finis.diagnosis.listed import LISTED, Codes, Laid, Listing, Texts
from finis.diagnosis.runs import Runs
from finis.tracking.packed import CONNECTION
from finis.wire.dialects._packed import BIT, NAMED, V4

_listed = pytest.importorskip("finis.diagnosis._listed", reason="no kernel is built")

STAMPS = st.sampled_from([-(2**62), -1, 0, 1, 999_999_999, 1_700_000_000 * 10**9])
NAMES = ["web-1", "2001:db8::1", "fe80::1%eth0", "é" * 70, ""]
HOSTS = st.sampled_from([0, V4, V4 + 7, V4 + 2**32 - 1, *(NAMED + n for n in range(7))])
HAS = st.integers(0, (1 << len(BIT)) - 1)


@st.composite
def connections(draw: st.DrawFn) -> np.ndarray:
    """Rows as the follower may give them, and as it never does."""
    rows = np.zeros(draw(st.integers(0, 12)), CONNECTION)
    for at, row in enumerate(rows):
        start, end = row["start"], row["end"]
        event = start["event"]
        for name in ("a_h", "b_h", "a_mapped_h", "b_mapped_h"):
            event[name] = draw(HOSTS)
        for name in ("a_p", "b_p", "a_mapped_p", "b_mapped_p"):
            event[name] = draw(st.sampled_from([0, 443, 65_535]))
        event["ts"], end["ts"] = draw(STAMPS), draw(STAMPS)
        event["has"], end["has"] = draw(HAS), draw(HAS)
        event["conn_id"] = draw(st.integers(-5, 2**40))
        start["row"], start["device"] = at, draw(st.integers(0, 1))
        start["orig"], start["guessed"] = draw(st.integers(0, 1)), draw(st.integers(0, 1))
        end["bytes"] = draw(st.sampled_from([0, 1, -1]))
        end["duration_s"] = draw(st.sampled_from([0.0, 0.5, 1e9]))
        end["words"] = draw(st.integers(0, 3))
        row["ended"] = draw(st.integers(0, 1))
    return rows


def codes() -> Codes:
    hi, lo, good = keys.parse(pl.Series([*NAMES, None], dtype=pl.String))
    numbers = np.array([*(NAMED + 10 + n for n in range(len(NAMES))), 0], np.uint64)
    return Codes(Laid.out(NAMES), numbers, hi, lo, good.astype(np.uint8),
                 Laid.out(["fw", "ü" * 200]), np.array([3, 1], np.uint64),
                 np.array([0, 7, 9], np.uint64))  # fmt: skip


@given(rows=connections())
def test_kernel_is_the_reference(rows: np.ndarray) -> None:
    found = []
    for fill in (_listed.fill, listed.fill):
        out = np.empty(len(rows), LISTED)
        fill(rows.view(np.uint8), codes(), out.view(np.uint8))
        found.append(out)
    for name in LISTED.names or ():
        assert np.array_equal(found[0][name], found[1][name]), name


@st.composite
def some_runs(draw: st.DrawFn) -> list[np.ndarray]:
    """Rows in runs; stamps repeat, row numbers do not."""
    sizes = draw(st.lists(st.integers(0, 40), max_size=6))
    rows = np.zeros(sum(sizes), LISTED)
    rows["begin"] = draw(st.lists(st.integers(-2, 4), min_size=len(rows), max_size=len(rows)))
    rows["row"] = draw(st.permutations(range(len(rows))))
    rows["name"] = draw(
        st.lists(st.integers(0, 5) | st.integers(0, 2**64 - 1), min_size=len(rows),
                 max_size=len(rows))
    )  # fmt: skip
    return np.split(rows, np.cumsum(sizes)[:-1]) if sizes else []


def in_runs(parts: list[np.ndarray]) -> Runs:
    made = Runs(LISTED)
    for part in parts:
        made.add(runs.in_order(part))
    return made


@given(some_runs(), st.integers(1, 30), st.sampled_from([0, 1000, 1 << 20]), st.integers(1, 7))
def test_runs_are_merged(parts: list[np.ndarray], size: int, held: int, step: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spill, "BUFFER_BYTES", held)
        patch.setattr(runs, "STEP", step)
        made = in_runs(parts)
        chunks = [chunk.copy() for chunk in made.chunks(size)]
    every = np.concatenate([np.empty(0, LISTED), *parts])
    every = every[np.lexsort((every["row"], every["begin"]))]
    assert all(len(chunk) == size for chunk in chunks[:-1])
    found = np.concatenate([np.empty(0, LISTED), *chunks])
    assert found.tobytes() == every.tobytes()


@given(some_runs())
def test_ids_are_told_apart_as_the_reference_does(parts: list[np.ndarray]) -> None:
    rows = np.concatenate([np.empty(0, LISTED), *parts])
    listed.tell_apart(rows)
    assert listed.ids(rows).to_list() == naming.ids(rows["name"].copy()).to_list()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(naming, "FEW", 0)
        assert listed.ids(rows).to_list() == naming.ids(rows["name"].copy()).to_list()
    plain = _listed.plain_ids(rows["name"].copy(), rows["again"].copy())
    texts = [text.encode() for text in listed.ids(rows)]
    assert plain == b"".join(len(text).to_bytes(4, "little") + text for text in texts)


def test_texts_beyond_the_bound_wait_on_disk() -> None:
    texts = Texts(2)
    given_texts = ["a", "b", "é", None, "a", "é", "", "c"]
    numbers = [texts.number(text) for text in given_texts]
    assert [texts.text(number) for number in numbers] == given_texts
    assert numbers[0] == numbers[4] and numbers[2] != numbers[5]


@settings(max_examples=25)
@given(some_runs(), st.integers(1, 50), st.data())
def test_what_is_written_is_what_frames_hold(
    parts: list[np.ndarray], group: int, data: st.DataObject
) -> None:
    pages = pytest.importorskip("finis.report.pages", reason="no kernel is built")
    parquet = pytest.importorskip("finis.report.parquetlisted")
    listing = Listing(Cut())
    listing.devices += ["fw", "other"]
    listing.kinds.verdicts += [Verdict("END102", "harmful", 1, ("END310", "END605")),
                               Verdict("END901", "depends", 3)]  # fmt: skip
    names = [NAMED + listing.texts.number(name) for name in NAMES]
    hosts = st.sampled_from([0, V4 + 1, V4 + 2**32 - 1, *names])
    reasons = st.sampled_from([0, *(listing.texts.number(text) for text in ("TCP FINs", "é"))])
    fields = dict.fromkeys(listed.HOSTS, hosts)
    fields |= {name: st.sampled_from([0, 1, 443]) for name in listed.NUMBERS.values()}
    fields |= {"reason": reasons, "has": st.integers(0, 1023)}
    fields |= {"device": st.integers(0, 1), "verdict": st.integers(0, 1)}
    for rows in parts:
        for name, values in fields.items():
            rows[name] = data.draw(st.lists(values, min_size=len(rows), max_size=len(rows)))
        listing._runs.add(runs.in_order(rows))
    out = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "GROUP_ROWS", group)
        patch.setattr(pages, "MOST_DISTINCT", group)
        parquet.write_connections(listing, out)
    frame = pl.concat(listing.frames())
    read_again = pl.read_parquet(io.BytesIO(out.getvalue()))
    assert read_again.schema == frame.schema
    assert read_again.equals(frame)
