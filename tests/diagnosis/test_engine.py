"""The catalogue's contract and the choice of the primary cause."""

import random
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import polars as pl
import pytest

from finis.diagnosis import engine
from finis.diagnosis.cause import SECTIONS, Cause
from finis.diagnosis.engine import CatalogueError
from finis.diagnosis.patterns import _api as patterns_api
from finis.terms import Confidence, Harm, Teardown, word
from tests.diagnosis.endings import DENIALS, fins, frame, logged, row, seen, stories

PAGE = "A page.\n" + "".join(f"\n## {title}\nText.\n" for title in SECTIONS)


def module(key: str, page: str = PAGE, **values: Any) -> ModuleType:
    """A module with one cause of connections that holds where `orig_p` is at least `least`."""
    name = f"finis.fake.{key.lower()}_something"
    made = ModuleType(name, page)
    least = values.pop("least", 0)
    facts: dict[str, Any] = {
        "id": key, "name": f"name-{key.lower()}", "title": key, "table": "connections",
        "where": classmethod(lambda cls: pl.col("orig_p") >= least), "__module__": name,
    }  # fmt: skip
    made.Made = type("Made", (Cause,), facts | values)  # type: ignore[attr-defined]
    return made


def judged(*modules: ModuleType, ports: tuple[int, ...] = (1,)) -> pl.DataFrame:
    causes = engine.build(modules)
    table, _ = engine.judge_table(frame([row(orig_p=p) for p in ports]), "connections", causes)
    return table


def test_catalogue_is_sorted_and_of_both_tables() -> None:
    known = engine.catalogue()
    assert list(known) == sorted(known)
    assert {cause.table for cause in known.values()} == {"connections", "denials"}
    assert all(cause.id == key for key, cause in known.items())


def test_every_cause_says_what_it_needs() -> None:
    for key, cause in engine.catalogue().items():
        assert cause.references or cause.fallback, key
        if cause.table == "connections":
            assert cause.harm_why or cause.only_contributes, key
            assert cause.not_this or cause.fallback or cause.only_contributes, key


def test_what_a_cause_is_not_says_what_would_tell_it_apart() -> None:
    """A finding prints it for every row, so that a bare name would claim what nothing shows."""
    for one in [*engine.catalogue().values(), *patterns_api.patterns().values()]:
        for text in one.not_this:
            assert ": " in text or " would " in text, (one.id, text)


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ([module("END901"), module("END901", name="other")], "END901 is already taken"),
        ([module("END901", name="same"), module("END902", name="same")], "same is already taken"),
        ([module("END901", beats=("END999",))], "END999, which does not exist"),
        ([module("END901", page="No sections.")], "lacks the sections What happened"),
        ([module("END901", page=PAGE.replace("## Harm", "## Pain"))], "lacks the sections Harm"),
        ([module("END901", name="Not Kebab")], "not kebab-case"),
        ([module("END901", title="")], "title is missing"),
        ([module("E1", name="x")], "three letters and three digits"),
        ([module(a, beats=(b,)) for a, b in (("END901", "END902"), ("END902", "END901"))],
         "beats itself"),
        ([module("END901", beats=("DNY901",)), module("DNY901", table="denials")], "another table"),
        ([ModuleType("finis.fake.end901_empty", PAGE)], "one Cause expected, 0 found"),
    ],
)  # fmt: skip
def test_a_broken_cause_fails_with_its_name(modules: list[ModuleType], message: str) -> None:
    with pytest.raises(CatalogueError, match=message):
        engine.build(modules)


def test_the_module_is_named_after_the_cause() -> None:
    wrong = module("END901")
    wrong.Made.id = "END902"
    with pytest.raises(CatalogueError, match="must begin with end902"):
        engine.build([wrong])


def test_precedence_is_transitive_even_where_the_link_does_not_hold() -> None:
    table = judged(
        module("END101"),
        module("END102", beats=("END101",), least=100),
        module("END103", beats=("END102",), least=10),
        ports=(1, 10, 100),
    )
    assert table["cause"].to_list() == ["END101", "END103", "END103"]


def test_without_order_the_surer_then_the_lower_id() -> None:
    tie = (module("END102", confidence=Confidence.LIKELY), module("END101"), module("END103"))
    assert judged(*tie)["cause"].to_list() == ["END101"]
    surer = (module("END101", confidence=Confidence.LIKELY), module("END103"))
    assert judged(*surer)["cause"].to_list() == ["END103"]


def test_fallbacks_yield_and_contributors_are_named() -> None:
    table = judged(
        module("END901", fallback=True),
        module("END201", least=10),
        module("END301", only_contributes=True, least=100),
        module("END302", contributes=True, least=200, beats=("END201",)),
        ports=(1, 10, 100, 200),
    )
    assert table["cause"].to_list() == ["END901", "END201", "END201", "END302"]
    assert table["contributing"].to_list() == ["", "", "END301", "END301"]


