"""A RST came that its receiver did not have to accept.

## What happened
A RST's SEQ was not the number its receiver expected next. Outside the window it is ignored; inside
the window the receiver answers with a challenge ACK and goes on (RFC 5961). Older stacks accept it.

## Evidence
The RST's SEQ against RCV.NXT and window at this point, and the connection going on or closing in
another way.

## Look-alikes
Where RCV.NXT is not observable nothing is said.

## Harm
Depends: a blind attack is repelled, a legitimate RST that was lost in translation leaves the peer
waiting.

## What to change
If a firewall rewrites sequence numbers, check that it rewrites those of RSTs too.

## References
RFC 5961 §3.2; RFC 9293 §3.10.7.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class RstIgnored(Cause):
    id, name, table = "END315", "rst-ignored", "connections"
    title = "a RST that did not end the connection"
    only_contributes = True
    harm = Harm.DEPENDS
    harm_why = "on whether its sender believes the connection ended"
    remedy = {
        "Linux": "nstat -az TcpExtTCPChallengeACK counts such RSTs; nothing to change",
        "network": "find who sends them, if they are many: their TTL tells the distance",
    }
    references = ("RFC 5961 §3.2", "RFC 9293 §3.10.7.4")

    @classmethod
    def where(cls) -> pl.Expr:
        return (_ignored(facts.ORIG) | _ignored(facts.RESP)) & facts.no(
            facts.ended("reset", "refused")
        )

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        claims = []
        for side in (Side.ORIG, Side.RESP):
            how = telling.column(story, side, "rst_accept")
            if how in ("outside", "in-window"):
                must = (
                    "outside the receiver's window: it must be ignored"
                    if how == "outside"
                    else "inside the window but not the next number: a challenge ACK is the answer"
                )
                text = f"The SEQ of the {telling.role(side)}'s RST is {must}."
                claims.append(Claim(text, telling.proofs(story, Role.RST, side), "RFC 5961 §3.2"))
            elif how not in (None, "none") and story.row.get("ended") == "closed":
                text = f"Both sides closed in good order after the {telling.role(side)}'s RST."
                claims.append(Claim(text, telling.rst_proofs(story, side)))
        return claims


def _ignored(side: facts.Half) -> pl.Expr:
    """It had to be ignored; or both sides closed in good order after it."""
    at = side.col("rst_s")
    outlived = facts.peaceful() & (at < facts.ORIG.col("fin_s")) & (at < facts.RESP.col("fin_s"))
    # A RST that answers a challenge ACK fits the older connection, and is meant for it.
    old = side.rst_class("bad-ack")
    return (
        side.rst
        & facts.no(old)
        & facts.no(side.silencing_rst)
        & (side.col("rst_accept").is_in(["outside", "in-window"]) | outlived)
    )
