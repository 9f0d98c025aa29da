"""Endings that a firewall states in its log: it decided, and says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import polars as pl

from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Confidence, Harm, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story

# What packets may show of an ending that the firewall itself brought about: anything but an
# orderly close (which `where` excludes).
SYMPTOMS = (
    *facts.ORDERLY_WEAK, *facts.FIN_THEN_RST, *facts.ABORTS,
    "END101", "END102", "END103", "END104", "END105", "END106", "END107", "END108",
    "END109", "END110", "END111", "END113", "END211", "END301", "END310", "END311", "END312",
    "END313", "END316",
    "END320", "END321", "END322", "END323", "END324", "END325", "END331", "END391", "END405",
    "END406", "END407", "END408", "END409", "END410", "END411", "END601", "END603", "END605",
    "END606",
)  # fmt: skip


def used_afterwards() -> pl.Expr:
    """A host sent data or an ACK on it when it was gone, and was refused."""
    return (pl.col("data_denied") > 0) | (pl.col("acks_denied") > 0)


def still_used() -> pl.Expr:
    """Harm of a connection that the hosts had not ended."""
    return facts.harm((used_afterwards(), Harm.HARMFUL), otherwise=Harm.DEPENDS)


class FirewallStated(Cause):
    """Base: the Teardown gives one of `reasons`, and packets show no orderly end before it."""

    reasons: ClassVar[tuple[str, ...]]
    withstands_loss: ClassVar[bool] = True
    beats: ClassVar[tuple[str, ...]] = (*SYMPTOMS, "END501")
    table: ClassVar[Literal["connections", "denials"]] = "connections"
    # Where the log shows states only, the reason follows from the last one.
    confidence: ClassVar[Any] = facts.confidence(
        (pl.col("certainty") == "implied", Confidence.LIKELY), otherwise=Confidence.CERTAIN
    )
    harm: ClassVar[Any] = Harm.DEPENDS
    references: ClassVar[tuple[str, ...]] = ("Cisco ASA syslog 302014",)
    not_this: ClassVar[tuple[str, ...]] = (
        "not an ending by client or server: the firewall names a reason of its own",
    )

    @classmethod
    def where(cls) -> pl.Expr:
        return facts.teardown(*cls.reasons) & facts.no(facts.peaceful())

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return [
            *telling.log_end(story),
            *telling.fin(story, Side.ORIG),
            *telling.fin(story, Side.RESP),
            *telling.firewall_dropped(story),
            *telling.denied_after(story),
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return [missing.dropped(missing.Where.of(story.row))]
