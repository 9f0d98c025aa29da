"""Runs scenarios side by side, each in a process of its own."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from finis.errors import UsageError
from finis.lab.scenario import Scenario, catalogue
from finis.lab.spaces import die_with_parent, why_not

AT_ONCE = 12  # they mostly wait
AT_ONCE_SERIES = 4  # browsers and virtual machines do not only wait
LONGEST_S = 60


@dataclass(frozen=True)
class Played:
    """One scenario through one firewall.  `problem` says why there is nothing to see; `first`, why
    it was played twice."""

    scenario: str
    kind: str
    folder: Path
    problem: str = ""
    first: str = ""

    @property
    def failed(self) -> bool:
        return bool(self.problem) and not self.problem.startswith("skipped")


def choose(names: Sequence[str]) -> list[Scenario]:
    """Scenarios by name or series; of series only the sample if no name is given.

    Raises UsageError for an unknown name.
    """
    known = catalogue()
    if not names:
        return [one for one in known.values() if one.sample]
    found: list[Scenario] = []
    for name in names:
        some = [one for one in known.values() if name in (one.name, one.series)]
        if not some:
            raise UsageError(f"no scenario {name!r}: finis lab list names them all")
        found += some
    return found


def run(
    scenarios: Sequence[Scenario],
    output: Path | None = None,
    kinds: Sequence[str] = (),
    tell: Callable[[Played], None] = lambda played: None,
    at_once: int = AT_ONCE,
) -> tuple[Path, list[Played]]:
    """Play scenarios through the firewalls each names (or those of `kinds` among them).

    Where the results lie, and one row per run.  Raises UsageError where there can be no lab.
    """
    reason = why_not()
    if reason:
        raise UsageError(reason)
    folder = output or Path(tempfile.mkdtemp(prefix="finis-lab-"))
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [
        (scenario, kind)
        for scenario in scenarios
        for kind in scenario.kinds
        if not kinds or kind in kinds
    ]
    running: set[subprocess.Popen[str]] = set()

    def play(one: tuple[Scenario, str]) -> Played:
        played = _play(*one, folder, running)
        tell(played)
        return played

    pool = ThreadPoolExecutor(at_once)
    try:
        return folder, list(pool.map(play, wanted))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for program in list(running):  # only after an exception or Ctrl-C
            program.terminate()
        pool.shutdown()
        if output is None and not any(folder.iterdir()):
            folder.rmdir()


def _play(
    scenario: Scenario, kind: str, folder: Path, running: set[subprocess.Popen[str]]
) -> Played:
    place = folder / f"{scenario.name}.{kind}"
    lacking = scenario.lacking(kind)
    if lacking:
        return Played(scenario.name, kind, place, f"skipped: needs {', '.join(lacking)}")
    status, said = _worked(scenario, kind, place, running)
    first = ""
    if status == 1:  # real programs wait for each other, and on a busy host in vain
        first = said
        status, said = _worked(scenario, kind, place, running)
    if status < 0:  # killed: what it left is no run
        shutil.rmtree(place, ignore_errors=True)
    return Played(scenario.name, kind, place, said if status else "", first)


def _worked(
    scenario: Scenario, kind: str, place: Path, running: set[subprocess.Popen[str]]
) -> tuple[int, str]:
    """The exit status of a scenario's process (below 0: killed), and what it said last."""
    command = [sys.executable, "-m", "finis.lab.worker", scenario.name, kind, str(place)]
    program = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, preexec_fn=lambda: die_with_parent(signal.SIGTERM),
    )  # fmt: skip
    running.add(program)
    try:
        _, said = program.communicate(timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        program.kill()
        program.communicate()
        said = f"did not end within {LONGEST_S} s"
    finally:
        running.discard(program)
    lines = said.strip().splitlines() or [f"exit status {program.returncode}"]
    return program.returncode, lines[-1]
