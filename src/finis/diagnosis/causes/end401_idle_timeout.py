"""The firewall removed an idle connection.

## What happened
No segment passed for as long as the firewall's idle timer allows (ASA default: one hour). The
firewall removed the connection silently; both sides still believe in it.

## Evidence
The teardown reason. Netfilter states none: an open connection's entry expired, by the timer for
unacknowledged segments (END413) or by the idle timer; the latter is certain where it is the shorter
one, likely otherwise. Later denials of the same tuple prove that somebody still used it.

## Look-alikes
With `reset` configured both sides are told (END402). A connection that only one side closed ends by
the half-closed timer (END403).

## Harm
Harmful when either side speaks again, because its data is refused until it gives up (database
pools,
SSH). Depends as long as nobody has tried.

## What to change
Keep-alives more often than the firewall's timer (no longer than such a connection lived), or let
the firewall send a reset when it expires.

## References
Cisco ASA syslog 302014: Conn-timeout, Flow timed out; Cisco firewall configuration guide:
connection settings; RFC 9293 §3.8.4
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from finis.diagnosis import keepalives
from finis.diagnosis.causes._stated import FirewallStated, still_used
from finis.diagnosis.keepalives import keep_alives

if TYPE_CHECKING:
    from finis.correlation.stories import Story
    from finis.diagnosis.cause import Claim


class IdleTimeout(FirewallStated):
    id, name = "END401", "firewall-idle-timeout"
    title = "the firewall removed the idle connection without telling either side"
    reasons = ("idle-timeout",)
    harm = still_used()
    harm_why = (
        "harmful once either side sends data or an ACK again, which is refused; harmless if "
        "neither does"
    )
    remedy = {
        "ASA": "set connection timeout idle 4:00:00 reset in a class for {server} port "
        "{server_p} tells both sides; or set connection timeout dcd",
        "netfilter": "a `ct timeout` policy for {server} port {server_p} above the longest pause; "
        "no rule tells both sides when it expires (`reject with tcp reset` answers only who speaks "
        "again, and on `ct state invalid` may end connections in good order)",
        "client": "keep-alives more often than the firewall's timer, which is no longer than the "
        "shortest life in the evidence",
        "server": "the same keep-alives on {server}; database pools: validate or retire idle "
        "connections",
        **keep_alives(),
        "AWS": "the NAT gateway and the NLB forget after 350 s of silence (NLB:"
        " tcp.idle_timeout.seconds of the listener)",
        "Azure": "az network lb rule update --idle-timeout 30 --enable-tcp-reset true; the same"
        " for outbound rules",
        "GCP": "keep-alive below 600 s; gcloud compute routers nats update"
        " --tcp-established-idle-timeout for Cloud NAT",
    }
    references = (
        "Cisco ASA syslog 302014: Conn-timeout, Flow timed out",
        "Cisco firewall configuration guide: connection settings",
        "RFC 9293 §3.8.4",
    )
    not_this = ("not closed by either side: no FIN or RST is the reason",)

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        row, shown = story.row, () if story.teardown is None else (story.teardown,)
        limit = keepalives.bound(keepalives.lived(row), row.get("product"), shown)
        return [*super().claims(story), *limit]
