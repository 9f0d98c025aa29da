"""The VPN tunnel that carried the connection went down.

## What happened
The connection went through a VPN tunnel. The tunnel was torn down, or the connection no longer
belonged to any after it had changed, and the firewall removed the connection with it.

## Evidence
The teardown reason (ASA: `Tunnel has been torn down`, `VPN reclassify failed`).

## Look-alikes
A route that changed (END602); a next hop that is not there (END517).

## Harm
Harmful where a host still sends on it and is refused. Else it depends on whether the connection was
in use: a tunnel that its user closed takes idle connections along.

## What to change
Find why the tunnel went down: peer lost, idle timer of the session, rekeying, an administrator.

## References
Cisco ASA syslog 302014: Tunnel has been torn down; Cisco ASA syslog 113019, 602304; Cisco ASA
command reference: sysopt connection preserve-vpn-flows
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated, still_used


class TunnelDown(FirewallStated):
    id, name = "END516", "tunnel-down"
    title = "the VPN tunnel that carried the connection went down"
    reasons = ("tunnel",)
    harm = still_used()
    harm_why = "harmful if a side still used it (its segments are refused); harmless if none did"
    remedy = {
        "ASA": "`show vpn-sessiondb` and messages 113019, 602304 of this time: why the tunnel went"
        " down; `sysopt connection preserve-vpn-flows` keeps the TCP connections of a"
        " site-to-site tunnel until it is back",
    }
    references = (
        "Cisco ASA syslog 302014: Tunnel has been torn down",
        "Cisco ASA syslog 113019, 602304",
        "Cisco ASA command reference: sysopt connection preserve-vpn-flows",
    )
    not_this = ("not a route change: `timeout floating-conn` does not help (END602)",)
