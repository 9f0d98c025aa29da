"""finis.correlation.logalone: what only logs show comes out as in the general way."""

from __future__ import annotations

import random
from typing import Any

import polars as pl
import pytest

from finis.correlation import logalone
from finis.correlation.correlate import correlate, joined
from finis.correlation.evidence import Options
from finis.correlation.merge import complete
from finis.correlation.stories import Stories
from tests.correlation.world import denials, denied, log, logged

HOSTS = ["10.0.0.1", "192.0.2.7", "2001:db8::1", "mail-gw", "exp_srv"]


def rows(seed: int, count: int = 60) -> list[dict[str, Any]]:
    rnd = random.Random(seed)
    out = []
    for number in range(count):
        one = logged(
            orig=f"10.0.0.{rnd.randrange(9)}:{rnd.randrange(1, 65000)}",
            resp=f"172.16.0.{rnd.randrange(9)}:443",
            built_at=f"2024-05-01T{rnd.randrange(10, 14)}:00:{rnd.randrange(60):02}",
            fw_conn_id=rnd.choice([number, None]),
            device=rnd.choice(["fw1", "fw2", None]),
        )
        one |= {
            "row": number,
            "orig_h": rnd.choice([one["orig_h"], *HOSTS, None]),
            "resp_p": rnd.choice([one["resp_p"], None]),
            "resp_mapped_h": rnd.choice([None, *HOSTS]),
            "orientation": rnd.choice(["log", "guessed"]),
            "bytes": rnd.choice([0, 17, None]),
            "certainty": rnd.choice(["implied", None]),
            "product": rnd.choice(["asa", "netfilter", None]),
        }
        if rnd.random() < 0.2:
            one |= {"built_ts": None, "built_line": None, "built_file": None}
        if rnd.random() < 0.2:
            one |= {"teardown_ts": None, "teardown_line": None, "teardown_file": None}
        out.append(one)
    return out


def refusals(seed: int, count: int) -> list[dict[str, Any]]:
    rnd = random.Random(seed)
    return [
        denied(src="10.0.0.1:5", dst="10.0.0.2:6", at="2024-05-01T12:00:00")
        | {"row": n, "log_row": rnd.choice([None, rnd.randrange(count)])}
        for n in range(40)
    ]


def lists(told: Stories) -> tuple[pl.DataFrame, list[Any], list[Any]]:
    """Everything, in an order that both ways have."""
    table = told.table.sort("first_ts", "conn_id", nulls_last=True)
    proofs = {table["conn_id"][at]: told.story(row) for at, row in enumerate(table["row"])}
    behind = [(key, one.built, one.teardown, one.seen) for key, one in proofs.items()]
    of = dict(zip(told.table["row"], told.table["conn_id"], strict=True))
    refused = [of.get(row) for row in told.denials["story"].to_list()]
    return table.drop("row"), behind, refused


@pytest.mark.parametrize("seed", range(5))
def test_as_in_the_general_way(seed: int) -> None:
    made = rows(seed)
    frames = complete(log(*made), denials(*refusals(seed, len(made))))
    one, other = logalone.stories(*frames), joined([], *frames, Options())
    assert one.table.schema == other.table.schema
    for mine, theirs in zip(lists(one), lists(other), strict=True):
        assert mine.equals(theirs) if isinstance(mine, pl.DataFrame) else mine == theirs
    assert one.denials.drop("story").equals(other.denials.drop("story"))
    assert one.clocks == other.clocks
    placed = one.placed.select("begin", "proof_file", "proof_number", "proof_is_line").sort(
        pl.all()
    )
    assert placed.equals(other.placed.select(placed.columns).sort(pl.all()))


def test_an_id_is_made_when_a_story_is_told() -> None:
    made = log(*rows(3))
    named, bare = (correlate([], made, denials(), Options(tidy=n)) for n in (True, False))
    assert bare.table["conn_id"].null_count() == len(bare.table)
    made_late = {bare.story(row).conn_id for row in bare.table["row"]}
    assert made_late == set(named.table["conn_id"])


def test_rows_of_one_moment_stand_in_the_order_of_the_log() -> None:
    same = [
        logged(orig=f"10.0.0.{9 - n}:1", resp="10.9.9.9:2", built_at="2024-05-01T11:00:00")
        | {"row": n}
        for n in range(5)
    ]
    told = correlate([], log(*same), denials())
    assert told.table["orig_h"].to_list() == [f"10.0.0.{9 - n}" for n in range(5)]
