"""The events of one log in batches: blocks of lines through the reference or the kernel."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from finis.wire.dialects import _syslog
from finis.wire.dialects._api import BATCH, Columns, Events
from finis.wire.dialects._events import COLUMNS, Grammar, Reader
from finis.wire.dialects._packed import Packed
from finis.wire.dialects._syslog import Block, Blocks
from finis.wire.kernel import line_kernel
from finis.wire.source import Points, Source

if TYPE_CHECKING:
    from finis.wire.captures._api import Readable
    from finis.wire.source import Reading


class Rows:
    """Collects the events of one file in batches; the reference of `_lines.Lines`.

    `number` is that of the next line."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.rows: list[tuple[Any, ...]] = []
        self.number = 1

    def feed(self, number: int, block: Block) -> Iterator[Columns]:
        """Read a block of lines, the first of which has this number."""
        data, start, stop = block
        source, lines = self.reader.source, data[start:stop]
        self.number = number + lines.count(b"\n") + 1
        for n, line in _syslog.lines_of(number, lines, source):
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
    """The same with the kernel."""

    def __init__(self, reader: Reader, kernel: Any) -> None:
        self.lines = kernel(reader, COLUMNS, BATCH)
        self.number = 1

    def feed(self, number: int, block: Block) -> Iterator[Packed]:
        lines = self.lines
        data, at, stop = block
        self.number = number
        while at >= 0:
            at, self.number = lines.feed(data, at, stop, self.number)
            if lines.count >= BATCH:
                yield lines.take()

    @property
    def count(self) -> int:
        return int(self.lines.count)

    def take(self) -> Packed:
        rows: Packed = self.lines.take()
        return rows


def _rows(reader: Reader) -> Rows | FastRows:
    kernel = line_kernel() if reader.grammar.fast is not None else None
    return Rows(reader) if kernel is None else FastRows(reader, kernel)


_LEARNT_LINES = 2000
_LEARNT_BYTES = 1 << 26  # a hostile file's lines are long


def _head(blocks: Blocks, given: Iterator[Block]) -> list[Block]:
    """The blocks of the first lines."""
    out: list[Block] = []
    size = 0
    for block in given:
        out.append(block)
        data, start, stop = block
        blocks.number += data.count(b"\n", start, stop) + 1
        size += stop - start
        if blocks.number > _LEARNT_LINES or size > _LEARNT_BYTES:
            break
    blocks.number = 1
    return out


def _prefixes(grammar: Grammar, head: list[Block]) -> Iterator[str]:
    """What stands before the messages of the first lines."""
    scratch = Source(0, "", Points(), "")  # problems are counted when the lines are read
    blocks = (data[start:stop] for data, start, stop in head)
    lines = (line for block in blocks for _, line in _syslog.lines_of(1, block, scratch))
    for line in islice(lines, _LEARNT_LINES):
        shown = grammar.rewrite(line)
        if m := grammar.tag.search(shown):
            yield shown[: m.start()]


def read(grammar: Grammar, stream: Readable, source: Source, reading: Reading) -> Iterator[Events]:
    """Events of one log, in the order of its lines; see `finis.wire.dialects._api`."""
    reader = Reader(grammar, source, reading)
    blocks = Blocks(stream, source)
    given = iter(blocks)
    head = _head(blocks, given)
    reader.headers.learn(_prefixes(grammar, head))
    rows = _rows(reader)
    for block in chain(head, given):
        yield from rows.feed(blocks.number, block)
        blocks.number = rows.number
    if rows.count:
        yield rows.take()
