"""The kernel's log in the lab: the switch of the whole machine, and whose lines are whose."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from finis.lab import kernellog, netfilter
from finis.lab.admission import Policy
from finis.lab.kernellog import KernelLog, Switch


@pytest.fixture
def switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "nf_log_all_netns"
    path.write_text("0\n")
    monkeypatch.setattr(kernellog, "SWITCH", path)
    monkeypatch.setattr(kernellog, "FOLDER", tmp_path)
    return path


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_last_of_two_runs_puts_the_switch_back(switch: Path, order: tuple[int, int]) -> None:
    both = [Switch(), Switch()]
    assert switch.read_text() == "1\n"
    both[order[0]].close()
    assert switch.read_text() == "1\n"
    both[order[1]].close()
    assert switch.read_text() == "0\n"


def test_a_switch_that_was_on_stays_on(switch: Path) -> None:
    switch.write_text("1\n")
    Switch().close()
    assert switch.read_text() == "1\n"


def test_after_a_killed_run_the_next_one_puts_it_back(switch: Path) -> None:
    killed = Switch()
    killed._held.close()
    Switch().close()
    assert switch.read_text() == "0\n"


def test_each_run_takes_its_own_lines(
    switch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kmsg = tmp_path / "kmsg"
    os.mkfifo(kmsg)
    monkeypatch.setattr(kernellog, "KMSG", kmsg)
    monkeypatch.setattr(os, "lseek", lambda *_: 0)  # a pipe has no end to seek
    log = KernelLog(tmp_path / "kern.log")
    writer = os.open(kmsg, os.O_WRONLY)
    os.write(writer, f"4,1,1735376699,-;{log.mark}DROP: IN=a OUT=b SRC=1.2.3.4\n K=v\n".encode())
    time.sleep(0.3)
    os.write(writer, b"4,2,1735376700,-;0123456789ab DROP: IN=a OUT=b SRC=9.9.9.9\n")
    time.sleep(0.3)
    log.close()
    os.close(writer)
    (line,) = (tmp_path / "kern.log").read_text().splitlines()
    assert line.endswith("+00:00 fw-lab kernel: [ 1735.376699] DROP: IN=a OUT=b SRC=1.2.3.4")


def test_rules_log_what_they_refuse() -> None:
    text = netfilter._rules(Policy(deny=(22,), reject=(25,)), "mark ")
    assert text.count("log prefix") == 3
    assert 'log prefix "mark DROP: " flags tcp sequence drop' in text
    assert "log prefix" not in netfilter._rules(Policy(deny=(22,)), "")
