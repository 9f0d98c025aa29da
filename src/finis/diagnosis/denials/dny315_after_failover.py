"""After a failover the new unit did not know the connection.

## What happened
The standby firewall took over without the connections of the other, or without all of them.
Segments of connections that were alive a moment ago meet nothing.

## Evidence
A failover is logged on the device, then denials of segments whose connection this log cannot show,
or shows as still open (only possible: it may be younger than the failover).

## Look-alikes
Asymmetric routing (DNY402) has no failover before it and does not fade. The failover may hide it,
so this verdict is only possible when more than a minute lies between.

## Harm
Harmful: every connection not handed over breaks.

## What to change
Stateful failover, with HTTP replication where short connections matter.

## References
Stateful failover in the firewall's configuration guide.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.diagnosis.telling import span
from finis.terms import Confidence, Harm

SOON_S = 60.0
WINDOW_S = 3600.0  # the default idle timer: what was silent so long would have been dropped anyway


class AfterFailover(Cause):
    id = "DNY315"
    name = "after-failover"
    title = "a connection the firewall lost in a failover"
    table = "denials"
    beats = ("DNY316", "DNY401", "DNY402", "DNY403", "DNY501", "DNY602", "DNY901")
    confidence = (
        pl.when((pl.col("failover_s") <= SOON_S) & ~_facts.pending)
        .then(int(Confidence.LIKELY))
        .otherwise(int(Confidence.POSSIBLE))
    )
    harm = _facts.choose(_facts.rst | _facts.fin, Harm.DEPENDS, Harm.HARMFUL)
    harm_why = "connections that were not handed over break; a FIN or RST was their end anyway"
    remedy = {
        "ASA": "`failover link` (stateful failover), `failover replication http`;"
        " `show failover` tells whether state is copied",
    }
    references = ("Cisco ASA syslog messages 104001, 104002, 210005 and following",)
    not_this = ("asymmetric routing would refuse before the failover too, and not fade (DNY402)",)

    @classmethod
    def where(cls) -> pl.Expr:
        form = _facts.ack | _facts.data | _facts.fin | _facts.rst
        since = pl.col("failover_s")
        # The log of the unit before it may show the connection: built, and never torn down.
        lost = _facts.unknown_tuple & since.is_between(0, WINDOW_S)
        lost_open = _facts.pending & since.is_between(0, SOON_S)
        return _facts.state & form & (lost | lost_open)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        since = story.row.get("failover_s")
        after = (
            []
            if since is None
            else [Claim(f"The device had failed over {span(since)} before.", (story.proof,))]
        )
        return [*_words.history(story), *after]

    @classmethod
    def alternatives(cls, story: Refusal) -> list[Alternative]:
        return [
            Alternative(
                "The routing is asymmetric, or the log begins late: nothing to do with the"
                " failover.",
                "whether such segments were refused before the failover as well, and whether they"
                " fade",
            )
        ]
