"""The packet was malformed.

## What happened
The packet breaks a rule of its protocol: a header of impossible length, port 0, IP options that are
not allowed, fragments that overlap (teardrop) or exceed a packet's size, an ICMP error that fits
nothing.

## Evidence
ASA 106012, 106020, 209004, 313009, 500003, 500004; `bad-tcp-flags`, `bad-tcp-cksum`,
`invalid-…` in an asp-drop capture.

## Look-alikes
TCP segments that are well formed but do not fit their connection are DNY503. Sound fragments that
are too many are DNY119.

## Harm
Depends: mostly scanners and broken senders; fragments that are lost break real traffic.

## What to change
Look at the sender. For fragments: a smaller MSS or MTU on the path.

## References
RFC 791, RFC 9293 §3.1.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class Malformed(Cause):
    id = "DNY112"
    name = "malformed"
    title = "a malformed packet"
    table = "denials"
    confidence = Confidence.CERTAIN
    harm = Harm.DEPENDS
    harm_why = "mostly scanners and broken senders; lost fragments break real traffic"
    remedy = {"sender": "look at what sends it; for fragments a smaller MSS or MTU"}
    references = (
        "RFC 791",
        "RFC 9293 §3.1",
        "Cisco ASA syslog messages 106012, 106020, 209004, 500003, 500004",
    )

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.msg(*_facts.MALFORMED_IDS) | _facts.drop_group("malformed")

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [_words.denied(story), *_words.said(story), *_words.drop_reason(story)]
