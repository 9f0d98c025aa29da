"""Which readers take a file, by its beginning."""

from __future__ import annotations

from pathlib import Path

import pytest

from finis.wire.readers import readers, takers
from tests import builders

EXAMPLE = Path(__file__).parents[2] / "examples/too-many-resets"
PCAP = builders.pcap([(builders.EPOCH_NS, builders.packet())])
PCAPNG = builders.pcapng([(builders.EPOCH_NS, builders.packet())])
LOG = (EXAMPLE / "asa.log").read_bytes()
TEXT = (EXAMPLE / "inside.txt").read_bytes()


def names(head: bytes) -> list[str]:
    return [reader.name for reader in takers(head)]


def test_all_are_found() -> None:
    kinds = {reader.name: reader.kind for reader in readers()}
    assert list(kinds) == sorted(kinds)
    assert kinds | {
        "pcap": "capture", "pcapng": "capture", "asa-text": "capture", "tcpdump-text": "capture",
        "cisco-asa": "log",
    } == kinds  # fmt: skip


@pytest.mark.parametrize(
    ("head", "taken"),
    [
        (PCAP, ["pcap"]),
        (PCAPNG, ["pcapng"]),
        (LOG, ["cisco-asa"]),
        (TEXT, ["asa-text"]),
        (b"", []),
        (b"remember the milk\n" * 20, []),
        (bytes(range(256)) * 4, []),
        (b"\n" * 1000, []),
        (b"\0" * 1000, []),
    ],
)
def test_takers(head: bytes, taken: list[str]) -> None:
    assert names(head) == taken


def test_text_that_holds_both_is_read_by_both() -> None:
    assert sorted(names(LOG + TEXT)) == ["asa-text", "cisco-asa"]
