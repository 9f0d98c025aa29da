"""The firewall dropped segments of the connection.

## What happened
Segments entered the firewall and did not leave it.

## Evidence
Captures on both sides, paired segment by segment, within the time and filter of both.

## Look-alikes
Loss in one of the captures.

## Harm
Depends: a RST after the end is nothing, data in mid-connection is.

## What to change
Ask the firewall for its reason: an asp-drop capture.

## References
Cisco command reference: capture type asp-drop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Harm

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class FirewallDropped(Cause):
    id, name, table = "END604", "firewall-dropped-segments", "connections"
    title = "segments entered the firewall and never left it"
    only_contributes = True
    harm = facts.harm(
        (pl.col("o_dropped_data") | pl.col("r_dropped_data"), Harm.DEPENDS),
        otherwise=Harm.HARMLESS,
    )
    harm_why = "on whether data was among them and got through later"
    remedy = {
        "ASA": "capture drops type asp-drop all: the reason of each drop; show asp drop",
    }
    references = ("Cisco ASA command reference: capture type asp-drop",)

    @classmethod
    def where(cls) -> pl.Expr:
        return pl.col("paired") & (facts.positive("o_dropped") | facts.positive("r_dropped"))

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return telling.firewall_dropped(story)
