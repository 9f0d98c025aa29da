"""Where output goes: a file or standard output.  What cannot be written is one sentence, whoever
was writing: libraries tell of it in words of their own, or hand the stream to a thread."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from finis.errors import UsageError


def is_standard(path: str | None) -> bool:
    """Does `--output` mean standard output?"""
    return path in (None, "-")


class Target:
    """A stream of bytes that remembers why it could not be written.  Nothing but Python writes to
    it: it has no number that a library could write to by itself."""

    def __init__(self, path: str | None) -> None:
        self.path = None if is_standard(path) else path
        self.failed: OSError | None = None
        try:
            self._stream = (
                sys.stdout.buffer if self.path is None else Path(self.path).open("wb")  # noqa: SIM115
            )
        except OSError as error:
            raise self.refused(error) from None

    def write(self, data: Any) -> int:
        try:
            return self._stream.write(data)
        except OSError as error:
            self.failed = self.failed or error
            raise

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self.failed = self.failed or error
            raise

    def close(self) -> None:
        """Of what is flushed nothing is lost; of the rest, something was said already."""
        if self.path is not None:
            with suppress(OSError):
                self._stream.close()

    def refused(self, error: OSError) -> Exception:
        """What to raise: a reader that went away (head, less) is no error of the user's."""
        if isinstance(error, BrokenPipeError):
            return error
        return UsageError(f"{self.path or 'standard output'}: cannot be written: {error.strerror}")


@contextmanager
def writing(path: str | None) -> Iterator[Target]:
    """Output to be written.  Raises UsageError where it cannot be, BrokenPipeError where nobody
    reads it any more."""
    target = Target(path)
    try:
        yield target
        target.flush()
    except BaseException:
        if target.failed is None:
            raise
        raise target.refused(target.failed) from None
    finally:
        target.close()
