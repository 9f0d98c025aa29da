"""A segment whose flags no TCP stack sends: a port scan.

## What happened
Somebody sent a segment with FIN alone, no flags at all, FIN, PSH and URG together, or SYN together
with FIN or RST. Within a connection every segment after the SYN carries ACK, and none both begins
and ends it, so these are made by a tool, to find open ports behind filters that look only at SYN.

## Evidence
Flags without SYN, RST and ACK, or SYN with FIN or RST, and no connection of the tuple before.

## Look-alikes
A device that strips flags in its log. A bare FIN right after a Teardown is judged with that
connection. SYN FIN was lawful in T/TCP (RFC 1644), which nobody uses any more (RFC 6247).

## Harm
Depends on who scans: it was refused, but somebody is looking.

## What to change
Nothing on the firewall; look at the source if it is one of your own.

## References
RFC 9293 §3.10.7.4 (a segment without ACK is dropped once a connection exists).
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class ScanFlags(Cause):
    id = "DNY601"
    name = "scan-flags"
    title = "flags no TCP stack sends: a scan (FIN, NULL, XMAS, SYN FIN)"
    table = "denials"
    beats = ("DNY901",)
    confidence = Confidence.LIKELY
    harm = Harm.DEPENDS
    harm_why = "refused; depends on who is looking"
    remedy = {"anyone": "look at the source if it is one of your own"}
    references = ("RFC 9293 §3.10.7.4", "RFC 6247")

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.state & _facts.unknown_tuple & _facts.impossible

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [_words.denied(story), *_words.packet(story)]
