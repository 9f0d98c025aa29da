"""Why the kernel sent each RST, in its own words.

Linux 6.10 and later names a reason in the tracepoint ``tcp:tcp_send_reset``; older kernels, and
those that let nobody read it, have only counters.  Records are read over `perf_event_open`, from
descriptors of this process: nothing remains when it ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import platform
import re
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from finis.lab.spaces import Space, libc

COUNTERS = ("TCPAbortOnClose", "TCPAbortOnData", "TCPAbortOnLinger", "TCPAbortOnTimeout")

CLONE_NEWNS = 0x20000
MS_REC_PRIVATE = 0x4000 | 0x40000
TRACEFS = Path("/sys/kernel/tracing")
EVENT = TRACEFS / "events/tcp/tcp_send_reset/format"
PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}
# struct perf_event_attr (linux/perf_event.h): a tracepoint, its time and raw record, clocked
ATTR = "<IIQQQQQIIQQQQIiQ"
TYPE_TRACEPOINT, SIZE = 2, 112
SAMPLE_TIME, SAMPLE_RAW = 1 << 2, 1 << 10
WATERMARK, USE_CLOCKID = 1 << 14, 1 << 25
RECORD_SAMPLE = 9
CLOEXEC = 8
PAGE, PAGES = mmap.PAGESIZE, 64


@dataclass(frozen=True)
class Sent:
    """A RST that a kernel sent, and its reason.  `ts`: seconds since 1970."""

    ts: float
    src: tuple[str, int]
    dst: tuple[str, int]
    reason: str

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def counters(space: Space) -> dict[str, int]:
    """The kernel's counts of connections aborted in this namespace, by reason (`nstat`)."""
    with space:
        lines = Path("/proc/thread-self/net/netstat").read_text().splitlines()
    pairs = zip(lines[0].split()[1:], lines[1].split()[1:], strict=True)
    return {name: int(value) for name, value in pairs if name in COUNTERS}


class Watch:
    """All RSTs sent on this machine from now on; not `available` where the kernel tells none."""

    def __init__(self) -> None:
        self._rings: list[mmap.mmap] = []
        self._descriptors: list[int] = []
        self._offset = time.time() - time.monotonic()
        self._reasons: dict[int, str] = {}
        with contextlib.suppress(OSError, KeyError):
            self._open()

    @property
    def available(self) -> bool:
        return bool(self._rings)

    def _open(self) -> None:
        text = _format()
        self._reasons = {
            int(number): word
            for number, word in re.findall(
                r'\{ (\d+), "(\w+)" \}', text.partition("REC->reason")[2]
            )
        }
        found = re.search(r"ID: (\d+)", text)
        if not found or not self._reasons:
            return
        attr = struct.pack(
            ATTR, TYPE_TRACEPOINT, SIZE, int(found[1]), 1, SAMPLE_TIME | SAMPLE_RAW, 0,
            WATERMARK | USE_CLOCKID, 1, 0, 0, 0, 0, 0, 0, time.CLOCK_MONOTONIC, 0,
        ).ljust(SIZE, b"\0")  # fmt: skip
        number = PERF_EVENT_OPEN[platform.machine()]
        for cpu in range(os.cpu_count() or 1):
            got = libc().syscall(number, ctypes.create_string_buffer(attr), -1, cpu, -1, CLOEXEC)
            if got < 0:
                raise OSError(ctypes.get_errno(), "perf_event_open")
            self._descriptors.append(got)
            self._rings.append(mmap.mmap(got, PAGE * (1 + PAGES)))

    def sent(self) -> list[Sent]:
        """All so far, in order of time."""
        found = [one for ring in self._rings for one in self._records(ring)]
        return sorted(found, key=lambda one: one.ts)

    def _records(self, ring: mmap.mmap) -> Iterator[Sent]:
        room = PAGE * PAGES
        head, at = struct.unpack_from("QQ", ring, 1024)
        while at < head:
            kind, _, size = struct.unpack("IHH", _read(ring, at, 8, room))
            if kind == RECORD_SAMPLE:
                record = _read(ring, at + 8, size - 8, room)
                ts_ns, _ = struct.unpack_from("QI", record)
                raw = record[12:]
                reason = self._reasons.get(struct.unpack_from("i", raw, 28)[0], "?")
                yield Sent(ts_ns / 1e9 + self._offset, _address(raw, 32), _address(raw, 60), reason)
            at += size

    def close(self) -> None:
        for ring in self._rings:
            ring.close()
        for one in self._descriptors:
            os.close(one)
        self._rings, self._descriptors = [], []


def _read(ring: mmap.mmap, at: int, size: int, room: int) -> bytes:
    start = at % room
    first = ring[PAGE + start : PAGE + min(start + size, room)]
    return first + ring[PAGE : PAGE + size - len(first)]


def _address(raw: bytes, at: int) -> tuple[str, int]:
    return socket.inet_ntoa(raw[at + 4 : at + 8]), int.from_bytes(raw[at + 2 : at + 4])


def _format() -> str:
    """What the tracepoint's record looks like, from a tracefs of our own if none is mounted.

    Mount namespaces belong to threads, but a process of several threads may not leave its own:
    the file is read by a child.
    """
    with contextlib.suppress(OSError):
        return EVENT.read_text()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            libc().unshare(CLONE_NEWNS)
            libc().mount(b"none", b"/", None, MS_REC_PRIVATE, None)
            libc().mount(b"tracefs", str(TRACEFS).encode(), b"tracefs", 0, None)
            os.write(writer, EVENT.read_bytes())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return text
