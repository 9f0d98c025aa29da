"""A side reset the connection, and the firewall kept the RST from the other.

## What happened
A RST entered the firewall and did not leave it. Its sender has given the connection up; the other
side believes in it still and will find out when it speaks, or never.

## Evidence
Captures on both sides of the firewall: the RST is on one of them only, coming in, and nothing else
ended the connection.

## Look-alikes
A RST that the firewall made itself (END501) is on one side only, going out. A RST dropped after
both sides had closed is no matter (END604 is named beside the verdict then); captures that began
after the connection cannot show that the other side had closed before, so it is likely only. A RST
that passed and that the other capture lost: so it is certain only where the firewall's log or a
drop capture names it.

## Harm
Harmful if the firewall also dropped data, as it does once it has forgotten the connection. Else it
depends: on whether the other side still waits for something.

## What to change
Ask the firewall for its reason: an asp-drop capture. A RST whose SEQ it did not expect shows there
as tcp-rstfin-ooo.

## References
RFC 5961 §3.2; RFC 9293 §3.5.1 (half-open connections); Cisco command reference: capture type
asp-drop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.terms import Confidence, Harm, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


def _alone(side: facts.Half, dropped: str) -> pl.Expr:
    """The side's RST was dropped, and the other side had sent none itself."""
    return pl.col(dropped) & facts.no(side.peer.rst)


def _named() -> pl.Expr:
    """The firewall itself names the RST that it refused."""
    return (_alone(facts.ORIG, "o_dropped_rst") & pl.col("o_denied_rst")) | (
        _alone(facts.RESP, "r_dropped_rst") & pl.col("r_denied_rst")
    )


class RstDropped(Cause):
    id, name, table = "END605", "rst-dropped-by-firewall", "connections"
    title = "a RST ended one side only: the firewall dropped it"
    beats = ("END207", "END331", "END405", "END406", "END407", "END410")
    # That a capture lacks the RST proves little by itself: captures lose packets.
    confidence = facts.confidence(
        # Nor does the log, of a RST after another that passed.
        (
            _named() & facts.no(pl.col("midstream")) & facts.no(facts.reset_per_log()),
            Confidence.CERTAIN,
        ),
        (pl.col("capture_loss") & facts.no(_named()), Confidence.POSSIBLE),
        otherwise=Confidence.LIKELY,
    )
    harm = facts.harm(
        (pl.col("o_dropped_data") | pl.col("r_dropped_data"), Harm.HARMFUL),
        otherwise=Harm.DEPENDS,
    )
    harm_why = (
        "data that the firewall dropped too is lost; else it depends on whether the side that "
        "never got the RST still waits for something"
    )
    remedy = {
        "ASA": "show asp drop | include rst; a capture of type asp-drop names the check",
        "netfilter": "sysctl net.netfilter.nf_conntrack_log_invalid=6 names the check",
    }
    references = ("RFC 5961 §3.2", "RFC 9293 §3.5.1", "Cisco ASA command reference: capture")
    not_this = ("not a reset that both sides know of: the RST was not seen leaving the firewall",)

    @classmethod
    def where(cls) -> pl.Expr:
        return (
            pl.col("paired")
            & pl.col("established")
            & facts.ended("open", "half-closed")
            & facts.no(facts.teardown("fins"))  # it went on, beyond the end of the captures
            & (_alone(facts.ORIG, "o_dropped_rst") | _alone(facts.RESP, "r_dropped_rst"))
        )

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return [
            *telling.rst(story, Side.ORIG),
            *telling.rst(story, Side.RESP),
            *telling.firewall_dropped(story),
            *telling.log_end(story),
        ]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return telling.capture_missed(story)

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return [missing.dropped(missing.Where.of(story.row), "tcp-rstfin-ooo")]
