"""The SYN was never answered.

## What happened
The client asked for a connection, repeated the question, and nobody answered: neither a SYN ACK
nor a RST. A firewall with state gives up on such a connection after its embryonic timer (ASA: 30
seconds) and logs `SYN Timeout`.

## Evidence
One or more SYNs without any segment from the other side; or the firewall's own words, which say
that the handshake was not completed in time, not which side failed to (likely, then).

## Look-alikes
Refused (END101): a RST came. SYN ACK unanswered (END103): the server did answer. A single SYN
a quarter of a second before the capture ends (END903) was given no time. A SYN the firewall
discarded (END603) needs captures on both sides. A server that answers after the timer
shows as a denied SYN ACK later.

## Harm
Depends: a service that should be reachable is not; a scan of unused addresses looks the same.

## What to change
Check that the server is up and has a way back to the client, that no filter on the way drops the
SYN or the SYN ACK, and that the answer takes the same path as the question.

## References
RFC 9293 §3.8.3 (R2 for SYN); RFC 1122 §4.2.3.5; Cisco syslog guide 302014 (SYN Timeout);
Cisco firewall configuration guide, connection settings (embryonic 0:0:30).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.terms import Confidence, Harm

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class SynUnanswered(Cause):
    id, name, table = "END102", "syn-unanswered", "connections"
    title = "the SYN was not answered in time"
    beats = ("END601",)
    confidence = facts.confidence(
        # The log's reason says that the handshake was not completed, not who failed to.
        (facts.teardown("syn-timeout"), Confidence.LIKELY),
        (facts.packets() & (pl.col("o_syns") > 1) & facts.no(pl.col("cut_end")), Confidence.LIKELY),
        otherwise=Confidence.POSSIBLE,
    )
    harm = Harm.DEPENDS
    harm_why = "on whether the server was meant to be reachable"
    remedy = {
        "server": "check that {server} is up and routes back to {client} by the same firewall",
        "ASA": "packet-tracer input {client_if} tcp {client} 50000 {server_seen} {server_seen_p} "
        "shows whether the path permits it; `set connection timeout embryonic` only if the server "
        "is known to be slow",
        "netfilter": "`nft monitor trace` for {client} to {server_seen} port {server_seen_p} shows "
        "whether the rules permit it",
        "client": "connect timeouts shorter than the retries hide which of several servers is down",
        "Linux": "on {server}: tcpdump shows whether the SYN arrives; nft list ruleset; sysctl"
        " net.ipv4.conf.all.rp_filter",
        "Windows": "Test-NetConnection {server_seen} -Port {server_seen_p} from the client;"
        " Get-NetFirewallRule on the server",
        "AWS": "security groups and network ACLs drop in silence: Reachability Analyzer names the"
        " one",
        "Azure": "az network watcher test-ip-flow names the rule of the security group",
        "GCP": "gcloud network-management connectivity-tests create names the firewall rule",
    }
    references = ("RFC 9293 §3.8.3", "Cisco ASA syslog 302014: SYN Timeout")
    not_this = (
        "not refused: no RST ended it",
        "not a completed handshake: the firewall, or the capture, saw none",
    )

    @classmethod
    def where(cls) -> pl.Expr:
        by_packets = facts.ended("unanswered") & (pl.col("r_syns") == 0)
        # The answer to one SYN may have come after the capture.
        by_packets &= facts.watched() | (pl.col("o_syns") > 1)
        by_log = (
            facts.teardown("syn-timeout")
            & (facts.no(facts.packets()) | facts.ended("open"))
            & facts.no(pl.col("established"))
        )
        return by_packets | by_log

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return [
            *telling.syn(story),
            *telling.silence(story),
            *telling.log_end(story),
            *telling.denied_after(story),
        ]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        where = missing.Where.of(story.row)
        answered = Alternative(
            "The server did answer and the client never completed the handshake (END103).",
            "a SYN ACK in a capture on the server's side of the firewall",
        )
        return [
            *([] if story.row.get("has_packets") else [answered]),
            Alternative("The SYN was lost or filtered before the server.", missing.tcpdump(where)),
            Alternative(
                "The server answered on another path (asymmetric routing).",
                "a SYN ACK leaving the server, in a capture taken there",
            ),
            Alternative("The server is down or its queue of new connections is full."),
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return missing.both_sides(missing.Where.of(story.row))
