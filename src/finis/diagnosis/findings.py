"""From verdicts row by row to findings: each cause with what shows it and what to do about it.

A cause whose members differ in harm gives one finding per harm, so that three harmful connections
do not hide among thousands of harmless ones, nor frighten on behalf of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from finis import words
from finis.correlation.stories import Proof
from finis.diagnosis.cause import Alternative, Cause, Claim, claim_line, harm_sentence
from finis.diagnosis.engine import Judged, catalogue
from finis.diagnosis.missing import Where
from finis.terms import Confidence, Harm, word

if TYPE_CHECKING:
    from finis.correlation.stories import Refusal, Story

TOP_HOSTS = 20
EXAMPLES = 3
_PLACEHOLDER = re.compile(r"\{(client|client_p|client_if|server|server_p|server_if)\}")


@dataclass(frozen=True, slots=True)
class Example:
    """One member of a finding in words.  `at` is where it stands: the place of a denial's line,
    of a connection's Teardown, or of a segment that shows its end."""

    subject: str  # 203.0.113.147:43918 → 172.17.77.250:443
    ts: datetime | None  # UTC: end of the connection, time of the denial
    conn_id: str | None
    row: int  # of connections or denials, as the finding's `table` says
    at: tuple[Proof, ...]
    confidence: Confidence
    claims: tuple[Claim, ...]
    alternatives: tuple[Alternative, ...]
    commands: tuple[str, ...]  # whose output would settle what is open

    def lines(self) -> list[str]:
        """One line of text per claim, with its proofs."""
        said = [claim_line(claim) for claim in self.claims]
        return [f"{self.subject}: {said[0]}", *said[1:]] if said else [self.subject]


@dataclass(frozen=True)
class Finding:
    """A cause, at one level of harm, with everything that shows it."""

    cause: type[Cause]
    harm: Harm
    confidence: Confidence  # the lowest among the members
    connections: int
    denials: int
    of_connections: int  # how many there are in all, for shares
    of_denials: int
    contributing: int  # connections it contributes to, beside another primary cause
    packets: int  # packets the denials stand for
    first_ts: datetime | None
    last_ts: datetime | None
    hosts: tuple[tuple[str, int], ...]  # the most frequent hosts, and in how many members
    examples: tuple[Example, ...]
    remedy: dict[str, str]  # product → what to change, for these hosts

    @property
    def id(self) -> str:
        return self.cause.id

    @property
    def name(self) -> str:
        return self.cause.name

    @property
    def title(self) -> str:
        return self.cause.title

    @property
    def table(self) -> str:
        return self.cause.table

    @property
    def harm_why(self) -> str:
        return harm_sentence(self.cause.harm_why)

    @property
    def not_this(self) -> tuple[str, ...]:
        return self.cause.not_this

    @property
    def references(self) -> tuple[str, ...]:
        return self.cause.references

    @property
    def share(self) -> float:
        """Part of all connections (denials, for a cause of denials) that it explains, 0 to 1."""
        if self.table == "connections":
            return self.connections / self.of_connections if self.of_connections else 0.0
        return self.denials / self.of_denials if self.of_denials else 0.0

    @cached_property
    def alternatives(self) -> tuple[Alternative, ...]:
        """Of all examples, each once."""
        found = (item for example in self.examples for item in example.alternatives)
        return tuple({item.text: item for item in found}.values())

    @cached_property
    def commands(self) -> tuple[str, ...]:
        """Of all examples, each once: what would settle what is left open."""
        return tuple(
            dict.fromkeys(command for example in self.examples for command in example.commands)
        )

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
            "hosts": [host for host, _ in self.hosts],
            "evidence": [line for example in self.examples for line in example.lines()],
            "not_this": list(self.not_this),
            "remedy": [f"{product}: {what}" for product, what in self.remedy.items()],
            "references": list(self.references),
        }


def findings(judged: Judged, limit: int = EXAMPLES) -> list[Finding]:
    """Every cause that is primary somewhere: the harmful first, then the most frequent.

    At most `limit` examples each.  Copies (`duplicate_of`) are not counted.
    """
    found = [
        *_of(judged, judged.connections, "connections", limit),
        *_of(judged, originals(judged.denials), "denials", limit),
    ]
    return sorted(found, key=lambda item: (-item.harm, -(item.connections + item.denials), item.id))


