"""TCP intercept gave the connection up.

## What happened
So many half-made connections led to this server that the firewall answered in its place, with SYN
cookies, and this client never completed.

## Evidence
The teardown reason (ASA: `Flow terminated by TCP Intercept`); 733104, 733105 and 201010 around it.

## Look-alikes
A plain SYN timeout (END102).

## Harm
Depends: it protects the server in a flood, and hurts clients if the limit is too low.

## What to change
Compare the limit with the normal rate of new connections.

## References
Cisco ASA syslog 302014: Flow terminated by TCP Intercept; RFC 4987
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Harm


class TcpIntercept(FirewallStated):
    id, name = "END504", "tcp-intercept"
    title = "the firewall answered the SYN itself and gave up"
    reasons = ("tcp-intercept",)
    harm = Harm.DEPENDS
    harm_why = "on whether the clients are real (limit too low) or forged (flood)"
    remedy = {
        "ASA": "show service-policy; set connection embryonic-conn-max for {server}, higher if "
        "the clients are real",
        "Linux": "on {server}: sysctl net.ipv4.tcp_syncookies=1 protects without the firewall's"
        " help",
    }
    references = (
        "Cisco ASA syslog 302014: Flow terminated by TCP Intercept",
        "RFC 4987",
    )
