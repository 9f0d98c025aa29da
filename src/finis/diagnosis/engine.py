"""Judging in bulk: which cause explains each connection and each denial.

Every condition is evaluated in one Polars select; the primary cause is the one that no other
holding cause beats.  Connections are judged first, so that a denial's rules may use `conn_cause`,
the primary cause of the connection it belongs to.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from finis import tables
from finis.correlation import logalone
from finis.correlation.columns import Column, Facts
from finis.correlation.stories import Stories
from finis.diagnosis import judging
from finis.diagnosis.cause import SECTIONS, Cause
from finis.diagnosis.judging import CONFIDENCE, HARM, UNKNOWN
from finis.records import dataclass, replace
from finis.terms import Confidence
from finis.tracking.columns import completed
from finis.tracking.eventrow import ACKS, DATA
from finis.wire.dialects._packed import coded

if TYPE_CHECKING:
    import numpy.typing as npt

    Codes = npt.NDArray[np.int16]

Catalogue = Mapping[str, type[Cause]]

PACKAGES = {
    "connections": "finis.diagnosis.causes",
    "denials": "finis.diagnosis.denials",
}
FACTS = {
    "connections": tables.CONNECTIONS + tables.STORY_FACTS,
    "denials": tables.DENIALS + tables.DENIAL_FACTS,
}

_CHUNK = 1 << 16  # rows judged at a time: the working set stays in cache


class CatalogueError(ImportError):
    """A cause module that breaks the contract of `finis.diagnosis.cause`."""


@cache
def catalogue() -> dict[str, type[Cause]]:
    """Every cause of connections and denials by id, sorted.

    Raises CatalogueError naming the module and what is wrong with it.
    """
    return build(
        module for table, package in PACKAGES.items() for module in _modules(package, table)
    )


def _modules(package: str, table: str) -> Iterable[ModuleType]:
    prefix = {"connections": "end", "denials": "dny"}[table]
    root = importlib.import_module(package)
    for name in sorted(info.name for info in pkgutil.iter_modules(root.__path__)):
        if name.startswith(prefix):
            yield importlib.import_module(f"{package}.{name}")


def build(modules: Iterable[ModuleType]) -> dict[str, type[Cause]]:
    """The catalogue of these modules, each holding one Cause; checks the whole contract."""
    causes: dict[str, type[Cause]] = {}
    names: dict[str, str] = {}
    for module in modules:
        cause = _one(module)
        for key, seen in ((cause.id, causes), (cause.name, names)):
            if key in seen:
                raise CatalogueError(f"{module.__name__}: {key} is already taken by {seen[key]}")
        causes[cause.id] = cause
        names[cause.name] = cause.id
    for cause in causes.values():
        for other in cause.beats:
            if other not in causes:
                raise CatalogueError(f"{cause.id} beats {other}, which does not exist")
            if causes[other].table != cause.table:
                raise CatalogueError(f"{cause.id} beats {other}, which judges another table")
    causes = dict(sorted(causes.items()))
    _beaten_by(tuple(causes.values()))  # finds circles
    return causes


def _one(module: ModuleType) -> type[Cause]:
    """The Cause a module holds, checked against the contract."""
    where = module.__name__
    found = [
        item
        for item in vars(module).values()
        if isinstance(item, type) and item.__module__ == where and issubclass(item, Cause)
    ]
    if len(found) != 1:
        raise CatalogueError(f"{where}: one Cause expected, {len(found)} found")
    cause = found[0]
    for attribute in ("id", "name", "title", "table"):
        if not getattr(cause, attribute, ""):
            raise CatalogueError(f"{where}: {attribute} is missing")
    if not re.fullmatch(r"[A-Z]{3}\d{3}", cause.id):
        raise CatalogueError(f"{where}: id {cause.id} is not three letters and three digits")
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", cause.name):
        raise CatalogueError(f"{where}: name {cause.name} is not kebab-case")
    if not where.rsplit(".", 1)[-1].startswith(cause.id.lower()):
        raise CatalogueError(f"{where}: the module's name must begin with {cause.id.lower()}")
    page = module.__doc__ or ""
    absent = [title for title in SECTIONS if f"\n## {title}\n" not in f"\n{page}\n"]
    if absent:
        raise CatalogueError(f"{where}: the docstring lacks the sections {', '.join(absent)}")
    return cause


def _beaters(causes: Catalogue) -> dict[str, set[str]]:
    """For each cause the ids that beat it, transitively; fallbacks are beaten by all others."""
    last: dict[str, list[str]] = {}
    for cause in causes.values():
        last.setdefault(cause.table, []).extend([cause.id] if cause.fallback else [])
    direct = {
        cause.id: {*cause.beats, *([] if cause.fallback else last[cause.table])}
        for cause in causes.values()
    }
    below: dict[str, set[str]] = {}

    def reach(key: str, way: tuple[str, ...]) -> set[str]:
        """All that this cause beats."""
        if key in way:
            raise CatalogueError(f"{key} beats itself by way of {', '.join(sorted(way))}")
        if key not in below:
            below[key] = direct[key].union(*(reach(other, (*way, key)) for other in direct[key]))
        return below[key]

    beaten_by: dict[str, set[str]] = {key: set() for key in causes}
    for key in causes:
        for other in reach(key, ()):
            beaten_by[other].add(key)
    return beaten_by


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdicts: `stories` with its cause columns filled, and the rows to report on (all of
    them, until `cut`)."""

    stories: Stories
    connections: pl.DataFrame  # tables.CONNECTIONS + STORY_FACTS
    denials: pl.DataFrame  # tables.DENIALS + DENIAL_FACTS
    told: Mapping[str, Column] | None = None  # the verdicts of `stories.facts` as numbers

    def cut(self, connections: pl.Series, denials: pl.Series) -> Judged:
        """Only the rows where these are true.  The verdicts stay: they may rest on other rows."""
        return replace(
            self,
            connections=self.connections.filter(connections),
            denials=self.denials.filter(denials),
        )


