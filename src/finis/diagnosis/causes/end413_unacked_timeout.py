"""The firewall removed an open connection by a timer shorter than its idle timer.

## What happened
The entry expired although its idle timer, as last logged, had long to run: a packet since then had
set a shorter one. Netfilter does so (300 s by default) while a segment is unacknowledged, after
three repetitions without answer, at a window of zero, and for connections of which it sees one
direction only.

## Evidence
The removal of an entry in ESTABLISHED, before the time its last logged timer would have run out; or
with the flag UNREPLIED.

## Look-alikes
An idle timer that did run out (END401). One that was lowered after it was logged looks the same.

## Harm
Depends: a peer that answers nothing is lost whatever the firewall does; where only the firewall
misses its answers, a working connection is cut off.

## What to change
Find out whose answer is missing: a host that went away, or a path past this firewall.

## References
Linux Documentation/networking/nf_conntrack-sysctl.rst; net/netfilter/nf_conntrack_proto_tcp.c
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from finis.diagnosis import missing
from finis.diagnosis.cause import Alternative
from finis.diagnosis.causes._stated import FirewallStated, still_used
from finis.terms import Confidence

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class UnackedTimeout(FirewallStated):
    id, name = "END413", "unacked-timeout"
    title = "the firewall removed the open connection before its idle timer"
    reasons = ("unacked-timeout",)
    confidence = Confidence.LIKELY
    harm = still_used()
    harm_why = (
        "harmful once either side sends data or an ACK again, which is refused; else on why an "
        "answer was missing"
    )
    remedy = {
        "netfilter": "`nf_conntrack_tcp_timeout_unacknowledged` and `_max_retrans` (300 s) are the "
        "timers; `_established` changes nothing here",
        "network": "do both directions of {client} and {server} pass this firewall?",
        "Linux": "on {client} and {server}: `ss -tnoi` shows what is unacknowledged",
    }
    references = (
        "Linux Documentation/networking/nf_conntrack-sysctl.rst",
        "Linux net/netfilter/nf_conntrack_proto_tcp.c",
    )
    not_this = ("not its idle timer: that is longer, or had longer to run when last logged",)

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        capture = missing.at_firewall(missing.Where.of(story.row))[0]
        return [
            Alternative(
                "A host stopped answering: it went away, or the path to it broke.", capture
            ),
            Alternative("The answers take a path past this firewall.", capture),
            Alternative("The receiver's window had closed: zero, and no more.", capture),
            Alternative(
                "The timer was lowered after it was logged, or a flowtable handed the connection "
                "back with a shorter one.",
                "`sysctl -a | grep nf_conntrack_tcp_timeout`, `nft list flowtables`",
            ),
        ]
