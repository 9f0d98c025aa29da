"""The capture ended before the connection did.

## What happened
The last segments seen are those of a connection in use or in the middle of its close, and the
capture stops with them.

## Evidence
No complete ending, and the capture's last packet within a second of the connection's.

## Look-alikes
A host that vanished at just that moment.

## Harm
None up to the end of the capture; nothing is known of the rest.

## What to change
Capture longer, in a ring buffer.

## References
tcpdump manual: options -C, -G and -W.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Confidence, Harm, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class CaptureEnded(Cause):
    id, name, table = "END903", "capture-ended", "connections"
    title = "the capture ended before the connection did"
    beats = ("END901", "END902")
    fallback = True
    confidence = Confidence.LIKELY
    harm = facts.harm((facts.data_lost(), Harm.DEPENDS), otherwise=Harm.HARMLESS)
    harm_why = "nothing is wrong up to there; what came after the capture is not known"
    remedy = {
        "capture": "a ring buffer: tcpdump -C 100 -W 20",
        "ASA": "capture … circular-buffer",
    }
    references = ("tcpdump(8): -C, -G, -W",)
    not_this = ("not known to be cut off: the capture simply stops",)

    @classmethod
    def where(cls) -> pl.Expr:
        return (
            pl.col("cut_end")
            & facts.ended("open", "half-closed", "closing", "unanswered")
            & pl.col("teardown").is_null()
        )

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return [
            *telling.fin(story, Side.ORIG),
            *telling.fin(story, Side.RESP),
            Claim("The capture's last packet is within a second of the connection's last segment."),
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return missing.both_sides(missing.Where.of(story.row))
