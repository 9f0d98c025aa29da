"""One scenario in a process of its own: ``python -m finis.lab.worker NAME KIND FOLDER``.

Namespaces, cables and programs belong to this process and end with it, whatever ends it.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType

from finis.errors import FinisError
from finis.lab.scenario import load, perform


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def main(name: str, kind: str, folder: str) -> int:
    """0 if the scenario was played; else 1, and standard error says why."""
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        perform(load(name.replace("-", "_")), kind, Path(folder))
    except FinisError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
