"""The firewalls a scenario may be played through: what stands between client and server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# The hosts at either end, and the firewall's own address on that side.
OUTSIDE, INSIDE = ("203.0.113.10", "203.0.113.1"), ("172.17.77.250", "172.17.77.1")
OUTSIDE_6 = ("2001:db8:113::10", "2001:db8:113::1")
INSIDE_6 = ("2001:db8:77::250", "2001:db8:77::1")
PUBLIC = "198.51.100.250"  # how outside knows the host inside, with NAT


@dataclass(frozen=True)
class Kind:
    """`chain`: the devices from outside to inside; `policy`: what it changes in a scenario's."""

    text: str
    chain: tuple[str, ...] = ("asa",)
    policy: dict[str, Any] = field(default_factory=dict)
    v6: bool = False
    client_inside: bool = False


STATIC = {"nat": {PUBLIC: INSIDE[0]}}
KINDS: dict[str, Kind] = {
    "asa": Kind("rewrites sequence numbers, forgets a connection at once after its end"),
    "asa-nat": Kind("the same, with static NAT of the server", policy=STATIC),
    "asa-pat": Kind("the client inside, behind one address for all (dynamic PAT)",
                    policy={"pat": PUBLIC}, client_inside=True),
    "asa-v6": Kind("over IPv6", v6=True),
    "asa-asa": Kind("two in a row, three captures", ("asa", "asa")),
    "asa-injector": Kind("behind it a box that injects RSTs, three captures", ("asa", "injector")),
    "netfilter": Kind("Linux: nftables and connection tracking", ("netfilter",)),
    "netfilter-dnat": Kind("Linux with DNAT of the server", ("netfilter",), STATIC),
    "netfilter-eager": Kind("Linux that forgets a connection at once (time-wait 0, close 0)",
                            ("netfilter",), {"time_wait": 0, "close": 0}),
    "netfilter-far": Kind("the same, and behind it a path that can delay, reorder and lose",
                          ("netfilter", "wire"), {"time_wait": 0, "close": 0}),
    "netfilter-nat": Kind("Linux with DNAT of the server and masquerading of the client",
                          ("netfilter",), {**STATIC, "masquerade": True}),
    "netfilter-synproxy": Kind("Linux that answers SYNs itself: the server's numbers are rewritten",
                               ("netfilter",), {"synproxy": True}),
    "netfilter-v6": Kind("Linux over IPv6", ("netfilter",), v6=True),
}  # fmt: skip
