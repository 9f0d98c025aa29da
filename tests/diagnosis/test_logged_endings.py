"""What the lab cannot make, from log lines written by hand to the verdict; and look-alikes."""

from __future__ import annotations

from pathlib import Path

import pytest

from finis.pipeline import read
from tests.diagnosis.logged_endings import ENDINGS, FURTHER, built, deny, torn


def told(place: Path, text: str) -> set[str]:
    """Every id that a report on this file gives as a verdict or a pattern."""
    path = place / "fw.log"
    path.write_text(text)
    case = read([str(path)])
    return {
        *case.connections["cause"].to_list(),
        *case.denials["cause"].to_list(),
        *(pattern.id for pattern in case.patterns),
    }


@pytest.mark.parametrize("key", ENDINGS)
def test_a_log_and_its_look_alike(key: str, tmp_path: Path) -> None:
    shows, alike = ENDINGS[key]
    assert key in told(tmp_path, shows)
    other = told(tmp_path, alike)
    assert other and key not in other


@pytest.mark.parametrize("case", FURTHER, ids=[case[0] for case in FURTHER])
def test_a_further_log_and_its_look_alike(case: tuple[str, str, str, str], tmp_path: Path) -> None:
    _, key, shows, alike = case
    assert key in told(tmp_path, shows)
    other = told(tmp_path, alike)
    assert other and key not in other


def test_a_connection_logged_as_open_may_be_torn_down_later(tmp_path: Path) -> None:
    path = tmp_path / "fw.log"
    for rest, texts in (
        (torn(13, "TCP Reset-O"), [f"Its Teardown is logged 3 s later. [{path}:3]"]),
        ("", []),
    ):
        path.write_text(built() + deny(10, "PSH ACK") + rest)
        found = read([str(path)]).findings.filter(id="DNY501")["evidence"].explode()
        assert [text for text in found if "Its Teardown" in text] == texts
