"""The server answered the SYN with a challenge ACK, and the RST that should follow was blocked.

## What happened
The server still holds an old connection of the same tuple. It answers the SYN with an ACK of that
old connection (RFC 5961 §4); the client, which knows nothing of it, answers with a RST that would
clear the old state. A firewall in between does not recognise the RST's numbers and drops it, so
the old connection stays and the client tries in vain until its retries run out.

## Evidence
SYN, then an ACK without SYN whose number is none of this connection's, then the client's RST;
the RST enters the firewall and does not leave (certain), or the SYN is repeated after it (likely).

## Look-alikes
The same exchange without the firewall's drop heals itself: the next SYN is accepted (END108).

## Harm
Harmful: the client cannot connect until the server forgets, often minutes.

## What to change
Let clients take longer to reuse a port, shorten the server's memory of dead connections, or let
the firewall pass the RST (state bypass for this class, or a release with the fix CSCwj61793).

## References
RFC 5961 §4; RFC 9293 §3.10.7.4; Cisco bug CSCwj61793; ASP drop tcp-rstfin-ooo.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Confidence, Harm, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


def syn_met_old_connection() -> pl.Expr:
    """A SYN was answered with an ACK of another connection, and the client reset that."""
    return (
        facts.positive("o_syns")
        & (pl.col("r_syns") == 0)
        & facts.no(pl.col("established"))
        & facts.ORIG.rst
        & (facts.positive("r_challenge") | facts.ORIG.rst_answers("challenge-ack", "ack"))
    )


def _repeated() -> pl.Expr:
    """The old connection outlived the first RST: another SYN met it, too."""
    return (pl.col("o_syns") >= 2) & (pl.col("o_rsts") >= 2)


class ChallengeAckBlocked(Cause):
    id, name, table = "END107", "challenge-ack-blocked", "connections"
    withstands_loss = True  # the answer to the SYN shows it, whatever was missed
    title = "the RST that answers a challenge ACK was blocked: the old connection stays"
    beats = ("END207", "END102", "END103", "END108", "END311", "END331", "END603")
    confidence = facts.confidence(
        (pl.col("o_dropped_rst") & (pl.col("o_denied_rst") | _repeated()), Confidence.CERTAIN),
        otherwise=Confidence.LIKELY,
    )
    harm = Harm.HARMFUL
    harm_why = "to the client: it cannot connect until the server forgets the old connection"
    remedy = {
        "client": "reuse source ports later: a wider ip_local_port_range, fewer fixed source ports",
        "server": "shorten the life of dead connections: keep-alive, tcp_fin_timeout",
        "ASA": "show asp drop | include rstfin; a release with the fix for CSCwj61793, or "
        "tcp-state-bypass for {client} to {server} port {server_p}",
        "netfilter": "sysctl net.netfilter.nf_conntrack_log_invalid=6 names the check",
        "Linux": "on {server}: ss -tnK dst {client} dport = {client_p} clears the old connection;"
        " net.ipv4.tcp_timestamps=1",
    }
    references = ("RFC 5961 §4", "RFC 9293 §3.10.7.4", "Cisco CSCwj61793")
    not_this = ("not an unanswered SYN: the server did answer, with an ACK of another connection",)

    @classmethod
    def where(cls) -> pl.Expr:
        return syn_met_old_connection() & (pl.col("o_dropped_rst") | _repeated())

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return [
            *telling.syn(story),
            *telling.challenge(story, Side.RESP),
            *telling.rst(story, Side.ORIG),
            *telling.firewall_dropped(story),
            *telling.log_end(story),
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        where = missing.Where.of(story.row)
        return [*missing.at_firewall(where), missing.dropped(where, "tcp-rstfin-ooo")]
