"""A RST came after the firewall had given up waiting for the handshake.

## What happened
A SYN went unanswered until the firewall's embryonic timer removed the connection; then a RST of the
tuple came: the server's late refusal, or the client withdrawing its attempt.

## Evidence
A Teardown `SYN Timeout` of the tuple, then `RST` or `RST ACK`.

## Look-alikes
A SYN ACK at that point is DNY304.

## Harm
Depends: the RST changes nothing, but the connection attempt had failed before.

## What to change
Look at why the SYN went unanswered; the RST itself needs nothing.

## References
RFC 9293 §3.5.2.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class RstAfterSynTimeout(Cause):
    id = "DNY306"
    name = "rst-after-syn-timeout"
    title = "a RST after the firewall's SYN timeout"
    table = "denials"
    beats = ("DNY316",)
    confidence = Confidence.CERTAIN
    harm = Harm.DEPENDS
    harm_why = "the RST changes nothing; the attempt had failed before"
    remedy = {"server": "find why the SYN was not answered in time"}
    references = ("RFC 9293 §3.5.2",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.after(*_facts.EMBRYONIC) & _facts.rst

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return _words.history(story)
