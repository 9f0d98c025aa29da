"""A report that packets are too big for the path was refused.

## What happened
A router could not forward a packet that may not be fragmented and told its sender so by ICMP. The
firewall refused that report. A sender that never learns of the smaller MTU repeats its full-sized
segments in vain: handshake and small messages pass, transfers hang.

## Evidence
A refused ICMP message of type 3 code 4 (fragmentation needed) or ICMPv6 type 2 (packet too big): by
an access list (ASA 106023, 106100, 106014), because the connection that it quotes is not known (ASA
313005, 313004), or because it was for the firewall itself (ASA 313001, 313008); the kernel log of
netfilter.

## Look-alikes
Other ICMP errors (DNY108) tell of hosts and ports that cannot be reached. A forged report about a
connection that does not exist looks the same and does no harm when refused.

## Harm
Harmful where an access list refuses it, whatever connection it is about, and where the log shows
the connection as open. It depends where the firewall knew no such connection, or where the report
was for the firewall itself.

## What to change
Let ICMP type 3 code 4 (ICMPv6 type 2) reach the senders, or clamp the MSS to what the path takes.

## References
RFC 1191 §4 and RFC 8201 (path MTU discovery); RFC 2923 §2.1 (black holes); RFC 5927 §7 (forged
reports).
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class MtuReportRefused(Cause):
    id = "DNY115"
    name = "mtu-report-refused"
    title = "a report that packets are too big for the path was refused"
    table = "denials"
    beats = ("DNY101", "DNY102", "DNY103", "DNY108", "DNY602")
    confidence = Confidence.CERTAIN
    harm = _facts.choose(_facts.policy | _facts.pending, Harm.HARMFUL, Harm.DEPENDS)
    harm_why = "a sender that is not told repeats its full-sized segments in vain"
    remedy = {
        "ASA": "in the access list that refuses it: permit icmp any any unreachable; `inspect icmp "
        "error`; where the narrow hop is yours: `sysopt connection tcpmss BYTES` (its MTU less 40)",
        "netfilter": "accept `ct state related` (it covers ICMP errors of known connections); "
        "`tcp option maxseg size set rt mtu` where the path MTU is smaller",
    }
    references = ("RFC 1191 §4", "RFC 8201", "RFC 2923 §2.1")
    not_this = ("a host or port that cannot be reached: that has another code (DNY108)",)

    @classmethod
    def where(cls) -> pl.Expr:
        refused = _facts.policy | _facts.kind("icmp")
        refused |= _facts.msg(*_facts.ICMP_ERROR_IDS, *_words.TO_THE_FIREWALL)
        return refused & _facts.icmp("3/4", "2/0", "2")

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        ended = story.row.get("teardown") is not None
        return [_words.denied(story), *([_words.removed(story)] if ended else _words.built(story))]

    @classmethod
    def alternatives(cls, story: Refusal) -> list[Alternative]:
        if story.row.get("kind") == "policy" or story.row.get("pending_syn"):
            return []
        return [
            Alternative(
                "A forged or belated report, about a connection that nobody uses.",
                "whether the sender of the quoted packet repeats full-sized segments (END409)",
            )
        ]
