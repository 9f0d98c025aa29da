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
Harmful where the client's data is refused: the server will not act on it. Harmless where only a TLS
farewell was refused, whether it was sent after the FIN or crossed it, and the capture shows that it
spoke TLS. Depends where the client no longer wanted the rest of a response, and where it sent a few
bytes and closed at once, without waiting for an answer.

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
from finis.terms import Confidence, Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


AT_ONCE_S = 0.01
SMALL_BYTES = 100
# One alert of the JDK in TLS 1.3, which pads it with 16 zeros, or two: user_canceled, close_notify.
JDK_ALERT_BYTES = (40, 80)


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
        # A RST is never answered with a RST: a sender that aborted did so on its own account.
        & facts.no(closer.peer.aborted & (closer.peer.reset_it | closer.col("dropped_rst")))
    )


def _waits_for_no_answer(sender: facts.Half) -> pl.Expr:
    """It closed right after a few bytes, before any answer could come, or they have the size of
    what the JDK says in TLS 1.3: perhaps a farewell, hardly a request."""
    gap, size = sender.col("fin_s") - sender.col("data_s"), sender.col("data_after_fin")
    closed = (gap >= 0) & (gap <= AT_ONCE_S) & (size <= SMALL_BYTES)
    return closed | (sender.proto("tls") & size.is_in(JDK_ALERT_BYTES))


def _closer(story: Story) -> Side:
    klass = telling.public(story, Side.RESP, "rst_class")
    return Side.RESP if klass in ("data-after-close", "no-state", "no-state-ack") else Side.ORIG


class DataAfterClose(Cause):
    id, name, table = "END310", "data-after-close", "connections"
    title = "data reached a side that had closed, which answered with a RST"
    beats = ("END304", "END305", "END306", "END311", "END405", "END207")
    confidence = facts.confidence(
        (_refused(facts.ORIG) & facts.RESP.aborted, Confidence.LIKELY),
        (_refused(facts.RESP) & facts.ORIG.aborted, Confidence.LIKELY),
        # With the ACK bit an abort just before the data arrived looks the same.
        (
            facts.RESP.rst_class("no-state-ack") | facts.ORIG.rst_class("no-state-ack"),
            Confidence.LIKELY,
        ),
        (pl.col("capture_loss"), Confidence.LIKELY),
        otherwise=Confidence.CERTAIN,
    )
    harm = facts.harm(
        (
            _refused(facts.RESP)
            & facts.no(facts.ORIG.farewell_refused)
            & facts.no(_waits_for_no_answer(facts.ORIG)),
            Harm.HARMFUL,
        ),
        (facts.data_lost(), Harm.DEPENDS),
        (facts.ORIG.farewell_seen | facts.RESP.farewell_seen, Harm.HARMLESS),
        otherwise=Harm.DEPENDS,
    )
    harm_why = "the data sent after the FIN was thrown away; only a TLS farewell is no loss"
    remedy = {
        "host": "the side that closed: shut down the sending half and read to the end before"
        " closing",
        "nginx": "lingering_close always; lingering_timeout 5s",
        "client": "notice the peer's FIN before sending more (a pool tests its idle connections);"
        " wait for the whole response before closing",
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
