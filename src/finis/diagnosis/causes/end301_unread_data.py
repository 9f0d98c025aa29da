"""A side closed while data was still on its way to it or unread: FIN, then RST.

## What happened
A program closed its socket although bytes had arrived that it had not read, or were about to. The
stack tells the peer that they are lost: it sends a RST, after the FIN it may already have sent.

## Evidence
The side's FIN, its own RST with the next SEQ, and data of the peer that reached it immediately
before the FIN or between FIN and RST. What the program had read is not visible, so this is likely,
never certain.

## Look-alikes
Without such data in view the reason stays open (END302, END303, END304). A RST that answers data
after the close, with the ACK of that data as its SEQ, is END310. An injected RST (END316) differs
in TTL or numbers.

## Harm
Harmless where the lost bytes are a closing TLS alert; depends otherwise: the reader chose not to
read, and the writer may never learn how much arrived.

## What to change
Read to the end before closing: shut down the sending half, read until end of file, then close.

## References
RFC 1122 §4.2.2.13; RFC 2525 §2.17; RFC 9293 §3.10.5. Linux, macOS, lwIP and Windows reset on such
a close; FreeBSD and NetBSD do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.causes import _aborts
from finis.terms import Confidence, Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class UnreadData(Cause):
    id, name, table = "END301", "fin-then-rst-unread-data", "connections"
    title = "one side closed with data unread: FIN, then RST"
    beats = (*facts.FIN_THEN_RST, *facts.ABORTS, "END311")
    confidence = Confidence.LIKELY
    harm = facts.harm(
        (facts.data_lost(), Harm.DEPENDS),
        (facts.ORIG.only_alert_after_fin | facts.RESP.only_alert_after_fin, Harm.HARMLESS),
        otherwise=Harm.DEPENDS,
    )
    harm_why = "on whether the bytes that were thrown away mattered"
    remedy = {
        "client": "shut down the sending half, read until end of file, then close",
        "nginx": "lingering_close always; lingering_timeout 5s",
        "ASA": "none: the firewall only reports it",
        "Linux": "in the program: shutdown(SHUT_WR), read until end of file, then close; `ss -tn`"
        " shows unread bytes as Recv-Q",
        "Windows": "shutdown(SD_SEND), recv until it returns 0, then closesocket",
        "HAProxy": "leave `option nolinger` out of the proxy: it closes with RST",
    }
    references = ("RFC 1122 §4.2.2.13", "RFC 2525 §2.17", "RFC 9293 §3.10.5")
    not_this = (
        "not a missing close_notify: that cannot make a TCP stack send a RST",
        "not an answer to data after the close: the RST has the side's own next number and ACK bit",
    )

    @classmethod
    def where(cls) -> pl.Expr:
        return _closed_unread(facts.ORIG) | _closed_unread(facts.RESP)

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        side = _side(story)
        peer = Side(1 - side)
        data, closing = story.find(Role.LAST_DATA, peer), story.find(Role.FIN, side)
        claims = [*telling.fin(story, side), *telling.rst_beyond_fin(story, side)]
        if data is not None and closing is not None:
            size = telling.count(int(data.segment["payload_len"]), "byte")
            lag = telling.between(data, closing) or 0.0
            when = "before" if lag >= 0 else "after"
            text = (
                f"{telling.upper(telling.who(story, peer))} had sent {size} "
                f"{telling.span(lag)} {when} that FIN."
            )
            claims.append(Claim(text, (data.proof, closing.proof)))
        text = "A close with bytes unread makes the stack send a RST."
        claims.append(Claim(text, telling.rst_proofs(story, side), _aborts.NOTIFY_RULE))
        return [*claims, *telling.stateless_reply(story, peer), *telling.log_end(story)]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            *telling.why_abort(_side(story), after_fin=True)[1:],
            *_aborts.server_state(story, _peer(story)),
        ]


def _closed_unread(side: facts.Half) -> pl.Expr:
    return _aborts.fin_then_rst(side) & _aborts.fresh_data(side)


def _side(story: Story) -> Side:
    after = telling.column(story, Side.ORIG, "rst_after_own_fin_s")
    return Side.RESP if after is None or after < 0 else Side.ORIG


def _peer(story: Story) -> Side:
    return Side(1 - _side(story))
