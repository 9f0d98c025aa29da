"""Namespaces without names: nothing to collide with, nothing to clean up.

A network namespace lives as long as a descriptor or a process refers to it.  Ours are held by
descriptors of one process; virtual cables vanish with them.  That process is the first of a
namespace of processes (`enclose`): the kernel ends whatever was started in it together with it,
with its mounts and shared memory, so that nothing remains however the lab ends.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import threading
from pathlib import Path
from types import TracebackType

from finis.errors import UsageError

CLONE_NEWNS, CLONE_NEWIPC = 0x00020000, 0x08000000
CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000
MS_REC, MS_PRIVATE, MNT_DETACH = 0x4000, 0x40000, 2
PR_SET_PDEATHSIG = 1
SIOCETHTOOL = 0x8946
# ETHTOOL_S…: receive and send checksums, scatter-gather, TSO, GSO, GRO (linux/ethtool.h)
OFFLOADS = (0x15, 0x17, 0x19, 0x1F, 0x24, 0x2C)
TOOLS = {"ip": "iproute2", "tcpdump": "tcpdump"}


def libc() -> ctypes.CDLL:
    """The C library, with errno."""
    return ctypes.CDLL(None, use_errno=True)


def why_not() -> str | None:
    """What the lab lacks on this machine, in one sentence; None if nothing."""
    if os.name != "posix" or not Path("/proc/thread-self/ns/net").exists():
        return "the lab needs Linux with network namespaces"
    if os.geteuid() != 0:
        return "the lab needs root: it makes network namespaces (try: sudo finis lab …)"
    for tool, package in TOOLS.items():
        if not shutil.which(tool):
            return f"the lab needs {tool} (Debian package {package})"
    try:
        Space("probe").close()
    except OSError as error:
        return f"the lab may not make network namespaces here ({os.strerror(error.errno or 0)})"
    return None


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Run in a child before exec: it gets this signal when the process that started it ends."""
    libc().prctl(PR_SET_PDEATHSIG, number)


def enclose() -> int | None:
    """Go on in a new process, the first of a namespace of its own.

    None in that process; in the old one, which waits for it and hands on SIGTERM and SIGINT, its
    exit status.  Where namespaces of processes or mounts are not allowed nothing happens (None):
    programs then only die with the process that started them.
    """
    unshare = libc().unshare
    if (
        unshare(CLONE_NEWNS | CLONE_NEWIPC)
        or _mount("none", "/", "none", MS_REC | MS_PRIVATE)
        or unshare(CLONE_NEWPID)
    ):
        return None
    alive = os.pidfd_open(os.getpid())
    child = os.fork()
    if child:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, frame: os.kill(child, number))
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    die_with_parent()
    if select.select([alive], [], [], 0)[0]:  # it died before we asked to die with it
        os._exit(1)
    _mount("proc", "/proc", "proc", 0)
    return None


def scratch(place: Path) -> None:
    """A folder for what programs write; it vanishes with the last process that sees it."""
    place.mkdir()
    if _enclosed():
        _mount("tmpfs", str(place), "tmpfs", 0)


def commons(otherwise: Path) -> Path:
    """A folder that programs under other users can reach, wherever the lab's own is: it may lie
    behind a home that only its owner may enter.  It vanishes as `scratch` does."""
    mnt = Path("/mnt")
    if _enclosed() and mnt.is_dir() and not _mount("tmpfs", str(mnt), "tmpfs", 0):
        return mnt
    return otherwise


def discard(place: Path) -> None:
    """Remove such a folder."""
    if _enclosed():
        libc().umount2(os.fsencode(place), MNT_DETACH)
    shutil.rmtree(place, ignore_errors=True)


def _enclosed() -> bool:
    return os.getpid() == 1


def _mount(what: str, where: str, kind: str, flags: int) -> bool:
    """Did a mount fail?"""
    names = (name.encode() for name in (what, where, kind))
    return bool(libc().mount(*names, ctypes.c_ulong(flags), None))


class Space:
    """A network namespace.  ``with space:`` moves the calling thread into it; sockets opened and
    processes started there stay there."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._homes = threading.local()
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            if libc().unshare(CLONE_NEWNET):
                raise OSError(ctypes.get_errno() or errno.EPERM, "unshare")
            self.descriptor = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
            _enter(home)
        finally:
            os.close(home)

    @property
    def path(self) -> str:
        """A path by which other programs name this namespace."""
        return f"/proc/{os.getpid()}/fd/{self.descriptor}"

    def __enter__(self) -> Space:
        stack = self._homes.__dict__.setdefault("stack", [])
        stack.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY))
        _enter(self.descriptor)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        home = self._homes.stack.pop()
        _enter(home)
        os.close(home)

    def run(self, *command: str, text: str | None = None) -> str:
        """Run a program here to its end; its output.  Raises UsageError if it fails."""
        with self:
            done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=20)
        if done.returncode:
            raise UsageError(f"lab: {' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    def start(self, *command: str, **keywords: object) -> subprocess.Popen[bytes]:
        """Start a program here; it dies with this process at the latest."""
        keywords.setdefault("stdin", subprocess.DEVNULL)
        keywords.setdefault("stdout", subprocess.DEVNULL)
        keywords.setdefault("stderr", subprocess.DEVNULL)
        with self:
            return subprocess.Popen(command, preexec_fn=die_with_parent, **keywords)  # type: ignore[call-overload,no-any-return]

    def sysctl(self, name: str, value: int | str) -> None:
        """Set a kernel parameter of this namespace (``net.ipv4.…``)."""
        with self:
            Path("/proc/sys", *name.split(".")).write_text(f"{value}\n")

    def no_offload(self, interface: str) -> None:
        """Segments as a wire would carry them: no checksum left open, none larger than the MTU."""
        with self, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for command in OFFLOADS:
                value = ctypes.create_string_buffer(struct.pack("II", command, 0))
                request = struct.pack("16sP", interface.encode(), ctypes.addressof(value))
                fcntl.ioctl(sock, SIOCETHTOOL, request.ljust(40, b"\0"))

    def close(self) -> None:
        """Let go of the namespace."""
        os.close(self.descriptor)


def _enter(descriptor: int) -> None:
    if libc().setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
