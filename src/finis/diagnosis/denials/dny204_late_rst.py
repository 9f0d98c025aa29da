"""A RST came after the firewall had forgotten the connection.

## What happened
The connection ended, the firewall removed it, and one host sent a RST about it afterwards.

## Evidence
`RST` or `RST ACK` within minutes of the Teardown. The form says something: a bare `RST` is what a
host without any state for the connection sends, taking the SEQ from the ACK of what it answers;
`RST ACK` usually comes from a process that still had the connection and aborted it (some stacks,
lwIP for one, set ACK in both cases).

## Look-alikes
The specific forms have their own pages: DNY205 (host without state), DNY206 (answer to late data),
DNY207 (the abort of a closing application). A RST without any connection before it is DNY403.

## Harm
Harmless: it was addressed to a connection already over.

## What to change
Nothing.

## References
RFC 9293 §3.10.7.1 and §3.5.2 (reset generation).
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class LateRst(Cause):
    id = "DNY204"
    name = "late-rst"
    title = "a RST arrived after the firewall had removed the connection"
    table = "denials"
    beats = ("DNY316",)
    confidence = Confidence.LIKELY
    harm = Harm.HARMLESS
    harm_why = "harmless: it was addressed to a connection already over"
    remedy = {
        "anyone": "leave it",
        "ASA": "`sysopt connection timewait` may absorb those that follow a normal close",
        "netfilter": "drop `ct state invalid tcp flags & rst == rst` in a rule of its own, without "
        "a log line",
    }
    references = ("RFC 9293 §3.5.2, §3.10.7.1", "Cisco ASA syslog message 106015")
    not_this = ("a RST of a connection never known: there no Teardown precedes it (DNY403)",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.all_but_closed & _facts.late & _facts.rst

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return _words.history(story)

    @classmethod
    def missing(cls, story: Refusal) -> list[str]:
        return _words.captures(story)
