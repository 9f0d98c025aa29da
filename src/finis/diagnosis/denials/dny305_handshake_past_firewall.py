"""The client went on although the firewall never saw the server's answer.

## What happened
The SYN passed the firewall, the SYN ACK did not: it took another path. The client completed the
handshake and sent data; the firewall had removed the embryonic connection and refuses them.

## Evidence
A Teardown `SYN Timeout`, then ACK, data or FIN of the same tuple. A host sends these only after it
has received a SYN ACK.

## Look-alikes
A SYN ACK after the timeout came late through this firewall (DNY304).

## Harm
Harmful: the connection cannot work.

## What to change
Bring both directions through the same firewall.

## References
RFC 9293 §3.5 (handshake).
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class HandshakePastFirewall(Cause):
    id = "DNY305"
    name = "handshake-past-firewall"
    title = "the server's answer took another path"
    table = "denials"
    beats = ("DNY316",)
    confidence = Confidence.LIKELY
    harm = Harm.HARMFUL
    harm_why = "harmful: the connection cannot work"
    remedy = {
        "routing": "bring both directions through the same firewall (routes, HSRP/VRRP, NAT)",
        "ASA": "`set connection advanced-options tcp-state-bypass` for this pair, as a last resort",
        "netfilter": "`notrack` for this pair, as a last resort",
    }
    references = ("RFC 9293 §3.5",)

    @classmethod
    def where(cls) -> pl.Expr:
        of_client = (pl.col("from_side") != "resp").fill_null(True)
        form = _facts.ack | _facts.data | _facts.fin
        return _facts.after(*_facts.EMBRYONIC) & form & of_client

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return _words.history(story)

    @classmethod
    def missing(cls, story: Refusal) -> list[str]:
        return _words.captures(story)
