"""What the lab cannot make, from log lines written by hand to the verdict; and look-alikes."""

from __future__ import annotations

from pathlib import Path

import pytest

from finis.pipeline import read
from tests.diagnosis.logged_endings import ENDINGS, FURTHER


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
