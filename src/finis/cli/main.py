"""Parse the command line, run one command, turn errors into one sentence and exit status 2."""

from __future__ import annotations

import os
import sys

from finis.cli.arguments import parser
from finis.errors import FinisError

UNUSABLE = 2
FOUND = 1


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0 done, 1 with ``--fail-on`` met, 2 unusable input or usage."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal or pipe that cannot show a character gets its number, not a crash.
            stream.reconfigure(errors="backslashreplace")
    arguments = parser().parse_args(argv)
    try:
        from finis.cli.commands import run

        return run(arguments)
    except FinisError as error:
        from finis.report.document import clean

        lines = [clean(line) for line in str(error).split("\n")]
        print("finis: " + "\n".join(lines), file=sys.stderr)
        return UNUSABLE
    except BrokenPipeError:
        # The reader (head, less) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("finis: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
