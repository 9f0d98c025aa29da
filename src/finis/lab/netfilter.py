"""Linux as the firewall: nftables with connection tracking.

``nf_conntrack_tcp_loose = 0``, so that a segment without connection is invalid instead of a new
connection; what is refused is logged, as far as the machine lets a namespace log (`kernellog`).
`conntrack -E` writes the connections' events.
"""

from __future__ import annotations

import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from finis.lab.admission import Policy
from finis.lab.kernellog import KernelLog
from finis.lab.spaces import Space

_FROM_CLIENT = "iifname outside meta l4proto tcp"
_SYNPROXY = "synproxy mss 1460"  # with timestamps Linux 6.18 echoes a wrong one to the server
TIMERS = "net.netfilter.nf_conntrack_tcp_timeout_"


class Netfilter:
    """The firewall in its namespace; `policy` as far as Linux has the like of it."""

    def __init__(self, space: Space, policy: Policy, log: Path) -> None:
        self.space = space
        self._kernel: KernelLog | None = None
        with suppress(OSError):  # not in a container: then there are no lines of refused packets
            self._kernel = KernelLog(log.with_name("kern.log"))
        self._mark = "" if self._kernel is None else self._kernel.mark
        space.run("nft", "-f", "-", text=_rules(policy, self._mark))
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
        for public in policy.nat:  # what is not translated is forwarded too, as by a default route
            space.run("ip", "route", "add", public, "dev", "inside")
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
        log = f'log prefix "{self._mark}REJECT: "' if self._mark else ""
        rule = "tcp dport 443 tcp flags & psh == psh"
        self.space.run(
            "nft", "-f", "-",
            text=f"insert rule inet lab pass {rule} {log} reject with tcp reset\n",
        )  # fmt: skip

    def close(self) -> None:
        """Stop listening to events."""
        if self._events is not None:
            self._events.send_signal(signal.SIGINT)
            self._events.wait(5)
        if self._kernel is not None:
            self._kernel.close()
        self._log.close()


def _rules(policy: Policy, mark: str) -> str:
    """The whole ruleset.  What is refused is logged; `mark` begins every prefix."""

    def log(what: str) -> str:
        return f'log prefix "{mark}{what}: " flags tcp sequence' if mark else ""

    lines = [
        f"tcp dport {port} tcp flags & (syn | ack) == syn {log(what)} {verdict}"
        for ports, what, verdict in (
            (policy.deny, "DROP", "drop"),
            (policy.reject, "REJECT", "reject with tcp reset"),
            (policy.unreachable, "REJECT", "reject with icmpx type admin-prohibited"),
        )
        for port in ports
    ]
    lines.append("ct state established accept")
    if policy.synproxy:
        # The client's SYN and the ACK that brings the cookie back; all else must be in the table.
        lines.append(f"{_FROM_CLIENT} ct state untracked {_SYNPROXY}")
        lines.append(f"{_FROM_CLIENT} ct state invalid tcp flags == ack {_SYNPROXY}")
    if not policy.leaks:
        lines.append(f"ct state invalid {log('DROP INVALID')} drop")
    lines.append("accept")
    chains = {"pass": ("filter hook forward priority filter", lines)}
    if policy.synproxy:
        untracked = f"{_FROM_CLIENT} tcp flags syn notrack"
        chains["raw"] = ("filter hook prerouting priority raw", [untracked])
    if policy.nat:
        chains["inwards"] = (
            "nat hook prerouting priority dstnat",
            [f"ip daddr {public} dnat ip to {own}" for public, own in policy.nat.items()],
        )
    if policy.masquerade:
        chains["outwards"] = ("nat hook postrouting priority srcnat", ["oifname inside masquerade"])
    text = "\n".join(
        f"  chain {name} {{\n    type {hook}; policy accept;\n    " + "\n    ".join(rules) + "\n  }"
        for name, (hook, rules) in chains.items()
    )
    return f"table inet lab {{\n{text}\n}}\n"
