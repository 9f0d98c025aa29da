"""Runs finis and the programs that people use today on the same files, one after another in
alternation, and prints medians, ratios to the first peer and peak memory as a Markdown table.

    python benchmarks/run.py 10m.pcap                     captures: capinfos, tcpdump, tshark, …
    python benchmarks/run.py 10m.log                      logs: ripgrep, grep, lnav
    python benchmarks/run.py 10m.log.gz                   compressed: gzip -dc
    python benchmarks/run.py examples                     a folder: a small case
    python benchmarks/run.py --tables 10m.log             tables as Parquet, to a file
    python benchmarks/run.py --profile 10m.pcap           where the time of finis goes

Every program is run as a whole process, its output thrown away, the file read once before each run
so that it is in memory.  What is not installed is left out.  Slow peers (`tshark -z conv`) run once
only.  The peers do not the same work: they count, list or group, finis explains every ending.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FINIS = [sys.executable, "-m", "finis", "diagnose"]
CAPTURES = {
    "capinfos -c": ["capinfos", "-c", "{}"],
    "finis diagnose": [*FINIS, "{}"],
    "tcpdump -r (RSTs)": ["tcpdump", "-nr", "{}", "tcp[13] & 4 != 0"],
    "argus": ["argus", "-r", "{}", "-w", "/dev/null"],
    "tcptrace": ["tcptrace", "-n", "{}"],
    "tshark -z conv,tcp": ["tshark", "-nqr", "{}", "-z", "conv,tcp"],
}
LOGS = {
    "rg -c '%ASA-'": ["rg", "-c", "%ASA-", "{}"],
    "finis diagnose": [*FINIS, "{}"],
    "grep -c '%ASA-'": ["grep", "-c", "%ASA-", "{}"],
    "lnav": ["lnav", "-n", "-c", ";select count(*) from syslog_log", "{}"],
}
COMPRESSED = {
    "gzip -dc": ["gzip", "-dc", "{}"],
    "finis diagnose": [*FINIS, "{}"],
    "finis events (Parquet)": [*FINIS[:3], "events", "{}", "--format", "parquet"],
}
SMALL = {
    "finis --help": [*FINIS[:3], "--help"],
    "python -c 'import numpy, polars'": [sys.executable, "-c", "import numpy, polars"],
    "finis diagnose": [*FINIS, "{}"],
}
TABLES = {
    f"finis {name}": [*FINIS[:3], name, "{}", "--format", "parquet"]
    for name in ("events", "connections", "denials")
}
# As installed: Python finds its modules compiled.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
ONCE = {"tshark -z conv,tcp", "lnav"}  # dozens of seconds


def once(command: list[str]) -> tuple[float, float, float]:
    """Wall seconds, processor seconds and peak MB of one run."""
    with tempfile.TemporaryFile() as out:  # grep does nothing for /dev/null
        start = time.perf_counter()
        program = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
        )  # fmt: skip
        _, status, used = os.wait4(program.pid, 0)
        wall = time.perf_counter() - start
    program.returncode = os.waitstatus_to_exitcode(status)
    if program.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {program.returncode}")
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def warm(path: str) -> None:
    """Have the file in memory; a folder is, after the first run."""
    if Path(path).is_dir():
        return
    with Path(path).open("rb", buffering=0) as file:
        block = bytearray(1 << 20)
        while file.readinto(block):
            pass


def chosen(path: str, tables: bool) -> dict[str, list[str]]:
    """What is to be run on this path."""
    if tables:
        return TABLES
    if Path(path).is_dir():
        return SMALL
    with Path(path).open("rb") as file:
        magic = file.read(4)[:3]
    if magic.startswith(b"\x1f\x8b"):
        return COMPRESSED
    return CAPTURES if magic in MAGICS else LOGS


def compare(path: str, runs: int, tables: bool) -> None:
    """The table for one file or folder."""
    peers = chosen(path, tables)
    here = {name: c for name, c in peers.items() if shutil.which(c[0])}
    results: dict[str, list[tuple[float, float, float]]] = {name: [] for name in here}
    for turn in range(runs):
        for name, command in here.items():
            if turn and name in ONCE:
                continue
            warm(path)
            results[name].append(once([word.replace("{}", path) for word in command]))
    size = "" if Path(path).is_dir() else f": {Path(path).stat().st_size / 1e6:.0f} MB"
    print(f"\n{Path(path).name}{size}, {runs} runs\n")
    print("| program | wall s | least | processor s | peak MB | ratio |")
    print("|---|---|---|---|---|---|")
    base = 0.0
    for name, rows in results.items():
        walls = [row[0] for row in rows]
        wall, cpu, peak = (statistics.median(column) for column in zip(*rows, strict=True))
        base = base or wall
        print(f"| `{name}` | {wall:.2f} | {min(walls):.2f} | {cpu:.2f} | {peak:.0f} "
              f"| {wall / base:.2f} |")  # fmt: skip


MAGICS = {b"\xd4\xc3\xb2", b"\xa1\xb2\xc3", b"\x4d\x3c\xb2", b"\xa1\xb2\x3c", b"\x0a\x0d\x0d"}


def profile(path: str) -> None:
    """Seconds of each step, one after another in this process."""
    import resource

    start = time.perf_counter()
    from finis import pipeline
    from finis.intake import Intake, Options
    from finis.report import diagnosis, text

    pipeline._prepare()
    steps = [("import (beside reading in a real run)", time.perf_counter() - start, 0.0)]
    warm(path)

    def step(name, work):
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        steps.append((name, time.perf_counter() - wall, time.process_time() - cpu))
        return result

    def decode(intake):
        intake.open([path])
        return sum(len(batch) for _, _, batch in intake.segments())

    options = Options(keep=False)
    intake, reading = Intake(options), pipeline._Reading(options)
    intake.open([path])
    rows, points, stories = 0, [], None
    if reading.parts(intake):
        judging = [0.0]

        def take(part):
            start = time.process_time()
            reading.take(part)
            judging[0] += time.process_time() - start

        log = step("read, parse, follow; judge connections", lambda: intake.logs(take))
        steps.append(("of it judging connections", 0.0, judging[0]))
        logged = {one.name: pipeline.logs_connections(one) for one in log.devices}
        step("judge denials", lambda: reading.verdicts.end_of_log(logged))
    else:
        rows = step("read and decode alone", lambda: decode(Intake(options)))
        settle = reading.settle if intake.alone else None
        points = step("read, decode, track, judge", lambda: intake.captures(settle=settle))
        log = step("logs: read, parse, follow", intake.logs)
        stories = step("correlate, rules, tally", lambda: reading.finish(points, log))
    case = pipeline.Case([path], options, intake.sources, intake.skipped, [], log, intake.notes,
                         reading.verdicts, stories)  # fmt: skip
    step("findings and patterns", lambda: case.everything)
    step("report", lambda: text.render(diagnosis.document(case)))
    print("\n| step | wall s | processor s |\n|---|---|---|")
    for name, wall, cpu in steps:
        print(f"| {name} | {wall:.2f} | {cpu:.2f} |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\n{rows} segments, {case.verdicts.n_connections} connections, "
          f"{case.verdicts.n_denials} denials; peak {peak:.0f} MB")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--tables", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ENVIRONMENT["PYTHONPYCACHEPREFIX"] = folder
        once([sys.executable, "-m", "finis", "causes"])
        report(given)


def report(given: argparse.Namespace) -> None:
    """The machine, then each file."""
    model = next(
        (line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().split("\n")
         if line.startswith("model name")), platform.processor()
    )  # fmt: skip
    print(f"{os.cpu_count()} cores, {model}, Linux {platform.release()}, "
          f"Python {platform.python_version()}")  # fmt: skip
    for path in given.paths:
        profile(path) if given.profile else compare(path, given.runs, given.tables)


if __name__ == "__main__":
    main()
