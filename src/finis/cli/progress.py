"""A progress bar on standard error: only on a terminal, only for large input."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import Any

LARGE_BYTES = 20_000_000


class Bar:
    """Bytes read, rate and time left over all files; silent for small input or no terminal."""

    def __init__(self, paths: list[str]) -> None:
        self.sizes = _sizes(paths)
        self.done: dict[str, int] = {}
        self.bar: Any = None
        total = sum(self.sizes.values())
        if sys.stderr.isatty() and (total >= LARGE_BYTES or "-" in paths):
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                DownloadColumn,
                Progress,
                TimeRemainingColumn,
                TransferSpeedColumn,
            )

            self.bar = Progress(
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self.task = self.bar.add_task("", total=None if "-" in paths else total)

    def advance(self, path: str, consumed_bytes: int) -> None:
        """A file has been read up to `consumed_bytes` (compressed bytes)."""
        self.done[path] = consumed_bytes
        if self.bar is not None:
            self.bar.update(self.task, completed=sum(self.done.values()))

    def __enter__(self) -> Bar:
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.bar is not None:
            self.bar.stop()


def _sizes(paths: list[str]) -> dict[str, int]:
    out: dict[str, int] = {}
    for path in paths:
        here = Path(path)
        files = here.rglob("*") if here.is_dir() else [here]
        out.update({str(f): f.stat().st_size for f in files if f.is_file()})
    return out