def originals(denials: pl.DataFrame) -> pl.DataFrame:
    """Denials without the copies of other lines."""
    return denials.filter(pl.col("duplicate_of").is_null())


def filled(text: str, where: Where) -> str:
    """A remedy for these hosts: its placeholders replaced by names that can stand in a command."""
    values = where.fields()
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def remedies(cause: type[Cause], row: Mapping[str, Any]) -> dict[str, str]:
    """The cause's remedies for one row of connections or denials."""
    where = Where.of(row) if cause.table == "connections" else Where.of_denial(row)
    return {product: filled(text, where) for product, text in cause.remedy.items()}


# The two ends of a row, and what makes it telling as an example: seen in captures and log, at
# several points, with what followed; a denial with the connection and packet it belongs to.
_ENDS = {
    "connections": ("orig_h", "orig_p", "resp_h", "resp_p"),
    "denials": ("src_h", "src_p", "dst_h", "dst_p"),
}


def _telling(table: str) -> pl.Expr:
    sure = _level(pl.col("confidence"))
    if table == "connections":
        return (
            pl.col("has_packets").fill_null(False).cast(pl.Int8) * 2
            + pl.col("has_log").fill_null(False).cast(pl.Int8) * 2
            + pl.min_horizontal(pl.col("n_points").fill_null(0), 2)
            + (pl.col("denials_after").fill_null(0) > 0).cast(pl.Int8)
            + sure
        )
    return (
        pl.col("story").is_not_null().cast(pl.Int8) * 2
        + pl.col("segment_frame").is_not_null().cast(pl.Int8) * 2
        + pl.col("teardown_file").is_not_null().cast(pl.Int8)
        + sure
    )


def _of(judged: Judged, frame: pl.DataFrame, table: str, limit: int) -> list[Finding]:
    known = catalogue()
    total = frame.height
    beside = _beside(frame) if table == "connections" else {}
    # Only what grouping needs is carried along; whole rows are fetched for the few examples.
    narrow = frame.select(
        "cause", "harm", "row", *_ENDS[table],
        pl.int_range(pl.len()).alias("at"), _telling(table).alias("telling"),
    )  # fmt: skip
    members_of = narrow.partition_by("cause", "harm", as_dict=True, include_key=False)
    found = []
    for group in _groups(frame, table).iter_rows(named=True):
        cause = known[group["cause"]]
        members = members_of[group["cause"], group["harm"]]
        chosen = [frame.row(at, named=True) for at in _chosen(members, table, limit)]
        found.append(
            Finding(
                cause=cause,
                harm=_harm(group["harm"]),
                confidence=Confidence(group["least"]),
                connections=group["members"] if table == "connections" else 0,
                denials=group["members"] if table == "denials" else 0,
                of_connections=total if table == "connections" else 0,
                of_denials=total if table == "denials" else 0,
                contributing=beside.get(cause.id, 0),
                packets=group["packets"],
                first_ts=group["first"],
                last_ts=group["last"],
                hosts=_hosts(members, table),
                examples=tuple(_example(judged, cause, table, row) for row in chosen),
                remedy=_common_remedy(cause, frame, members, table),
            )
        )
    return found


