"""A host went on sending on a connection that, by the log, it had itself reset.

## What happened
The firewall removed the connection because of a reset and says that it came from this host; seconds
later the same host sends an ACK, data or a FIN of that connection. A host that resets a connection
deletes it and can send nothing more of it: something else sent that reset in the host's name, or
the line names the wrong side.

## Evidence
A Teardown by a reset of one side, after bytes had been carried, and two seconds or more later a
segment without RST from that very side, refused for want of a connection.

## Look-alikes
Within a second the segment may have been under way before the reset (DNY201 to DNY203). A RST after
the own reset answers what the peer still sends (DNY204). The other side's segments say nothing
about who sent the reset.

## Harm
Depends: a connection still in use was cut, by a device that may be meant to do so (intrusion
prevention, load balancer, filter of content) or by somebody who is not.

## What to change
Find who sent the reset: its TTL, IP ID and sequence number in a capture on both sides of each
device differ from those of the host.

## References
RFC 9293 §3.10.5 (ABORT deletes the connection), §3.10.7.1 (a closed connection sends RST only).
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm, Teardown

RULE = "RFC 9293 §3.10.5, §3.10.7.1"


class SentAfterOwnReset(Cause):
    id = "DNY210"
    name = "sent-after-own-reset"
    title = "a host went on sending after a reset in its name"
    table = "denials"
    beats = ("DNY201", "DNY202", "DNY203", "DNY209", "DNY316", "DNY404")
    confidence = Confidence.LIKELY
    harm = Harm.DEPENDS
    harm_why = "depends on who sent the reset, and whether the connection was still wanted"
    remedy = {
        "network": "look for what resets in a host's name: intrusion prevention, a load balancer's"
        " idle timer, a content filter, a duplicate address",
        "ASA": "captures on both interfaces show where the RST comes from; compare its TTL and IP"
        " ID with those of the host's other segments",
    }
    references = (RULE, "Cisco ASA syslog 302014: TCP Reset-I, TCP Reset-O")
    not_this = ("a late segment: one sent before the reset would come within a second of it",)

    @classmethod
    def where(cls) -> pl.Expr:
        sent = pl.col("from_side")
        own = (_facts.after(Teardown.RESET_ORIG) & (sent == "orig")) | (
            _facts.after(Teardown.RESET_RESP) & (sent == "resp")
        )
        # In the handshake a host may reset an old connection's ACK and go on (RFC 9293 §3.10.7.3).
        used = pl.col("conn_bytes") > 0
        form = _facts.ack | _facts.data | _facts.fin
        return own & used & form & (_facts.lag > _facts.SAME_MOMENT_S)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        text = "By that line the refused segment's own sender had reset the connection; a host that"
        text += " has done so sends nothing of it but RSTs."
        proofs = (story.teardown,) if story.teardown else ()
        return [*_words.history(story), Claim(text, (*proofs, story.proof), RULE)]

    @classmethod
    def alternatives(cls, story: Refusal) -> list[Alternative]:
        return [
            _words.would_decide(
                story, "Two hosts share the address (load balancer, failover, duplicate address)."
            ),
            Alternative(
                "The Teardown names the wrong side.",
                "the security levels of the two interfaces: I is the higher (`show nameif`)",
            ),
        ]

    @classmethod
    def missing(cls, story: Refusal) -> list[str]:
        return _words.captures(story)
