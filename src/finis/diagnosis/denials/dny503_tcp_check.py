"""The segment does not fit what the firewall expects of this connection.

## What happened
The firewall follows the sequence numbers, windows and options of a connection. It dropped a segment
that does not fit: an old copy, data beyond the window, a timestamp too old, a malformed option.

## Evidence
The drop reason of an asp-drop capture. Its meaning stands in the evidence of every example.

## Look-alikes
`tcp-rstfin-ooo` and `tcp-invalid-ack` on a bare RST or ACK are also the signs of DNY502.

## Harm
Depends on the reason: second copies are harmless; reasons that keep dropping what the receiver
needs (window, PAWS, MSS, full buffers) are not.

## What to change
Look at the same segment on both sides of the firewall. If another device reorders, caches or
rewrites, correct that one; a `tcp-map` relaxes single checks.

## References
RFC 9293 §3.10.7.4, RFC 7323 §5 (PAWS), RFC 5961.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _drops, _facts, _words
from finis.terms import Confidence, Harm


def _with(harm: Harm) -> list[str]:
    return [name for name, drop in _drops.DROPS.items() if drop.harm == harm]


class TcpCheck(Cause):
    id = "DNY503"
    name = "tcp-check"
    title = "a segment that did not fit the firewall's view of the connection"
    table = "denials"
    confidence = Confidence.CERTAIN
    harm = (
        pl.when(_facts.drop(*_with(Harm.HARMLESS)))
        .then(int(Harm.HARMLESS))
        .when(_facts.drop(*_with(Harm.HARMFUL)))
        .then(int(Harm.HARMFUL))
        .otherwise(int(Harm.DEPENDS))
    )
    harm_why = "depends on the drop reason: copies are harmless, losses are not"
    remedy = {
        "ASA": "`show asp drop`, `capture … type asp-drop REASON`; a `tcp-map` relaxes single"
        " checks",
    }
    references = ("RFC 9293 §3.10.7.4", "RFC 7323 §5", "RFC 5961", "Cisco ASA `show asp drop`")

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.drop_group("check")

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [_words.denied(story), *_words.drop_reason(story)]
