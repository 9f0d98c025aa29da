"""One side closed, the other never did.

## What happened
A side sent FIN; until the end of what was observed the other sent neither FIN nor RST. Its socket
stands in CLOSE-WAIT: the program has not closed it, or it is still sending.

## Evidence
One FIN, no other, no RST, in a capture that went on after it.

## Look-alikes
A capture that ends there (END903). A firewall's half-closed timer names itself in the log (END403).

## Harm
Depends: a half-close in use is legitimate; sockets left in CLOSE-WAIT pile up.

## What to change
In the program that does not close: close the socket at end of file.

## References
RFC 9293 §3.6 and §3.3.2 (CLOSE-WAIT).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Confidence, Harm, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class HalfClosed(Cause):
    id, name, table = "END405", "half-closed", "connections"
    title = "one side closed, the other never did"
    beats = ("END901", "END902")
    confidence = facts.confidence(
        (pl.col("capture_loss"), Confidence.POSSIBLE),
        (facts.no(pl.col("cut_end")), Confidence.LIKELY),
        otherwise=Confidence.POSSIBLE,
    )
    harm = Harm.DEPENDS
    harm_why = "on whether the open side was still sending or had forgotten to close"
    remedy = {
        "Linux": "ss -tnp state close-wait on the host that did not close names the program",
        "application": "close the socket at end of file",
        "Windows": "netstat -ano | findstr CLOSE_WAIT names the process",
        "HAProxy": "timeout client-fin 30s and timeout server-fin 30s bound half-closed sessions",
    }
    references = ("RFC 9293 §3.6", "RFC 9293 §3.3.2")
    not_this = ("not closed: only one side sent FIN", "not reset: no RST was accepted")

    @classmethod
    def where(cls) -> pl.Expr:
        return facts.ended("half-closed") & facts.no(pl.col("cut_end"))

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        closer = telling.side_of(story.row.get("first_fin")) or Side.ORIG
        text = f"No FIN of {telling.who(story, Side(1 - closer))} followed."
        return [*telling.fin(story, closer), Claim(text), *telling.log_end(story)]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return missing.both_sides(missing.Where.of(story.row))
