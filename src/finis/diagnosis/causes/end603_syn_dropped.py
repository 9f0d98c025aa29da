"""The SYN entered the firewall and never left it.

## What happened
The firewall received the SYN and did not pass it on: a rule, a limit, no translation, no route.

## Evidence
Captures on both sides: the SYN on the client's, none on the server's, though that capture was
running. Or the SYN in a capture and the line of the firewall's log that refuses it; a RST that
then answers the SYN is the firewall's own, in the server's name.

Where the server's side shows nothing of the attempt, its capture has to be trusted: it shows other
connections of the same two hosts and ran at that time. That makes it likely; possible, if all that
it shows is one other port, for its filter may ask for just that. It is certain where the log or a
drop capture names the SYN.

## Look-alikes
A server that does not answer (END102): there the SYN is seen on both sides.

## Harm
Harmful: the connection cannot be made. Where the log names the rule, it depends on whether the
rule means just that.

## What to change
Ask the firewall for its reason: an asp-drop capture, or `packet-tracer`.

## References
Cisco command reference: capture type asp-drop, packet-tracer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.terms import Confidence, Harm

if TYPE_CHECKING:
    from finis.correlation.stories import Story


SEVERAL = 2  # ports that the other capture shows: it was hardly taken for one port


def _dropped() -> pl.Expr:
    """Every SYN vanished between two points that both show the attempt, or by the log's word."""
    return facts.positive("o_dropped_syns") & (pl.col("o_dropped_syns") >= pl.col("o_syns"))


def _named() -> pl.Expr:
    """The firewall itself names a segment that it refused, and it can only be a SYN."""
    return pl.col("o_denied") & (pl.col("o_dropped") == pl.col("o_dropped_syns"))


def absence(story: Story) -> list[Claim]:
    """The other capture shows nothing of the attempt, and would have."""
    point, alike = story.row.get("absent_at"), story.row.get("absent_alike") or 0
    if point is None:
        return []
    text = (
        f"{point} shows nothing of this attempt, though it ran at that time and shows "
        f"{telling.count(alike, 'connection')} of the same two hosts that passed both points."
    )
    return [Claim(text)]


class SynDropped(Cause):
    id, name, table = "END603", "syn-dropped-by-firewall", "connections"
    title = "the SYN entered the firewall and never left it"
    beats = ("END207", "END101", "END102", "END108", "END111", "END331")
    confidence = facts.confidence(
        (_dropped() & _named(), Confidence.CERTAIN),
        (pl.col("paired") & pl.col("capture_loss"), Confidence.POSSIBLE),
        (facts.no(_dropped()) & (pl.col("absent_ports") >= SEVERAL), Confidence.LIKELY),
        (facts.no(_dropped()), Confidence.POSSIBLE),
        otherwise=Confidence.LIKELY,  # a capture that lacks it may have lost it
    )
    harm = facts.harm(
        (pl.col("paired") | pl.col("absent_at").is_not_null(), Harm.HARMFUL),
        otherwise=Harm.DEPENDS,
    )
    harm_why = (
        "the client cannot reach the server; where the log names the rule, it depends on whether "
        "the rule means to refuse it"
    )
    remedy = {
        "ASA": "packet-tracer input {client_if} tcp {client} 50000 {server_seen} {server_seen_p} "
        "names the step that refuses it",
        "netfilter": "`nft monitor trace` for {client} to {server_seen} port {server_seen_p} names "
        "the rule that refuses it",
    }
    references = ("Cisco ASA command reference: capture, packet-tracer",)
    not_this = ("not a silent server: the SYN was not seen on its side of the firewall",)

    @classmethod
    def where(cls) -> pl.Expr:
        return (
            facts.ended("unanswered", "refused")
            & (pl.col("r_syns") == 0)
            & (_dropped() | pl.col("absent_at").is_not_null())
        )

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return [
            *telling.syn(story),
            *telling.firewall_dropped(story),
            *absence(story),
            *telling.log_end(story),
        ]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        point = story.row.get("absent_at")
        if point is None:
            return telling.capture_missed(story)
        return [
            Alternative(
                f"The capture at {point} has a filter that leaves this port out.",
                "the command it was taken with",
            ),
            Alternative(
                "The SYN left by another interface, or for a translated address.",
                "the routes and translations of the firewall for this server",
            ),
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return [missing.dropped(missing.Where.of(story.row))]
