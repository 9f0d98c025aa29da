"""The packet was for the firewall itself, which does not serve it.

## What happened
Somebody sent a packet to one of the firewall's own addresses, for a service it does not offer there
or refuses to that source.

## Evidence
ASA 710003 (refused), 710005 (discarded, no session), 313001 and 313008 (ICMP to the firewall),
106013 (echo request to an address that only serves translation).

## Look-alikes
710005 also appears for answers that arrive after the firewall's own session ended.

## Harm
Depends: broadcasts and scans are harmless; a monitoring or routing neighbour that should get an
answer is not.

## What to change
Allow the management service for the source that needs it; stop the sender otherwise.

## References
The firewall's management access and ICMP rules.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class ToTheFirewall(Cause):
    id = "DNY103"
    name = "to-the-firewall"
    title = "addressed to the firewall itself"
    table = "denials"
    confidence = Confidence.CERTAIN
    harm = Harm.DEPENDS
    harm_why = "depends on whether the sender should get an answer from the firewall"
    remedy = {
        "ASA": "for the source that needs it: `ssh`, `http`, `snmp-server host` (710003, 710005),"
        " `icmp permit` (313001), `ipv6 icmp permit` (313008)",
        "netfilter": "the input chain: nft list chain inet filter input",
    }
    references = ("Cisco ASA syslog messages 710003, 710005, 313001, 313008",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.msg(*_facts.TO_BOX_IDS)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [_words.denied(story)]
