"""Answers to packets that somebody forged with your addresses as source.

## What happened
Somebody attacks a server with SYNs whose source addresses are invented; some of these are yours.
The server's answers, SYN ACK or RST, come back to hosts that never asked.

## Evidence
SYN ACK or RST of one source to eight or more different addresses or ports, no connection of these
tuples before, and destinations that open no connections themselves. Or a SYN ACK to an address that
the firewall itself translates connections to: only it sends from there, and it passed no SYN.

## Look-alikes
Asymmetric routing (DNY401) concerns destinations that are in use and open connections of their own.

## Harm
Harmless for you: the target is the server that answers. Where the log cannot show whether the
destinations are in use, it depends: it may be asymmetric routing.

## What to change
Nothing.

## References
RFC 4987 (SYN flooding), RFC 2827.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm

_silent = pl.col("dst_opened") == 0


class BackscatterDenied(Cause):
    id = "DNY603"
    name = "backscatter-denied"
    title = "answers to packets forged with your addresses (backscatter)"
    table = "denials"
    beats = ("DNY315", "DNY401", "DNY403")
    confidence = _facts.choose(_silent, Confidence.LIKELY, Confidence.POSSIBLE)
    harm = _facts.choose(_silent, Harm.HARMLESS, Harm.DEPENDS)
    harm_why = (
        "harmless for you if these destinations are unused, or an address that the firewall itself"
        " translates to; else it may be asymmetric routing"
    )
    remedy = {"anyone": "leave it"}
    references = ("RFC 4987", "RFC 2827")
    not_this = (
        "asymmetric routing would show destinations that open connections of their own (DNY401)",
    )

    @classmethod
    def where(cls) -> pl.Expr:
        targets = pl.col("src_fanout")
        many = ((targets >= _facts.BACKSCATTER_TARGETS) & _silent) | (
            (targets >= _facts.SWEEP_TARGETS) & pl.col("dst_opened").is_null()
        )
        answers = _facts.state & _facts.never & (_facts.syn_ack | _facts.rst) & many
        return answers | (_facts.state & _facts.to_own_mapping & _facts.syn_ack)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        shown = [_words.denied(story), _words.fanout(story), _words.never_built(story)]
        return [*shown, *_words.own_mapping(story)]

    @classmethod
    def alternatives(cls, story: Refusal) -> list[Alternative]:
        if _words.own_mapping(story):
            return [
                Alternative(
                    "A second device translates to the same address.",
                    "the NAT rules of every device on the way out",
                )
            ]
        return [
            Alternative("The routing is asymmetric.", "whether the destinations are in use at all")
        ]
