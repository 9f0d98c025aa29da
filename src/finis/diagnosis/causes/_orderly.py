"""What the causes of orderly closes share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Claim
from finis.terms import Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


def closed_by(side: facts.Half) -> pl.Expr:
    """Both FINs were sent and acknowledged, this side's first."""
    return facts.ended("closed") & side.fin_first & facts.no(pl.col("simultaneous_close"))


def claims(story: Story, closer: Side) -> list[Claim]:
    """Both FINs with their acknowledgements, in order."""
    other = Side(1 - closer)
    return [
        *telling.fin(story, closer, "closed first"),
        *telling.fin_gap(story, closer),
        *telling.fin(story, other, "closed too"),
        *three_segments(story, closer),
        *farewell(story, closer),
        *telling.log_end(story),
        *telling.denied_after(story),
    ]


def three_segments(story: Story, closer: Side) -> list[Claim]:
    """The second FIN was also the first acknowledgement of the first."""
    other = Side(1 - closer)
    second, acknowledges = story.find(Role.FIN, other), story.find(Role.ACKS_FIN, other)
    if second is None or acknowledges is None or second.proof != acknowledges.proof:
        return []
    text = "The close took three segments: the second FIN acknowledged the first."
    return [Claim(text, (second.proof,), "RFC 9293 §3.6")]


def farewell(story: Story, closer: Side) -> list[Claim]:
    """TLS farewells; one sent after the first FIN was still accepted by the side that closed."""
    other = Side(1 - closer)
    claims = [*telling.close_notify(story, closer), *telling.close_notify(story, other)]
    after = telling.column(story, other, "data_after_fin") or 0
    if claims and after:
        text = (
            f"The {telling.role(other)}'s last {telling.count(after, 'byte')} came after the "
            f"{telling.role(closer)}'s FIN, and the {telling.role(closer)} accepted them: it had "
            "closed its sending half only."
        )
        shown = (
            *telling.proofs(story, Role.LAST_DATA, other),
            *telling.proofs(story, Role.LAST_ACK, closer),
        )
        claims.append(Claim(text, shown, "RFC 9293 §3.6"))
    return claims
