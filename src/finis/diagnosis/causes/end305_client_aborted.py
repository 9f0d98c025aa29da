"""The client aborted: a RST without a FIN of its own.

## What happened
The client's stack sent a RST with the next number of its own: the program gave the connection up
instead of closing it. Closing with unread bytes, SO_LINGER set to zero and a killed process all
look like this.

## Evidence
A RST with SEQ = SND.NXT, no FIN of the client, and the server had to accept it. Most stacks set the
ACK bit; a bare RST with that number is the form of RFC 9293 §3.10.5, and of devices that send it in
a host's name. Seen at one point only, any RST may be a device's: likely.

## Look-alikes
A RST whose SEQ is the ACK of a segment that its sender had not acknowledged comes from a host
without state (END311, END312). A RST by the firewall
(END501) is missing at one of two points. A forged RST (END316) has alien numbers or TTL. After
keep-alive probes without answer it is END408.

## Harm
Depends: a client may abort what it no longer wants. Harmless where no data had been sent at all, as
health checks and scanners do after the handshake, and where the server had closed before and all
it sent was acknowledged: Linux, for one, sends no FIN when a socket is closed with unread bytes.

## What to change
Nothing, unless users complain. Programs should shut down, read to the end of file and close; health
checks may set SO_LINGER to zero on purpose.

## References
RFC 9293 §3.10.5 (ABORT); RFC 1122 §4.2.2.13; RFC 2525 §2.17.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.causes import _aborts
from finis.terms import Harm, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class ClientAborted(Cause):
    id, name, table = "END305", "client-aborted", "connections"
    title = "the client aborted the connection (RST without FIN)"
    beats = ("END207", "END311", "END331", "END391", "END405")
    names_side = True
    confidence = _aborts.confidence(facts.ORIG)
    harm = facts.harm(
        (pl.col("orientation") == "guessed", Harm.DEPENDS),
        (facts.data_lost(), Harm.DEPENDS),
        (
            facts.ORIG.sent_nothing & facts.RESP.sent_nothing & facts.no(pl.col("midstream")),
            Harm.HARMLESS,
        ),
        (facts.RESP.fin & facts.RESP.col("fin_acked"), Harm.HARMLESS),
        otherwise=Harm.DEPENDS,
    )
    harm_why = "on whether the client had what it wanted; none if the server had closed before"
    remedy = {
        "client": "shut down, read to the end of file, close; no SO_LINGER of zero",
        "load balancer": "a monitor that closes with FIN, if {client} is a health check",
        "Linux": "in the program: shutdown(SHUT_WR), read until end of file, then close; `ss -tn`"
        " shows unread bytes as Recv-Q",
        "Windows": "shutdown(SD_SEND), recv until it returns 0, then closesocket",
        "HAProxy": "leave `option nolinger` out of the proxy: it closes with RST",
    }
    references = ("RFC 9293 §3.10.5", "RFC 1122 §4.2.2.13", "RFC 2525 §2.17")
    not_this = _aborts.NOT_AN_ABORT

    @classmethod
    def where(cls) -> pl.Expr:
        return _aborts.aborted_without_fin(facts.ORIG)

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return [
            *telling.fin(story, Side.RESP, "had closed before"),
            *telling.rst(story, Side.ORIG),
            *_aborts.confirmed(story, Side.ORIG),
            *telling.unacknowledged(story),
            *telling.log_end(story),
            *telling.denied_after(story),
        ]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        side = Side.ORIG
        return [
            *telling.why_abort(side),
            *_aborts.ack_set_all_the_same(story, side),
            *_aborts.by_a_device(story, side),
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return _aborts.captures(story)
