"""Carries packets between the two interfaces of a namespace, through a device made of Python.

The kernel of that namespace forwards nothing; frames are read from and written to the interfaces.
Delay, reordering and loss of the path stand behind the device: what is delayed or lost it has seen.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TextIO

from finis.lab.admission import INSIDE, OUTSIDE
from finis.lab.asa import Asa, Out
from finis.lab.packet import Packet, parse
from finis.lab.spaces import Space

ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86DD
PACKET_HOST = 0
TICK_S = 0.05
Loses = Callable[[int, Packet], bool]  # side it would leave by, packet
Holds = Callable[[int, Packet], float]  # the same → seconds more on its way


class Device(Protocol):
    """What decides about packets: `asa.Asa`, `injector.Injector`."""

    def receive(self, side: int, raw: bytes, now: float) -> list[Out]:
        """What leaves because this packet came in by `side`."""

    def tick(self, now: float) -> list[Out]:
        """What its timers send."""


class Wire:
    """No device at all: a piece of path, for what stands behind it in `Forwarder`."""

    def __init__(self, log: Callable[[str], object]) -> None:
        pass

    def receive(self, side: int, raw: bytes, now: float) -> list[Out]:
        """Everything passes."""
        return [(1 - side, raw)]

    def tick(self, now: float) -> list[Out]:
        """It has no timers."""
        return []


Make = Callable[[Callable[[str], object]], Device]  # given where to write its log


class Forwarder:
    """A device in a thread of its own.  `macs`: per side, the device's address and the neighbour's.

    `delay_s` holds every packet back that long, one way; `holds` some of them longer, so that
    others overtake them; `loses` names packets that get lost.
    """

    def __init__(
        self,
        space: Space,
        interfaces: tuple[str, str],
        macs: Sequence[tuple[str, str]],
        device: Make,
        log: Path,
        protocol: int = ETH_P_IP,
    ) -> None:
        self._frames = [
            bytes.fromhex((there + here).replace(":", "")) + protocol.to_bytes(2)
            for here, there in macs
        ]
        self._log: TextIO = log.open("w")
        self._lock = threading.Lock()
        self.device = device(lambda line: self._log.write(line + "\n"))
        self.delay_s = 0.0
        self.loses: list[Loses] = []
        self.holds: list[Holds] = []
        self._later: list[tuple[float, int, int, bytes]] = []
        self._order = itertools.count()
        self._stop = threading.Event()
        self._sockets = []
        with space:
            for name in interfaces:
                one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
                one.bind((name, protocol))
                one.setblocking(False)
                self._sockets.append(one)
        self._thread = threading.Thread(target=self._run, name="forwarder", daemon=True)
        self._thread.start()

    @property
    def asa(self) -> Asa:
        """The device, where it is an ASA."""
        assert isinstance(self.device, Asa)
        return self.device

    def entries(self) -> int:
        """Connections in its table now."""
        with self._lock:
            return len(self.asa.flows)

    def clear(self, reason: str = "Xlate Clear") -> None:
        """An administrator clears all connections."""
        with self._lock:
            self.asa.clear(time.time(), reason)

    def reset(self) -> None:
        """The firewall resets all connections towards both hosts."""
        with self._lock:
            self._send(self.asa.reset(time.time()))

    def failover(self) -> None:
        """The standby unit takes over without the connections."""
        with self._lock:
            self.asa.failover(time.time())

    def close(self) -> None:
        """Stop; the log is complete then."""
        self._stop.set()
        self._thread.join(5)
        for one in self._sockets:
            one.close()
        self._log.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            due = self._later[0][0] - time.time() if self._later else TICK_S
            ready, _, _ = select.select(self._sockets, [], [], max(0.0, min(TICK_S, due)))
            with self._lock:
                for side in (OUTSIDE, INSIDE):
                    if self._sockets[side] in ready:
                        self._drain(side)
                now = time.time()
                self._send(self.device.tick(now))
                while self._later and self._later[0][0] <= now:
                    _, _, side, raw = heapq.heappop(self._later)
                    self._emit(side, raw)

    def _drain(self, side: int) -> None:
        """Everything that waits on one interface, before the other one is looked at."""
        while True:
            try:
                frame, address = self._sockets[side].recvfrom(65600)
            except BlockingIOError:
                return
            if address[2] == PACKET_HOST:
                self._send(self.device.receive(side, frame[14:], time.time()))

    def _send(self, packets: list[Out]) -> None:
        for side, raw in packets:
            packet = parse(raw)
            if packet is not None and any(loses(side, packet) for loses in self.loses):
                continue
            held = self.delay_s
            if packet is not None:
                held += sum(hold(side, packet) for hold in self.holds)
            if held:
                due = time.time() + held
                heapq.heappush(self._later, (due, next(self._order), side, raw))
            else:
                self._emit(side, raw)

    def _emit(self, side: int, raw: bytes) -> None:
        with contextlib.suppress(OSError):  # the interface is gone or full: a lost packet
            self._sockets[side].send(self._frames[side] + raw)
