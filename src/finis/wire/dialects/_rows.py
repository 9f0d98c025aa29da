"""The events of one log in batches: blocks of lines through the reference or the kernel."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from finis.wire.dialects import _syslog
from finis.wire.dialects._api import BATCH, Columns, Events
from finis.wire.dialects._events import COLUMNS, Grammar, Reader
from finis.wire.dialects._packed import Packed
from finis.wire.kernel import line_kernel
from finis.wire.source import Points, Source

if TYPE_CHECKING:
    from finis.wire.captures._api import Readable
    from finis.wire.source import Reading


class Rows:
    """Collects the events of one file in batches; the reference of `_lines.Lines`."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.rows: list[tuple[Any, ...]] = []

    def feed(self, number: int, block: bytes) -> Iterator[Columns]:
        """Read a block of lines, the first of which has this number."""
        source = self.reader.source
        for n, line in _syslog.lines_of(number, block, source):
            source.rows += 1
            row = self.reader.line(n, line)
            if row is None:
                continue
            source.used += 1
            self.rows.append(tuple(row))  # the collector of cycles does not follow tuples of text
            if len(self.rows) >= BATCH:
                yield self.take()

    @property
    def count(self) -> int:
        return len(self.rows)

    def take(self) -> Columns:
        """The rows collected; the collection starts afresh."""
        columns = zip(*self.rows, strict=True)
        self.rows = []
        return {name: list(column) for name, column in zip(COLUMNS, columns, strict=True)}


class FastRows:
    """The same with the kernel; blocks that are no UTF-8 are read line by line."""

    def __init__(self, reader: Reader, kernel: Any) -> None:
        self.reader = reader
        self.lines = kernel(reader, COLUMNS, BATCH)

    def feed(self, number: int, block: bytes) -> Iterator[Packed]:
        lines = self.lines
        if not _readable(block):
            for n, line in _syslog.lines_of(number, block, self.reader.source):
                lines.add(n, line)
                if lines.count >= BATCH:
                    yield lines.take()
            return
        at = 0
        while at >= 0:
            at, number = lines.feed(block, at, number)
            if lines.count >= BATCH:
                yield lines.take()

    @property
    def count(self) -> int:
        return int(self.lines.count)

    def take(self) -> Packed:
        rows: Packed = self.lines.take()
        return rows


def _readable(block: bytes) -> bool:
    if block.isascii():
        return True
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def _rows(reader: Reader) -> Rows | FastRows:
    kernel = line_kernel() if reader.grammar.fast is not None else None
    return Rows(reader) if kernel is None else FastRows(reader, kernel)


_LEARNT_LINES = 2000
_LEARNT_BYTES = 1 << 26  # a hostile file's lines are long


def _head(blocks: Iterator[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """The blocks of the first lines."""
    out: list[tuple[int, bytes]] = []
    size = 0
    for number, block in blocks:
        out.append((number, block))
        size += len(block)
        if number + block.count(b"\n") > _LEARNT_LINES or size > _LEARNT_BYTES:
            break
    return out


def _prefixes(grammar: Grammar, head: list[tuple[int, bytes]]) -> Iterator[str]:
    """What stands before the messages of the first lines."""
    scratch = Source(0, "", Points(), "")  # problems are counted when the lines are read
    lines = (line for number, block in head for _, line in _syslog.lines_of(number, block, scratch))
    for line in islice(lines, _LEARNT_LINES):
        shown = grammar.rewrite(line)
        if m := grammar.tag.search(shown):
            yield shown[: m.start()]


def read(grammar: Grammar, stream: Readable, source: Source, reading: Reading) -> Iterator[Events]:
    """Events of one log, in the order of its lines; see `finis.wire.dialects._api`."""
    reader = Reader(grammar, source, reading)
    blocks = _syslog.blocks(stream, source)
    head = _head(blocks)
    reader.headers.learn(_prefixes(grammar, head))
    rows = _rows(reader)
    for part in (head, blocks):
        for number, block in part:
            yield from rows.feed(number, block)
    if rows.count:
        yield rows.take()
