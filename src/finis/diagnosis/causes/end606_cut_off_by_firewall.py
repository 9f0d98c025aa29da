"""The firewall dropped what one side sent, and the connection went no further.

## What happened
Data or a FIN of one side entered the firewall and never left it, repetitions included. The other
side knows nothing of it: the connection hangs until somebody's timer ends it.

## Evidence
Captures on both sides of the firewall, paired segment by segment: the segments are on one side
only, the other capture was running, and no acknowledgement of them came before all was silent.

## Look-alikes
Losses beyond the firewall (END407): there the segments are in both captures. A capture that lost
packets or has a filter: so it is certain only where the firewall's log or a drop capture names such
a segment. A segment that was dropped and got through at the next try (END604), or might have, had
the capture not ended at that moment (END903). An end by a RST
or FINs that no capture shows and the log tells of: what comes after it is refused.

## Harm
Harmful where data was dropped. Depends where only a FIN was: its sender waits, the other side keeps
a dead connection.

## What to change
Find the reason of the drop on the firewall, then relax that check for this pair.

## References
RFC 9293 §3.8.1 (retransmission); Cisco ASA command reference: capture type asp-drop
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.terms import Confidence, Harm, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


_REPEATS = 3  # repetitions in vain: they take `facts.REPEATED_S` at least


def _over(side: facts.Half) -> pl.Expr:
    """The capture did not just end at that moment: nothing more came of it, or the peer was silent
    while it was repeated (where the peer is, what was dropped is not seen: its silence has no
    length there, and all repetitions count)."""
    fins, data, dropped = (side.col(name) for name in ("fins", "rexmit", "dropped"))
    repeated = ((fins > _REPEATS) & (dropped >= fins)) | ((data >= _REPEATS) & (dropped > data))
    silent = side.peer.col("last_seg_s") >= facts.REPEATED_S
    return facts.no(pl.col("cut_end")) | silent | repeated


def _data(side: facts.Half) -> pl.Expr:
    return side.col("dropped_data") & side.loses_data & _over(side)


def _fin(side: facts.Half) -> pl.Expr:
    return (
        side.col("dropped_fin")
        & facts.no(side.col("fin_acked"))
        & (side.col("dropped") >= side.col("fins"))
        & _over(side)
    )


def _named() -> pl.Expr:
    """The firewall itself names segments of that side that it refused, and more never left it."""
    return (pl.col("o_denied") & (pl.col("o_dropped") > 1)) | (
        pl.col("r_denied") & (pl.col("r_dropped") > 1)
    )


class CutOffByFirewall(Cause):
    id, name, table = "END606", "cut-off-by-firewall", "connections"
    title = "the firewall dropped what one side sent, to the end"
    beats = (
        "END205",
        "END207",
        "END331",
        "END405",
        "END407",
        "END410",
        "END901",
        "END902",
        "END903",
    )
    # That a capture lacks the segments proves little by itself: captures lose packets.  Where the
    # log tells of FINs that no capture shows, the firewall was not the one to end it.
    confidence = facts.confidence(
        (pl.col("capture_loss") & facts.no(_named()), Confidence.POSSIBLE),
        (_named() & facts.no(facts.teardown("fins")), Confidence.CERTAIN),
        otherwise=Confidence.LIKELY,
    )
    harm = facts.harm((_data(facts.ORIG) | _data(facts.RESP), Harm.HARMFUL), otherwise=Harm.DEPENDS)
    harm_why = (
        "to both sides: data never arrived; with a FIN only, it depends on how long the other side "
        "keeps the dead connection"
    )
    remedy = {
        "ASA": "show asp drop, and the asp-drop capture below while it happens: the drop reason "
        "names the check to relax",
        "netfilter": "sysctl net.netfilter.nf_conntrack_log_invalid=6 names the check; "
        "nf_conntrack_tcp_be_liberal=1 relaxes the window's",
    }
    references = ("RFC 9293 §3.8.1", "Cisco ASA command reference: capture type asp-drop")
    not_this = ("not lost elsewhere: the segments are on one side of the firewall only",)

    @classmethod
    def where(cls) -> pl.Expr:
        return (
            pl.col("paired")
            & pl.col("established")
            & facts.ended("open", "half-closed", "closing")
            & facts.no(facts.reset_per_log())  # it tells of another end, which captures lack
            & (_data(facts.ORIG) | _data(facts.RESP) | _fin(facts.ORIG) | _fin(facts.RESP))
        )

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return [
            *telling.firewall_dropped(story),
            *telling.unacknowledged(story),
            *telling.fin(story, Side.ORIG),
            *telling.fin(story, Side.RESP),
            *telling.log_end(story),
        ]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return telling.capture_missed(story)

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return [missing.dropped(missing.Where.of(story.row))]
