"""A RST that its supposed sender cannot have sent.

## What happened
A device between the hosts made up a RST in the name of one of them, to end their connection.

## Evidence
The capture shows the RST, and it fits nothing its sender could know: a SEQ that is stale or ahead,
a TTL or IP identification foreign to the sender's other segments, data of the same sender after it.

## Look-alikes
NAT devices, load balancers and anti-spam systems send RSTs in a host's name for harmless reasons.

## Harm
Depends on who sends them and why: a security device, an operator on the path, or an attacker.

## What to change
Find the device by its TTL: the difference to the sender's own segments counts the hops.

## References
RFC 5961 (blind in-window attacks), Weaver, Sommer, Paxson: Detecting Forged TCP Reset Packets,
NDSS 2009.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm, RstClass, word


class InjectedRstDenied(Cause):
    id = "DNY604"
    name = "injected-rst-denied"
    title = "a RST that its supposed sender cannot have sent"
    table = "denials"
    beats = (
        "DNY204",
        "DNY315",
        "DNY316",
        "DNY403",
        "DNY404",
        "DNY501",
        "DNY502",
        "DNY503",
        "DNY504",
        "DNY603",
        "DNY901",
    )
    confidence = Confidence.LIKELY
    harm = Harm.DEPENDS
    harm_why = "depends on which device sends them and why"
    remedy = {"anyone": "find the device: the TTL of the RST counts its distance"}
    references = ("RFC 5961", "Weaver, Sommer, Paxson: Detecting Forged TCP Reset Packets (2009)")

    @classmethod
    def where(cls) -> pl.Expr:
        refused = (_facts.state & ~_facts.known) | _facts.closed | _facts.drop_group("check")
        suspect = pl.col("segment_rst_class") == word(RstClass.SUSPECT)
        return refused & _facts.rst & suspect

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [*_words.history(story), *_words.drop_reason(story)]
