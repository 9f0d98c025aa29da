"""What is read from files of every kind, and which point or log it belongs to."""

from __future__ import annotations

import gzip
import io
import lzma
import sys
from pathlib import Path

import numpy as np
import pytest
import zstandard

from finis.cli.main import main
from finis.errors import InputError
from finis.intake import STOPPED, Intake, Options, whole
from finis.tracking._api import Observations
from finis.tracking.reference import ReferenceTracker
from tests import builders
from tests.script import segments as script

EXAMPLE = Path(__file__).parents[1] / "examples/too-many-resets"
SECOND = 1_000_000_000


def capture(start_s: float, count: int = 3, port: int = 40000) -> bytes:
    """A second between packets, from `start_s` on."""
    first = builders.EPOCH_NS + round(start_s * SECOND)
    return builders.pcap(
        [
            (first + n * SECOND, builders.packet(f"10.0.0.1:{port}", seq=1000 + n, ip_id=n))
            for n in range(count)
        ]
    )


def points(folder: Path, **options: object) -> dict[str, int]:
    """Point → segments."""
    intake = Intake(Options(**options))  # type: ignore[arg-type]
    intake.open([str(folder)])
    out: dict[str, int] = {}
    for point, _, rows in intake.segments():
        name = intake.points.names[point]
        out[name] = out.get(name, 0) + len(rows)
    return out


def write(folder: Path, **files: bytes) -> Path:
    for name, data in files.items():
        (folder / name.replace("__", ".")).write_bytes(data)
    return folder


def test_rotated_files_are_one_point_in_order_of_time(tmp_path: Path) -> None:
    write(tmp_path, lan_1__pcap=capture(20), lan_2__pcap=capture(0), lan_10__pcap=capture(10))
    intake = Intake(Options())
    intake.open([str(tmp_path)])
    stamps = [int(ts) for _, _, rows in intake.segments() for ts in rows["ts_ns"]]
    assert len(stamps) == 9
    assert stamps == sorted(stamps)
    assert intake.points.names == ["lan"]


def test_overlapping_files_are_points_of_their_own(tmp_path: Path) -> None:
    write(tmp_path, lan_1__pcap=capture(0), lan_2__pcap=capture(1), lan_3__pcap=capture(30))
    assert points(tmp_path) == {"lan": 3, "lan/2": 6}


def test_files_of_other_names_are_other_points(tmp_path: Path) -> None:
    write(tmp_path, lan__pcap=capture(0), wan__pcap=capture(0), eth0__pcap=capture(9))
    assert points(tmp_path) == {"lan": 3, "wan": 3, "eth0": 3}


def test_point_given(tmp_path: Path) -> None:
    write(tmp_path, lan__pcap=capture(0), wan__pcap=capture(10))
    assert points(tmp_path, points={"wan.pcap": "lan"}) == {"lan": 6}
    assert points(tmp_path, points={"wan.pcap": "dmz"}) == {"lan": 3, "dmz": 3}


@pytest.mark.parametrize(
    "pack",
    [gzip.compress, lzma.compress, zstandard.ZstdCompressor().compress, lambda data: data],
    ids=["gz", "xz", "zst", "plain"],
)
def test_compressed(tmp_path: Path, pack) -> None:  # type: ignore[no-untyped-def]
    write(tmp_path, lan__pcap=pack(capture(0)), log=pack((EXAMPLE / "asa.log").read_bytes()))
    intake = Intake(Options())
    intake.open([str(tmp_path)])
    (seen,) = intake.captures()
    assert seen.name == "lan"
    assert len(intake.logs().connections) == 2


DROPS = b"""\
show capture drops
2 packets captured
   1: 12:00:01.000100 192.0.2.1.4000 > 10.0.0.2.443: P 5:10(5) ack 7 win 100 \
Drop-reason: (tcp-not-syn) First TCP packet not SYN
   2: 12:00:02.000100 192.0.2.1.4000 > 10.0.0.2.443: . ack 8 win 100
"""


def test_dropped_packets_are_denials(tmp_path: Path) -> None:
    write(tmp_path, drops__txt=DROPS)
    intake = Intake(Options())
    intake.open([str(tmp_path)])
    kept = sum(len(rows) for _, _, rows in intake.segments())
    denials = intake.logs().denials
    assert kept == 1
    assert denials["src_h"].to_list() == ["192.0.2.1"]
    assert denials["src_p"].to_list() == [4000]
    both = Intake(Options())
    both.open([str(tmp_path)])
    assert sum(len(rows) for _, _, rows in both.segments(drops_too=True)) == 2


class Stdin:
    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


@pytest.mark.parametrize("command", ["diagnose", "explain"])
def test_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin((EXAMPLE / "asa.log").read_bytes()))
    words = ["47772320"] if command == "explain" else []
    assert main([command, *words, "-"]) == 0
    assert "106015" in capsys.readouterr().out


def test_nothing_readable_says_why_and_how_many(tmp_path: Path) -> None:
    write(tmp_path, a=b"", b=b"milk\n", c=b"\0" * 99)
    with pytest.raises(InputError, match="is empty; nor can any other of the 3 files be read"):
        Intake(Options()).open([str(tmp_path)])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b"remember the milk\n", "is text, but neither a log"),
        (bytes(range(256)), "is neither a capture"),
    ],
)
def test_what_no_reader_takes_is_skipped_with_the_reason(
    tmp_path: Path, data: bytes, why: str
) -> None:
    write(tmp_path, lan__pcap=capture(0), other=data)
    intake = Intake(Options())
    intake.open([str(tmp_path)])
    ((path, reason),) = intake.skipped
    assert path == str(tmp_path / "other")
    assert reason.startswith(why)


def test_progress_reaches_the_size_of_each_file(tmp_path: Path) -> None:
    write(tmp_path, lan__pcap=capture(0), wan__pcap=capture(0, 200))
    told: dict[str, int] = {}
    intake = Intake(Options(progress=told.__setitem__))
    intake.open([str(tmp_path)])
    intake.captures()
    assert told == {str(path): path.stat().st_size for path in tmp_path.iterdir()}


def test_stopping_keeps_what_was_read_and_says_so(tmp_path: Path) -> None:
    write(tmp_path, a_lan__pcap=capture(0), b_wan__pcap=capture(0))
    calls = iter([False, True, True, True])
    intake = Intake(Options(stop=lambda: next(calls)))
    intake.open([str(tmp_path)])
    (seen,) = intake.captures()
    assert seen.name == "a_lan"
    assert [list(source.problems) for source in intake.sources] == [
        [(STOPPED, 1, ["frame 3"])],
        [(STOPPED, 1, ["the beginning"])],
    ]


def test_whole_has_every_segment_with_its_role() -> None:
    rows = script("+0 C > S S 0\n" + "+.1 C > S . 1 ack 1\n" * 40)
    tracker = ReferenceTracker()
    tracker.feed(rows)
    seen = tracker.finish()
    assert len(seen.tail) < len(rows)
    full = whole(seen, [rows])
    assert isinstance(full, Observations)
    assert len(full.tail) == 41
    assert int(full.rows[0]["tail_n"]) == 41
    roles = {int(s["frame"]): int(s["role"]) for s in seen.tail}
    for segment in full.tail:
        if int(segment["frame"]) in roles:
            assert int(segment["role"]) == roles[int(segment["frame"])]
    assert np.all(np.diff(full.tail["frame"]) > 0)
