"""Many RSTs with ever other numbers: somebody tries to hit the window.

## What happened
RSTs in the name of one side came in numbers, each with another SEQ. Whoever forges a RST without
seeing the connection has to guess a number inside the receiver's window, and tries many. Stacks
that follow RFC 5961 answer the near misses with a challenge ACK and stay.

## Evidence
Ten or more RSTs of one side in one connection, with four or more different SEQs among those kept.

## Look-alikes
A host that answers many late segments with RSTs uses the numbers it was sent: few different ones.
A sequence of retransmitted RSTs has one number.

## Harm
Depends: on whether one of them hit (then the connection was reset).

## What to change
Filter packets with forged sources at the edge (RFC 2827); keep RFC 5961 in force; protect sessions
that live long (BGP) with TCP-AO.

## References
RFC 5961 §3; RFC 4953 (spoofing attacks); RFC 2827; RFC 5925.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Confidence, Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story

_MANY = 10
_DIFFERENT = 4  # the tail keeps nine of a side's RSTs at most, fewer among answers


def _sweeps(side: facts.Half) -> pl.Expr:
    return (side.col("rsts") >= _MANY) & (side.col("rst_seqs") >= _DIFFERENT)


class RstFlood(Cause):
    id, name, table = "END319", "rst-flood", "connections"
    title = "many RSTs with ever other numbers"
    only_contributes = True
    confidence = Confidence.LIKELY
    harm = Harm.DEPENDS
    harm_why = "on whether one of them was accepted"
    remedy = {
        "ASA": "ip verify reverse-path interface {client_if}; show asp drop | include rst: the TCP "
        "checks drop RSTs outside the window",
        "Linux": "net.ipv4.tcp_challenge_ack_limit bounds the answers; nstat -az "
        "TcpExtTCPChallengeACK counts them",
        "network": "filter forged sources at the edge (RFC 2827)",
    }
    references = ("RFC 5961 §3", "RFC 4953", "RFC 2827")
    not_this = ("not answers to late segments: those repeat the numbers they were sent",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _sweeps(facts.ORIG) | _sweeps(facts.RESP)

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        claims = []
        for side in (Side.ORIG, Side.RESP):
            sent = telling.column(story, side, "rsts") or 0
            if sent >= _MANY:
                text = (
                    f"{telling.count(sent, 'RST')} came in the name of {telling.who(story, side)}, "
                    f"with at least {telling.column(story, side, 'rst_seqs')} different SEQs."
                )
                claims.append(Claim(text, telling.proofs(story, Role.RST, side), "RFC 5961 §3"))
            answered = telling.column(story, Side(1 - side), "challenge") or 0
            if answered and sent >= _MANY:
                text = f"{telling.count(answered, 'challenge ACK')} answered them."
                claims.append(Claim(text, (), "RFC 5961 §3.2"))
        return claims
