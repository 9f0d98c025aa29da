"""From bytes to lines of bounded length, whatever the bytes."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import TYPE_CHECKING

from finis.lazily import regex

if TYPE_CHECKING:
    from finis.wire.captures._api import Readable
    from finis.wire.source import Source

MAX_LINE = 64 * 1024  # bytes kept of a line
_CHUNK = 256 * 1024
_TOO_LONG = "line too long, read to 64 KiB"

# Blanks that web pages and word processors put in; marks without width vanish.
_BLANKS: dict[int, str] = dict.fromkeys((0x09, 0x0B, 0x0C, 0xA0, 0x1680, 0x202F, 0x205F), " ")
_BLANKS |= dict.fromkeys((*range(0x2000, 0x200B), 0x3000), " ")
_BLANKS |= dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF), "")
_PAGER = regex(r"\s*<--- More --->\s?")
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def lines(stream: Readable, source: Source) -> Iterator[tuple[int, str]]:
    """(line number from 1, text without its end) of everything in `stream`.

    Non-breaking and typographic blanks become blanks.  A line longer than `MAX_LINE` bytes is cut
    and counted in ``source.problems``.
    """
    number = 0
    pending = b""
    cut = False
    for chunk in _chunks(stream):
        parts = (pending + chunk).split(b"\n")
        pending = parts.pop()
        for part in parts:
            number += 1
            if cut or len(part) > MAX_LINE:
                source.problems.add(_TOO_LONG, f"line {number}")
                cut = False
            yield number, plain(part[:MAX_LINE])
        if len(pending) > MAX_LINE:
            pending = pending[:MAX_LINE]
            cut = True
    if pending:
        if cut:
            source.problems.add(_TOO_LONG, f"line {number + 1}")
        yield number + 1, plain(pending)


def sample(head: bytes) -> Iterator[str]:
    """The first lines of a file, for sniffing: 2000 at most, 512 bytes of each, none blank."""
    encoding = _UTF16.get(head[:2])
    if encoding is not None:
        head = head[2:].decode(encoding, "replace").encode()
    for raw in head.split(b"\n", 2000)[:2000]:
        line = plain(raw[:512])
        if line:
            yield line


def plain(raw: bytes) -> str:
    """One line as text: UTF-8, else Latin-1; odd blanks made plain, pager marks removed."""
    if raw.isascii():
        text = raw.decode("ascii")
    else:
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
        text = text.translate(_BLANKS)
    text = text.rstrip()
    if "\r" in text:  # a pager overwrites its own prompt: what stands last was visible
        text = text[text.rfind("\r") + 1 :]
    if "--- More" in text:
        text = _PAGER.sub("", text, count=1)
    return text


def _chunks(stream: Readable) -> Iterator[bytes]:
    """The bytes of `stream`; UTF-16 with a mark, as PowerShell redirects, becomes UTF-8."""
    chunk = stream.read(_CHUNK)
    encoding = _UTF16.get(chunk[:2])
    if encoding is None:
        while chunk:
            yield chunk
            chunk = stream.read(_CHUNK)
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    chunk = chunk[2:]
    while chunk:
        yield decoder.decode(chunk).encode("utf-8", "replace")
        chunk = stream.read(_CHUNK)
