"""finis as a library: what DESIGN promises of `read` and `Case`."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import finis
from finis.tables import CONNECTIONS, DENIALS, FINDINGS

EXAMPLE = Path(__file__).parents[1] / "examples/too-many-resets"


@pytest.fixture(scope="module")
def case() -> finis.Case:
    return finis.read(EXAMPLE)


def test_frames(case: finis.Case) -> None:
    for frame, columns in (
        (case.connections, CONNECTIONS),
        (case.denials, DENIALS),
        (case.findings, FINDINGS),
    ):
        assert isinstance(frame, pl.DataFrame)
        assert frame.columns == [column.name for column in columns]
    assert (len(case.connections), len(case.denials), len(case.findings)) == (2, 1, 3)


@pytest.mark.parametrize(
    "paths", [str(EXAMPLE), [EXAMPLE], [str(EXAMPLE)], sorted(EXAMPLE.iterdir())]
)
def test_paths_in_any_form(case: finis.Case, paths: object) -> None:
    again = finis.read(paths)  # type: ignore[arg-type]
    assert again.connections["conn_id"].to_list() == case.connections["conn_id"].to_list()


def test_explain(case: finis.Case) -> None:
    told = case.explain("47772320")
    assert told.title == "server closed first, client then aborted (FIN, RST)"
    assert "Step by step" in str(told)
    with pytest.raises(finis.UsageError):
        case.explain("198.51.100.1")


def test_notebook_shows_the_report(case: finis.Case) -> None:
    for shown in (case._repr_html_(), case.explain("47772320")._repr_html_()):
        assert shown.startswith("<!doctype html>")
        assert "<script" not in shown


def test_options_cut_after_judging(case: finis.Case) -> None:
    cut = finis.read(EXAMPLE, finis.Options(ports=(43918,)))
    assert cut.connections.to_dicts() == [case.connections.to_dicts()[0]]


def test_errors_are_of_two_kinds(tmp_path: Path) -> None:
    with pytest.raises(finis.InputError):
        finis.read(tmp_path / "none")
    assert issubclass(finis.InputError, finis.FinisError)


def test_names() -> None:
    assert all(getattr(finis, name) for name in finis.__all__)


def test_patterns_stand_among_the_findings(tmp_path: Path) -> None:
    log = tmp_path / "scan.log"
    log.write_text(
        "".join(
            f"Jun 20 2018 12:00:{port % 60:02d} fw : %ASA-4-106023: Deny tcp "
            f'src out:192.0.2.9/40000 dst in:10.0.0.1/{port} by access-group "in" [0x0, 0x0]\n'
            for port in range(1, 400)
        )
    )
    case = finis.read(log)
    ids = case.findings["id"].to_list()
    assert any(i.startswith("DNY") for i in ids)
    assert [pattern.id for pattern in case.patterns] == [i for i in ids if i.startswith("PAT")]
    assert case.patterns
