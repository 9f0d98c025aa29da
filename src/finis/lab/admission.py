"""What a firewall that behaves as an ASA lets in: shuns, its own addresses, rules, limits."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from finis.lab.kinds import OUTSIDE as OUTSIDE_HOST
from finis.lab.kinds import OUTSIDE_6
from finis.lab.packet import Address, Packet

OUTSIDE, INSIDE = 0, 1
INTERFACES = ("OUTSIDE", "INSIDE")
OWN = (OUTSIDE_HOST[1], OUTSIDE_6[1])
INSIDE_NETWORKS = ("172.17.", "2001:db8:77:")


@dataclass(frozen=True)
class Policy:
    """How the firewall is configured.  Times in seconds (an ASA's are minutes)."""

    randomise: bool = True
    nat: dict[str, str] = field(default_factory=dict)  # server's public address → its own
    pat: str = ""  # the one address behind which those inside go out
    mss: int = 1380
    deny: tuple[int, ...] = ()  # server ports refused by the access list
    reject: tuple[int, ...] = ()  # refused, and told so with a RST (service resetinbound)
    unreachable: tuple[int, ...] = ()  # netfilter: refused, and told so with ICMP
    conn_max: int = 0  # connections at once, 0: any number
    embryonic: float = 30.0
    idle: float = 3600.0
    idle_reset: bool = False
    dead_peers: float = 0.0  # an idle connection is probed so often before it is given up (DCD)
    half_closed: float = 600.0
    linger: float = 0.0  # kept so long after FINs or a RST; what comes then is discarded in silence
    timewait: float = 0.0  # the same after FIN, FIN and ACK only (`sysopt connection timewait`)
    exact: bool = False  # the log's stamps have milliseconds
    forbidden: bytes = b""  # inspection ends a connection that carries this
    inject: bytes = b""  # what a box behind the firewall answers with RSTs
    time_wait: int = 120  # netfilter: how long it knows a connection after its end
    close: int = 10  # the same after a RST
    masquerade: bool = False  # netfilter: the server knows the client as the firewall itself
    leaks: bool = False  # netfilter: what is invalid is passed on, and not translated
    synproxy: bool = False  # netfilter: answers SYNs itself, with cookies


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message, its text, and the drop reason in the ASA's words."""

    message: str
    text: str
    reason: str


def shunned(shuns: Container[str], side: int, packet: Packet) -> Refusal | None:
    """Is the sender shut out altogether?"""
    if packet.src[0] not in shuns:
        return None
    text = f"Shunned packet: {packet.src[0]} ==> {packet.dst[0]} on interface {INTERFACES[side]}"
    return Refusal("4-401004", text, "shunned")


def refused(
    policy: Policy, side: int, packet: Packet, target: Address, connections: int
) -> Refusal | None:
    """May this SYN open a connection?  `target`: its destination's real address."""
    source, name = packet.src, INTERFACES[side]
    pair = f"{at(source)} to {at(target)}"
    if packet.dst[0] in OWN:
        text = f"TCP access denied by ACL from {at(source)} to {name}:{at(packet.dst)}"
        return Refusal("3-710003", text, "acl-drop")
    if side == OUTSIDE and source[0].startswith(INSIDE_NETWORKS):
        text = f"Deny TCP reverse path check from {source[0]} to {target[0]} on interface {name}"
        return Refusal("1-106021", text, "rpf-violated")
    if target[1] in policy.deny or target[1] in policy.reject:
        text = (
            f"Deny tcp src {name}:{at(source)} dst {INTERFACES[1 - side]}:{at(target)} "
            'by access-group "OUTSIDE_IN" [0x0, 0x0]'
        )
        return Refusal("4-106023", text, "acl-drop")
    if policy.conn_max and connections >= policy.conn_max:
        number = f"{connections}/{policy.conn_max}"
        text = (
            f"Connection limit exceeded {number} for input packet from {pair} on interface {name}"
        )
        return Refusal("3-201011", text, "tcp-conn-limit")
    return None


def at(end: Address) -> str:
    """As an ASA prints an endpoint."""
    return f"{end[0]}/{end[1]}"