def _expressions(cause: type[Cause]) -> list[pl.Expr]:
    asked = [cause.where(), cause.confidence, cause.harm]
    return [expr for expr in asked if isinstance(expr, pl.Expr)]


def judge(stories: Stories, causes: Catalogue | None = None, *, denials: bool = True) -> Judged:
    """Give every connection and every denial its primary cause; without `denials`, connections
    only."""
    known = catalogue() if causes is None else causes
    if stories.facts is not None:
        return _judge_facts(stories, stories.facts, known)
    refused = complete(stories.denials, "denials")
    table = _refused_after(stories.table, refused)
    alone = not table["has_packets"].any() and kinds_suffice(tuple(known.values()))
    table = judge_alike(table, known) if alone else judge_table(table, "connections", known)[0]
    if denials:
        ids = pl.Series("conn_cause", table["cause"], dtype=pl.String)
        if len(ids):
            picked = ids.gather(refused["story"].fill_null(0))
            refused = refused.with_columns(
                pl.when(pl.col("story").is_not_null()).then(picked).alias("conn_cause")
            )
        refused, _ = judge_table(refused, "denials", known)
    return Judged(replace(stories, table=table, denials=refused), table, refused)


MANY = 4096  # connections for which it is worth while to take the rules apart


def prepare() -> None:
    """Take the rules apart before there are many connections to judge."""
    rules = tuple(cause for cause in catalogue().values() if cause.table == "connections")
    judging.prepare(rules)
    _beaten_by(rules)


def _judge_facts(stories: Stories, facts: Facts, causes: Catalogue) -> Judged:
    """`judge` where one point's packets tell everything: there is no denial."""
    rules = tuple(cause for cause in causes.values() if cause.table == "connections")
    table, told = stories.table, None
    if facts.count >= MANY:
        told = judging.verdicts(facts, facts.count, rules, _beaten_by(tuple(causes.values())))
        verdict = [column.series(facts.order).alias(name) for name, column in told.items()]
    else:
        frame = facts.frame(_schema(rules))
        verdict = judge_table(frame, "connections", causes)[0].select(VERDICT).get_columns()
    table = table.with_columns(verdict)
    denials = complete(stories.denials, "denials")
    return Judged(replace(stories, table=table, denials=denials), table, denials, told)


