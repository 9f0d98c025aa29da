"""A firewall that behaves as an ASA does, as far as endings are concerned.

Packets in, packets and log lines out; time is an argument, nothing here opens a socket.  What it
imitates, from Cisco's documents and the reference case: both sides' sequence numbers shifted by a
constant per connection, NAT (static, or dynamic of ports), the connection freed at once after a RST
or after both FINs and the ACK of the later one, RSTs outside the receiver's window dropped,
segments without connection dropped with 106015, its timers and its messages.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from finis.lab.packet import (
    ACK,
    FIN,
    MASK,
    OPTION_WSCALE,
    RST,
    SYN,
    Address,
    Packet,
    ahead,
    build,
    option,
    parse,
    rewritten,
)

OUTSIDE, INSIDE = 0, 1
INTERFACES = ("OUTSIDE", "INSIDE")
Out = tuple[int, bytes]  # the side a packet leaves by, and the packet


@dataclass(frozen=True)
class Policy:
    """How the firewall is configured.  Times in seconds (an ASA's are minutes)."""

    randomise: bool = True
    nat: dict[str, str] = field(default_factory=dict)  # server's public address → its own
    pat: str = ""  # the one address behind which those inside go out
    mss: int = 1380
    deny: tuple[int, ...] = ()  # server ports refused by the access list
    reject: tuple[int, ...] = ()  # refused, and told so with a RST (service resetinbound)
    embryonic: float = 30.0
    idle: float = 3600.0
    idle_reset: bool = False
    half_closed: float = 600.0
    forbidden: bytes = b""  # inspection ends a connection that carries this
    inject: bytes = b""  # what a box behind the firewall answers with RSTs
    time_wait: int = 120  # netfilter: how long it knows a connection after its end
    close: int = 10  # the same after a RST


@dataclass
class Half:
    """One side of a connection, in that side's own sequence numbers."""

    offset: int = 0  # added to this side's numbers on their way to the other
    end: int | None = None  # SND.NXT as seen
    acked: int | None = None  # highest ACK the other side sent for it
    fin: int | None = None  # number after its FIN
    window: int = 65535  # what this side last offered
    scale: int = 0


@dataclass
class Flow:
    """A connection."""

    number: int
    client_side: int
    ends: tuple[Address, Address]  # real addresses of the hosts outside and inside
    mapped: Address | None  # how outside names the inside host, if otherwise
    opened: float
    last: float
    halves: tuple[Half, Half]
    established: bool = False
    first_fin: int | None = None
    octets: int = 0


class Asa:
    """The firewall.  `log` receives each line without its end."""

    def __init__(
        self,
        policy: Policy,
        log: Callable[[str], object],
        seed: int | None = None,
        name: str = "fw-lab",
    ) -> None:
        self.policy, self.name = policy, name
        self._write = log
        self._random = random.Random(seed)
        self._number = self._random.randrange(10**7, 9 * 10**7)
        self._real = dict(policy.nat)
        self._public = {real: public for public, real in policy.nat.items()}
        self._ports: dict[Address, Address] = {}  # dynamic translations: mapped → real
        self.flows: dict[tuple[Address, Address], Flow] = {}
        self.dropped: list[tuple[float, int, Packet, str]] = []  # and why, in the ASA's words

    # --- packets -----------------------------------------------------------------------------

    def receive(self, side: int, raw: bytes, now: float) -> list[Out]:
        """What leaves the firewall because this packet came in by `side`."""
        packet = parse(raw)
        if packet is None:
            return []
        source, target = packet.src, packet.dst
        if side == OUTSIDE:
            real = (self._real.get(target[0], target[0]), target[1])
            target = self._ports.get(target, real)
        ends = (source, target) if side == OUTSIDE else (target, source)
        flow = self.flows.get(ends)
        if flow is None:
            if packet.flags & (SYN | ACK | RST | FIN) == SYN:
                return self._open(side, packet, ends, now)
            self._deny(side, packet, now)
            return []
        return self._forward(flow, side, packet, now)

    def _open(
        self, side: int, packet: Packet, ends: tuple[Address, Address], now: float
    ) -> list[Out]:
        port = packet.dst[1]
        if port in self.policy.deny or port in self.policy.reject:
            names = INTERFACES[side], INTERFACES[1 - side]
            real = ends[1] if side == OUTSIDE else ends[0]
            self._log(now, "4-106023",
                f"Deny tcp src {names[0]}:{_at(packet.src)} dst {names[1]}:{_at(real)} "
                'by access-group "OUTSIDE_IN" [0x0, 0x0]')  # fmt: skip
            self.dropped.append((now, side, packet, "acl-drop"))
            if port in self.policy.reject:
                flags, ack = RST | ACK, packet.next_seq
                return [(side, build(packet.dst, packet.src, flags, 0, ack, ttl=255))]
            return []
        self._number += self._random.randrange(1, 40)
        offsets = [self._random.randrange(1, MASK) if self.policy.randomise else 0 for _ in "oi"]
        flow = Flow(
            self._number, side, ends, self._mapped(side, ends[1], now), now, now,
            (Half(offsets[0]), Half(offsets[1])),
        )  # fmt: skip
        self.flows[ends] = flow
        direction = "inbound" if side == OUTSIDE else "outbound"
        outside, inside = _named(flow, OUTSIDE), _named(flow, INSIDE)
        text = f"Built {direction} TCP connection {flow.number} for {outside} to {inside}"
        self._log(now, "6-302013", text)
        return self._forward(flow, side, packet, now)

    def _mapped(self, side: int, inside: Address, now: float) -> Address | None:
        """How outside shall name the host inside, if otherwise."""
        public = self._public.get(inside[0])
        if public:
            return public, inside[1]
        if not self.policy.pat or side == OUTSIDE:
            return None
        mapped = next((outer for outer, real in self._ports.items() if real == inside), None)
        while mapped is None or self._ports.get(mapped, inside) != inside:
            mapped = (self.policy.pat, self._random.randrange(1024, 65536))
        if mapped not in self._ports:
            self._ports[mapped] = inside
            names = f"{INTERFACES[INSIDE]}:{_at(inside)} to {INTERFACES[OUTSIDE]}:{_at(mapped)}"
            self._log(now, "6-305011", f"Built dynamic TCP translation from {names}")
        return mapped

    def _forward(self, flow: Flow, side: int, packet: Packet, now: float) -> list[Out]:
        mine, other = flow.halves[side], flow.halves[1 - side]
        refusal = packet.flags & RST and mine.end is None
        if packet.flags & RST and not refusal and not _acceptable(mine, other, packet):
            self.dropped.append((now, side, packet, "tcp-rstfin-ooo"))
            return []
        if packet.flags & SYN and mine.end is not None and packet.next_seq != mine.end:
            self.dropped.append((now, side, packet, "tcp-seq-syn-diff"))
            return []
        flow.last = now
        _note(mine, other, packet)
        new = packet.payload
        flow.octets += len(new)
        if packet.flags & ACK and packet.flags & SYN == 0 and mine.end and other.end:
            flow.established = True
        if packet.flags & FIN and flow.first_fin is None:
            flow.first_fin = side
        # A refusal carries SEQ 0 of its own accord: there is no number to hide.
        out = [(1 - side, self._translated(flow, side, packet, 0 if refusal else mine.offset))]
        if self.policy.forbidden and self.policy.forbidden in new:
            return self._reset_both(flow, now, "Flow closed by inspection")
        self._after(flow, side, packet, now)
        return out

    def _translated(self, flow: Flow, side: int, packet: Packet, add_seq: int) -> bytes:
        src = dst = None
        if flow.mapped is not None:
            src, dst = (None, flow.ends[1]) if side == OUTSIDE else (flow.mapped, None)
        add_ack = -flow.halves[1 - side].offset
        return rewritten(packet, add_seq, add_ack, src, dst, self.policy.mss)

    def _after(self, flow: Flow, side: int, packet: Packet, now: float) -> None:
        both = all(half.fin is not None for half in flow.halves)
        if packet.flags & RST:
            if both:
                self._teardown(flow, now, f"TCP FINs from {INTERFACES[flow.first_fin or 0]}")
            else:
                letter = "I" if side == INSIDE else "O"
                self._teardown(flow, now, f"TCP Reset-{letter} from {INTERFACES[side]}")
        elif both and flow.first_fin is not None:
            later = flow.halves[1 - flow.first_fin]
            acked, fin = later.acked, later.fin
            if acked is not None and fin is not None and ahead(acked, fin) >= 0:
                self._teardown(flow, now, f"TCP FINs from {INTERFACES[flow.first_fin]}")

    def _deny(self, side: int, packet: Packet, now: float) -> None:
        self.dropped.append((now, side, packet, "tcp-not-syn"))
        self._log(now, "6-106015",
            f"Deny TCP (no connection) from {_at(packet.src)} to {_at(packet.dst)} "
            f"flags {packet.flag_words}  on interface {INTERFACES[side]}")  # fmt: skip

    # --- time and administration -------------------------------------------------------------

    def tick(self, now: float) -> list[Out]:
        """What its timers do; call it every few dozen milliseconds."""
        out: list[Out] = []
        for flow in list(self.flows.values()):
            silent = now - flow.last
            if not flow.established:
                if now - flow.opened >= self.policy.embryonic:
                    self._teardown(flow, now, "SYN Timeout")
            elif flow.first_fin is not None:
                if silent >= self.policy.half_closed:
                    self._teardown(flow, now, "FIN Timeout")
            elif silent >= self.policy.idle:
                if self.policy.idle_reset:
                    out += self._reset_both(flow, now, "Flow timed out with reset")
                else:
                    self._teardown(flow, now, "Connection timeout")
        return out

    def clear(self, now: float, reason: str = "Xlate Clear") -> None:
        """An administrator clears every connection."""
        for flow in list(self.flows.values()):
            self._teardown(flow, now, reason)

    def reset(self, now: float) -> list[Out]:
        """The appliance resets every connection towards both hosts."""
        return [
            packet
            for flow in list(self.flows.values())
            for packet in self._reset_both(flow, now, "TCP Reset-APPLIANCE")
        ]

    def _reset_both(self, flow: Flow, now: float, reason: str) -> list[Out]:
        """A RST to either host in the other's name, with the number its receiver expects."""
        out = []
        for side in (OUTSIDE, INSIDE):
            sender, receiver = flow.halves[1 - side], flow.halves[side]
            target, source = flow.ends[side], flow.ends[1 - side]
            if side == OUTSIDE and flow.mapped is not None:
                source = flow.mapped
            next_seq = sender.acked if sender.acked is not None else sender.end
            seq = (next_seq or 0) + sender.offset
            out.append((side, build(source, target, RST | ACK, seq, receiver.end or 0, ttl=255)))
        self._teardown(flow, now, reason)
        return out

    # --- its log -----------------------------------------------------------------------------

    def _teardown(self, flow: Flow, now: float, reason: str) -> None:
        self.flows.pop(flow.ends, None)
        seconds = int(now) - int(flow.opened)
        duration = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        outside, inside = (f"{INTERFACES[side]}:{_at(flow.ends[side])}" for side in (0, 1))
        self._log(now, "6-302014",
            f"Teardown TCP connection {flow.number} for {outside} to {inside} "
            f"duration {duration} bytes {flow.octets} {reason}")  # fmt: skip

    def _log(self, now: float, message: str, text: str) -> None:
        stamp = time.strftime("%b %d %Y %H:%M:%S", time.gmtime(now))
        self._write(f"<166>{stamp} {self.name} : %ASA-{message}: {text}")


def _acceptable(mine: Half, other: Half, packet: Packet) -> bool:
    """Does a RST lie in its receiver's window?  (tcp-rstfin-ooo otherwise.)"""
    expected = mine.acked if mine.acked is not None else mine.end
    if expected is None:
        return True
    return -1 <= ahead(packet.seq, expected) <= max(other.window << other.scale, 1)


def _note(mine: Half, other: Half, packet: Packet) -> None:
    if packet.flags & RST:
        return
    if mine.end is None or ahead(packet.next_seq, mine.end) > 0:
        mine.end = packet.next_seq
    if packet.flags & FIN:
        mine.fin = packet.next_seq
    if packet.flags & SYN:
        scale = option(packet, OPTION_WSCALE)
        mine.scale = min(packet.raw[scale[0]], 14) if scale and scale[0] < scale[1] else 0
    mine.window = packet.win
    if packet.flags & ACK:
        ack = (packet.ack - other.offset) & MASK
        if other.acked is None or ahead(ack, other.acked) > 0:
            other.acked = ack


def _at(end: Address) -> str:
    return f"{end[0]}/{end[1]}"


def _named(flow: Flow, side: int) -> str:
    real = flow.ends[side]
    mapped = flow.mapped if side == INSIDE and flow.mapped else real
    return f"{INTERFACES[side]}:{_at(real)} ({_at(mapped)})"
