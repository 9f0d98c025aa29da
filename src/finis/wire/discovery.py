"""From what the user named (files, folders, globs, standard input) to files to read, in order."""

from __future__ import annotations

import glob
import re
from collections import Counter
from pathlib import Path

from finis.errors import InputError
from finis.lazily import regex
from finis.records import dataclass, replace

# Endings that say how a file is stored or which one of a rotation it is, not where it was taken;
# `tcpdump -C` appends the number to the ending (``inside.pcap2``).
_SUFFIX = regex(r"\.(gz|zst|xz|bz2|(pcapng|pcap|cap|dmp|ntar)\d*|txt|log|text|out)$", re.I)
_APART = regex(r"([._-](\d{8}[T_-]?\d{0,6}|\d+))+$")
_NUMBER = regex(r"([._-]?(\d{8}[T_-]?\d{0,6}|\d+))+$")


@dataclass(frozen=True, slots=True)
class Input:
    """One file to read. `named` tells that the user gave this very file, so that it must be
    readable; a file met in a folder may be anything."""

    path: str
    point: str
    named: bool
    point_given: bool = False  # by --point


def point_name(path: str) -> str:
    """The point a capture file was taken at, by its name: without endings and rotation numbers
    (``inside_00002_20260101.pcap.gz`` → ``inside``)."""
    return _stem(path, _NUMBER)


def _stem(path: str, number: re.Pattern[str]) -> str:
    if path == "-":
        return "stdin"
    name = Path(path).name
    while True:
        # A number may follow the ending, and an ending the number.
        shorter = _SUFFIX.sub("", name) or name
        apart = _APART.sub("", shorter)
        shorter = apart if _SUFFIX.search(apart) else shorter
        if shorter == name:
            return number.sub("", name) or name
        name = shorter


def discover(paths: list[str], points: dict[str, str]) -> list[Input]:
    """Files in the order given, folders sorted by name, each file once.  `points` maps a path or
    file name to a point's name (``--point``).  Raises InputError for a path that is not there."""
    found: dict[str, Input] = {}

    def add(path: str, named: bool) -> None:
        point = points.get(path) or points.get(Path(path).name)
        found.setdefault(path, Input(path, point or point_name(path), named, point is not None))

    for path in paths:
        if path == "-":
            add(path, True)
            continue
        here = Path(path)
        if here.is_dir():
            for child in sorted(here.rglob("*")):
                hidden = any(part.startswith(".") for part in child.relative_to(here).parts)
                if child.is_file() and not hidden:
                    add(str(child), False)
        elif here.exists():
            add(path, True)
        else:
            matches = sorted(glob.glob(path, recursive=True))  # noqa: PTH207 - absolute patterns too
            if not matches:
                raise InputError(path, "there is no such file or folder")
            for match in matches:
                if Path(match).is_file():
                    add(match, False)
    if not found:
        raise InputError(", ".join(paths), "no files in it")
    return _named(list(found.values()))


def _named(found: list[Input]) -> list[Input]:
    """A file that shares its point's name with no other keeps a number that is part of a word:
    ``eth0.pcap`` alone was taken at eth0, beside ``eth1.pcap`` it may be the next of a rotation."""
    alike = Counter(item.point for item in found)
    return [
        replace(item, point=_stem(item.path, _APART))
        if not item.point_given and alike[item.point] == 1
        else item
        for item in found
    ]
