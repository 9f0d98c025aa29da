"""An ICMP answer came to a firewall that had not seen the request.

## What happened
A host answered an echo (or timestamp) request. The firewall knows no such request and drops the
answer: the request took another path, the answer came after the firewall had forgotten it, or
somebody sent the request with a forged source.

## Evidence
ASA 313004 with ICMP type 0, 14, 16 or 18 (ICMPv6 type 129).

## Look-alikes
ICMP errors, which report about another packet (DNY108).

## Harm
Depends: pings fail through this firewall where routing is asymmetric; a late or forged answer is
noise.

## What to change
Find the path of the request; route both directions through the same firewall.

## References
RFC 792; RFC 4443 §4.2.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm

_ANSWERS = ("0", "14", "16", "18", "129")


class IcmpAnswerUnmatched(Cause):
    id = "DNY116"
    name = "icmp-answer-unmatched"
    title = "an ICMP answer to no request that the firewall saw"
    table = "denials"
    beats = ("DNY108",)
    confidence = Confidence.CERTAIN
    harm = Harm.DEPENDS
    harm_why = "pings fail where the request took another path; a late or forged answer is noise"
    remedy = {
        "ASA": "`show route DST`, `show asp table routing`: both directions through this firewall; "
        "`inspect icmp` so that requests are remembered",
    }
    references = ("RFC 792", "Cisco ASA syslog message 313004")

    @classmethod
    def where(cls) -> pl.Expr:
        answers = (text for kind in _ANSWERS for text in (kind, f"{kind}/0"))
        return _facts.msg(*_facts.ICMP_ERROR_IDS) & _facts.icmp(*answers)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [_words.denied(story)]
