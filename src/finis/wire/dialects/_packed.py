"""Events as packed rows: numbers stand in the row, words are codes of a book.

All that a line says in words (its kind, interfaces, reason, flags, …) is one code: logs repeat few
combinations of them.  So a row is some hundred bytes whatever the line says, and what is to be
known of the words is worked out once per combination.  A book is closed when it is full, so that
words that never repeat (hostile input) cost a new book now and then and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from finis import tables

if TYPE_CHECKING:
    import polars as pl

Columns = dict[str, list[Any]]

# One word per address: 0 none, V4 + an IPv4 address, NAMED + a code of `Book.hosts`.
V4, NAMED = 1 << 32, 2 << 32
HOSTS = ("a_h", "b_h", "a_mapped_h", "b_mapped_h")
PORTS = ("a_p", "b_p", "a_mapped_p", "b_mapped_p")
NUMBERS = ("ts", "line", "conn_id", "bytes", "hit_count", "duplicate_of")
EVENT = np.dtype(
    [(name, "i8") for name in NUMBERS]
    + [("duration_s", "f8")]
    + [(name, "u8") for name in HOSTS]
    + [(name, "u2") for name in PORTS]
    # `has`: bit per nullable value; `words`, `origin`: codes of the book
    + [("has", "u4"), ("words", "u4"), ("origin", "u4"), ("spare", "u4")]
)
BIT = {name: 1 << i for i, name in enumerate((*NUMBERS, "duration_s", *PORTS))}
ORIGIN = ("device", "file")
COLUMNS = tuple(column.name for column in tables.EVENTS)
WORDS = tuple(n for n in COLUMNS if n not in {*BIT, *HOSTS, *ORIGIN})

MOST = 1 << 16  # codes of one kind in a book, after which the next batch gets a new one
_I63 = 1 << 63
Words = tuple[Any, ...]  # the columns WORDS


class Book:
    """What the codes of rows mean: `words`, `hosts` (names, IPv6), `origins` (device, file)."""

    def __init__(self) -> None:
        self.words: list[Words] = []
        self.hosts: list[str] = []
        self.origins: list[tuple[str | None, str | None]] = []
        self._words: dict[Words, int] = {}
        self._hosts: dict[str, int] = {}
        self._origins: dict[tuple[str | None, str | None], int] = {}

    def word(self, words: Words) -> int:
        return _code(self._words, self.words, words)

    def host(self, text: str | None) -> int:
        """The word of an address or name."""
        if text is None:
            return 0
        number = ipv4(text)
        return NAMED + _code(self._hosts, self.hosts, text) if number < 0 else V4 + number

    def find(self, text: str) -> int:
        """The word of an address or name, 0 if the book does not have it, which stays so."""
        number = ipv4(text)
        return V4 + number if number >= 0 else NAMED + self._hosts.get(text, -NAMED)

    def add_hosts(self, texts: list[str]) -> None:
        """Hosts that the book does not have, each once; no IPv4 addresses."""
        self._hosts.update((text, code) for code, text in enumerate(texts, len(self.hosts)))
        self.hosts += texts

    def named(self, texts: Iterable[str]) -> list[int]:
        """The words of hosts that are no IPv4 addresses."""
        codes, hosts, out = self._hosts, self.hosts, []
        for text in texts:
            code = codes.setdefault(text, len(hosts))
            if code == len(hosts):
                hosts.append(text)
            out.append(NAMED + code)
        return out

    def origin(self, device: str | None, file: str | None) -> int:
        return _code(self._origins, self.origins, (device, file))

    def text(self, host: int) -> str | None:
        """The address or name of a host's word."""
        if host >= NAMED:
            return self.hosts[host - NAMED]
        return _dotted(host - V4) if host else None

    @property
    def full(self) -> bool:
        return max(len(self.words), len(self.hosts), len(self.origins)) >= MOST


def _code(codes: dict[Any, int], texts: list[Any], key: Any) -> int:
    code = codes.get(key)
    if code is None:
        code = codes[key] = len(texts)
        texts.append(key)
    return code


