"""A RST about a connection this firewall never knew.

## What happened
A host sent a RST, and the firewall knows no connection it could belong to. It answers a segment
that came to it another way, or a forged one, or ends a connection that does not pass here.

## Evidence
`RST` or `RST ACK` with no connection of the tuple before it, on a device whose log would have shown
it. `RST ACK` answers a SYN or comes from an abort; a bare `RST` answers a segment with ACK.

## Look-alikes
A late RST has a Teardown before it (DNY204). RSTs of one source to many addresses are backscatter
(DNY603).

## Harm
Depends: of no consequence by itself, but a sign that one direction of some connection does not pass
this firewall.

## What to change
Capture the next case and look for what the RST answers.

## References
RFC 9293 §3.5.2, §3.10.7.1.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class RstWithoutConnection(Cause):
    id = "DNY403"
    name = "rst-without-connection"
    title = "a RST about a connection the firewall never knew"
    table = "denials"
    confidence = Confidence.POSSIBLE
    harm = Harm.DEPENDS
    harm_why = "no consequence by itself; a sign that one direction does not pass here"
    remedy = {
        "ASA": "a capture of the next one: `capture drops type asp-drop tcp-not-syn`; its SEQ and"
        " TTL tell whether its sender knew a connection",
    }
    references = ("RFC 9293 §3.5.2, §3.10.7.1",)
    not_this = ("a late RST: there a Teardown of the tuple precedes it (DNY204)",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.state & _facts.never & _facts.rst

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [*_words.history(story), _words.never_built(story)]

    @classmethod
    def alternatives(cls, story: Refusal) -> list[Alternative]:
        return [
            _words.would_decide(story, "It answers a segment that came another way."),
            _words.would_decide(story, "It answers a segment forged with this address."),
        ]

    @classmethod
    def missing(cls, story: Refusal) -> list[str]:
        return _words.captures(story)
