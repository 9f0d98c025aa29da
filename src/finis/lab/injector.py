"""A box on the path that passes everything on, and resets what it does not like to see.

As censors and some intrusion prevention systems do: the offending segment is not dropped, both
ends get RSTs in the other's name, made from the numbers of that segment.
"""

from __future__ import annotations

from collections.abc import Callable

from finis.lab.admission import Policy
from finis.lab.asa import Out
from finis.lab.packet import ACK, RST, build, parse

TTL = 213  # not that of the host in whose name it speaks
AHEAD = (0, 1460, 4380)  # it guesses what the receiver may have got meanwhile


class Injector:
    """`policy.inject` is what a payload must carry; `log` receives what was injected."""

    def __init__(self, policy: Policy, log: Callable[[str], object]) -> None:
        self.policy = policy
        self._write = log

    def receive(self, side: int, raw: bytes, now: float) -> list[Out]:
        """What leaves the box because this packet came in by `side`."""
        out = [(1 - side, raw)]
        packet = parse(raw)
        if packet is not None and self.policy.inject and self.policy.inject in packet.payload:
            self._write(f"{now:.6f} reset {packet.src} {packet.dst}")
            for more in AHEAD:
                seq, ack = packet.next_seq + more, packet.ack + more
                forth = build(packet.src, packet.dst, RST | ACK, seq, packet.ack, ttl=TTL)
                back = build(packet.dst, packet.src, RST | ACK, ack, packet.next_seq, ttl=TTL)
                out += [(1 - side, forth), (side, back)]
        return out

    def tick(self, now: float) -> list[Out]:
        """It has no timers."""
        return []
