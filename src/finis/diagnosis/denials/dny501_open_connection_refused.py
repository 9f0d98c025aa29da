"""The firewall refused a segment although it had this connection open.

## What happened
The log shows the connection as built and at that moment not torn down, yet a segment of its tuple
was refused for lack of a connection: it came in on another interface, belongs to an older
connection of the same tuple, or the Teardown is missing from the log or logged late.

## Evidence
A Built of the tuple without a Teardown before the denial, or within a second after it.

## Look-alikes
A Teardown lost in transport (syslog over UDP) or logged seconds late gives the same picture; gaps
in the log make the first likely.

## Harm
Depends: a segment of the connection in use is missing and will be sent again, or the log lies.

## What to change
Compare the interface named in the denial with those of the Built; look for gaps in the log.

## References
RFC 9293 §3.10.7.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.diagnosis.telling import span
from finis.terms import Confidence, Harm


class OpenConnectionRefused(Cause):
    id = "DNY501"
    name = "open-connection-refused"
    title = "a segment refused although its connection is logged as open"
    table = "denials"
    confidence = Confidence.POSSIBLE
    harm = Harm.DEPENDS
    harm_why = "a segment in use was lost, or the Teardown is missing or logged late"
    remedy = {
        "ASA": "`show conn detail address IP`: which interfaces the connection uses",
        "netfilter": "`sysctl net.netfilter.nf_conntrack_log_invalid=6` logs the check it failed; "
        "`nf_conntrack_tcp_be_liberal=1` passes segments outside the window",
    }
    references = ("Cisco ASA syslog messages 302013, 106015",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.state & _facts.pending

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        shown = [_words.denied(story), *_words.built(story), *_words.packet(story)]
        return [*shown, *_torn_later(story)]

    @classmethod
    def alternatives(cls, story: Refusal) -> list[Alternative]:
        decide = "gaps in the log's numbers; a Teardown of this connection just after the denial"
        if story.row.get("product") == "netfilter":  # its events have no numbers
            decide = "`conntrack -E` that reports lost events; a DESTROY just after the denial"
        return [
            Alternative("The Teardown was lost, or logged later than it happened.", decide),
            _words.would_decide(story, "The segment came in on another interface."),
        ]

    @classmethod
    def missing(cls, story: Refusal) -> list[str]:
        return _words.captures(story)


def _torn_later(refusal: Refusal) -> list[Claim]:
    """The Teardown of that connection, where there is one: it came later."""
    at, story = refusal.row.get("ts"), refusal.story
    if story is None or story.teardown is None or at is None:
        return []
    ended = story.row.get("teardown_ts")
    if ended is None or ended <= at:
        return []
    later = span((ended - at).total_seconds())
    return [Claim(f"Its Teardown is logged {later} later.", (story.teardown,))]
