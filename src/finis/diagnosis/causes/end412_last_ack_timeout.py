"""The firewall waited in vain for the last ACK of a close.

## What happened
The firewall followed the close to the point where only the last ACK was missing, did not see it,
and removed its entry when its timer for that state ran out.

## Evidence
The state in which the entry was removed (netfilter: LAST_ACK).

## Look-alikes
Netfilter enters LAST_ACK at a FIN in FIN_WAIT or CLOSE_WAIT, also where the same side repeats its
own: then the other side may not have closed (END404). Packets tell: END205, END403.

## Harm
Harmless, unless data was refused afterwards: then one side had not closed.

## What to change
Nothing, or look where the last ACK went.

## References
Linux net/netfilter/nf_conntrack_proto_tcp.c; RFC 9293 §3.6
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing
from finis.diagnosis.cause import Alternative
from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Confidence, Harm

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class LastAckTimeout(FirewallStated):
    id, name = "END412", "last-ack-timeout"
    title = "the firewall did not see the last ACK of the close"
    reasons = ("last-ack-timeout",)
    confidence = Confidence.LIKELY
    harm = facts.harm((pl.col("data_denied") > 0, Harm.DEPENDS), otherwise=Harm.HARMLESS)
    harm_why = "both sides had most likely closed; data refused after that may have been wanted"
    remedy = {
        "netfilter": "a longer `nf_conntrack_tcp_timeout_last_ack`, if late segments are refused",
        "network": "if it happens often: does the last ACK take another path?",
    }
    references = ("Linux net/netfilter/nf_conntrack_proto_tcp.c", "RFC 9293 §3.6")
    not_this = ("not ended by a RST: the firewall would have logged that state",)

    @classmethod
    def where(cls) -> pl.Expr:
        unseen = facts.no(facts.packets()) | facts.ended("open")
        return facts.teardown(*cls.reasons) & unseen

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            Alternative(
                "One side repeated its FIN, which leads to the same state: the other had not "
                "closed (END404).",
                missing.at_firewall(missing.Where.of(story.row))[0],
            ),
            Alternative("The last ACK took a path past this firewall."),
        ]
