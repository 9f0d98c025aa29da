"""The client closed first; the server then sent FIN and, at once, RST.

## What happened
The client sent FIN; the server closed in its turn, and its stack followed the FIN with a RST.

## Evidence
The client's FIN; the server's FIN; the server's RST with the number after its FIN and the ACK bit.
The sequence is certain, the reason is not visible.

## Look-alikes
As END302, with the sides exchanged. Unread data in view makes it END301.

## Harm
Harmless where all data of the server was acknowledged; depends otherwise.

## What to change
Nothing, or let the server read what the client sent before it closes (lingering close).

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


class ClientClosedServerAborted(Cause):
    id, name, table = "END303", "client-closed-server-aborted", "connections"
    names_side = True
    title = "client closed first, server then aborted (FIN, RST)"
    beats = ("END201", "END205", "END207", "END304", "END305", "END306", "END310", "END311")
    confidence = facts.confidence(
        (_aborts.closed_before(facts.ORIG), Confidence.LIKELY), otherwise=Confidence.CERTAIN
    )
    harm = facts.harm((facts.data_lost(), Harm.DEPENDS), otherwise=Harm.HARMLESS)
    harm_why = "both sides had closed"
    remedy = {
        "nginx": "lingering_close always, if responses are reported as cut short",
        "Linux": "in the program: shutdown(SHUT_WR), read until end of file, then close; `ss -tn`"
        " shows unread bytes as Recv-Q",
        "Windows": "shutdown(SD_SEND), recv until it returns 0, then closesocket",
        "HAProxy": "leave `option nolinger` out of the proxy: it closes with RST",
    }
    references = ("RFC 9293 §3.6", "RFC 9293 §3.10.5", "RFC 1122 §4.2.2.13")
    not_this = (
        "not an orderly close: the server's FIN was followed by its own RST",
        "not caused by a missing close_notify: that cannot make a TCP stack send a RST",
    )

    @classmethod
    def where(cls) -> pl.Expr:
        closed = (facts.ORIG.fin & facts.ORIG.fin_first) | _aborts.closed_before(facts.ORIG)
        return _aborts.fin_then_rst(facts.RESP) & closed

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return _aborts.closed_then_aborted(story, Side.ORIG)

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            *_aborts.server_state(story, Side.ORIG),
            *telling.why_abort(Side.RESP, after_fin=True),
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return _aborts.captures(story)
