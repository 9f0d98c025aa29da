"""An answer of a name server to no query that was still open.

## What happened
A name server's answer came, and the firewall knew no query that waited for it. It closes a query
with the first answer (DNS guard), so a second one, or one of a slow server after another had
answered, is refused.

## Evidence
ASA 106007 `due to DNS Response`.

## Look-alikes
`due to DNS Query` is a query towards a name server that no access list permits (DNY102).

## Harm
Depends: harmless where the client had its answer; harmful where the query left by another path and
the client waits for this one.

## What to change
Nothing, as a rule. Many answers to addresses that never asked are an attack with forged queries.

## References
Cisco ASA syslog 106007; Cisco ASA command reference: dns-guard.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class LateDnsAnswer(Cause):
    id = "DNY118"
    name = "late-dns-answer"
    title = "a DNS answer to no query that was still open"
    table = "denials"
    beats = ("DNY102", "DNY602")
    confidence = Confidence.LIKELY
    harm = Harm.DEPENDS
    harm_why = "harmless if the client had its answer already; else its query goes unanswered"
    remedy = {
        "ASA": "nothing, as a rule; no access list is missing. If names fail to resolve: `show"
        " route` towards that server (the query must leave here), and a nearer name server",
    }
    references = ("Cisco ASA syslog message 106007", "Cisco ASA command reference: dns-guard")
    not_this = ("a query that no access list permits: `due to DNS Query` (DNY102)",)

    @classmethod
    def where(cls) -> pl.Expr:
        datagram = pl.col("flags").is_null()
        return _facts.policy & datagram & _facts.msg("106007") & _facts.said("dns response")

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [_words.denied(story), *_words.said(story)]

    @classmethod
    def alternatives(cls, story: Refusal) -> list[Alternative]:
        return [
            Alternative(
                "The query left by another path.", "whether names resolve for that client at all"
            ),
            Alternative(
                "Somebody forged queries with this address.",
                "whether the host asks that server at all, and how many such answers come",
            ),
        ]
