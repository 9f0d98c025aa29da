"""A log many times over, as one long log: time advances, addresses and connection numbers change.

    python benchmarks/repeat_log.py 1m.log --times 100 | finis diagnose -

Every repetition begins a second after the end of the one before, connection numbers go on, and the
first octet of every address but those of 10/8 changes among those of its length, so that few hosts
come again (up to 90 times).  The input is what `make_log.py` writes; connections that it leaves
open are left out, or they would grow in number with the repetitions.
"""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

STAMP = re.compile(rb"^<\d+>(\w{3} \d\d \d{4} \d\d:\d\d:\d\d) ", re.M)
NUMBER = re.compile(rb"(?<= connection )\d+(?= for )")
OCTET = re.compile(rb"(?<![\d.])\d+(?=\.\d+\.\d+\.\d+)")  # the first of an address
BASE = 10**9  # connection numbers of one length, below 2³²
OF_LENGTH = ((1, 9), (10, 90), (100, 124))  # the first octet and how many there are: 100 to 223
INSIDE = b"10"


def only_closed(text: bytes) -> bytes:
    """Without the TCP connections that are opened and never removed."""
    closed = set(re.findall(rb"Teardown TCP connection (\d+) ", text))
    opened = re.compile(rb"Built inbound TCP connection (\d+) ")
    lines = text.splitlines(keepends=True)
    kept = (line for line in lines if not (m := opened.search(line)) or m[1] in closed)
    return b"".join(kept)


def digits(values: np.ndarray, width: int) -> np.ndarray:
    """Decimal digits, a row of `width` bytes each."""
    tens = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return (values[:, None] // tens % 10 + ord("0")).astype(np.uint8)


def places(pattern: re.Pattern[bytes], text: bytes, without: bytes = b"") -> list[tuple[int, int]]:
    """Where the pattern stands, begin and value."""
    return [(m.start(), int(m[0])) for m in pattern.finditer(text) if m[0] != without]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log", type=Path)
    parser.add_argument("--times", type=int, default=10)
    given = parser.parse_args()
    text = only_closed(given.log.read_bytes())
    text = NUMBER.sub(lambda m: b"%d" % (BASE + int(m[0])), text)
    data = np.frombuffer(text, np.uint8).copy()

    stamps = [(m.start(1), m[1]) for m in STAMP.finditer(text)]
    at_stamp = np.array([at for at, _ in stamps])
    seconds = {stamp: int(_parsed(stamp).timestamp()) for stamp in {stamp for _, stamp in stamps}}
    when = np.array([seconds[stamp] for _, stamp in stamps])
    length = int(when[-1] - when[0]) + 1
    numbers = np.array(places(NUMBER, text))
    most = int(numbers[:, 1].max()) - BASE + 1
    octets = np.array(places(OCTET, text, INSIDE))
    for number in range(given.times):
        _stamp(data, at_stamp, when + number * length)
        _write(data, numbers[:, 0], digits(numbers[:, 1] + number * most, 10))
        for width, (first, many) in enumerate(OF_LENGTH, 1):
            mine = octets[(octets[:, 1] >= first) & (octets[:, 1] < first + many)]
            turned = first + (mine[:, 1] - first + number) % many
            if first == 10:  # nobody outside becomes one of those inside
                turned[turned == 10] = 11
            _write(data, mine[:, 0], digits(turned, width))
        sys.stdout.buffer.write(memoryview(data))


def _parsed(stamp: bytes) -> datetime:
    return datetime.strptime(stamp.decode(), "%b %d %Y %H:%M:%S").replace(tzinfo=UTC)


def _stamp(data: np.ndarray, at: np.ndarray, seconds: np.ndarray) -> None:
    found, which = np.unique(seconds, return_inverse=True)
    texts = [f"{datetime.fromtimestamp(s, UTC):%b %d %Y %H:%M:%S}" for s in found.tolist()]
    rows = np.array([list(text.encode()) for text in texts], np.uint8)
    _write(data, at, rows[which])


def _write(data: np.ndarray, at: np.ndarray, values: np.ndarray) -> None:
    for column in range(values.shape[1]):
        data[at + column] = values[:, column]


if __name__ == "__main__":
    main()
