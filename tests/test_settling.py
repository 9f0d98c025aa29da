"""finis.settling: connections judged as they end give the report of those judged together."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from finis import intake, pipeline
from finis.diagnosis import coded
from finis.errors import InputError, UsageError
from finis.intake import NEVER
from finis.pipeline import Case, Options, read
from finis.report.diagnosis import document, facts
from finis.report.text import render
from finis.tracking import segments
from finis.wire.dialects import _packed
from tests.builders import EPOCH_NS, ether, icmp4, packet, pcap

SECOND = 1_000_000_000
# What each side sends: side, flags, bytes of payload.
OPENING = [(0, "S", 0), (1, "SA", 0), (0, "A", 0)]
REQUEST = [(0, "PA", 100), (1, "PA", 400), (0, "A", 0)]
ENDINGS = [
    [(0, "FA", 0), (1, "FA", 0), (0, "A", 0)],
    [(1, "FA", 0), (0, "FA", 0), (1, "A", 0)],
    [(0, "FA", 0), (1, "A", 0)],
    [(1, "FA", 0), (0, "A", 0), (0, "FA", 0), (0, "RA", 0)],
    [(0, "RA", 0)],
    [(1, "RA", 0)],
    [(1, "PA", 300), (0, "FA", 0), (0, "RA", 0)],
    [],
]


def capture(
    path: Path, *, seed: int, lost: float, connections: int = 250, only: str = "SAFRP"
) -> None:
    """Connections of every kind, beginning over an hour; a share of frames is not recorded, nor
    are those with none of the flags `only`."""
    rnd = random.Random(seed)
    frames: list[tuple[int, bytes]] = []
    for number in range(connections):
        client = f"10.0.{rnd.randrange(3)}.{rnd.randrange(40)}"
        server = rnd.choice(["198.51.100.1", "198.51.100.2", f"198.51.100.{number % 250}"])
        ports = (20_000 + number, rnd.choice([80, 443]))
        life = [*OPENING, *REQUEST * rnd.randrange(3), *rnd.choice(ENDINGS)]
        if rnd.random() < 0.2:
            life = [(0, "S", 0)] if rnd.random() < 0.5 else [(0, "S", 0), (1, "RA", 0)]
        sent = [rnd.randrange(2**32), rnd.randrange(2**32)]
        at = EPOCH_NS + rnd.randrange(3600 * 1000) * 1_000_000
        for side, flags, size in life:
            at += rnd.choice([1, 40, 3000, 30_000]) * 1_000_000
            ends = (f"{client}:{ports[0]}", f"{server}:{ports[1]}")
            data = packet(
                *(ends if side == 0 else ends[::-1]), flags=flags, seq=sent[side],
                ack=sent[1 - side] if "A" in flags else 0, payload=bytes(size),
            )  # fmt: skip
            sent[side] = (sent[side] + size + ("S" in flags) + ("F" in flags)) % 2**32
            if rnd.random() >= lost and set(flags) & set(only):
                frames.append((at, data))
            if flags == "S" and number % 3 == 0:  # rejected, whatever comes after
                frames.append((at + 1_000_000, ether(icmp4(3, 1, data[14:]))))
        if len(life) == 1 and number % 2:  # the same ports soon after, with another number
            data = packet(*ends, flags="S", seq=sent[0] + 77_000, ack=0)
            frames.append((at + 5 * SECOND, data))
    path.write_bytes(pcap(sorted(frames)))


def said(case: Case) -> tuple[str, dict[str, Any]]:
    return render(document(case, whole=True)), facts(case)


@pytest.mark.repeats
@pytest.mark.parametrize("lost", [0.0, 0.004, 0.2])
@pytest.mark.parametrize("batch", [9, 60])
def test_the_report_does_not_depend_on_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int, lost: float
) -> None:
    """Not on when connections are given away, whether or not the capture misses segments."""
    small_batches(monkeypatch, 50)
    path = tmp_path / "inside.pcap"
    capture(path, seed=batch, lost=lost)
    whole = read(path, Options(batch=NEVER))
    settled = read(path, Options(batch=batch))
    assert whole.stories is not None and settled.stories is None
    assert said(settled) == said(whole)
    assert settled.connections.equals(whole.connections)
    assert settled.by_point.equals(whole.by_point)
    lean = read(path, Options(batch=batch, keep=False))
    assert render(document(lean)) == render(document(whole))


@pytest.mark.parametrize(("only", "filtered"), [("SFR", True), ("SFRP", False), ("SR", False)])
def test_a_filter_for_flags_is_found_out_whatever_the_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, only: str, filtered: bool
) -> None:
    """Known at the end only: what was judged before is judged again."""
    small_batches(monkeypatch, 50)
    path = tmp_path / "inside.pcap"
    capture(path, seed=4, lost=0.0, only=only)
    whole, settled = (read(path, Options(batch=batch)) for batch in (NEVER, 20))
    assert whole.stories is not None and settled.stories is None
    assert said(settled) == said(whole)
    assert any("such a filter" in note for note in settled.notes) == filtered
    lean = read(path, Options(batch=20, keep=False))
    assert render(document(lean)) == render(document(whole))


def small_batches(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """So many segments are followed between two looks at what has ended."""
    whole = intake.Intake.segments

    def small(self: intake.Intake, **options: bool) -> Any:
        for point, source, batch in whole(self, **options):
            for at in range(0, len(batch), rows):
                yield point, source, batch[at : at + rows]

    monkeypatch.setattr(intake.Intake, "segments", small)


@pytest.mark.parametrize("batch", [NEVER, 20])
@pytest.mark.parametrize("lost", [0.0, 0.2])
def test_the_report_does_not_depend_on_threads_that_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int, lost: float
) -> None:
    small_batches(monkeypatch, 50)
    monkeypatch.setattr(intake, "LARGE_BYTES", 0)
    monkeypatch.setattr(segments, "MANY", 100)
    path = tmp_path / "inside.pcap"
    capture(path, seed=8, lost=lost)
    found = []
    for processors in (1, 2):
        monkeypatch.setattr(segments, "processors", lambda count=processors: count)
        found.append(read(path, Options(batch=batch)))
        lean = read(path, Options(batch=batch, keep=False))
        assert render(document(lean)) == render(document(found[-1]))
    assert said(found[0]) == said(found[1])
    assert found[0].connections.equals(found[1].connections)


def test_a_connection_that_was_given_away_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_batches(monkeypatch, 50)
    path = tmp_path / "inside.pcap"
    capture(path, seed=5, lost=0.01)
    whole, settled = read(path, Options(batch=NEVER)), read(path, Options(batch=10))
    for row in whole.connections.sample(4, seed=1).iter_rows(named=True):
        one, other = whole.explain(row["conn_id"]), settled.explain(row["conn_id"])
        assert one.story.row["conn_id"] == other.story.row["conn_id"]
        assert [str(claim) for claim in one.claims] == [str(claim) for claim in other.claims]
        assert one.title == other.title


def test_options_that_cut_are_kept_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_batches(monkeypatch, 50)
    path = tmp_path / "inside.pcap"
    capture(path, seed=3, lost=0.0)
    cuts: dict[str, Any] = {"hosts": ("198.51.100.1",), "ports": (443,)}
    whole = read(path, Options(batch=NEVER, **cuts))
    settled = read(path, Options(batch=10, **cuts))
    assert 0 < len(whole.connections) < 250
    assert said(settled) == said(whole)


@pytest.mark.parametrize("batch", [NEVER, 60])
@pytest.mark.parametrize("cut", [{}, {"hosts": ("198.51.100.1",)}])
@pytest.mark.parametrize("keep", [True, False])
def test_rows_that_are_numbers_add_up_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int, cut: dict[str, Any], keep: bool
) -> None:
    """As many connections are judged and counted, whether by numbers or by Polars."""
    from finis.diagnosis import engine, numbered, tally

    small_batches(monkeypatch, 50)
    path = tmp_path / "inside.pcap"
    capture(path, seed=12 + batch % 7, lost=0.004)
    options = Options(batch=batch, keep=keep, **cut)
    by_polars = read(path, options)
    monkeypatch.setattr(engine, "MANY", 1)
    counted = []

    def seen(*given: Any) -> numbered.Numbered | None:
        counted.append(numbered.numbered(*given))
        return counted[-1]

    monkeypatch.setattr(tally, "numbered", seen)
    by_numbers = read(path, options)
    assert any(counted)
    assert [one.row() for one in by_numbers.found] == [one.row() for one in by_polars.found]
    assert render(document(by_numbers, whole=True)) == render(document(by_polars, whole=True))


def test_rows_wait_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from finis.diagnosis import spill

    small_batches(monkeypatch, 50)
    path = tmp_path / "inside.pcap"
    capture(path, seed=9, lost=0.0)
    whole = read(path, Options(batch=NEVER))
    monkeypatch.setattr(spill, "IN_MEMORY", 100)
    spilled = read(path, Options(batch=10))
    assert len(spilled.verdicts.rows["connections"].files) > 1
    assert said(spilled) == said(whole)


def test_a_second_point_that_shows_up_late_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file whose points differ only by interface is one name at first."""
    small_batches(monkeypatch, 50)
    path = tmp_path / "inside.pcap"
    capture(path, seed=4, lost=0.0)
    whole = intake.Intake.segments

    def turning(self: intake.Intake, **options: bool) -> Any:
        for number, (point, source, batch) in enumerate(whole(self, **options)):
            late = self.points.id("late") if number > 20 else point
            yield late, source, batch

    monkeypatch.setattr(intake.Intake, "segments", turning)
    together, settled = read(path, Options(batch=NEVER)), read(path, Options(batch=10))
    assert len(together.points) == 2
    assert said(settled) == said(together)
    monkeypatch.setattr(pipeline.Intake, "open", lambda self, paths: given(self, path))
    with pytest.raises(InputError, match="several points"):
        read("-", Options(batch=10))


