"""Both sides asked for the connection at the same time.

## What happened
Each side sent a SYN before it had seen the other's. TCP allows that: the two become one
connection. Programs do it on purpose to get through address translators (hole punching).

## Evidence
A SYN without ACK bit from either side, crossing.

## Look-alikes
A port used again at once: there the second SYN follows an ended connection (END108). A SYN that
is reflected by a loop carries the same addresses, not swapped ones.

## Harm
Depends on the firewall: many refuse the second SYN (ASA: `tcp-dual-open`), some stacks do too. None
where the connection was made and closed in good order.

## What to change
Nothing where both sides mean it; else let one side listen. A firewall that refuses it needs an
exception or a bypass.

## References
RFC 9293 §3.5 (figure 7, simultaneous open); RFC 5382 §3.2 (REQ-2, address translators); Cisco ASA
`show asp drop`: tcp-dual-open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class SimultaneousOpen(Cause):
    id, name, table = "END112", "simultaneous-open", "connections"
    title = "both sides asked for the connection at the same time"
    only_contributes = True
    harm = facts.harm((facts.no(facts.peaceful()), Harm.DEPENDS), otherwise=Harm.HARMLESS)
    harm_why = "on whether every device between the two allows it; none where it closed in order"
    remedy = {
        "ASA": "show asp drop | include dual-open; set connection advanced-options "
        "tcp-state-bypass in a class for the two hosts, if the crossing SYNs are meant",
        "Linux": "netfilter allows it; check that the rules let SYNs of both directions pass",
    }
    references = ("RFC 9293 §3.5", "RFC 5382 §3.2", "Cisco ASA `show asp drop`: tcp-dual-open")
    not_this = ("not a port used again: neither SYN follows an ended connection",)

    @classmethod
    def where(cls) -> pl.Expr:
        return pl.col("simultaneous_open")

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        shown = [
            found.proof
            for side in (Side.ORIG, Side.RESP)
            for found in story.find_all(Role.SYN, side)
        ]
        return [Claim("Both sides sent a SYN without ACK bit.", tuple(shown), "RFC 9293 §3.5")]
