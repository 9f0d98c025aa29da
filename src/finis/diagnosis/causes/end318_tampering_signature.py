"""The client's side ends in a sequence that tampering devices are known for.

## What happened
Somebody cut the connection in the client's name, or in the server's, at a telling stage: after
the SYN, after the handshake, at the first request. Studies of what servers receive list the shapes
such cuts leave; this connection has one of them, and its RSTs carry a sign of forgery.

## Evidence
The stage, the form of the client's RSTs, and a number or TTL that does not fit the client.

| stage | forms |
|---|---|
| after the SYN | silence; R; R.; R and R. |
| after the handshake | silence; R; R more than once; R.; R. more than once |
| after the first data | silence; R; R.; R and R.; R. more than once; R=R; R≠R; R,R0 |
| later | R; R. |

(R without ACK bit, R. with it; = the same ACK number, ≠ different ones, 0 none.)

## Look-alikes
Scanners (after the SYN), the losing address of Happy Eyeballs (after the handshake), users who
press stop: the shapes alone prove nothing, so that the shape is only named where a sign stands
beside it (END316).

## Harm
Depends: on who cut the connection, and by what right.

## What to change
As for END316: a capture at the client shows whether the RST left it.

## References
Sundara Raman and others: Global, Passive Detection of Connection Tampering, SIGCOMM 2023; RFC 8305
(Happy Eyeballs).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.causes import end316_forged_rst as forged
from finis.terms import Confidence, Harm, Side

if TYPE_CHECKING:
    from typing import Any

    from finis.correlation.stories import Story

_EARLY_PKTS = 10  # the studies look at a connection's first packets


class TamperingSignature(Cause):
    id, name, table = "END318", "tampering-signature", "connections"
    title = "cut early, in a shape that tampering devices leave"
    only_contributes = True
    confidence = facts.confidence(
        (forged.two_signs(facts.ORIG), Confidence.LIKELY), otherwise=Confidence.POSSIBLE
    )
    harm = Harm.DEPENDS
    harm_why = "on who cut the connection, and by what right"
    remedy = {"client": "a capture at {client}: does the RST leave it, and with that TTL?"}
    references = ("SIGCOMM 2023: Global, Passive Detection of Connection Tampering", "RFC 8305")
    not_this = ("not a plain abort: its RSTs carry a sign of forgery",)

    @classmethod
    def where(cls) -> pl.Expr:
        side = facts.ORIG
        sign = pl.any_horizontal(
            sign(side) for sign in (forged.suspect, forged.alien, forged.train)
        )
        return (
            facts.positive("o_syns")
            & (side.pkts <= _EARLY_PKTS)
            & sign
            & facts.no(side.fin)
            & facts.no(facts.peaceful())
        )

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        row = story.row
        text = f"The client's side ended {stage(row)} with {form(row)}."
        return [Claim(text), *telling.rst(story, Side.ORIG)]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            Alternative(
                "A scanner, a browser that took another address, or a user who stopped.",
                "a capture at the client",
            )
        ]


def stage(row: dict[str, Any]) -> str:
    if not row.get("established"):
        return "after the SYN"
    sent = row.get("orig_bytes") or 0
    if not sent:
        return "after the handshake"
    return "after the first data" if not row.get("resp_bytes") else "later"


def form(row: dict[str, Any]) -> str:
    """The client's RSTs as the studies write them."""
    several = row.get("o_rst_form")
    if several:
        return str(several)
    return "R." if row.get("orig_rst_class") == "abort" else "R"
