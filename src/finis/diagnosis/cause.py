"""A cause is data: one module, one class, an id that never changes.

The module's docstring is its documentation page and has the sections `SECTIONS`.  The class
declares what it explains (`table`), the condition (`where`, a Polars expression over
`tables.CONNECTIONS` + `tables.STORY_FACTS`, or `tables.DENIALS` + `tables.DENIAL_FACTS` and
what `denials._facts.answered` adds; null counts as false), how sure it is and how harmful
(constants or expressions), what it beats, and how one example of it is put into words with its
proof.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from finis.correlation.stories import Proof
from finis.records import dataclass
from finis.terms import Confidence, Harm

if TYPE_CHECKING:
    import polars as pl

SECTIONS = (
    "What happened",
    "Evidence",
    "Look-alikes",
    "Harm",
    "What to change",
    "References",
)


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence of evidence, and what proves it (a rule: the standard's section)."""

    text: str
    proofs: tuple[Proof, ...] = ()
    rule: str = ""


def claim_line(claim: Claim) -> str:
    """A claim as one line of text, with its proofs and rule."""
    where = ", ".join(str(proof) for proof in claim.proofs)
    why = "; ".join(part for part in (where, claim.rule) if part)
    return f"{claim.text} [{why}]" if why else claim.text


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another explanation that the evidence leaves open, and what would decide."""

    text: str
    decide: str = ""


def harm_sentence(why: str) -> str:
    """`Cause.harm_why` as it is read alone: those that begin with “on” or “to” are completed."""
    if why.startswith("on "):
        return f"depends {why}"
    return f"harmful {why}" if why.startswith("to ") else why


class Cause:
    """Base of every cause; subclasses are collected by `finis.diagnosis.engine.catalogue`."""

    id: ClassVar[str]  # END101, DNY203, PAT301
    name: ClassVar[str]  # kebab-case, as stable as the id
    title: ClassVar[str]  # one line, for findings: "server closed, client then aborted"
    since: ClassVar[str] = "0.1"
    table: ClassVar[Literal["connections", "denials"]]
    beats: ClassVar[tuple[str, ...]] = ()  # ids this one is more specific than (transitively)
    contributes: ClassVar[bool] = False  # also named beside another primary cause
    only_contributes: ClassVar[bool] = False  # never primary
    withstands_loss: ClassVar[bool] = False  # holds whatever a capture has missed
    names_side: ClassVar[bool] = False  # tells client from server: no surer than the orientation
    fallback: ClassVar[bool] = False  # beaten by every cause of its table that is no fallback
    confidence: ClassVar[Any] = Confidence.CERTAIN  # Confidence, or pl.Expr giving its code
    harm: ClassVar[Any] = Harm.HARMLESS  # Harm, or pl.Expr giving its code
    harm_why: ClassVar[str] = ""  # why harmless, harmful to whom, or depending on what
    # Product ("ASA", "Linux", "client") → what to change.  {client} {client_p} {client_if} {server}
    # {server_p} {server_if} are filled in for the hosts of the finding; {server_seen}
    # {server_seen_p}: the server as the client sees it, where its address is translated.
    remedy: ClassVar[dict[str, str]] = {}
    references: ClassVar[tuple[str, ...]] = ()
    not_this: ClassVar[tuple[str, ...]] = ()  # look-alikes, and what separates them

    @classmethod
    def where(cls) -> pl.Expr:
        raise NotImplementedError(cls.id)

    @classmethod
    def claims(cls, story: Any) -> list[Claim]:
        """Evidence of one example.  `story` is a `finis.correlation.stories.Story` (a connection
        with its segments and log lines) or `…stories.Refusal` (a denial with what precedes it)."""
        return []

    @classmethod
    def alternatives(cls, story: Any) -> list[Alternative]:
        """What else could explain this example, and what would decide."""
        return []

    @classmethod
    def missing(cls, story: Any) -> list[str]:
        """Commands whose output would settle what this example leaves open (`finis.diagnosis.
        missing` writes them); empty where nothing is open."""
        return []
