"""Parse the command line, run one command, turn errors into one sentence and exit status 2."""

from __future__ import annotations

import atexit
import os
import sys
from typing import NoReturn

from finis.cli.spared import spare
from finis.errors import FinisError

UNUSABLE = 2
FOUND = 1


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0 done, 1 with ``--fail-on`` met, 2 unusable input or usage."""
    from finis.cli.arguments import parser

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal or pipe that cannot show a character gets its number, not a crash.
            stream.reconfigure(errors="backslashreplace")
    words = sys.argv[1:] if argv is None else argv
    if not words:
        parser().print_help()
        return UNUSABLE
    if (hint := misspelt(words[0])) is not None:
        print(f"finis: {hint}", file=sys.stderr)
        return UNUSABLE
    arguments = parser(words[0]).parse_args(words)
    # NumPy's BLAS starts a thread per core when it is imported; nothing here multiplies matrices.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
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


def process() -> NoReturn:
    """The program.  When all is written the process ends at once: to take the interpreter and
    the libraries apart would cost a tenth of a second and more."""
    spare()
    status = main()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):  # closed, full, or there is none
        if status == 0:  # else it has been said, and the interpreter would make it 120
            sys.exit(status)
    atexit._run_exitfuncs()
    os._exit(status)


def misspelt(word: str) -> str | None:
    """What to say of a first word that is no command; None if it is one, or an option."""
    if word.startswith("-"):
        return None
    from finis.cli.commands import COMMANDS

    if word in COMMANDS:
        return None
    from difflib import get_close_matches

    from finis.report.document import clean

    if os.path.exists(word):  # noqa: PTH110 - Path() would refuse some words
        return f"{clean(word)} is no command: did you mean `finis diagnose {clean(word)}`?"
    near = get_close_matches(word, COMMANDS, 1)
    hint = f"did you mean `{near[0]}`?" if near else "`finis --help` lists them"
    return f"{clean(word)} is no command: {hint}"


if __name__ == "__main__":
    process()
