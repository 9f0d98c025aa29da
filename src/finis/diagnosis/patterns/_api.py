"""What a pattern is: a reading over many connections and denials at once.

A pattern is one module ``pat….py`` with one subclass of `Pattern`; its docstring is its page and
has the sections of `finis.diagnosis.cause.SECTIONS`.  `find` gets the *judged* rows (the columns
`READS`; LazyFrames in no order, connections with `begin` and `tie` to put them in one, denials
with `ts` and `row`) and returns a finding per group of rows that shows the pattern, the gravest
first.  It must hold up with empty frames and with null columns, choose rows before it collects
them, and work by `group_by`, so that memory grows with the groups, not with the rows.  Hosts may
be codes: `Whole.named` puts texts in their place before they are sorted or told.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache, partial
from typing import Any, ClassVar

import polars as pl

from finis.correlation.stories import PLACE, Proof
from finis.diagnosis.cause import Claim, claim_line
from finis.diagnosis.findings import concerns
from finis.diagnosis.patterns._whole import Whole
from finis.records import dataclass, field, replace
from finis.tables import CONNECTIONS, STORY_FACTS, polars_schema
from finis.terms import Confidence, Harm, word
from finis.tracking.columns import completed
from finis.words import endpoint

EXAMPLES = 3  # rows put into words per finding
MAX_FINDINGS = 10  # per pattern: the rest is counted in `PatternFinding.more` of the last one


@dataclass(frozen=True, slots=True)
class PatternFinding:
    """One pattern found once: the values stand in `title`, the proof in `claims`.

    `stories` are rows of the connections frame (STORY_FACTS.row) that serve as examples; who holds
    the stories can prove them (`find_all`).  `more` counts further groups that were left out.
    """

    id: str
    name: str
    title: str
    harm: Harm
    confidence: Confidence
    connections: int = 0
    denials: int = 0
    first_ts: datetime | None = None  # UTC
    last_ts: datetime | None = None
    hosts: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    stories: tuple[int, ...] = ()
    remedy: dict[str, str] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    not_this: tuple[str, ...] = ()
    more: int = 0

    def row(self) -> dict[str, Any]:
        """As a row of tables.FINDINGS."""
        return {
            "id": self.id,
            "name": self.name,
            "title": self.title,
            "harm": word(self.harm),
            "confidence": word(self.confidence),
            "connections": self.connections,
            "denials": self.denials,
            "first_ts": self.first_ts,
            "last_ts": self.last_ts,
            "hosts": list(self.hosts),
            "evidence": [claim_line(claim) for claim in self.claims],
            "not_this": list(self.not_this),
            "remedy": [f"{product}: {what}" for product, what in self.remedy.items()],
            "references": list(self.references),
        }


# The columns that patterns may read: all that is held of a long run for their sake.
READS = {
    "connections": (
        "row", "orig_h", "orig_p", "resp_h", "resp_p", "first_ts", "last_ts", "first_fin",
        "first_rst", "fin_by", "fin_gap_s", "closing_gap_s", "o_fin_s", "r_fin_s", "o_rst_s",
        "r_rst_s", "o_fin_acked", "r_fin_acked", "orig_rst_class", "resp_rst_class",
        "orig_rst_answers", "resp_rst_answers", "established", "ended", "teardown", "teardown_by",
        "teardown_ts", "log_duration_s", "log_bytes", "device", "cause", "harm", "midstream",
        "o_last_seg_s", "r_last_seg_s", "resp_mapped_h",
    ),
    "denials": (
        "row", "ts", "device", "file", "line", "unit", "kind", "msg_id", "proto", "src_h", "src_p",
        "dst_h", "dst_p", "flags", "lag_s", "seen_before", "duplicate_of", "teardown", "failover_s",
        "cause", "harm", "pending_syn",
    ),
}  # fmt: skip


_EVERY = polars_schema(CONNECTIONS) | polars_schema(STORY_FACTS)
_SCHEMA = {name: _EVERY[name] for name in READS["connections"]}

Search = Callable[[], list[PatternFinding]]


class Pattern:
    """Base of every pattern; collected by `patterns`."""

    id: ClassVar[str]  # PAT101
    name: ClassVar[str]  # kebab-case, as stable as the id
    title: ClassVar[str]  # one line without values
    since: ClassVar[str] = "0.1"
    of_connections_alone: ClassVar[bool] = False  # it does not look at denials
    fewest: ClassVar[int] = 0  # connections and denials together; fewer rows cannot show it
    harm: ClassVar[Harm] = Harm.DEPENDS  # the usual one; a finding may differ
    confidence: ClassVar[Confidence] = Confidence.LIKELY
    remedy: ClassVar[dict[str, str]] = {}
    references: ClassVar[tuple[str, ...]] = ()
    not_this: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def find(
        cls, connections: pl.LazyFrame, denials: pl.LazyFrame, whole: Whole
    ) -> list[PatternFinding]:
        raise NotImplementedError(cls.id)

    @classmethod
    def finding(cls, title: str, **values: Any) -> PatternFinding:
        """A finding with the pattern's own harm, confidence, remedy and references as defaults."""
        defaults: dict[str, Any] = {
            "harm": cls.harm,
            "confidence": cls.confidence,
            "remedy": dict(cls.remedy),
            "references": cls.references,
            "not_this": cls.not_this,
        }
        return PatternFinding(id=cls.id, name=cls.name, title=title, **{**defaults, **values})