def test_levels_may_be_expressions_and_null_is_the_cautious_one() -> None:
    by_port = pl.when(pl.col("orig_p") > 5).then(int(Harm.HARMFUL)).otherwise(int(Harm.HARMLESS))
    sure = pl.when(pl.col("orig_p") > 5).then(int(Confidence.CERTAIN))
    table = judged(module("END101", harm=by_port, confidence=sure), ports=(1, 6))
    assert table.select("harm", "confidence").rows() == [
        ("harmless", "possible"),
        ("harmful", "certain"),
    ]
    unknown = module("END101", harm=pl.lit(None, dtype=pl.Int64), where=classmethod(_always))
    assert judged(unknown)["harm"].to_list() == ["depends"]


def _always(cls: type[Cause]) -> pl.Expr:
    return pl.lit(True)


def test_a_row_that_nothing_explains_stays_open() -> None:
    table = judged(module("END101", least=10))
    assert table["cause"].to_list() == table["cause_name"].to_list() == [None]


def test_denials_may_use_the_cause_of_their_connection() -> None:
    told = stories([seen(), seen(**fins("orig"))])
    lines = [{"row": at, "story": story} for at, story in enumerate((1, None, 0))]
    told.denials = pl.DataFrame(lines, schema=DENIALS)
    got = engine.judge(told)
    assert got.denials["conn_cause"].to_list() == ["END201", None, "END901"]
    assert got.denials["cause"].null_count() == 0


def test_columns_that_nobody_filled_count_as_unknown() -> None:
    narrow = frame([seen(**fins("resp"))]).select("row", "ended", "first_fin", "has_packets")
    table, _ = engine.judge_table(narrow, "connections", engine.catalogue())
    assert table["cause"].to_list() == ["END202"]


def test_nothing_to_judge() -> None:
    got = engine.judge(stories([]))
    assert (got.connections.height, got.denials.height) == (0, 0)
    assert "cause" in got.connections.columns


def test_many_rows_across_the_chunks() -> None:
    """100 000 connections: the verdict of a row does not depend on where it stands."""
    kinds = [seen(), seen(**fins("orig")), seen(**fins("resp"))]
    table = frame(kinds)[[at % 3 for at in range(100_000)]]
    got, _ = engine.judge_table(table, "connections", engine.catalogue())
    assert got["cause"].to_list()[:3] == ["END901", "END201", "END202"]
    assert sorted(got["cause"].value_counts()["count"].to_list()) == [33_333, 33_333, 33_334]


def test_cutting_keeps_the_verdicts() -> None:
    got = engine.judge(stories([seen(), seen(**fins("orig"))]))
    some = got.cut(pl.Series([False, True]), pl.Series([], dtype=pl.Boolean))
    assert some.connections["cause"].to_list() == ["END201"]
    assert some.stories.table.height == 2


# --- connections that only a log shows, judged by kind -----------------------------------------


def log_rows(seed: int, count: int = 300) -> pl.DataFrame:
    """Every fact that a log can give, at random."""
    rnd = random.Random(seed)
    table = stories([logged(word(rnd.choice(list(Teardown)))) for _ in range(count)]).table
    menus: dict[str, list[Any]] = {
        "teardown": [*map(word, Teardown), None],
        "teardown_reason": ["TCP FINs", "TCP Reset-I", "Parent flow is closed", "Tunnel", None],
        "orientation": ["log", "guessed"],
        "log_bytes": [0, 1, 70, 10**6, None],
        "log_duration_s": [0.0, 1.0, 30.0, 3600.0, 7000.5, None],
        "duration": [0.0, 1.0, 30.0, 3600.0, None],
        "data_denied": [0, 1, 7],
        "acks_denied": [0, 1, 7],
        "denials_after": [0, 1, 9, None],
        "first_denial_lag_s": [0.0, 2.0, 900.0, None],
        "resp_p": [443, 80, 1, None],
        "orig_p": [50_000, 443, None],
        "teardown_by": ["orig", "resp", "device", "unknown", None],
        "teardown_ts": [datetime(2024, 5, 1, tzinfo=UTC), None],
        "built_ts": [datetime(2024, 5, 1, tzinfo=UTC), None],
        "device": ["fw", None],
        "certainty": ["stated", "implied", None],
        "product": ["asa", "netfilter", None],
    }
    return table.with_columns(
        pl.Series(name, [rnd.choice(menu) for _ in range(count)], table.schema[name])
        for name, menu in menus.items()
    )


@pytest.mark.parametrize("seed", range(4))
def test_one_of_a_kind_is_judged_for_all_of_it(seed: int) -> None:
    frame = log_rows(seed)
    alike = engine.judge_alike(frame, engine.catalogue())
    each, _ = engine.judge_table(frame, "connections", engine.catalogue())
    assert alike.select(engine.VERDICT).equals(each.select(engine.VERDICT))
    assert each["cause"].n_unique() > 20


def test_rules_read_nothing_else_of_a_log() -> None:
    assert engine.kinds_suffice(tuple(engine.catalogue().values()))
    made = engine.build([module("END998", where=classmethod(lambda cls: pl.col("orig_p") > 9))])
    assert not engine.kinds_suffice(tuple(made.values()))  # then rows are judged one by one
