"""Which reader understands an input: every module of `captures` and `dialects` is asked to sniff.

Adding a format or a dialect is adding its file; this module finds it by scanning the packages.
"""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Literal

ENOUGH = 0.2  # a lower score is a guess, and a guess is "unknown file"


@dataclass(frozen=True, slots=True)
class Reader:
    """A capture format or a dialect; `module` has NAME, sniff and read (see the `_api` files)."""

    kind: Literal["capture", "log"]
    name: str
    module: Any


@cache
def readers() -> tuple[Reader, ...]:
    """All formats and dialects, in the order of their names."""
    found = []
    kinds: tuple[tuple[Literal["capture", "log"], str], ...] = (
        ("capture", "finis.wire.captures"),
        ("log", "finis.wire.dialects"),
    )
    for kind, package in kinds:
        for info in pkgutil.iter_modules(import_module(package).__path__):
            if info.name.startswith("_"):
                continue
            module = import_module(f"{package}.{info.name}")
            if all(hasattr(module, name) for name in ("NAME", "sniff", "read")):
                found.append(Reader(kind, module.NAME, module))
    return tuple(sorted(found, key=lambda reader: reader.name))


def sniff(head: bytes) -> Reader | None:
    """The reader most certain of `head` (the first 64 KiB, decompressed), or None."""
    best = max(readers(), key=lambda reader: float(reader.module.sniff(head)))
    return best if best.module.sniff(head) >= ENOUGH else None
