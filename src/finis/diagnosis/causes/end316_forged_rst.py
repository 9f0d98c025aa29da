"""A RST that its alleged sender could hardly have sent.

## What happened
A RST fits neither what its sender knew nor the path its other segments took: another device may
have sent it in the sender's name, to break the connection. Censors, intrusion prevention and some
load balancers do so; it is rarely an attack.

## Evidence
The four signs that Weaver, Sommer and Paxson found in traffic, and the TTL:

* data of the same sender goes on after its RST (RST_SEQ_DATA);
* the SEQ is stale, or fits nothing the sender could know (DATA_SEQ_RST);
* several RSTs, one with a SEQ beyond all the sender had sent (RST_SEQ_CHANGE);
* several RSTs, one with an ACK beyond all its peer had sent (RST_ACK_CHANGE);
* a TTL that none of the sender's other segments comes near.

Where two captures show that something between them made the RSTs, numbers beyond all that was sent
tell a box that only looks on (IPS, censor) from a firewall, which knows them.

One sign makes it possible, two make it likely; certain it never is, without a capture at the
alleged sender.

## Look-alikes
A host whose last data was lost or not captured: its RST is ahead of what was seen, the receiver
challenges it, and a second RST has the number asked for. That is the exchange of RFC 5961 §3.2
between honest hosts (END305, END306). NAT devices, load balancers, and hosts that use another TTL
for RSTs of closed sockets.

## Harm
Depends: on who cut the connection, and by what right.

## What to change
Capture at the alleged sender: if the RST does not leave it, look for the device whose distance the
TTL gives.

## References
RFC 5961; RFC 3360; Weaver, Sommer, Paxson: Detecting Forged TCP Reset Packets, NDSS 2009.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, origin, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.causes._aborts import guessed
from finis.terms import Confidence, Harm, Role, Side, word

if TYPE_CHECKING:
    from finis.correlation.stories import Story


def suspect(side: facts.Half) -> pl.Expr:
    return side.rst & side.rst_class("suspect") & facts.whole() & facts.no(side.confirmed_rst)


def alien(side: facts.Half) -> pl.Expr:
    """A TTL of its own, on a RST that claims to come from a live socket."""
    return side.rst & side.alien_rst_ttl & side.rst_class("abort", "suspect")


def went_on(side: facts.Half) -> pl.Expr:
    """New data of the side that had reset the connection, later than reordering explains."""
    again = side.rst_class("refusal", "bad-ack")  # a later SYN may be accepted
    later = side.col("data_after_rst_s") > facts.REORDERING_S
    return side.reset_it & later & facts.no(again)


def train(side: facts.Half) -> pl.Expr:
    """Several RSTs, one with a number that nobody had sent yet: its sender guessed."""
    ahead = side.col("rst_ahead") | side.col("rst_acks_ahead")
    return side.rst & ahead & facts.no(pl.col("capture_loss")) & facts.no(side.confirmed_rst)


def two_signs(side: facts.Half) -> pl.Expr:
    other_ttl = side.rst & side.alien_rst_ttl
    numbers = (suspect(side) | train(side)) & (other_ttl | went_on(side))
    return numbers | (other_ttl & went_on(side))


class ForgedRst(Cause):
    id, name, table = "END316", "forged-rst", "connections"
    title = "a RST that its alleged sender could hardly have sent"
    beats = (
        *facts.ABORTS,
        *facts.FIN_THEN_RST,
        "END301",
        "END311",
        "END312",
        "END391",
        "END323",
        "END324",
        "END104",
    )
    confidence = facts.confidence(
        (
            two_signs(facts.ORIG) | two_signs(facts.RESP) | guessed(),
            Confidence.LIKELY,
        ),
        otherwise=Confidence.POSSIBLE,
    )
    harm = Harm.DEPENDS
    harm_why = "on who cut the connection, and by what right"
    remedy = {
        "network": "capture at the alleged sender; look for the device at the TTL's distance",
        "ASA": "show asp drop | include rst; show shun; an inspection or IPS of your own says "
        "so in its log (507003, 420003, 430001)",
        "Linux": "RFC 5961 is in force since 3.6 (net.ipv4.tcp_challenge_ack_limit): only a RST "
        "with the exact number ends a connection",
    }
    references = ("RFC 5961 §3", "RFC 3360", "NDSS 2009: Detecting Forged TCP Reset Packets")
    not_this = ("not a plain abort: its numbers or TTL do not fit its sender",)

    @classmethod
    def where(cls) -> pl.Expr:
        strange = pl.any_horizontal(
            sign(side) for sign in (suspect, alien, went_on, train) for side in facts.SIDES
        )
        # What was made between the points is the firewall's own (END501), unless it had to guess.
        sent = strange & facts.no(pl.col("created_rst") != "none")
        return (sent | guessed()) & facts.no(facts.peaceful()) & facts.ended("reset")

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        claims = telling.made_between(story, "came out between two points")
        for side in (Side.ORIG, Side.RESP):
            shown = telling.proofs(story, Role.RST, side)
            if telling.public(story, side, "rst_class") == "suspect":
                text = (
                    f"The numbers of the RST from {telling.who(story, side)} fit nothing that "
                    "host could know."
                )
                claims.append(Claim(text, shown, "RFC 5961 §3.2"))
            for what, number in (("rst_ahead", "a SEQ"), ("rst_acks_ahead", "an ACK")):
                if telling.column(story, side, what):
                    text = (
                        f"One of several RSTs from {telling.who(story, side)} carries {number} "
                        "beyond all that had been sent by then."
                    )
                    claims.append(Claim(text, shown, "RFC 5961 §3.2"))
            ttls = origin.ttls(story, side)
            if ttls is not None and ttls.alien:
                text = f"That RST has TTL {ttls.own}, the other segments of the host {ttls.usual}."
                claims.append(Claim(text, shown))
            beyond = telling.column(story, side, "data_after_rst_s")
            own = story.row.get("reset_by") == word(side)
            if own and beyond is not None and beyond > facts.REORDERING_S:
                late = telling.span(beyond)
                text = (
                    f"{telling.upper(telling.who(story, side))} sent new data {late} after that "
                    "RST: it knew nothing of it."
                )
                more = telling.proofs(story, Role.LAST_DATA, side)
                claims.append(Claim(text, (*shown, *more), "RFC 9293 §3.5.2"))
        return claims

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            Alternative(
                "The host, or a load balancer that owns its address, sent it in earnest.",
                "a capture at the host itself",
            )
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return missing.both_sides(missing.Where.of(story.row))
