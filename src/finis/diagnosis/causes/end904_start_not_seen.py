"""The beginning of the connection was not seen.

## What happened
The capture began, or the log starts, when the connection was already there.

## Evidence
Its first segment is no SYN.

## Look-alikes
Asymmetric paths (END105, END601).

## Harm
None; it only limits what can be said of it.

## What to change
Nothing.

## References
RFC 9293 §3.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Harm

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class StartNotSeen(Cause):
    id, name, table = "END904", "start-not-seen", "connections"
    title = "its beginning was not seen"
    only_contributes = True
    harm = Harm.HARMLESS
    harm_why = "it only limits what can be said"
    references = ("RFC 9293 §3.5",)

    @classmethod
    def where(cls) -> pl.Expr:
        return pl.col("midstream") & facts.no(pl.col("has_log"))

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return [Claim("Its first segment in the capture is no SYN.")]