@lru_cache(1 << 12)
def _dotted(number: int) -> str:
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def ipv4(text: str) -> int:
    """The number of a dotted address in its one proper form; -1 for all else."""
    return -1 if len(text) > 15 or ":" in text else _ipv4(text)


@lru_cache(1 << 12)  # the hosts of a line are asked for several times
def _ipv4(text: str) -> int:
    parts = text.split(".")
    if len(parts) != 4:
        return -1
    number = 0
    for part in parts:
        if not (part.isascii() and part.isdecimal()) or (part[0] == "0" and part != "0"):
            return -1
        if int(part) > 255:
            return -1
        number = number << 8 | int(part)
    return number


class Packed:
    """A batch of events: `rows` (EVENT) and the `book` of their codes.  Reads like the mapping of
    columns to lists that simpler dialects give; a list is made when it is asked for."""

    __slots__ = ("book", "rows")

    def __init__(self, rows: np.ndarray, book: Book) -> None:
        self.rows = rows
        self.book = book

    @classmethod
    def of(cls, columns: Mapping[str, Sequence[Any]], book: Book | None = None) -> Packed:
        """The same batch, packed.  Numbers that no row can hold become None."""
        book = Book() if book is None else book
        count = len(columns["ts"])
        rows = np.zeros(count, EVENT)
        for name in BIT:
            if (values := columns.get(name)) is not None:
                _fill(rows, name, values)
        for name in HOSTS:
            if (values := columns.get(name)) is not None:
                words = {text: book.host(text) for text in set(values)}
                rows[name] = [words[text] for text in values]
        absent = [None] * count
        words_of = zip(*(columns.get(name) or absent for name in WORDS), strict=True)
        rows["words"] = [book.word(words) for words in words_of]
        origins = zip(*(columns.get(name) or absent for name in ORIGIN), strict=True)
        rows["origin"] = [book.origin(*origin) for origin in origins]
        return cls(rows, book)

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, name: object) -> bool:
        return name in COLUMNS

    def __iter__(self) -> Iterator[str]:
        return iter(COLUMNS)

    def __getitem__(self, name: str) -> list[Any]:
        rows, book = self.rows, self.book
        if name in BIT:
            values: list[Any] = rows[name].tolist()
            present = (rows["has"] & BIT[name]).astype(bool)
            if not present.all():
                for i in np.flatnonzero(~present).tolist():
                    values[i] = None
            return values
        if name in HOSTS:
            distinct, where = np.unique(rows[name], return_inverse=True)
            texts = [book.text(host) for host in distinct.tolist()]
            return [texts[i] for i in where.tolist()]
        if name in ORIGIN:
            of_origin = [origin[ORIGIN.index(name)] for origin in book.origins]
            return [of_origin[code] for code in rows["origin"].tolist()]
        at = WORDS.index(name)
        words = book.words
        return [words[code][at] for code in rows["words"].tolist()]

    def get(self, name: str) -> list[Any] | None:
        if name not in COLUMNS:
            return None
        return self[name]

    def items(self) -> Iterator[tuple[str, list[Any]]]:
        return ((name, self[name]) for name in COLUMNS)

    def columns(self) -> Columns:
        """As the mapping that simpler dialects give."""
        return dict(self.items())

    def set_copies(self, numbers: Sequence[int | None]) -> None:
        """Write `duplicate_of`."""
        _fill(self.rows, "duplicate_of", numbers)

    def frame(self) -> pl.DataFrame:
        """tables.EVENTS."""
        return frame(self.rows, self.book)