def given(self: intake.Intake, path: Path) -> None:
    """As if the file had come through standard input."""
    found = intake.discover([str(path)], {})
    head = path.read_bytes()[:4096]
    self.inputs = [(one, reader) for one in found for reader in intake.takers(head)]


def test_losses_of_standard_input_that_are_seen_late_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be read again."""
    small_batches(monkeypatch, 50)
    path = tmp_path / "inside.pcap"
    capture(path, seed=6, lost=0.2)
    monkeypatch.setattr(pipeline.Intake, "open", lambda self, paths: given(self, path))
    assert any("misses segments" in note for note in read("-", Options(batch=10)).notes)
    assert not any("misses segments" in note for note in read("-", Options(batch=NEVER)).notes)


def of_two_firewalls(folder: Path, ipv6: str = "0") -> Path:
    """A log of which this share is IPv6."""
    text = subprocess.run(
        [sys.executable, "benchmarks/make_log.py", "4000", ipv6], capture_output=True, check=True
    ).stdout
    path = folder / "asa.log"
    path.write_bytes(text.replace(b" fw01 ", b" fw02 ", 700))
    return path


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return of_two_firewalls(tmp_path_factory.mktemp("log"))


@pytest.mark.parametrize("batch", [40, 500])
def test_a_log_judged_in_parts(log: Path, batch: int) -> None:
    """Connections a part at a time, with their denials, or all together."""
    same_in_parts(log, batch)


def test_ipv6_judged_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In many books, with more addresses than are held."""
    monkeypatch.setattr(_packed, "MOST", 200)
    monkeypatch.setattr(coded, "HELD", 100)
    same_in_parts(of_two_firewalls(tmp_path, "0.6"), 300)


