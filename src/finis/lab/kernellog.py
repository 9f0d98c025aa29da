"""The kernel's log as a log daemon would write it, of one run's packets only.

Packets that meet a log rule in a namespace are logged if ``net.netfilter.nf_log_all_netns`` is 1.
That switch and the log belong to the whole machine: runs tell their lines apart by a mark in the
prefix, and the last run that ends puts the switch back.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import select
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

SWITCH = Path("/proc/sys/net/netfilter/nf_log_all_netns")
KMSG = Path("/dev/kmsg")
FOLDER = Path("/run") if os.access("/run", os.W_OK) else Path(tempfile.gettempdir())
HOST = "fw-lab"
RECORD = 8192  # bytes: the kernel gives one record per read, never more than this
_WAS_OFF = b"off"


class Switch:
    """Logging from namespaces, held on; off again when nobody holds it, if it was off before."""

    def __init__(self) -> None:
        self._held: IO[bytes] = (FOLDER / "finis-lab-nf-log").open("a+b")
        fcntl.flock(self._held, fcntl.LOCK_SH)
        if SWITCH.read_text().strip() == "0":
            SWITCH.write_text("1\n")
            self._held.truncate(0)
            self._held.write(_WAS_OFF)
            self._held.flush()

    def close(self) -> None:
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._held.seek(0)
            if self._held.read() == _WAS_OFF:
                SWITCH.write_text("0\n")
                self._held.truncate(0)
        except BlockingIOError:
            pass  # another run still needs it
        finally:
            self._held.close()


class KernelLog:
    """Writes to `path` the log's lines that bear `mark`, without it, until closed.  Raises OSError
    where the machine does not let us."""

    def __init__(self, path: Path) -> None:
        self.mark = f"{secrets.token_hex(6)} "
        self._lines = os.open(KMSG, os.O_RDONLY | os.O_NONBLOCK)
        try:
            self._switch = Switch()
        except OSError:
            os.close(self._lines)
            raise
        os.lseek(self._lines, 0, os.SEEK_END)
        self._out = path.open("w")
        self._stop, self._stopped = os.pipe()
        self._reader = threading.Thread(target=self._follow, daemon=True)
        self._reader.start()

    def _follow(self) -> None:
        while True:
            ready, _, _ = select.select([self._lines, self._stop], [], [])
            self._drain()
            if self._stop in ready:
                return

    def _drain(self) -> None:
        while True:
            try:
                record = os.read(self._lines, RECORD)
            except BlockingIOError:
                return
            except BrokenPipeError:
                continue  # older records were overwritten
            head, _, text = record.partition(b";")
            text = text.split(b"\n", 1)[0]
            if self.mark.encode() not in text:
                continue
            micros = int(head.split(b",")[2])
            now = datetime.now(UTC).isoformat()
            told = text.decode("utf-8", "replace").replace(self.mark, "", 1)
            seconds, rest = divmod(micros, 1_000_000)
            self._out.write(f"{now} {HOST} kernel: [{seconds:5}.{rest:06}] {told}\n")

    def close(self) -> None:
        os.write(self._stopped, b".")
        self._reader.join(5)
        self._switch.close()
        self._out.close()
        for descriptor in (self._lines, self._stop, self._stopped):
            os.close(descriptor)