@cache
def _schema(rules: tuple[type[Cause], ...]) -> dict[str, pl.DataType]:
    """The columns that are read to judge connections by these rules."""
    read = {"orientation", "capture_loss", *_read(rules)}
    schema = tables.polars_schema(FACTS["connections"])
    return {name: kind for name, kind in schema.items() if name in read}


def read_by(cause: type[Cause]) -> dict[str, pl.DataType]:
    """The columns that are read to judge connections by one cause."""
    return _schema((cause,))


@cache
def _beaten_by(rules: tuple[type[Cause], ...]) -> dict[str, set[str]]:
    return _beaters({cause.id: cause for cause in rules})


@cache
def _read(rules: tuple[type[Cause], ...]) -> set[str]:
    """The columns that rules read."""
    return {
        name for cause in rules for expr in _expressions(cause) for name in expr.meta.root_names()
    }


# What rules can tell apart in connections that only a log shows.  What `BESIDE_PACKETS` names they
# read beside facts of packets only; every other fact is null there.
BESIDE_PACKETS = ("duration", "resp_p", "teardown_by")
ALIKE = {
    "teardown": pl.col("teardown"),
    "teardown_reason": pl.col("teardown_reason"),
    "teardown_ts": pl.col("teardown_ts").is_null(),
    "orientation": pl.col("orientation"),
    "log_bytes": pl.col("log_bytes") == 0,
    "log_duration_s": pl.col("log_duration_s") == 0,
    "data_denied": pl.col("data_denied") > 0,
    "acks_denied": pl.col("acks_denied") > 0,
    "certainty": pl.col("certainty"),
    "has_log": pl.col("has_log"),
}
VERDICT = ("cause", "cause_name", "contributing", "confidence", "harm")


@cache
def kinds_suffice(causes: tuple[type[Cause], ...]) -> bool:
    """Do these causes read nothing of a log that `ALIKE` leaves out?"""
    read = _read(tuple(cause for cause in causes if cause.table == "connections"))
    given = {*logalone.COLUMNS, "data_denied", "acks_denied"}
    return read & given <= {*ALIKE, *BESIDE_PACKETS}


def judge_alike(frame: pl.DataFrame, causes: Catalogue) -> pl.DataFrame:
    """`judge_table` of connections without packets: one of each kind is judged for all of it."""
    if frame.is_empty():
        return judge_table(frame, "connections", causes)[0]
    kinds = (
        frame.lazy()
        .select(at=pl.int_range(pl.len(), dtype=pl.UInt32), **ALIKE)
        .group_by(list(ALIKE), maintain_order=True)
        .agg("at")
        .select("at")
        .collect()["at"]
    )
    judged, _ = judge_table(frame[kinds.list.first()], "connections", causes)
    kind = np.empty(frame.height, np.uint32)
    kind[kinds.explode().to_numpy()] = np.repeat(np.arange(len(kinds)), kinds.list.len().to_numpy())
    return frame.with_columns(judged[name][pl.Series(kind)] for name in VERDICT)


