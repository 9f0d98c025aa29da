"""A side that had closed answered data with a RST.

## What happened
One side closed for good, sending as well as receiving; the other had more to send. The data met a
socket that nobody would ever read from, and the stack answered with a RST.

## Evidence
The side's FIN, new data of the peer after it, and a RST without ACK bit whose SEQ is the ACK of
that data.

## Look-alikes
FIN followed by the side's own abort (END301 to END304): the ACK bit is set and no data comes
between. A request that crosses the server's FIN is END313.

## Harm
Harmful where the client's data is refused: the server will not act on it. Harmless where only a
TLS farewell was refused. Depends where the client no longer wanted the rest of a response.

## What to change
Close only the sending half, read until end of file, then close.

## References
RFC 9293 §3.10.7.1; RFC 1122 §4.2.2.13; RFC 2525 §2.17; RFC 8446 §6.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


def _refused(closer: facts.Half) -> pl.Expr:
    return (
        closer.fin
        & closer.rst
        & (
            closer.rst_class("data-after-close")
            | (
                closer.rst_class("no-state", "no-state-ack")
                & closer.rst_answers("data")
                & (closer.col("rst_after_own_fin_s") >= 0)
            )
        )
        & facts.no(facts.peaceful())
        & facts.no(closer.col("rst_accept") == "outside")
    )


def _closer(story: Story) -> Side:
    klass = telling.public(story, Side.RESP, "rst_class")
    return Side.RESP if klass in ("data-after-close", "no-state", "no-state-ack") else Side.ORIG


class DataAfterClose(Cause):
    id, name, table = "END310", "data-after-close", "connections"
    title = "data reached a side that had closed, which answered with a RST"
    beats = ("END304", "END305", "END306", "END311", "END405", "END207")
    harm = facts.harm(
        (_refused(facts.RESP) & facts.no(facts.ORIG.only_alert_after_fin), Harm.HARMFUL),
        (facts.data_lost(), Harm.DEPENDS),
        (facts.ORIG.only_alert_after_fin | facts.RESP.only_alert_after_fin, Harm.HARMLESS),
        otherwise=Harm.DEPENDS,
    )
    harm_why = "the data sent after the FIN was thrown away; only a TLS farewell is no loss"
    remedy = {
        "server": "shut down the sending half and read to the end before closing",
        "nginx": "lingering_close always; lingering_timeout 5s",
        "client": "wait for the whole response before closing",
        "Linux": "in the program: shutdown(SHUT_WR), read until end of file, then close; `ss -tn`"
        " shows unread bytes as Recv-Q",
        "Windows": "shutdown(SD_SEND), recv until it returns 0, then closesocket",
        "HAProxy": "timeout client-fin and timeout server-fin long enough for the rest of a"
        " response",
    }
    references = ("RFC 9293 §3.10.7.1", "RFC 1122 §4.2.2.13", "RFC 2525 §2.17")
    not_this = (
        "not an abort: the RST carries the number of the data it answers",
        "not a missing close_notify: that cannot make a TCP stack send a RST",
    )

    @classmethod
    def where(cls) -> pl.Expr:
        return _refused(facts.ORIG) | _refused(facts.RESP)

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        closer = _closer(story)
        sender = Side(1 - closer)
        size = telling.column(story, sender, "data_after_fin") or 0
        claims = telling.fin(story, closer)
        if size:
            text = (
                f"{telling.upper(telling.who(story, sender))} sent "
                f"{telling.count(size, 'new byte')} after that FIN."
            )
            claims.append(Claim(text, telling.proofs(story, Role.LAST_DATA, sender)))
        return [
            *claims,
            *telling.close_notify(story, sender),
            *telling.rst(story, closer),
            *telling.log_end(story),
            *telling.denied_after(story),
        ]
