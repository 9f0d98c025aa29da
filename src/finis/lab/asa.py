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

from finis.lab.admission import (
    INSIDE,
    INTERFACES,
    OUTSIDE,
    Policy,
    Refusal,
    at,
    refused,
    shunned,
)
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

PROBES = 3  # of dead connection detection
Out = tuple[int, bytes]  # the side a packet leaves by, and the packet


@dataclass
class Half:
    """One side of a connection, in that side's own sequence numbers."""

    offset: int = 0  # added to this side's numbers on their way to the other
    start: int | None = None  # its first number
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
    probed: float | None = None  # when dead connection detection last asked
    heard: set[int] = field(default_factory=set)  # sides that answered
    tries: int = 0
    ended: tuple[float, str] | None = None  # when and why, while it lingers
    kept_s: float = 0.0  # after a normal close


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
        self.shuns: set[str] = set()
        self.dropped: list[tuple[float, int, Packet, str]] = []  # and why, in the ASA's words

    # --- packets -----------------------------------------------------------------------------

    def receive(self, side: int, raw: bytes, now: float) -> list[Out]:
        """What leaves the firewall because this packet came in by `side`."""
        packet = parse(raw)
        if packet is None:
            return []
        refusal = shunned(self.shuns, side, packet)
        if refusal:
            return self._refuse(refusal, side, packet, now)
        source, target = packet.src, packet.dst
        if side == OUTSIDE:
            real = (self._real.get(target[0], target[0]), target[1])
            target = self._ports.get(target, real)
        ends = (source, target) if side == OUTSIDE else (target, source)
        flow = self.flows.get(ends)
        if flow is not None and flow.ended:
            if packet.flags & (SYN | ACK | RST | FIN) != SYN:
                self.dropped.append((now, side, packet, "lingering"))
                return []
            self._forget(flow)  # a new connection takes its place
            flow = None
        if flow is None:
            if packet.flags & (SYN | ACK | RST | FIN) == SYN:
                return self._open(side, packet, ends, now)
            self._deny(side, packet, now)
            return []
        return self._forward(flow, side, packet, now)

    def _open(
        self, side: int, packet: Packet, ends: tuple[Address, Address], now: float
    ) -> list[Out]:
        target = ends[1 - side]
        refusal = refused(self.policy, side, packet, target, len(self.flows))
        if refusal:
            return self._refuse(refusal, side, packet, now)
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

    def _refuse(self, refusal: Refusal, side: int, packet: Packet, now: float) -> list[Out]:
        self._log(now, refusal.message, refusal.text)
        self.dropped.append((now, side, packet, refusal.reason))
        if refusal.reason != "acl-drop" or packet.dst[1] not in self.policy.reject:
            return []
        answer = build(packet.dst, packet.src, RST | ACK, 0, packet.next_seq, ttl=255)
        return [(side, answer)]

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
            names = f"{INTERFACES[INSIDE]}:{at(inside)} to {INTERFACES[OUTSIDE]}:{at(mapped)}"
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
            names = [f"{INTERFACES[one]}:{at(flow.ends[one])}" for one in (side, 1 - side)]
            self._log(now, "4-419002",
                f"Duplicate TCP SYN from {names[0]} to {names[1]} "
                "with different initial sequence number")  # fmt: skip
            return []
        if other.end is None and not packet.flags & (SYN | RST):
            self.dropped.append((now, side, packet, "tcp-3whs-failed"))
            return []
        if flow.probed is not None and packet.flags == ACK and not packet.payload:
            flow.heard.add(side)
            return self._alive(flow, now)
        flow.last, flow.probed, flow.tries = now, None, 0
        flow.heard.clear()
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
                flow.kept_s = self.policy.timewait
                self._teardown(flow, now, f"TCP FINs from {INTERFACES[flow.first_fin]}")

    def _deny(self, side: int, packet: Packet, now: float) -> None:
        self.dropped.append((now, side, packet, "tcp-not-syn"))
        self._log(now, "6-106015",
            f"Deny TCP (no connection) from {at(packet.src)} to {at(packet.dst)} "
            f"flags {packet.flag_words}  on interface {INTERFACES[side]}")  # fmt: skip

    # --- time and administration -------------------------------------------------------------

    def tick(self, now: float) -> list[Out]:
        """What its timers do; call it every few dozen milliseconds."""
        out: list[Out] = []
        for flow in list(self.flows.values()):
            silent = now - flow.last
            if flow.ended:
                if now - flow.ended[0] >= max(self.policy.linger, flow.kept_s):
                    self._forget(flow)
            elif not flow.established:
                if now - flow.opened >= self.policy.embryonic:
                    self._teardown(flow, now, "SYN Timeout")
            elif flow.first_fin is not None:
                if silent >= self.policy.half_closed:
                    self._teardown(flow, now, "FIN Timeout")
            elif silent >= self.policy.idle:
                if self.policy.dead_peers:
                    out += self._probe(flow, now)
                elif self.policy.idle_reset:
                    out += self._reset_both(flow, now, "Flow timed out with reset")
                else:
                    self._teardown(flow, now, "Connection timeout")
        return out

    def _probe(self, flow: Flow, now: float) -> list[Out]:
        """Dead connection detection: ask both ends, and again, before a connection is given up."""
        if flow.probed is not None and now - flow.probed < self.policy.dead_peers:
            return []
        if flow.tries == PROBES:
            dead = INTERFACES[OUTSIDE if OUTSIDE not in flow.heard else INSIDE]
            self._log(now, "6-419006",
                f"Teardown TCP connection {flow.number} from {self._both(flow)} duration "
                f"{_clock(now - flow.opened)} data {flow.octets} bytes, "
                f"DCD probe was not responded from {dead}")  # fmt: skip
            self._teardown(flow, now, "Connection timeout")
            return []
        if flow.tries == 0:
            text = f"TCP connection {flow.number} from {self._both(flow)} is probed by DCD"
            self._log(now, "6-419004", text)
        flow.probed, flow.tries = now, flow.tries + 1
        return [self._speak(flow, side, ACK, -1) for side in (OUTSIDE, INSIDE)]

    def _alive(self, flow: Flow, now: float) -> list[Out]:
        """A probe was answered: the answer goes no further."""
        if len(flow.heard) == len(INTERFACES):
            flow.probed, flow.tries, flow.last = None, 0, now
            flow.heard.clear()
            self._log(now, "6-419005",
                f"TCP connection {flow.number} from {self._both(flow)} duration "
                f"{_clock(now - flow.opened)} data {flow.octets} bytes, "
                "is kept open by DCD as valid connection")  # fmt: skip
        return []

    @staticmethod
    def _both(flow: Flow) -> str:
        names = (_named(flow, side) for side in (flow.client_side, 1 - flow.client_side))
        return " to ".join(names)

    def failover(self, now: float) -> None:
        """The other unit takes over, and knows no connection."""
        self.flows.clear()
        self._log(now, "1-104001", "(Secondary) Switching to ACTIVE - HELLO not heard from mate.")

    def _living(self) -> list[Flow]:
        """Connections that have not ended; those that linger are forgotten."""
        for flow in [flow for flow in self.flows.values() if flow.ended]:
            self._forget(flow)
        return list(self.flows.values())

    def clear(self, now: float, reason: str = "Xlate Clear") -> None:
        """An administrator clears every connection."""
        for flow in self._living():
            self._teardown(flow, now, reason)

    def reset(self, now: float) -> list[Out]:
        """The appliance resets every connection towards both hosts."""
        return [
            packet
            for flow in self._living()
            for packet in self._reset_both(flow, now, "TCP Reset-APPLIANCE")
        ]

    def _reset_both(self, flow: Flow, now: float, reason: str) -> list[Out]:
        """A RST to either host in the other's name, with the number its receiver expects."""
        out = [self._speak(flow, side, RST | ACK) for side in (OUTSIDE, INSIDE)]
        self._teardown(flow, now, reason)
        return out

    def _speak(self, flow: Flow, side: int, flags: int, ahead: int = 0) -> Out:
        """A segment to the host on `side` in the other's name, `ahead` of what it expects."""
        sender, receiver = flow.halves[1 - side], flow.halves[side]
        target, source = flow.ends[side], flow.ends[1 - side]
        if side == OUTSIDE and flow.mapped is not None:
            source = flow.mapped
        next_seq = sender.acked if sender.acked is not None else sender.end
        seq = (next_seq or 0) + sender.offset + ahead
        win = 0 if flags & RST else sender.window
        return side, build(source, target, flags, seq, receiver.end or 0, win, ttl=255)

    # --- its log -----------------------------------------------------------------------------

    def _forget(self, flow: Flow) -> None:
        self.flows.pop(flow.ends, None)

    def _teardown(self, flow: Flow, now: float, reason: str) -> None:
        lingers = self.policy.linger and reason.startswith(("TCP FINs", "TCP Reset-"))
        if lingers or flow.kept_s:
            flow.ended = now, reason
        else:
            self._forget(flow)
        duration = _clock(int(now) - int(flow.opened))
        outside, inside = (f"{INTERFACES[side]}:{at(flow.ends[side])}" for side in (0, 1))
        self._log(now, "6-302014",
            f"Teardown TCP connection {flow.number} for {outside} to {inside} "
            f"duration {duration} bytes {flow.octets} {reason}")  # fmt: skip

    def _log(self, now: float, message: str, text: str) -> None:
        stamp = time.strftime("%b %d %Y %H:%M:%S", time.gmtime(now))
        if self.policy.exact:
            stamp += f".{int(now % 1 * 1000):03}"
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
    if mine.start is None:
        mine.start = packet.seq
    if packet.flags & FIN:
        mine.fin = packet.next_seq
    if packet.flags & SYN:
        scale = option(packet, OPTION_WSCALE)
        mine.scale = min(packet.raw[scale[0]], 14) if scale and scale[0] < scale[1] else 0
    mine.window = packet.win
    if packet.flags & ACK:
        ack = (packet.ack - other.offset) & MASK
        first, last = other.start, other.end
        known = first is not None and last is not None
        if known and not ahead(first or 0, ack) <= 0 <= ahead(last or 0, ack):
            return  # of what was never sent: a challenge ACK about another connection
        if other.acked is None or ahead(ack, other.acked) > 0:
            other.acked = ack


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def _named(flow: Flow, side: int) -> str:
    real = flow.ends[side]
    mapped = flow.mapped if side == INSIDE and flow.mapped else real
    return f"{INTERFACES[side]}:{at(real)} ({at(mapped)})"
