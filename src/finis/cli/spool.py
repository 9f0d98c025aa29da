"""Standard input can be read once; what is read twice is spooled to a temporary file."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def spooled(paths: list[str], again: bool) -> Iterator[list[str]]:
    """`paths`, with ``-`` replaced by a file that goes when the context ends."""
    if not again or "-" not in paths:
        yield paths
        return
    import tempfile  # takes long to load

    with tempfile.TemporaryDirectory(prefix="finis-") as folder:
        held = Path(folder) / "stdin"
        with held.open("wb") as out:
            shutil.copyfileobj(sys.stdin.buffer, out, 1 << 20)
        yield [str(held) if path == "-" else path for path in paths]