def _groups(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    start, end = ("first_ts", "last_ts") if table == "connections" else ("ts", "ts")
    packets = pl.col("count").fill_null(1).sum() if table == "denials" else pl.lit(0)
    return (
        frame.group_by("cause", "harm")
        .agg(
            pl.len().alias("members"),
            packets.alias("packets"),
            pl.col(start).min().alias("first"),
            pl.col(end).max().alias("last"),
            _level(pl.col("confidence")).min().alias("least"),
        )
        .sort("cause", "harm")
    )


def _level(column: pl.Expr) -> pl.Expr:
    """The code of a confidence's word."""
    return column.replace_strict(
        {word(level): int(level) for level in Confidence},
        default=int(Confidence.POSSIBLE),
        return_dtype=pl.UInt8,
    )


def _harm(text: str) -> Harm:
    return {word(level): level for level in Harm}[text]


def _beside(frame: pl.DataFrame) -> dict[str, int]:
    """How many connections each cause contributes to."""
    named = frame.select(pl.col("contributing").fill_null("").alias("ids"))
    named = named.filter(pl.col("ids") != "").select(pl.col("ids").str.split(",")).explode("ids")
    counted = named.group_by("ids").len()
    return dict(zip(counted["ids"].to_list(), counted["len"].to_list(), strict=True))


def _chosen(members: pl.DataFrame, table: str, limit: int) -> list[int]:
    """Positions of the most telling members, of different hosts as far as there are any."""
    order = ["telling", "row"]
    down = [True, False]
    host, _, peer, _ = _ENDS[table]
    best = members.group_by(host, peer).agg(pl.all().sort_by(order, descending=down).first())
    best = best.sort(order, descending=down).head(limit)
    if best.height < limit:
        rest = members.filter(~pl.col("row").is_in(best["row"].to_list()))
        more = rest.sort(order, descending=down).head(limit - best.height)
        best = pl.concat([best.select("at"), more.select("at")])
    positions: list[int] = best["at"].to_list()
    return positions


def _hosts(members: pl.DataFrame, table: str) -> tuple[tuple[str, int], ...]:
    """The hosts in most members.  Polars counts in the frame's own memory; only the top is kept."""
    ends = _ENDS[table][::2]
    counted = (
        pl.concat([members.select(pl.col(end).alias("host")) for end in ends])
        .drop_nulls()
        .group_by("host")
        .len()
        .sort(["len", "host"], descending=[True, False])
        .head(TOP_HOSTS)
    )
    return tuple(zip(counted["host"].to_list(), counted["len"].to_list(), strict=True))


def _common_remedy(
    cause: type[Cause], frame: pl.DataFrame, members: pl.DataFrame, table: str
) -> dict[str, str]:
    """Remedies for the most frequent server; a client is named only if all members have it."""
    if not cause.remedy:
        return {}
    ends = _ENDS[table][2:] if table == "connections" else _ENDS[table]
    counted = members.group_by(ends).agg(pl.len(), pl.col("row").min(), pl.col("at").min())
    most = counted.sort(["len", "row"], descending=[True, False])["at"][0]
    row = frame.row(most, named=True)
    if table == "connections":
        for name in ("orig_h", "orig_p"):
            if members[name].n_unique() > 1:
                row[name] = None
    return remedies(cause, row)


def _example(judged: Judged, cause: type[Cause], table: str, row: dict[str, Any]) -> Example:
    if table == "connections":
        story = judged.stories.story(row["row"])
        return Example(
            subject=f"{words.endpoint(row['orig_h'], row['orig_p'])} → "
            f"{words.endpoint(row['resp_h'], row['resp_p'])}",
            ts=row["last_ts"],
            conn_id=row["conn_id"],
            row=row["row"],
            at=_place(story),
            confidence=Confidence[row["confidence"].upper()],
            claims=tuple(cause.claims(story)),
            alternatives=tuple(cause.alternatives(story)),
            commands=tuple(cause.missing(story)),
        )
    refusal = judged.stories.refusal(row["row"])
    return Example(
        subject=f"{words.endpoint(row['src_h'], row['src_p'])} → "
        f"{words.endpoint(row['dst_h'], row['dst_p'])}",
        ts=row["ts"],
        conn_id=None if refusal.story is None else refusal.story.row["conn_id"],
        row=row["row"],
        at=_place_of_denial(refusal),
        confidence=Confidence[row["confidence"].upper()],
        claims=tuple(cause.claims(refusal)),
        alternatives=tuple(cause.alternatives(refusal)),
        commands=tuple(cause.missing(refusal)),
    )


def _place(story: Story) -> tuple[Proof, ...]:
    """Where the end of a connection stands: its Teardown, and its last segment at every point."""
    last = tuple(seen.proof(seen.tail[-1]) for seen in story.seen if len(seen.tail))
    log = story.teardown or story.built
    return (*(() if log is None else (log,)), *last)


def _place_of_denial(refusal: Refusal) -> tuple[Proof, ...]:
    row = refusal.row
    if row.get("segment_file") is None or row.get("segment_frame") is None:
        return (refusal.proof,)
    return (refusal.proof, Proof(row["segment_file"], row["segment_frame"], "frame"))
