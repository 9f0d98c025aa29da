"""What a firewall dialect provides.  A module of this package that defines `NAME`, `sniff` and
`read` is a dialect; nothing else needs editing to add one.

``NAME: str``
``sniff(head: bytes) -> float``
    0 … 1, from the first 64 KiB after decompression.  Never raises.
``read(stream, source, reading) -> Iterator[Events]``
    batches of columns named as in `tables.EVENTS` (lists of equal length, `ts` as ns since 1970
    UTC or None, `file` the path, `duplicate_of` None: tracking finds copies).  Lines of messages
    that do not bear on connections are counted in `source.other`; unreadable ones are kept with
    their line number in `source.problems` and, if they are about a connection, become rows with
    `text_ok` ``partial`` or ``none``, unreadable fields None.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from finis.wire.captures._api import Readable
    from finis.wire.source import Reading, Source

Events = dict[str, list[Any]]

BATCH = 16_384  # rows


class Dialect(Protocol):
    NAME: str

    def sniff(self, head: bytes) -> float: ...

    def read(self, stream: Readable, source: Source, reading: Reading) -> Iterator[Events]: ...
