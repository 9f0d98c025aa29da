"""Nothing remains of the lab, however it ends; two labs at once do not meet.

Namespaces have no names: they are told by their numbers, read from /proc while the lab runs.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from finis.lab import runner, spaces
from finis.pipeline import read

REASON = spaces.why_not()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))
NAMESPACE = re.compile(r"(net|mnt|pid|ipc):\[\d+\]")
# One with programs and files of its own, if there is nginx.
SCENARIO = "nginx-keep-alive" if shutil.which("nginx") else "reference"


@dataclass
class Traces:
    """What a running lab consists of."""

    worker: int  # the process that waits for the one that plays
    processes: set[int]
    namespaces: set[str]
    # Processes of somebody else: the kernel gives a namespace's number to the next one at once.
    others: set[int]


def started(output: Path) -> tuple[subprocess.Popen[bytes], Traces]:
    """A lab in the middle of a run, and what it has made."""
    command = [sys.executable, "-m", "finis", "lab", "run", SCENARIO, "--firewall", "asa",
               "--output", str(output)]  # fmt: skip
    program = subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wanted = {"tcpdump", "nginx"} if SCENARIO.startswith("nginx") else {"tcpdump"}
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        family = offspring(program.pid)
        if wanted <= {name(pid) for pid in family}:
            break
        time.sleep(0.02)
    else:
        program.kill()
        pytest.fail("the lab did not start")
    ours = namespaces(os.getpid())
    (worker,) = (pid for pid in family if parent(pid) == program.pid)
    found = set[str]().union(*map(namespaces, family)) - ours
    assert any(one.startswith("net:") for one in found)
    return program, Traces(worker, family, found, set(everybody()) - family)


@pytest.mark.parametrize(
    ("whom", "number"),
    [
        ("all", signal.SIGINT),  # Ctrl-C in a terminal
        ("finis", signal.SIGINT),
        ("finis", signal.SIGTERM),
        ("finis", signal.SIGKILL),
        ("worker", signal.SIGTERM),
        ("worker", signal.SIGKILL),
    ],
)
def test_nothing_remains(tmp_path: Path, whom: str, number: signal.Signals) -> None:
    before = outside_world()
    output = tmp_path / "out"
    program, traces = started(output)
    if whom == "all":
        os.killpg(program.pid, number)
    else:
        os.kill(program.pid if whom == "finis" else traces.worker, number)
    ended = now()
    program.wait(15)
    settle(lambda: not remaining(traces, ended) and not list(output.iterdir()))
    assert remaining(traces, ended) == set()
    assert list(output.iterdir()) == []
    assert not appeared(before)


def test_only_results_remain_after_a_run(tmp_path: Path) -> None:
    before = outside_world()
    output = tmp_path / "out"
    program, traces = started(output)
    assert program.wait(30) == 0
    ended = now()
    settle(lambda: not remaining(traces, ended))
    assert remaining(traces, ended) == set()
    assert {path.name for path in output.iterdir()} == {f"{SCENARIO}.asa"}
    assert {path.name for path in (output / f"{SCENARIO}.asa").iterdir()} == {
        "asa.log", "inside.pcap", "outside.pcap", "truth.json",
    }  # fmt: skip
    assert not appeared(before)


def test_two_labs_at_once_do_not_meet(tmp_path: Path) -> None:
    """The same addresses, ports and names in both; each sees its own three connections."""

    def play(name: str) -> list[runner.Played]:
        return runner.run(runner.choose(["client-first"]), tmp_path / name, ("asa",))[1]

    with ThreadPoolExecutor(3) as pool:
        done = [one for many in pool.map(play, "abc") for one in many]
    assert [one.problem for one in done] == ["", "", ""]
    for one in done:
        case = read([str(path) for path in one.folder.glob("*.pcap")])
        assert len(case.connections) == 3
        assert set(case.connections["cause_name"]) == {"client-closed-first"}


def settle(done: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.05)


def outside_world() -> set[str]:
    """Interfaces and mounts as this process sees them."""
    links = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True)
    mounts = Path("/proc/self/mountinfo").read_text()
    return {*links.stdout.splitlines(), *mounts.splitlines()}


def appeared(before: set[str]) -> set[str]:
    """What is there now and stays; what other tests make meanwhile goes by itself."""
    settle(lambda: not outside_world() - before, seconds=30)
    return outside_world() - before


def remaining(traces: Traces, ended: float) -> set[str]:
    """Which of its processes still run, which of its namespaces are still held by anybody who was
    there when it ended (seconds since the start of the machine)."""
    found = {f"process {pid}" for pid in traces.processes if alive(pid)}
    for pid in everybody():
        if pid not in traces.others and began(pid) <= ended:
            found |= namespaces(pid) & traces.namespaces
    return found


def now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def began(pid: int) -> float:
    fields = stat(pid)
    return int(fields[19]) / os.sysconf("SC_CLK_TCK") if len(fields) > 19 else float("inf")


def namespaces(pid: int) -> set[str]:
    """Namespaces that a process is in, or holds open."""
    found = set()
    for folder in ("ns", "fd"):
        try:
            links = list(Path(f"/proc/{pid}/{folder}").iterdir())
        except OSError:
            continue
        for link in links:
            try:
                target = str(link.readlink())
            except OSError:
                continue
            if NAMESPACE.fullmatch(target):
                found.add(target)
    return found


def everybody() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))


def offspring(pid: int) -> set[int]:
    """Children, their children, and so on."""
    parents = {one: parent(one) for one in everybody()}
    found, more = set[int](), {pid}
    while more:
        more = {one for one, its in parents.items() if its in more}
        found |= more
    return found


def stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["Z", "-1"]


def parent(pid: int) -> int:
    return int(stat(pid)[1])


def alive(pid: int) -> bool:
    return stat(pid)[0] != "Z"


def name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
