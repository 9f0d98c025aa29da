"""Rubbish in: no crash, every observation and log line in exactly one story."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from finis.correlation.correlate import correlate
from finis.tables import CONNECTIONS, SEGMENT, STORY_FACTS, polars_schema, record_dtype
from finis.terms import Teardown, word
from tests.correlation.world import denials, log, point

DTYPE = record_dtype(SEGMENT)
HOSTS = ["192.0.2.1", "10.0.0.1", "2001:db8::1", "not-an-address", "", None]
EXTREMES = [0, 1, -1, 2**62, -(2**62), 1_700_000_000_000_000_000]


def rubbish(seed: int, count: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = np.frombuffer(rng.bytes(count * DTYPE.itemsize), DTYPE).copy()
    pick = random.Random(seed)
    for row in rows:
        row["ts_ns"] = pick.choice(EXTREMES) + pick.randint(0, 10**10)
        for end in ("src", "dst"):
            row[f"{end}_hi"], row[f"{end}_lo"] = 0, (0xFFFF << 32) + pick.randint(1, 2)
            row[f"{end}_p"] = pick.choice([0, 80, 443])
        row["payload_len"] = pick.choice([0, 0, 1, 100, 2**32 - 1])
        row["side"], row["alert"] = pick.randint(0, 1), pick.randint(0, 5)
        row["vlan"] = pick.choice([0, 0, 7])
    return rows


def logged(pick: random.Random) -> dict[str, object]:
    def moment() -> datetime | None:
        base = datetime(pick.choice([1970, 2023, 2200]), 1, 1, tzinfo=UTC)
        return pick.choice([None, base + timedelta(seconds=pick.randint(0, 10**8))])

    row: dict[str, object] = {"device": pick.choice(["fw", "fw2", None, ""])}
    for name in ("orig", "orig_mapped", "resp", "resp_mapped"):
        row[f"{name}_h"] = pick.choice(HOSTS)
        row[f"{name}_p"] = pick.choice([None, 0, 80, 443, -1, 10**9])
    row["built_ts"], row["teardown_ts"] = moment(), moment()
    row["teardown"] = pick.choice([None, "nonsense", *(word(t) for t in Teardown)])
    row["orientation"] = pick.choice(["log", "guessed", None])
    return row


def refused(pick: random.Random) -> dict[str, object]:
    return {
        "ts": pick.choice([None, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)]),
        "device": pick.choice(["fw", None]), "unit": "line", "file": "f", "line": 1,
        "proto": pick.choice(["tcp", "udp", None]), "src_h": pick.choice(HOSTS),
        "src_p": pick.choice([None, 80, 443]), "dst_h": pick.choice(HOSTS),
        "dst_p": pick.choice([None, 80, 443]), "flags": pick.choice(["RST", "", None, "x y"]),
        "log_row": pick.choice([None, 0, 99]),
    }  # fmt: skip


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(0, 6), st.integers(0, 3))
def test_rubbish_is_survived(seed: int, count: int, lines: int, points: int) -> None:
    pick = random.Random(seed)
    made = [
        point(f"p{n}", rubbish(seed + n // 2, count), file=n, dated=n % 2 == 0)
        for n in range(points)
    ]
    told = log(*(logged(pick) for _ in range(lines)))
    case = correlate(made, told, denials(*(refused(pick) for _ in range(lines))))
    assert dict(case.table.schema) == polars_schema(CONNECTIONS) | polars_schema(STORY_FACTS)
    assert case.table["row"].to_list() == list(range(len(case.table)))
    assert case.table["conn_id"].n_unique() == len(case.table)
    observations = sum(len(p.observations.rows) for p in made)
    assert case.table["n_points"].sum() == observations
    shown = [s for row in range(len(case.table)) for s in case.story(row).seen]
    assert len(shown) == observations
    for row in range(len(case.denials)):
        case.refusal(row)
