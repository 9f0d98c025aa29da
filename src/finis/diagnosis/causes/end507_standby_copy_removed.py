"""The standby unit of a failover pair removed its copy of the connection.

## What happened
The active unit told the standby unit that a connection is gone, and the standby unit removed its
copy. The line says nothing of how the connection ended: that is in the active unit's log.

## Evidence
The teardown reason (ASA: `Failover primary closed`).

## Look-alikes
Connections lost in a failover (DNY315, PAT204): there the new active unit refuses their segments,
and has logged no Teardown of them.

## Harm
Harmless: bookkeeping of the pair.

## What to change
Nothing. Read the active unit's log together with this one, and say with `--device` that they are
one firewall.

## References
Cisco ASA syslog 302014: Failover primary closed
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Story
from finis.diagnosis import facts
from finis.diagnosis.cause import Alternative
from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Harm


class StandbyCopyRemoved(FirewallStated):
    id, name = "END507", "standby-copy-removed"
    title = "the standby unit removed its copy of the connection"
    reasons = ("failover",)
    beats = ("END102", "END601", "END903")
    harm = Harm.HARMLESS
    harm_why = "bookkeeping of the failover pair: the active unit's log tells how it ended"
    remedy = {"ASA": "read the active unit's log too; `no logging standby` keeps such lines away"}
    references = ("Cisco ASA syslog 302014: Failover primary closed",)
    not_this = ("not lost in a failover: the active unit itself had removed it",)

    @classmethod
    def where(cls) -> pl.Expr:
        return facts.log_only() & facts.teardown(*cls.reasons)

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            Alternative(
                "How the connection itself ended is not told by this line.",
                "the Teardown of the same tuple in the active unit's log",
            )
        ]
