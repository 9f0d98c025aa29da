"""Which reader understands an input: every module of `captures` and `dialects` is asked to sniff.

Adding a format or a dialect is adding its file; this module finds it by scanning the packages.
"""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from typing import Any, Literal

from finis.records import dataclass

ENOUGH = 0.2  # a lower score is a guess, and a guess is "unknown file"
Kind = Literal["capture", "log"]


@dataclass(frozen=True, slots=True)
class Reader:
    """A capture format or a dialect; `module` has NAME, sniff and read (see the `_api` files)."""

    kind: Kind
    name: str
    module: Any


@cache
def readers() -> tuple[Reader, ...]:
    """All formats and dialects, in the order of their names."""
    found = (*_found("capture", "finis.wire.captures"), *_found("log", "finis.wire.dialects"))
    return tuple(sorted(found, key=lambda reader: reader.name))


@cache
def _found(kind: Kind, package: str) -> tuple[Reader, ...]:
    found = []
    for info in pkgutil.iter_modules(import_module(package).__path__):
        if info.name.startswith("_"):
            continue
        module = import_module(f"{package}.{info.name}")
        if all(hasattr(module, name) for name in ("NAME", "sniff", "read")):
            found.append(Reader(kind, module.NAME, module))
    return tuple(found)


def takers(head: bytes) -> list[Reader]:
    """The readers for a file that begins so (64 KiB, decompressed): the most certain one, and
    for text that holds both a log and a capture the most certain of either kind."""
    for reader in _found("capture", "finis.wire.captures"):
        if getattr(reader.module, "BINARY", False) and reader.module.sniff(head) == 1:
            return [reader]  # no text begins so: dialects need not be imported
    best: dict[str, tuple[float, Reader]] = {}
    for reader in readers():
        score = float(reader.module.sniff(head))
        if score >= ENOUGH and score > best.get(reader.kind, (0.0, reader))[0]:
            best[reader.kind] = score, reader
    ranked = sorted(best.values(), key=lambda pair: -pair[0])
    return [reader for _, reader in ranked]
