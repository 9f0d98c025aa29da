"""The two errors finis raises on purpose.  Everything else that is wrong with input is data:
counted, kept with its position and reported (see `finis.wire.source.Problems`)."""

from __future__ import annotations


class FinisError(Exception):
    """Base of both; the command line prints it as one sentence and exits 2."""


class InputError(FinisError):
    """Input that cannot be used at all.

    `path` is the file as the user named it; `offset` the byte or line where reading stopped,
    with its unit (``byte 24``, ``line 3``), or None where no position makes sense.
    """

    def __init__(self, path: str, reason: str, offset: str | None = None) -> None:
        self.path = path = path.replace("\n", "\\n")  # one sentence, one line
        self.reason = reason
        self.offset = offset
        where = f"{path}: {offset}" if offset else path
        super().__init__(f"{where}: {reason}")


class UsageError(FinisError):
    """A command line or an API call that asks for something that does not exist."""
