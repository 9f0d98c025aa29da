"""finis.diagnosis.judging and circuit: the same verdicts as Polars gives, whatever the facts."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finis import tables, terms
from finis.correlation.columns import Column
from finis.diagnosis import circuit, engine, judging
from finis.diagnosis.cause import Cause

WORDS = [
    "orig", "resp", "both", "device", "none", "to-orig", "to-resp", "syn", "log", "guessed", "tls",
    "http", "ssh", "other", "R=R", "R≠R", "R,R0", "R.,R.", "R,R.", "stated", "implied", "", "?",
    "Parent flow is closed", "deny-flow",
]  # fmt: skip
WORDS += [
    terms.word(member)
    for kind in vars(terms).values()
    if isinstance(kind, type) and issubclass(kind, enum.IntEnum) and kind is not enum.IntEnum
    for member in kind
    if type(kind) is enum.EnumType
]
SECONDS = [-300, -1, -0.04, 0, 0.0005, 0.01, 0.02, 0.3, 0.95, 1, 5, 29, 60, 121, 240, 300, 350, 1e4]
NUMBERS = [-1, 0, 0, 0, 1, 1, 2, 3, 4, 10, 40, 64, 80, 85, 100, 443, 1000, 1500, 70_000]


def rows(seed: int, count: int, nulls: float) -> dict[str, Column]:
    """Facts of any kind, possible ones and others."""
    rng = np.random.default_rng(seed)
    words = pl.Series([*dict.fromkeys(WORDS)], dtype=pl.String)
    out = {}
    for described in judging.COLUMNS:
        if described.name in engine.VERDICT or rng.random() < 0.05:
            continue
        valid = rng.random(count) >= nulls * rng.choice([0, 1, 2])
        menu = None
        if described.type == "bool":
            values = rng.random(count) < rng.choice([0.1, 0.5, 0.9])
        elif described.type == "f8":
            values = rng.choice(SECONDS, count)
        elif described.type == "text":
            menu = words.sample(len(words), shuffle=True, seed=seed)
            values = rng.integers(0, len(menu), count).astype(np.uint8)
        else:
            values = rng.choice(NUMBERS, count)
            if rng.random() < 0.3:
                values = np.maximum(values, 0).astype(np.uint32)
        out[described.name] = Column(values, valid, menu)
    out["orientation"] = Column(
        rng.integers(0, 3, count), None, circuit.menu("syn", "log", "guessed")
    )
    out.setdefault("capture_loss", Column(rng.random(count) < 0.3, rng.random(count) < 0.9))
    return out


def frame(facts: dict[str, Column]) -> pl.DataFrame:
    schema = tables.polars_schema(judging.COLUMNS)
    return pl.DataFrame(
        {name: column.series().cast(schema[name]) for name, column in facts.items()}
    )


def agree(facts: dict[str, Column], causes: engine.Catalogue, count: int) -> pl.DataFrame:
    plain = engine.judge_table(frame(facts), "connections", causes)[0].select(engine.VERDICT)
    rules = tuple(cause for cause in causes.values() if cause.table == "connections")
    told = judging.verdicts(facts, count, rules, engine._beaten_by(rules))
    swift = pl.DataFrame({name: column.series() for name, column in told.items()})
    assert swift.select(engine.VERDICT).equals(plain)
    return plain


@pytest.mark.repeats
@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 7, 64, 200, 333]), st.floats(0, 0.5))
def test_as_polars_judges(seed: int, count: int, nulls: float) -> None:
    agree(rows(seed, count, nulls), engine.catalogue(), count)


def test_every_kind_of_verdict_comes_up() -> None:
    """So that the test above is worth something."""
    seen = set()
    for seed in range(12):
        seen |= set(agree(rows(seed, 500, 0.2), engine.catalogue(), 500)["cause"].to_list())
    assert len(seen) > 25


def test_what_is_not_understood_is_left_to_polars(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the causes that are there next to nothing is; the outcome is the same if all is."""
    rules = tuple(c for c in engine.catalogue().values() if c.table == "connections")
    assert len(judging._compiled(rules).circuit.left) < 5

    def refused(self: circuit.Circuit, expr: pl.Expr) -> None:
        raise circuit._UnknownError

    monkeypatch.setattr(circuit.Circuit, "_tree", refused)
    judging._compiled.cache_clear()
    try:
        agree(rows(5, 300, 0.2), engine.catalogue(), 300)
    finally:
        judging._compiled.cache_clear()