@cache
def patterns() -> dict[str, type[Pattern]]:
    """Every pattern of this package by id.  A duplicate id or name is a programming error."""
    package = importlib.import_module("finis.diagnosis.patterns")
    found: dict[str, type[Pattern]] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(package.__path__)):
        if not module.startswith("pat"):
            continue
        loaded = importlib.import_module(f"{package.__name__}.{module}")
        for member in vars(loaded).values():
            if not (isinstance(member, type) and issubclass(member, Pattern)):
                continue
            if member.__module__ != loaded.__name__:
                continue
            if member.id in found or any(p.name == member.name for p in found.values()):
                raise ValueError(f"{member.id} {member.name} is declared twice")
            found[member.id] = member
    return found


def readable(connections: pl.DataFrame | pl.LazyFrame) -> pl.LazyFrame:
    """What patterns are given; rows without a place stand in order of their numbers, and what
    nobody told of any is null."""
    lazy = connections.lazy()
    names = lazy.collect_schema().names()
    if "begin" not in names:
        lazy = lazy.with_columns(begin=pl.col("row"), tie=pl.lit(0, pl.UInt64))
    return completed(lazy, _SCHEMA).select(*READS["connections"], *PLACE)


def find_all(
    connections: pl.DataFrame | pl.LazyFrame,
    denials: pl.DataFrame | pl.LazyFrame,
    prove: Callable[[int], tuple[Proof, ...]] | None = None,
    product: str | None = None,
    whole: Whole | None = None,
) -> list[PatternFinding]:
    """Every pattern over the judged frames, in order of id, with the remedies for this make of
    firewall (None: for any).  `whole`: what is known of all connections, where `connections` are
    only those that patterns choose from.

    `prove` gives the proofs of a story by its row (for example its Teardown line or its first
    frame); with it, example connections become claims.
    """
    connections = readable(connections)
    n_rows = float("inf")
    if whole is None:
        whole = Whole(connections)
        n_rows = sum(rows.lazy().select(pl.len()).collect().item()
                     for rows in (connections, denials))  # fmt: skip
    found = {
        pattern.id: search()
        for pattern, search in searches(connections, denials, whole)
        if n_rows >= pattern.fewest
    }
    return told(found, prove, product, whole)


def searches(
    connections: pl.LazyFrame, denials: pl.DataFrame | pl.LazyFrame, whole: Whole
) -> list[tuple[type[Pattern], Search]]:
    """Every pattern in order of id, and what finds it, each in a thread of its own if need be."""
    refused = denials.lazy().select(READS["denials"])
    return [(one, partial(one.find, connections, refused, whole)) for one in patterns().values()]


def told(
    of_each: Mapping[str, list[PatternFinding]],
    prove: Callable[[int], tuple[Proof, ...]] | None,
    product: str | None,
    whole: Whole,
) -> list[PatternFinding]:
    """What was found of each pattern, with its proof and remedies: the rest of `find_all`."""
    out: list[PatternFinding] = []
    for _, found in sorted(of_each.items()):
        if len(found) > MAX_FINDINGS:
            left = len(found) - MAX_FINDINGS
            found = [*found[: MAX_FINDINGS - 1], replace(found[MAX_FINDINGS - 1], more=left)]
        out += found
    if prove is not None:
        shown = sorted({number for one in out for number in one.stories[:EXAMPLES]})
        rows = whole.named(whole.rows(shown), "orig_h", "resp_h") if shown else pl.DataFrame()
        claims = {
            row["row"]: Claim(
                f"For example {endpoint(row['orig_h'], row['orig_p'])} to"
                f" {endpoint(row['resp_h'], row['resp_p'])}.",
                prove(row["row"]),
            )
            for row in rows.iter_rows(named=True)
        }  # in order of time
        out = [_proven(one, claims) for one in out]
    return [
        replace(
            one,
            remedy={whom: text for whom, text in one.remedy.items() if concerns(whom, product)},
            references=tuple(text for text in one.references if concerns(text, product)),
        )
        for one in out
    ]


def _proven(found: PatternFinding, claims: dict[int, Claim]) -> PatternFinding:
    mine = set(found.stories[:EXAMPLES])
    shown = tuple(claim for row, claim in claims.items() if row in mine)
    return replace(found, claims=found.claims + shown)
