"""The report on longer timers: every format, what was asked, nothing to gain, hostile names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from finis import read
from finis.pipeline import Case
from finis.report import html, markdown, text
from finis.report.formats import to_json
from finis.report.whatif import document, facts, verdict
from tests.diagnosis.test_whatif import Log


def case(log: Log, folder: Path) -> Case:
    return read([log.write(folder / "asa.log")])


def said(log: Log, folder: Path, width: int = 100, **how: dict[str, float]) -> str:
    found = case(log, folder)
    return text.render(document(found, found.whatif(**how)), width=width)


BUSY = Log().life(20, 1).deny(20).life(30, 2, client="192.0.2.10/1")
BUSY.deny(33, "FIN ACK", target="192.0.2.10/1")
BUSY.life(5000, 3, "Connection timeout", 3900, client="192.0.2.11/1")
BUSY.deny(5600, "PSH ACK", target="192.0.2.11/1")


def test_what_stands_on_top(tmp_path: Path) -> None:
    out = said(BUSY, tmp_path)
    assert "`sysopt connection timewait` would absorb at most 2 of 3 denials (67 %)" in out
    assert "Stamps are whole seconds" in out
    assert "no more than that" not in out
    assert "timeout conn 2:00:00" in out
    assert "RFC 1337" not in out.split("Settings of")[0]


def test_what_was_asked_is_answered(tmp_path: Path) -> None:
    devices = case(BUSY, tmp_path).whatif({"linger": 3.0, "idle": 600.0, "half-closed": 3600.0})
    answer = verdict(devices[0])
    assert "An entry kept 3 s after FINs or a RST would absorb 1–2 of 3" in answer
    assert "idle is 1 h today" in answer
    assert "10 min is not longer and absorbs nothing" in answer
    assert "`timeout half-closed 1:00:00` would absorb 0 of 3 denials (0 %)" in answer
    assert "asked" in said(BUSY, tmp_path, asked={"linger": 3.0})


@pytest.mark.parametrize(
    "log",
    [
        Log().life(20, 1),
        Log().deny(20),
        Log().life(20, 1, "Flow closed by inspection").deny(21),
        Log().life(20, 1).deny(900),  # a lag that no reasonable linger bridges
    ],
)
def test_nothing_to_gain(tmp_path: Path, log: Log) -> None:
    assert "Nothing to gain" in said(log, tmp_path)


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_fits_a_terminal(tmp_path: Path, width: int) -> None:
    out = said(BUSY, tmp_path, width, asked={"linger": 3.0})
    long = [line for line in out.splitlines() if len(line) > max(width, 78)]
    assert [line for line in long if "/" not in line] == []


def test_every_format(tmp_path: Path) -> None:
    found = case(BUSY, tmp_path)
    made = document(found, found.whatif())
    assert "| kept |" in markdown.render(made)
    assert "<h1>What if fw remembered" in html.render(made)
    values = json.loads(to_json(facts(found, found.whatif())))
    (device,) = values["devices"]
    linger = device["settings"][0]
    assert linger["setting"] == "linger"
    assert linger["enough"]["absorbed"] == 2
    assert [row["value_s"] for row in linger["curve"]] == sorted(
        row["value_s"] for row in linger["curve"]
    )
    assert device["fates"] == {"eligible": 3}
    assert device["limits"]


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    path = BUSY.write(tmp_path / "asa.log")
    path.write_text(path.read_text().replace(" fw :", " \x1b[31m<b>fw</b> :"))
    found = read([path])
    made = document(found, found.whatif())
    assert "\x1b" not in text.render(made)
    assert "<b>" not in html.render(made)
    assert "\x1b" not in to_json(facts(found, found.whatif()))