def same_in_parts(path: Path, batch: int) -> None:
    whole, parted = read(path, Options(batch=NEVER)), read(path, Options(batch=batch))
    assert whole.stories is not None and parted.stories is None
    assert len(whole.connections) > 1000 and len(whole.denials) > 200
    assert said(parted) == said(whole)
    assert parted.connections.equals(whole.connections)
    assert parted.denials.equals(whole.denials)
    assert len(parted.by_point) == len(whole.by_point) == 0
    lean = read(path, Options(batch=batch, keep=False))
    assert render(document(lean)) == render(document(whole))
    some = whole.connections["conn_id"][77]
    assert [str(c) for c in parted.explain(some).claims] == [
        str(c) for c in whole.explain(some).claims
    ]


@pytest.mark.repeats
@pytest.mark.parametrize("most", [30, 700, 1 << 16])
@pytest.mark.parametrize("cut", [{}, {"ports": (443,)}], ids=str)
def test_a_table_alone_is_the_table(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, cut: dict[str, Any]
) -> None:
    """Rows of connections are made as they leave the tracker, where nothing else is asked for."""
    whole = read(log, Options(**cut))

    def parts(self: pipeline.Intake) -> Any:
        for _ in self.events():
            yield from self.log.complete(most)
        yield from self.log.rest(most)

    monkeypatch.setattr(pipeline.Intake, "_parts", parts)
    only = {name: read(log, Options(only=name, **cut)) for name in ("connections", "denials")}
    assert only["connections"].connections.equals(whole.connections)
    assert only["denials"].denials.equals(whole.denials)
    assert len(whole.connections) > 100
    path = tmp_path / "asa.log"
    path.write_bytes(log.read_bytes()[:200])
    assert len(read(path, Options(only="connections")).connections) <= 1


def test_rows_that_cannot_be_written_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finis.diagnosis import spill

    path = tmp_path / "inside.pcap"
    capture(path, seed=9, lost=0.0)
    monkeypatch.setattr(spill, "IN_MEMORY", 100)
    monkeypatch.setattr("tempfile.mkdtemp", lambda prefix: str(tmp_path / "gone"))
    with pytest.raises(UsageError, match="TMPDIR"):
        read(path, Options(batch=50))


def test_an_interrupted_reading_is_not_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read is reported, whatever was found out about the capture."""
    small_batches(monkeypatch, 50)
    path = tmp_path / "inside.pcap"
    capture(path, seed=6, lost=0.2)
    asked = [0]

    def stop() -> bool:
        asked[0] += 1
        return asked[0] > 1

    case = read(path, Options(batch=10, stop=stop))
    assert case.verdicts.n_connections > 100
    assert any("misses segments" in note for note in case.notes)
