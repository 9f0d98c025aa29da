"""finis.correlation.straight: as the general way."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from finis.correlation import correlate, merge
from finis.correlation.evidence import Options, PointData
from finis.correlation.stories import Stories
from finis.diagnosis import engine
from finis.intake import Intake
from finis.intake import Options as Asked
from finis.tables import CONNECTIONS, STORY_FACTS, polars_schema
from tests.test_settling import capture


def seen(paths: list[Path]) -> PointData:
    intake = Intake(Asked(points={path.name: "here" for path in paths}))
    intake.open([str(path) for path in paths])
    (point,) = intake.captures()
    return point


def general(point: PointData, options: Options) -> Stories:
    return correlate.joined([point], *merge.complete(pl.DataFrame(), pl.DataFrame()), options)


def same(point: PointData, options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    one = correlate.correlate([point], pl.DataFrame(), pl.DataFrame(), options)
    other = general(point, options)
    assert one.facts is not None and other.facts is None
    shown = [name for name in other.table.columns if name in one.table.columns]
    for many in (0, 1 << 40):
        monkeypatch.setattr(engine, "MANY", many)
        judged = engine.judge(one).connections
        assert judged.select(shown).equals(engine.judge(other).connections.select(shown))
    told = engine.judge(one).stories
    for row in {0, 77 % len(one.table), len(one.table) - 1}:
        story, wanted = told.story(row), engine.judge(other).stories.story(row)
        assert story.row == wanted.row and list(story.row) == list(wanted.row)
        assert story.conn_id == wanted.conn_id
        assert [s.record for s in story.seen] == [s.record for s in wanted.seen]
        assert [(s.point, s.files, s.shift_ns) for s in story.seen] == [
            (s.point, s.files, s.shift_ns) for s in wanted.seen
        ]
        assert (story.pairings, story.built, story.denials) == ([], None, [])
    assert one.placed is not None and other.placed is not None
    assert one.placed.equals(other.placed)
    assert one.clocks == other.clocks
    assert (one.origin == other.origin).all()  # type: ignore[union-attr,attr-defined]
    assert one.denials.schema == other.denials.schema


@pytest.mark.parametrize("lost", [0.0, 0.004, 0.2])
@pytest.mark.parametrize("tidy", [True, False])
@pytest.mark.parametrize("lossy", [None, frozenset(), frozenset(["here"])])
def test_one_point(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    lost: float,
    tidy: bool,
    lossy: frozenset[str] | None,
) -> None:
    capture(tmp_path / "a.pcap", seed=11, lost=lost)
    same(seen([tmp_path / "a.pcap"]), Options(lossy=lossy, tidy=tidy), monkeypatch)


def test_some_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that were asked for; every other of a row that is told."""
    capture(tmp_path / "a.pcap", seed=12, lost=0.1)
    wanted = frozenset(["orig_h", "ended", "row", "first_ts", "device"])
    point = seen([tmp_path / "a.pcap"])
    same(point, Options(tidy=False, columns=wanted), monkeypatch)
    table = correlate.correlate(
        [point], pl.DataFrame(), pl.DataFrame(), Options(tidy=False, columns=wanted)
    ).table
    assert set(table.columns) == wanted
    schema = polars_schema(CONNECTIONS) | polars_schema(STORY_FACTS)
    assert all(schema[name] == kind for name, kind in table.schema.items())


def test_small_captures(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what the others lack: captures without a date, IPv6, VLANs, RSTs and ICMP errors."""
    data = Path(__file__).parents[1] / "data"
    for path in sorted([*data.rglob("*.pcap"), *data.rglob("captures/*/*.txt")]):
        intake = Intake(Asked())
        intake.open([str(path)])
        for point in intake.captures():
            if len(point.observations.rows):
                same(point, Options(), monkeypatch)
