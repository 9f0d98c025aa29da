"""The server's queue of finished handshakes is full: it answers the SYN and then takes nothing.

## What happened
The client completed the handshake, but the server's kernel could not hand the connection to a
program: the queue that waits for `accept` was full. Linux then passes over the client's ACK in
silence and repeats its SYN ACK; with `tcp_abort_on_overflow` it answers that ACK with a RST.

## Evidence
The SYN ACK comes again after the client's ACK, and the server sends nothing else; or its only
other segment is a RST without ACK bit that answers the ACK of the handshake.

## Look-alikes
A listener with `TCP_DEFER_ACCEPT` also repeats its SYN ACK, until the client's first data. A path
that loses everything from the client looks the same in a capture that is not the server's own
(END407). A listener that was closed in between, or a SYN cookie that fails, sends the same RST.
A SYN ACK repeated because the client's ACK was late is followed by answers to data.

## Harm
Harmful: the client believes in a connection that the server never took; its request times out or
fails.

## What to change
Let the program accept faster (more workers), give `listen` a larger backlog and raise the
kernel's limit with it; `nstat -az TcpExtListenOverflows` counts the cases.

## References
RFC 9293 §3.10.7.4 (SYN-RECEIVED); Linux Documentation/networking/ip-sysctl: somaxconn,
tcp_abort_on_overflow; listen(2); both forms confirmed on a Linux kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.terms import Confidence, Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story

_ANSWER_S = 1.0  # the RST comes within the round trip


def _silent() -> pl.Expr:
    """SYN ACKs and nothing else, though the client went on as if connected."""
    return (
        (pl.col("r_syns") > 1)
        & (facts.RESP.pkts == pl.col("r_syns"))
        & (facts.ORIG.pkts > pl.col("o_syns"))
        & facts.no(facts.ORIG.rst & facts.ORIG.rst_answers("syn-ack"))
    )


def _aborted() -> pl.Expr:
    """SYN ACKs, and a RST to the ACK that completed the handshake."""
    return (
        facts.RESP.stateless_rst
        & facts.RESP.rst_answers("ack")
        & (facts.RESP.pkts == pl.col("r_syns") + pl.col("r_rsts"))
        & (pl.col("o_unacked").fill_null(0) == facts.ORIG.bytes)
        & (pl.col("r_rst_lag_s") <= _ANSWER_S)
        & (pl.col("idle_s") <= _ANSWER_S)
        & facts.no(pl.col("created_rst") != "none")
    )


def _given_up() -> pl.Expr:
    """SYN ACKs again and again, no ACK of the client's data, and in the end a RST: the listener
    gave the handshake up, or had by then."""
    return (
        facts.RESP.rst
        & (facts.ORIG.bytes > 0)
        & (pl.col("r_syns") > 2)
        & (facts.RESP.pkts == pl.col("r_syns") + pl.col("r_rsts"))
        & (pl.col("o_unacked") == facts.ORIG.bytes)
        & facts.no(pl.col("created_rst") != "none")
    )


class AcceptQueueOverflow(Cause):
    id, name, table = "END110", "accept-queue-overflow", "connections"
    title = "the server did not take the finished handshake: its accept queue was full"
    beats = (
        "END103", "END207", "END306", "END311", "END312", "END331", "END391", "END405", "END407",
    )  # fmt: skip
    # Data that stays unanswered excludes a listener that waits for data.
    confidence = facts.confidence(
        (
            (_silent() & (pl.col("o_unacked") > 0) & (pl.col("r_syns") > 2)) | _given_up(),
            Confidence.LIKELY,
        ),
        otherwise=Confidence.POSSIBLE,
    )
    harm = Harm.HARMFUL
    harm_why = "to the client: it was told that it is connected, and nobody serves it"
    remedy = {
        "Linux": "on {server}: nstat -az TcpExtListenOverflows TcpExtListenDrops; ss -ltn "
        "'sport = :{server_p}' (Recv-Q against Send-Q); sysctl net.core.somaxconn=4096 together "
        "with a larger backlog in listen()",
        "nginx": "listen {server_p} backlog=4096; more worker_processes",
        "HAProxy": "backlog 4096 and a higher maxconn in the frontend of {server}",
        "Windows": "a larger backlog in listen(); netstat -s on {server}: failed connection "
        "attempts",
    }
    references = (
        "RFC 9293 §3.10.7.4",
        "Linux ip-sysctl: somaxconn, tcp_abort_on_overflow",
        "listen(2)",
    )
    not_this = (
        "not a lost SYN ACK: the client had answered it",
        "not refused: the server answered the SYN with a SYN ACK",
    )

    @classmethod
    def where(cls) -> pl.Expr:
        return (
            facts.packets()
            & facts.positive("o_syns")
            & facts.positive("r_syns")
            & (facts.RESP.bytes == 0)
            & facts.no(facts.RESP.fin)
            & facts.no(pl.col("simultaneous_open"))
            & facts.no(pl.col("capture_loss"))
            & (_silent() | _aborted() | _given_up())
        )

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        claims = telling.syn(story)
        sent = story.row.get("r_syns") or 0
        ack = telling.proofs(story, Role.HANDSHAKE_ACK, Side.ORIG)
        if sent > 1:
            text = (
                f"The server sent {telling.count(sent, 'SYN ACK')} although the client had "
                "completed the handshake, and nothing else."
            )
            shown = (*telling.proofs(story, Role.SYN_ACK, Side.RESP), *ack)
            claims.append(Claim(text, shown))
        return [
            *claims,
            *telling.rst(story, Side.RESP),
            *telling.unacknowledged(story),
            *telling.log_end(story),
        ]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        where = missing.Where.of(story.row)
        found = [
            Alternative(
                "What the client sends is lost between this point and the server.",
                missing.tcpdump(where, "server"),
            )
        ]
        if story.row.get("r_rsts"):
            found.append(
                Alternative(
                    "The listener was closed, or a load balancer had no server left, just then.",
                    "the server's log at this moment; nstat -az TcpExtListenOverflows",
                )
            )
        elif not story.row.get("orig_bytes"):
            found.append(
                Alternative(
                    "The listener waits for the client's first data (TCP_DEFER_ACCEPT).",
                    "what happens when the client sends data",
                )
            )
        return found

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return [missing.tcpdump(missing.Where.of(story.row), "server")]
