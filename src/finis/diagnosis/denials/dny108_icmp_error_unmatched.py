"""An ICMP error belongs to no connection the firewall knows.

## What happened
A router or host reported an error about a packet (unreachable, fragmentation needed, time
exceeded), quoting it. The firewall knows no connection for the quoted packet and drops the report.

## Evidence
ASA 313004, 313005; 313005 prints the packet the error quotes.

## Look-alikes
Reports about a connection that has just ended are harmless; reports about one that the firewall
should know point to asymmetric routing.

## Harm
Depends. Losing "fragmentation needed" (type 3 code 4) breaks path MTU discovery: the handshake
works and full-sized segments vanish.

## What to change
Let ICMP type 3 reach the hosts, inspect ICMP errors, or clamp the MSS.

## References
RFC 1191 (path MTU discovery), RFC 792.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class IcmpErrorUnmatched(Cause):
    id = "DNY108"
    name = "icmp-error-unmatched"
    title = "ICMP error about a connection the firewall does not know"
    table = "denials"
    confidence = Confidence.CERTAIN
    harm = Harm.DEPENDS
    harm_why = "harmful if it says that fragmentation is needed: full-sized segments then vanish"
    remedy = {
        "ASA": "`inspect icmp error`; permit ICMP unreachable; `sysopt connection tcpmss 1380`"
        " where the path MTU is smaller",
        "netfilter": "accept `ct state related`; `tcp option maxseg size set rt mtu` where the "
        "path MTU is smaller",
    }
    references = ("RFC 1191", "RFC 792", "Cisco ASA syslog messages 313004, 313005")

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.msg(*_facts.ICMP_ERROR_IDS)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [_words.denied(story)]
