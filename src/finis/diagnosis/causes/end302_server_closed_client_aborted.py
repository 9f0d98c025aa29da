"""The server closed first; the client then sent FIN and, at once, RST.

## What happened
The server sent FIN and waited. Some time later the client closed in its turn, but its stack
followed the FIN with a RST: the client gave the socket up rather than wait. If the server's side
had already forgotten the connection, it answers the client's FIN with a RST of its own.

## Evidence
The server's FIN, acknowledged; the client's FIN; the client's RST with the number after its FIN and
the ACK bit, which only the holder of the socket sends. This sequence is certain. Why the client
aborted is not visible: unread bytes are possible, and likely only where data is seen to reach it
right before (END301).

## Look-alikes
A missing close_notify is not a reason: no TCP stack knows of it. An orderly close (END202) ends
with an ACK of the client's FIN. An injected RST (END316) has alien numbers or TTL.

## Harm
Harmless: both sides had closed. It depends only if data of the client was still unacknowledged.

## What to change
Leave it. Where the denials that follow are a nuisance: on an ASA `sysopt connection timewait` keeps
a normally closed connection for at least 15 seconds and may absorb them (whether it also holds one
that ended FIN, FIN, RST is not documented); message 106015 can be lowered only with the knowledge
of what else that hides. On the server's side a longer FIN-WAIT-2; in the client, read to the end of
file and close promptly.

## References
RFC 9293 §3.6, §3.10.5, §3.10.7.1; RFC 1122 §4.2.2.13; RFC 2525 §2.17; RFC 8446 §6.1;
Cisco command reference: sysopt connection timewait.
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


class ServerClosedClientAborted(Cause):
    id, name, table = "END302", "server-closed-client-aborted", "connections"
    names_side = True
    title = "server closed first, client then aborted (FIN, RST)"
    beats = ("END202", "END205", "END207", "END304", "END305", "END306", "END310", "END311")
    confidence = facts.confidence(
        (_aborts.closed_before(facts.RESP), Confidence.LIKELY), otherwise=Confidence.CERTAIN
    )
    harm = facts.harm((facts.data_lost(), Harm.DEPENDS), otherwise=Harm.HARMLESS)
    harm_why = "both sides had closed; a RST after that reaches sockets that are already gone"
    remedy = {
        "ASA": "leave it; `sysopt connection timewait` keeps a normally closed connection for at "
        "least 15 s and may absorb the denial (whether it also holds one that ended FIN, FIN, RST "
        "is not documented); `no logging message 106015` hides every other cause of that message "
        "too",
        "netfilter": "leave it",
        "server": "a longer FIN-WAIT-2: the timer of the load balancer or proxy that owns {server}",
        "Linux": "on the server: net.ipv4.tcp_fin_timeout, TCP_LINGER2, net.ipv4.tcp_max_orphans",
        "client": "read until end of file and close promptly after the server's FIN",
        "HAProxy": "timeout client-fin and timeout server-fin not shorter than clients take to"
        " close",
        "Windows": "shutdown(SD_SEND), recv until it returns 0, then closesocket",
    }
    references = (
        "RFC 9293 §3.6",
        "RFC 9293 §3.10.5",
        "RFC 9293 §3.10.7.1",
        "RFC 1122 §4.2.2.13",
        "RFC 8446 §6.1",
    )
    not_this = (
        "not an orderly close: the client's FIN was followed by its own RST before an ACK of it",
        "not caused by a missing close_notify: that cannot make a TCP stack send a RST",
        "not an abort without FIN: both sides had sent FIN",
    )

    @classmethod
    def where(cls) -> pl.Expr:
        closed = (facts.RESP.fin & facts.RESP.fin_first) | _aborts.closed_before(facts.RESP)
        return _aborts.fin_then_rst(facts.ORIG) & closed

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return _aborts.closed_then_aborted(story, Side.RESP)

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            *_aborts.server_state(story, Side.RESP),
            *telling.why_abort(Side.ORIG, after_fin=True),
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return _aborts.captures(story)
