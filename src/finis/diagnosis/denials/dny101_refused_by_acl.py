"""A rule of the firewall refused the packet: an access list says deny.

## What happened
A packet matched a `deny` entry of an access list, or reached the implicit deny at its end. No
connection was created. This is the firewall doing what its configuration says; it has nothing to
do with how connections end.

## Evidence
The log line names the access list (ASA 106023, 106100; `acl-drop` in an asp-drop capture). The
name stands in the evidence of every example.

## Look-alikes
A permit (106100 `permitted`) followed by 106015 for the same packet: the rule allowed it, the state
check refused it. A scan (DNY602) is refused by the same rules, but tries many targets.

## Harm
Depends on whether the traffic is wanted. A rule that refuses scanners is harmless; one that refuses
an application's own connection breaks it.

## What to change
Nothing, if the traffic is unwanted. Otherwise add a permit above the entry that refused it, for
exactly this source, destination and port.

## References
The access list named in the message, on the firewall that wrote it.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class RefusedByAcl(Cause):
    id = "DNY101"
    name = "refused-by-acl"
    title = "refused by an access list"
    table = "denials"
    confidence = Confidence.CERTAIN
    harm = Harm.DEPENDS
    harm_why = "depends on whether this traffic is wanted"
    remedy = {
        "ASA": "if wanted: permit it above the refusing entry (`show access-list NAME` counts hits;"
        " `packet-tracer input IF tcp SRC SPORT DST DPORT` shows which entry decides, for UDP with"
        " `udp`, for ICMP `packet-tracer input IF icmp SRC TYPE CODE DST`)",
        "netfilter": "if wanted: `nft insert rule` (or `iptables -I`) a rule that accepts it above "
        "the one whose log prefix the line carries; `nft monitor trace` shows which "
        "rule decides",
        "AWS": "flow logs say REJECT: aws ec2 describe-security-groups and network ACLs",
        "Azure": "az network watcher test-ip-flow names the rule",
        "GCP": "firewall rules logging names the rule",
    }
    references = ("Cisco ASA syslog messages 106023, 106100",)
    not_this = ("a scan would show one source at many targets (DNY602)",)

    @classmethod
    def where(cls) -> pl.Expr:
        named = pl.col("acl").is_not_null()  # of ICMP errors only a kernel log names a rule
        return (_facts.policy & (named | _facts.drop("acl-drop"))) | (_facts.kind("icmp") & named)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [_words.denied(story)]
