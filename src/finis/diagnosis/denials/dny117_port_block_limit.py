"""One host had used up the blocks of translated ports it may have.

## What happened
The firewall hands out translated ports in blocks, so many for a host at most. This host had used
all of its blocks, and its next connection was refused. Other hosts are not concerned.

## Evidence
ASA 305016 with the words “per-host PAT port block limit”.

## Look-alikes
305016 with “port block exhaustion in PAT pool” (DNY113): the pool is empty, for every host.

## Harm
Harmful to this one host: it makes more connections at a time than its share of ports allows.

## What to change
Find out what the host does with so many connections; allow it more blocks, or larger ones.

## References
Cisco ASA syslog 305016; Cisco ASA command reference: xlate block-allocation; RFC 6888 REQ-3.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class PortBlockLimit(Cause):
    id = "DNY117"
    name = "port-block-limit"
    title = "one host had used up its blocks of translated ports"
    table = "denials"
    beats = ("DNY104", "DNY113")
    confidence = Confidence.CERTAIN
    harm = Harm.HARMFUL
    harm_why = "harmful to this host alone: its next connections are refused"
    remedy = {
        "ASA": "`show local-host` and `show conn` of this host: what its connections are for; then"
        " `xlate block-allocation maximum-per-host N` or a larger `xlate block-allocation size N`",
    }
    references = ("Cisco ASA syslog message 305016", "RFC 6888 REQ-3")
    not_this = ("an empty pool, which every host would feel (DNY113)",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.msg("305016") & _facts.said("per-host")

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [_words.denied(story), *_words.said(story)]
