"""The firewall removed an idle connection.

## What happened
No segment passed for as long as the firewall's idle timer allows (ASA default: one hour). The
firewall removed the connection silently; both sides still believe in it.

## Evidence
The teardown reason. Later denials of the same tuple prove that somebody still used it.

## Look-alikes
With `reset` configured both sides are told (END402). A connection that only one side closed ends by
the half-closed timer (END403).

## Harm
Harmful when either side speaks again, because its data is refused until it gives up (database
pools,
SSH). Depends as long as nobody has tried.

## What to change
Keep-alive below the firewall's timer, or let the firewall send a reset when it expires.

## References
Cisco ASA syslog 302014: Conn-timeout, Flow timed out; Cisco firewall configuration guide:
connection settings; RFC 9293 §3.8.4
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated, still_used


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
        "`reject with tcp reset` for `ct state invalid` tells both sides",
        "client": "keep-alive shorter than the firewall timer: tcp_keepalive_time 600 (Linux), "
        "KeepAliveTime (Windows)",
        "server": "the same keep-alive on {server}; database pools: validate or retire idle "
        "connections",
        "Linux": "SO_KEEPALIVE in the program with sysctl net.ipv4.tcp_keepalive_time=300 (or"
        " TCP_KEEPIDLE of the socket)",
        "Windows": "KeepAliveTime (milliseconds,"
        " HKLM\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters) or TCP_KEEPIDLE of the"
        " socket",
        "HAProxy": "option clitcpka and option srvtcpka; or timeout client and timeout server"
        " below the timer",
        "nginx": "listen … so_keepalive=5m; proxy_socket_keepalive on",
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
