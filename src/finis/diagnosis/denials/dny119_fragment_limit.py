"""More fragments than the firewall puts together.

## What happened
The firewall holds fragments until their packet is complete. Too many waited at a time, or one
packet had too many, and the rest was discarded. The fragments themselves may be sound.

## Evidence
ASA 209003 (fragments that wait for reassembly), 209005 (fragments of one packet), 209006 (the queue
of an interface).

## Look-alikes
Fragments that overlap or exceed the size of a packet are malformed (DNY112).

## Harm
Depends: packets that are wanted are lost; attacks with fragments fill the same limits.

## What to change
Have the sender make packets that need no fragments; else raise the limit that the message names.

## References
Cisco ASA syslog 209003, 209005, 209006; Cisco ASA command reference: fragment; RFC 8900.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class FragmentLimit(Cause):
    id = "DNY119"
    name = "fragment-limit"
    title = "more fragments than the firewall puts together"
    table = "denials"
    confidence = Confidence.CERTAIN
    harm = Harm.DEPENDS
    harm_why = "packets that are wanted are lost; attacks with fragments fill the same limits"
    remedy = {
        "sender": "packets that need no fragments: a smaller MTU, MSS or UDP message",
        "ASA": "`show fragment`; if the traffic is wanted: `fragment size N IF` (209003, 209006) or"
        " `fragment chain N IF` (209005)",
    }
    references = ("Cisco ASA syslog messages 209003, 209005, 209006", "RFC 8900")
    not_this = ("malformed: the limit is the firewall's own (DNY112)",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.msg(*_facts.FRAGMENT_IDS)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [_words.denied(story), *_words.said(story)]
