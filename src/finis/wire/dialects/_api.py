"""What a firewall dialect provides.  A module of this package that defines `NAME`, `sniff` and
`read` is a dialect; nothing else needs editing to add one.

``NAME: str``
``sniff(head: bytes) -> float``
    0 … 1, from the first 64 KiB after decompression.  Never raises.
``read(stream, source, reading) -> Iterator[Events]``
    batches of columns named as in `tables.EVENTS` (lists of equal length, `ts` as ns since 1970
    UTC or None, `file` the path, `duplicate_of` None: tracking finds copies), or the same packed
    (`_packed.Packed`), which is what kernels give.  Lines of messages
    that do not bear on connections are counted in `source.other`; unreadable ones are kept with
    their line number in `source.problems` and, if they are about a connection, become rows with
    `text_ok` ``partial`` or ``none``, unreadable fields None.

Optional:

``FIREWALL: terms.Firewall``
    what the log of this make can show; default: that of an unknown make
``hosts(head: bytes) -> Hosts``
    which devices the lines name, where some kinds of line name none (see `Hosts`)

A firewall that says only "built" and "torn down" sends those two kinds of event.  One that logs the
state it follows sends ``state`` when it changes, ``ended`` when it shows that the connection is
over, and ``teardown`` when the entry is removed at last: minutes later, and no moment of the
connection's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol

from finis.wire.dialects._packed import Columns, Packed

__all__ = ["BATCH", "Columns", "Dialect", "Events", "Packed"]

if TYPE_CHECKING:
    from finis.wire.captures._api import Readable
    from finis.wire.source import Reading, Source

Events = Columns | Packed

BATCH = 16_384  # rows


class Hosts(NamedTuple):
    """What the first lines of a file say of the device they come from."""

    named: frozenset[str]  # devices they name
    silent: bool  # there are lines that name none, of a kind that never does
    dated: bool = (
        True  # some line has a time: without any, its order against other files is unknown
    )


class Dialect(Protocol):
    NAME: str

    def sniff(self, head: bytes) -> float: ...

    def read(self, stream: Readable, source: Source, reading: Reading) -> Iterator[Events]: ...
