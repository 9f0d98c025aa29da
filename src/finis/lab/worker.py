"""One scenario in a process of its own: ``python -m finis.lab.worker NAME KIND FOLDER``.

Namespaces, cables, programs and their files belong to this process and end with it, whatever ends
it; a run that a signal ended leaves no folder either.
"""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path
from types import FrameType

from finis.errors import FinisError
from finis.lab.scenario import catalogue, perform
from finis.lab.spaces import enclose

STOPS = (signal.SIGTERM, signal.SIGINT)


def _stop(number: int, frame: FrameType | None) -> None:
    for once in STOPS:  # Ctrl-C reaches us twice: directly, and handed on by our parent
        signal.signal(once, signal.SIG_IGN)
    raise SystemExit(128 + number)


def main(name: str, kind: str, folder: str) -> int:
    """0 if the scenario was played; else 1, and standard error says why."""
    for number in STOPS:
        signal.signal(number, _stop)
    status = enclose()
    if status is not None:
        return status
    try:
        perform(catalogue()[name], kind, Path(folder))
    except FinisError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except SystemExit:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
