"""An application ended a connection that the firewall had already dropped as idle.

## What happened
The firewall removed an idle connection. Later one host closed or aborted it; its FIN or RST was
refused, so the other host never learns of it.

## Evidence
A Teardown for idleness, then `FIN ACK` or `RST` of the same tuple with no new Built between.

## Look-alikes
Data after the timeout (DNY301) means that the application still wanted the connection.

## Harm
Depends: nobody was waiting for data, but the peer keeps a dead connection until its own timer; a
server may run out of sockets or of licensed sessions.

## What to change
As for DNY301: keep-alives below the timer, a longer timer, or a reset when it expires.

## References
RFC 9293 §3.5.1 (half-open connections), §3.8.4.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.diagnosis.keepalives import keep_alives
from finis.terms import Confidence, Harm, Teardown


class CloseAfterIdleTimeout(Cause):
    id = "DNY302"
    name = "close-after-idle-timeout"
    title = "a FIN or RST on a connection the firewall had dropped as idle"
    table = "denials"
    beats = ("DNY316",)
    confidence = Confidence.CERTAIN
    harm = Harm.DEPENDS
    harm_why = "the peer is not told and keeps a dead connection until its own timer"
    remedy = {
        "ASA": "`set connection timeout idle 1:00:00 reset` for a class matching this service",
        "netfilter": "a longer `ct timeout` policy for this service",
        "server": "keep-alives, so that dead connections are noticed",
        **keep_alives(),
    }
    references = ("RFC 9293 §3.5.1, §3.8.4",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.after(Teardown.IDLE_TIMEOUT) & (_facts.fin | _facts.rst)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [*_words.history(story), *_words.idle_bound(story)]
