"""Linux as the firewall: nftables with connection tracking.

``nf_conntrack_tcp_loose = 0``, so that a segment without connection is invalid instead of a new
connection; invalid segments are dropped in silence.  `conntrack -E` writes its events.
"""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import TextIO

from finis.lab.admission import Policy
from finis.lab.spaces import Space

TIMERS = "net.netfilter.nf_conntrack_tcp_timeout_"


class Netfilter:
    """The firewall in its namespace; `policy` as far as Linux has the like of it."""

    delay_s = 0.0

    def __init__(self, space: Space, policy: Policy, log: Path) -> None:
        self.space = space
        space.run("nft", "-f", "-", text=_rules(policy))
        space.sysctl("net.netfilter.nf_conntrack_tcp_loose", 0)
        space.sysctl(TIMERS + "established", max(1, round(policy.idle)))
        half_closed = max(1, round(policy.half_closed))
        for state in ("fin_wait", "close_wait"):
            space.sysctl(TIMERS + state, min(half_closed, 120))
        space.sysctl(TIMERS + "time_wait", policy.time_wait)
        space.sysctl(TIMERS + "close", policy.close)
        for state in ("syn_sent", "syn_recv"):
            space.sysctl(TIMERS + state, max(1, round(policy.embryonic)))
        space.sysctl("net.ipv4.ip_forward", 1)
        self._events: subprocess.Popen[bytes] | None = None
        self._log: TextIO = log.open("w")
        try:
            command = ("conntrack", "-E", "-p", "tcp", "-o", "timestamp,id")
            self._events = space.start(*command, stdout=self._log)
        except FileNotFoundError:
            self._log.write("conntrack is not installed\n")

    def clear(self, reason: str = "") -> None:
        """Forget all connections."""
        self.space.run("conntrack", "-F")

    def reset(self) -> None:
        """From now on every segment with data to port 443 is answered with a RST."""
        rule = (
            "insert rule inet lab pass tcp dport 443 tcp flags & psh == psh reject with tcp reset"
        )
        self.space.run("nft", *rule.split())

    def close(self) -> None:
        """Stop listening to events."""
        if self._events is not None:
            self._events.send_signal(signal.SIGINT)
            self._events.wait(5)
        self._log.close()


def _rules(policy: Policy) -> str:
    lines = [
        f"tcp dport {port} tcp flags & (syn | ack) == syn {verdict}"
        for ports, verdict in (
            (policy.deny, "drop"),
            (policy.reject, "reject with tcp reset"),
            (policy.unreachable, "reject with icmpx type admin-prohibited"),
        )
        for port in ports
    ]
    rules = "\n    ".join(
        [*lines, "ct state established accept", "ct state invalid drop", "accept"]
    )
    return f"""table inet lab {{
  chain pass {{
    type filter hook forward priority filter; policy accept;
    {rules}
  }}
}}
"""
