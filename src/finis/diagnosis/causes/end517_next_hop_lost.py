"""The next hop did not answer to its address.

## What happened
The firewall had a route, but could not learn the link-layer address of the next hop (ARP, neighbour
discovery), and removed the connection.

## Evidence
The teardown reason (ASA: `No valid adjacency`).

## Look-alikes
A route that changed (END602). Packets of no connection that find no next hop are DNY111.

## Harm
Harmful where a host still sends on it and is refused. Else it depends on whether the connection was
in use.

## What to change
Look at the next hop: is it there, on that network, and does it answer ARP?

## References
Cisco ASA syslog 302014: No valid adjacency; RFC 826; RFC 4861 §7.2
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated, still_used


class NextHopLost(FirewallStated):
    id, name = "END517", "next-hop-lost"
    title = "the firewall could not reach the next hop on its own network"
    reasons = ("no-next-hop",)
    harm = still_used()
    harm_why = "harmful if a side still used it (its segments are refused); harmless if none did"
    remedy = {
        "ASA": "`show route {server}` and `show route {client}` name the next hops; `show arp` (or"
        " `show ipv6 neighbor`) and `show interface`: which of them does not answer",
        "Linux": "ip neigh show; ip route get {server}",
    }
    references = ("Cisco ASA syslog 302014: No valid adjacency", "RFC 826", "RFC 4861 §7.2")
    not_this = ("not a route change: `timeout floating-conn` does not help (END602)",)