FORMS = [
    pl.col("o_fin"),
    ~pl.col("o_fin"),
    pl.col("o_fin") ^ pl.col("r_fin"),
    pl.col("o_fin") | pl.col("r_fin") & pl.col("paired"),
    pl.any_horizontal("o_fin", "r_fin", pl.col("o_fins") > 1),
    pl.all_horizontal("o_fin", "r_fin", pl.col("o_fins") > 1),
    pl.col("o_fins").is_null(),
    pl.col("ended").is_not_null(),
    pl.col("o_fin").is_null(),
    pl.col("ended").is_in(["closed", "reset"]),
    pl.col("ended").is_in(["closed", None]),
    ~pl.col("ended").is_in([]),
    pl.col("ended").fill_null("none") == "none",
    pl.col("ended") != "none",
    pl.col("ended") == pl.col("first_fin"),
    pl.col("teardown_reason").str.contains("(?i)parent"),
    pl.col("resp_p").is_in([443, 80]),
    ~pl.col("resp_p").is_in([443, None]),
    pl.col("o_fins") + pl.col("r_fins") == 3,
    pl.col("o_fins") - pl.col("r_fins") < -0.5,
    pl.col("o_fins") * 2 >= pl.col("o_fin_s"),
    -pl.col("o_fins") >= -1,
    pl.col("o_fins").fill_null(0) == pl.col("r_fins"),
    pl.col("o_fin_s").fill_null(2) > 1,
    pl.col("o_fins").is_between(1, 3),
    pl.col("o_fins") == 10**12,
    pl.lit(True),
    pl.lit(None),
    pl.when(pl.col("o_fin")).then(pl.col("r_fin")).otherwise(pl.col("o_fins") > 1),
    pl.when(pl.col("o_fin")).then(pl.col("r_fin")),
    -pl.col("o_fin_s") <= pl.max_horizontal(pl.col("rtt_s") * 1.5, 0.05).fill_null(0.5),
    pl.max_horizontal(pl.col("o_fins"), 2) == 2,
    pl.col("o_fins").abs() % 2 == 1,
    (pl.col("o_fins") > 1).fill_null(True) & pl.col("o_fin").fill_null(pl.col("r_fin")),
    pl.col("built_ts").is_null() & (pl.col("built_ts") == pl.col("teardown_ts")),
]  # fmt: skip


@pytest.mark.parametrize("form", range(len(FORMS)))
@pytest.mark.parametrize("seed", [3, 4])
def test_each_form_of_condition(form: int, seed: int) -> None:
    facts = rows(seed, 130, 0.3)
    for name in ("o_fin", "o_fins", "ended"):
        facts.setdefault(name, rows(seed + 100, 130, 0.3).get(name, Column(np.zeros(130))))
    made = circuit.Circuit(judging.COLUMNS)
    number = made.add(FORMS[form])
    outcome = circuit.Outcome(made, facts, 130)
    full = engine.complete(frame(facts), "connections")
    asked = FORMS[form].fill_null(False).cast(pl.Boolean).alias("told")
    told = full.select(pl.repeat(1, pl.len()).alias("length"), asked)["told"].to_list()
    assert circuit.unpacked(outcome.holds(number), 130).tolist() == told


def of_two(causes: int) -> Iterator[type[Cause]]:
    """Causes whose levels are no plain choices."""
    levels = [
        pl.col("o_fins").fill_null(1).clip(1, 3),
        pl.when(pl.col("o_fin")).then(pl.lit(3)),
        pl.when(pl.col("o_fin")).then(pl.lit(2)).otherwise(pl.lit(1)),
        terms.Confidence.LIKELY,
    ]
    for number in range(causes):
        yield type(
            f"Cause{number}",
            (Cause,),
            {
                "id": f"END{number:03}", "name": f"n{number}", "title": "t", "table": "connections",
                "where": classmethod(lambda _, n=number: pl.col("r_fins") != n % 5),
                "confidence": levels[number % 4], "only_contributes": number % 7 == 6,
                "harm": levels[(number + 2) % 4] if number % 2 else terms.Harm.DEPENDS,
                "contributes": number % 3 > 0, "names_side": number % 2 == 1,
            },
        )  # fmt: skip


def test_levels_and_more_causes_than_bits() -> None:
    causes = {cause.id: cause for cause in of_two(300)}
    causes["END000"].beats = ("END001", "END003")  # type: ignore[misc]
    agree(rows(8, 200, 0.2), causes, 200)


@pytest.mark.parametrize("notation", ['"BinaryExpr"', '"op"', '"Function"', '"input"', '"Ternary"'])
def test_another_notation(notation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a release of Polars that writes expressions down in another way only time is lost."""
    written = circuit.Circuit._tree

    def otherwise(self: circuit.Circuit, expr: pl.Expr) -> circuit.Tree:
        return json.loads(json.dumps(written(self, expr)).replace(notation, '"Unheard"'))

    def back(self: circuit.Circuit, tree: circuit.Tree) -> pl.Expr:
        return known(self, json.loads(json.dumps(tree).replace('"Unheard"', notation)))

    known = circuit.Circuit._expr
    monkeypatch.setattr(circuit.Circuit, "_tree", otherwise)
    monkeypatch.setattr(circuit.Circuit, "_expr", back)
    judging._compiled.cache_clear()
    try:
        agree(rows(6, 100, 0.2), engine.catalogue(), 100)
    finally:
        judging._compiled.cache_clear()
