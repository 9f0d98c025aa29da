"""The firewall saw FINs from both sides; no capture shows the end.

## What happened
The firewall removed the connection because it had been closed with FINs. That is an orderly close
as far as the firewall tells it.

## Evidence
The teardown reason (ASA: `TCP FINs`). The interface after it is that of the side which sent the
first FIN.

## Look-alikes
The reason does not exclude a RST at the very end: a connection that ended FIN, FIN, RST is logged
as `TCP FINs` too (END302). Only a capture tells these apart.

## Harm
Harmless.

## What to change
Nothing. If late segments of such connections are refused, see the denials.

## References
Cisco syslog guide, message 302014.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.terms import Confidence, Harm

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class ClosedPerLog(Cause):
    id, name, table = "END207", "closed-per-log", "connections"
    title = "closed with FINs, as the firewall logged it"
    beats = ("END102", "END103", "END105", "END405", "END601", "END903")
    confidence = Confidence.LIKELY
    harm = facts.harm(
        (facts.data_lost() | (pl.col("data_denied") > 0), Harm.DEPENDS), otherwise=Harm.HARMLESS
    )
    harm_why = (
        "both sides had sent FIN when the firewall removed the connection; data refused after that "
        "may have been wanted"
    )
    remedy = {
        "ASA": "capture the next one on both interfaces, if the refused data was wanted",
        "client": "read to the end of the stream before closing",
    }
    references = ("Cisco ASA syslog 302014: TCP FINs",)
    not_this = ("not proven to be without a final RST: the log's reason does not exclude one",)

    @classmethod
    def where(cls) -> pl.Expr:
        return facts.teardown("fins") & facts.show_no_end()

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        claims = telling.log_end(story)
        closer = telling.side_of(story.row.get("teardown_by"))
        if closer is not None and story.teardown is not None:
            text = f"By that line {telling.who(story, closer)} began the close."
            claims.append(Claim(text, (story.teardown,)))
        return [*claims, *telling.denied_after(story)]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            Alternative(
                "The connection ended FIN, FIN, RST: one side aborted after the other's close.",
                "a capture on both sides of the firewall",
            )
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return missing.both_sides(missing.Where.of(story.row))