def _refused_after(table: pl.DataFrame, denials: pl.DataFrame) -> pl.DataFrame:
    """The connections with `data_denied` and `acks_denied`: what their hosts still sent."""
    forms = {"data_denied": DATA, "acks_denied": ACKS}
    known = [name for name in forms if name in table.columns]
    if denials.is_empty():
        none = [pl.lit(0, pl.Int64).alias(name) for name in forms if name not in known]
        return table.with_columns(pl.col(known).fill_null(0).cast(pl.Int64), *none)
    after = (
        denials.filter(
            pl.col("story").is_not_null()
            & pl.col("lag_s").is_not_null()
            & pl.col("duplicate_of").is_null()
        )
        .group_by(pl.col("story").cast(pl.Int64))
        .agg(
            pl.col("flags").is_in(words).sum().cast(pl.Int64).alias(to)
            for to, words in forms.items()
        )
    )
    rows = pl.DataFrame({"story": range(table.height)}, schema={"story": pl.Int64})
    counts = rows.join(after, on="story", how="left", maintain_order="left")
    return table.with_columns(
        *(
            pl.coalesce(*([pl.col(name)] if name in known else []), counts[name].fill_null(0))
            .cast(pl.Int64)
            .alias(name)
            for name in forms
        )
    )


def complete(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """The frame with every column its rules may use; a column nobody filled is null."""
    return completed(frame, tables.polars_schema(FACTS[table]))


def judge_table(
    frame: pl.DataFrame, table: str, causes: Catalogue
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Fill `cause`, `cause_name`, `confidence`, `harm` (and `contributing` for connections).

    Returns the frame and, per cause id, whether its condition holds.
    """
    frame = complete(frame, table)
    rules = [cause for cause in causes.values() if cause.table == table]
    if frame.is_empty():
        return frame, frame.select(pl.lit(True).alias(cause.id) for cause in rules)
    shown = _evaluate(_answered(frame, table), rules)
    holds = shown.select(cause.id for cause in rules)
    primary = _primary(shown, rules, _beaten_by(tuple(causes.values())))
    sure = _code(shown, rules, primary, "confidence")
    if table == "connections":
        guessed = (frame["orientation"] == "guessed").fill_null(False).to_numpy()
        guessed = guessed & np.array([*(cause.names_side for cause in rules), False])[primary]
        sure[guessed] = np.minimum(sure[guessed], int(Confidence.LIKELY))
        # What a capture has missed may be what another verdict would rest on.
        missed = frame["capture_loss"].fill_null(False).to_numpy()
        open_to = np.array([*(not cause.withstands_loss for cause in rules), False])
        missed = missed & open_to[primary]
        sure[missed] = np.minimum(sure[missed], int(Confidence.LIKELY))
    frame = frame.with_columns(
        _words(primary, [cause.id for cause in rules], "cause"),
        _words(primary, [cause.name for cause in rules], "cause_name"),
        _words(sure, CONFIDENCE, "confidence"),
        _words(_code(shown, rules, primary, "harm"), HARM, "harm"),
    )
    if table == "connections":
        frame = frame.with_columns(_contributing(frame, shown, rules))
    return frame, holds


def _answered(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """With what many rules of the table ask, answered once."""
    if table != "denials":
        return frame
    from finis.diagnosis.denials import _facts

    return _facts.answered(frame)


FEW = 1024  # rows: putting a question to Polars costs more than answering it


def _evaluate(frame: pl.DataFrame, rules: list[type[Cause]]) -> pl.DataFrame:
    """All conditions, and those confidences and harms that are expressions, in one select; of few
    rows only those of rules that hold."""
    conditions = _conditions(tuple(rules))
    if frame.height > FEW:
        return _answers(frame, [*conditions, *_levels(tuple(rules))])
    shown = _answers(frame, conditions)
    held = tuple(cause for cause in rules if shown[cause.id].any())
    levels = _levels(held)
    return shown.hstack(_answers(frame, levels)) if levels else shown


def _answers(frame: pl.DataFrame, asked: Sequence[pl.Expr]) -> pl.DataFrame:
    length = pl.repeat(True, pl.len()).alias("")  # a constant condition is as long as the frame
    shown = frame.lazy().select(length, *asked)
    return shown.collect(optimizations=_each_part_once(), engine=engine(frame.height)).drop("")


def engine(rows: int) -> Literal["auto", "in-memory"]:
    """Which engine of Polars is the quickest with so many rows: to start one has its cost, too."""
    return "in-memory" if rows <= FEW else "auto"


@cache
def _each_part_once() -> pl.QueryOptFlags:
    """Of all that Polars could do beforehand with an expression only this is worth its time."""
    flags = pl.QueryOptFlags.none()
    flags.comm_subexpr_elim = True
    return flags


@cache
def _conditions(rules: tuple[type[Cause], ...]) -> list[pl.Expr]:
    return [cause.where().fill_null(False).cast(pl.Boolean).alias(cause.id) for cause in rules]


@lru_cache(16)
def _levels(rules: tuple[type[Cause], ...]) -> list[pl.Expr]:
    """Confidences and harms that are expressions."""
    asked = []
    for cause in rules:
        for what, unknown in UNKNOWN.items():
            value = getattr(cause, what)
            if isinstance(value, pl.Expr):
                asked.append(value.fill_null(int(unknown)).cast(pl.UInt8).alias(_key(cause, what)))
    return asked


def _key(cause: type[Cause], what: str) -> str:
    return f"{cause.id}.{what}"


def _primary(
    shown: pl.DataFrame, rules: list[type[Cause]], beaten_by: dict[str, set[str]]
) -> Codes:
    """Index into `rules` of each row's primary cause, -1 where none holds.

    A cause is beaten where one of its beaters holds.  Should two remain, the surer one is taken,
    then the lower id: `rules` is sorted by id and only a higher score replaces an earlier one.
    """
    total = shown.height
    primary = np.full(total, -1, dtype=np.int16)
    able = [(at, cause) for at, cause in enumerate(rules) if not cause.only_contributes]
    able_ids = {cause.id for _, cause in able}
    for start in range(0, total, _CHUNK):
        part = shown.slice(start, _CHUNK)
        holds = {cause.id: part[cause.id].to_numpy() for _, cause in able}
        best = np.zeros(part.height, dtype=np.uint8)
        chosen = primary[start : start + part.height]
        for at, cause in able:
            alive = holds[cause.id]
            if not alive.any():
                continue
            alive = alive.copy()
            for other in beaten_by[cause.id] & able_ids:
                alive &= ~holds[other]
            level = cause.confidence
            score = (
                part[_key(cause, "confidence")].to_numpy()
                if isinstance(level, pl.Expr)
                else np.full(part.height, int(level), dtype=np.uint8)
            )
            alive &= score > best
            chosen[alive] = at
            best[alive] = score[alive]
    return primary


def _code(
    shown: pl.DataFrame,
    rules: list[type[Cause]],
    primary: Codes,
    what: str,
) -> Codes:
    """The code of `confidence` or `harm` of each row's primary cause."""
    unknown = int(UNKNOWN[what])
    values = [getattr(cause, what) for cause in rules]
    constant = [unknown if isinstance(value, pl.Expr) else int(value) for value in values]
    codes: Codes = np.array([*constant, unknown], dtype=np.int16)[primary]
    for at, (cause, value) in enumerate(zip(rules, values, strict=True)):
        if isinstance(value, pl.Expr):
            rows = primary == at
            if rows.any():
                codes[rows] = shown[_key(cause, what)].to_numpy()[rows]
    return codes


def _words(codes: Codes, words: Sequence[str | None], name: str) -> pl.Series:
    """Text for codes; -1 gives null."""
    return coded(name, np.where(codes < 0, len(words), codes), [*words, None], pl.String())


def _contributing(frame: pl.DataFrame, shown: pl.DataFrame, rules: list[type[Cause]]) -> pl.Series:
    """Ids of the other causes that also hold and say something of their own, comma-separated."""
    named = [
        pl.when(pl.col(cause.id) & (pl.col("cause") != cause.id)).then(pl.lit(cause.id))
        for cause in rules
        if cause.contributes or cause.only_contributes
    ]
    if not named:
        return pl.repeat("", frame.height, eager=True).alias("contributing")
    joined = pl.concat_str(named, separator=",", ignore_nulls=True).alias("contributing")
    return shown.with_columns(frame["cause"]).select(joined)["contributing"]
