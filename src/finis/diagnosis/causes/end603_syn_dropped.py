"""The SYN entered the firewall and never left it.

## What happened
The firewall received the SYN and did not pass it on: a rule, a limit, no translation, no route.

## Evidence
Captures on both sides: the SYN on the client's, none on the server's, though that capture was
running.

## Look-alikes
A server that does not answer (END102): there the SYN is seen on both sides.

## Harm
Harmful: the connection cannot be made, unless a rule means just that.

## What to change
Ask the firewall for its reason: an asp-drop capture, or `packet-tracer`.

## References
Cisco command reference: capture type asp-drop, packet-tracer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Harm

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class SynDropped(Cause):
    id, name, table = "END603", "syn-dropped-by-firewall", "connections"
    title = "the SYN entered the firewall and never left it"
    beats = ("END207", "END102", "END108", "END331")
    harm = Harm.HARMFUL
    harm_why = "to the client, unless a rule means to refuse it"
    remedy = {
        "ASA": "packet-tracer input {client_if} tcp {client} 50000 {server} {server_p} names the "
        "step that refuses it",
    }
    references = ("Cisco ASA command reference: capture, packet-tracer",)
    not_this = ("not a silent server: the SYN never reached its side of the firewall",)

    @classmethod
    def where(cls) -> pl.Expr:
        return (
            pl.col("paired")
            & facts.ended("unanswered")
            & (pl.col("r_syns") == 0)
            & facts.positive("o_dropped")
        )

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return [*telling.syn(story), *telling.firewall_dropped(story), *telling.log_end(story)]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return [missing.asa_drops(missing.Where.of(story.row))]
