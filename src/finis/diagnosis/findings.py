"""From verdicts row by row to findings: each cause with what shows it and what to do about it.

A cause whose members differ in harm gives one finding per harm, so that three harmful connections
do not hide among thousands of harmless ones, nor frighten on behalf of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from finis.correlation.stories import Proof
from finis.diagnosis.cause import Alternative, Cause, Claim, claim_line, harm_sentence
from finis.diagnosis.missing import Where
from finis.lazily import regex
from finis.records import dataclass, field
from finis.terms import Confidence, Harm, word

if TYPE_CHECKING:
    from finis.correlation.stories import Story

TOP_HOSTS = 20
EXAMPLES = 3
PLACEHOLDER = regex(
    r"\{(client|client_p|client_if|server|server_p|server_if|server_seen|server_seen_p)\}"
)


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
    story: Story | None = field(default=None, compare=False, repr=False)  # of a connection

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
    product: str | None = None  # the firewall's make, if all members have the same

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
        return tuple(text for text in self.cause.references if concerns(text, self.product))

    @property
    def beside(self) -> bool:
        """Is it no verdict of any row, but named beside verdicts that are less grave?"""
        return not self.connections and not self.denials

    @property
    def share(self) -> float:
        """Part of all connections (denials, for a cause of denials) that it explains, or stands
        beside, 0 to 1."""
        if self.table == "connections":
            members = self.contributing if self.beside else self.connections
            return members / self.of_connections if self.of_connections else 0.0
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


def originals(denials: pl.DataFrame) -> pl.DataFrame:
    """Denials without the copies of other lines."""
    return denials.filter(pl.col("duplicate_of").is_null())


def filled(text: str, where: Where) -> str:
    """A remedy for these hosts: its placeholders replaced by names that can stand in a command."""
    values = where.fields()
    return PLACEHOLDER.sub(lambda match: values[match[1]], text)


# Makes of firewall that remedies and references know, with the words by which these name them.
MAKES = {"ASA": ("ASA", "FTD", "Cisco"), "netfilter": ("netfilter",)}


def concerns(text: str, product: str | None) -> bool:
    """Does a remedy's addressee or a reference concern this make of firewall, or any?"""
    if product not in MAKES:
        return True
    first = text.split(" ", 1)[0]
    return first in MAKES[product] or not any(first in names for names in MAKES.values())


def remedies(cause: type[Cause], row: Mapping[str, Any]) -> dict[str, str]:
    """The cause's remedies for one row of connections or denials, for its firewall's make."""
    where = Where.of(row) if cause.table == "connections" else Where.of_denial(row)
    return {
        whom: filled(text, where)
        for whom, text in cause.remedy.items()
        if concerns(whom, row.get("product"))
    }
