"""One side sent FIN and then RST, before the other had closed.

## What happened
A side closed and its stack followed the FIN with a RST: it wanted neither to send nor to receive
any more. The other side had not closed.

## Evidence
The FIN, then the RST with the next number of the same side and the ACK bit, with no FIN of the
peer before it.

## Look-alikes
END302 and END303, where the peer had closed first; END301, where unread data is in view; END310,
where the RST answers data.

## Harm
Depends: on whether the peer still had something to say. A browser that leaves does this.

## What to change
If transfers are reported as cut: read to the end before closing.

## References
RFC 9293 §3.6, §3.10.5; RFC 1122 §4.2.2.13; RFC 2525 §2.17.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.causes import _aborts
from finis.terms import Confidence, Harm, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class ClosedThenAborted(Cause):
    id, name, table = "END304", "closed-then-aborted", "connections"
    title = "one side closed and aborted at once (FIN, RST)"
    beats = ("END305", "END306", "END311", "END405")
    # Where the beginning is missing, so may be the other side's FIN.
    confidence = facts.confidence(
        (pl.col("midstream") | pl.col("capture_loss"), Confidence.LIKELY),
        otherwise=Confidence.CERTAIN,
    )
    harm = Harm.DEPENDS
    harm_why = "on whether the other side still had data to deliver"
    remedy = {
        "client": "read to the end before closing",
        "nginx": "lingering_close always",
        "Linux": "in the program: shutdown(SHUT_WR), read until end of file, then close; `ss -tn`"
        " shows unread bytes as Recv-Q",
        "Windows": "shutdown(SD_SEND), recv until it returns 0, then closesocket",
    }
    references = ("RFC 9293 §3.10.5", "RFC 1122 §4.2.2.13", "RFC 2525 §2.17")
    not_this = ("not an abort without FIN: the side had sent FIN first",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _aborts.fin_then_rst(facts.ORIG) | _aborts.fin_then_rst(facts.RESP)

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        side = _side(story)
        return [
            *telling.fin(story, side),
            *telling.rst_beyond_fin(story, side),
            *_aborts.why(story, side),
            *telling.stateless_reply(story, Side(1 - side)),
            *telling.log_end(story),
            *telling.denied_after(story),
        ]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return telling.why_abort(_side(story), after_fin=True)

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return _aborts.captures(story)


def _side(story: Story) -> Side:
    after = telling.column(story, Side.ORIG, "rst_after_own_fin_s")
    return Side.RESP if after is None or after < 0 else Side.ORIG
