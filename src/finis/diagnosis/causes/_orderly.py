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
