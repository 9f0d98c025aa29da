"""The firewall reset an idle connection.

## What happened
The idle timer ran out and the firewall reset the connection towards both sides.

## Evidence
The teardown reason (ASA: `Flow timed out with reset`).

## Look-alikes
Silent removal (END401) leaves both sides in the dark.

## Harm
Depends: better than silence, since both sides know; the application must connect again.

## What to change
Keep-alive below the timer, or a longer timer for this class.

## References
Cisco ASA syslog 302014: Flow timed out with reset; Cisco firewall configuration guide: connection
settings
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Harm


class IdleTimeoutReset(FirewallStated):
    id, name = "END402", "firewall-idle-reset"
    title = "the firewall ended the idle connection and told both sides"
    reasons = ("idle-timeout-reset",)
    harm = Harm.DEPENDS
    harm_why = "on whether the application opens a new connection by itself"
    remedy = {
        "ASA": "set connection timeout idle for the class of {server}, if the pauses are "
        "legitimate",
        "client": "keep-alive shorter than the firewall timer",
        "Linux": "SO_KEEPALIVE in the program with sysctl net.ipv4.tcp_keepalive_time=300 (or"
        " TCP_KEEPIDLE of the socket)",
        "Windows": "KeepAliveTime (milliseconds,"
        " HKLM\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters) or TCP_KEEPIDLE of the"
        " socket",
        "HAProxy": "option clitcpka and option srvtcpka; or timeout client and timeout server"
        " below the timer",
        "nginx": "listen … so_keepalive=5m; proxy_socket_keepalive on",
    }
    references = (
        "Cisco ASA syslog 302014: Flow timed out with reset",
        "Cisco firewall configuration guide: connection settings",
    )