class Recoder:
    """Codes of one book to those of another.  Rows are changed in place."""

    def __init__(self, old: Book, new: Book) -> None:
        self.old = old
        self.new = new
        self.words = np.empty(0, "u4")
        self.origins = np.empty(0, "u4")
        self.hosts = np.empty(0, "u8")
        self._follow()

    def _follow(self) -> None:
        """Take in what the old book has learnt."""
        old, new = self.old, self.new
        words = [new.word(told) for told in old.words[len(self.words) :]]
        origins = [new.origin(*pair) for pair in old.origins[len(self.origins) :]]
        hosts = new.named(old.hosts[len(self.hosts) :])
        self.words = np.concatenate([self.words, np.array(words, "u4")])
        self.origins = np.concatenate([self.origins, np.array(origins, "u4")])
        self.hosts = np.concatenate([self.hosts, np.array(hosts, "u8")])

    def recode(self, rows: np.ndarray) -> None:
        self._follow()
        rows["words"] = self.words[rows["words"]]
        rows["origin"] = self.origins[rows["origin"]]
        for name in HOSTS if len(self.hosts) else ():
            if name in (rows.dtype.names or ()):
                named = rows[name] >= NAMED
                rows[name][named] = self.hosts[rows[name][named] - np.uint64(NAMED)]


def columns_of(events: Packed | Columns) -> Columns:
    return events.columns() if isinstance(events, Packed) else events


def _fill(rows: np.ndarray, name: str, values: Sequence[Any]) -> None:
    real = name == "duration_s"
    low, high = (0, 65_536) if name in PORTS else (-_I63, _I63)
    kinds = (int, float) if real else (int,)
    good = [
        value is not None and isinstance(value, kinds) and (real or low <= value < high)
        for value in values
    ]
    rows[name] = [value if fits else 0 for value, fits in zip(values, good, strict=True)]
    rows["has"] |= np.array(good, bool).astype("u4") * BIT[name]


# --- rows to Polars ------------------------------------------------------------------------------


def numbers(rows: np.ndarray, name: str, kind: pl.DataType | None = None) -> pl.Series:
    """A column of values, null where absent."""
    import polars as pl

    out = pl.Series(name, np.ascontiguousarray(rows[name]))
    absent = (rows["has"] & BIT[name]) == 0
    if kind is not None and out.dtype != kind:
        out = out.cast(kind)
    if absent.any():
        out = pl.select(pl.when(~pl.Series(absent)).then(out).alias(name)).to_series()
    return out


def host_texts(name: str, hosts: np.ndarray, book: Book) -> pl.Series:
    """Host words as text."""
    import polars as pl

    from finis.wire.kernel import text_kernel

    if (kernel := text_kernel()) is not None:
        return pl.Series(kernel(hosts, book.hosts)).alias(name)
    distinct, where = np.unique(hosts, return_inverse=True)
    v4 = (distinct >= V4) & (distinct < NAMED)
    parts = [pl.Series(distinct.astype("u4") >> np.uint32(by) & np.uint32(255))
             for by in (24, 16, 8, 0)]  # fmt: skip
    texts = pl.select(pl.concat_str(parts, separator=".")).to_series()
    if not v4.all():
        others = np.flatnonzero(~v4)
        named = [book.text(int(host)) for host in distinct[others]]
        texts = texts.scatter(others, pl.Series(named, dtype=pl.String))
    return texts.gather(where.astype("u4")).alias(name)


def coded(name: str, codes: np.ndarray, texts: Sequence[Any], kind: pl.DataType) -> pl.Series:
    """A column whose values are codes of a list."""
    import polars as pl

    return pl.Series(name, texts, kind)[pl.Series(codes)]  # `gather` would plan a query


def frame(rows: np.ndarray, book: Book) -> pl.DataFrame:
    """tables.EVENTS of packed rows, in bulk."""
    import polars as pl

    out = []
    used, words = np.unique(rows["words"], return_inverse=True)
    told = [book.words[code] for code in used.tolist()]
    words = words.astype("u4")
    for name, kind in tables.polars_schema(tables.EVENTS).items():
        if name in BIT:
            out.append(numbers(rows, name, kind))
        elif name in HOSTS:
            out.append(host_texts(name, rows[name], book))
        elif name in ORIGIN:
            texts = [origin[ORIGIN.index(name)] for origin in book.origins]
            out.append(coded(name, np.ascontiguousarray(rows["origin"]), texts, kind))
        else:
            at = WORDS.index(name)
            out.append(coded(name, words, [word[at] for word in told], kind))
    return pl.DataFrame(out)
