"""`finis lab`: list the scenarios, play them, score verdicts against the truth."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from finis.errors import UsageError

if TYPE_CHECKING:
    from finis.lab.scenario import Scenario

DONE, FAULT = 0, 1


def run(arguments: argparse.Namespace) -> int:
    """Exit status: 0 done, 1 if a scenario failed or a verdict is one that must not be."""
    return {"list": _list, "run": _run, "score": _score, "close-notify": _notify}[arguments.does](
        arguments
    )


def _list(arguments: argparse.Namespace) -> int:
    from finis.lab.kinds import KINDS
    from finis.lab.runner import choose
    from finis.lab.scenario import catalogue

    if arguments.scenarios:
        for scenario in choose(arguments.scenarios):
            _entry(scenario.name, f"{_told(scenario)} Through {', '.join(scenario.kinds)}.")
        return DONE
    print("Firewalls\n")
    for name, kind in KINDS.items():
        _entry(name, kind.text)
    print("\nScenarios\n")
    series = Counter(one.series for one in catalogue().values())
    for name, scenario in catalogue().items():
        if not scenario.series:
            _entry(name, _told(scenario))
        elif series[scenario.series]:
            count = series.pop(scenario.series)
            _entry(scenario.series, f"A series of {count}: finis lab list {scenario.series}")
    return DONE


def _told(scenario: Scenario) -> str:
    lacking = scenario.lacking()
    return scenario.text + (f" (needs {', '.join(lacking)})" if lacking else "")


NAME = 28  # characters


def _entry(name: str, text: str) -> None:
    width = shutil.get_terminal_size((100, 24)).columns
    lines = wrap(text, max(width - NAME, 40))
    if len(name) >= NAME:
        print(name)
        name = ""
    print(f"{name:<{NAME}}{lines[0]}")
    for line in lines[1:]:
        print(" " * NAME + line)


def _run(arguments: argparse.Namespace) -> int:
    from finis.lab.kinds import KINDS
    from finis.lab.runner import AT_ONCE, AT_ONCE_SERIES, Played, choose, run

    unknown = [name for name in arguments.firewall if name not in KINDS]
    if unknown:
        raise UsageError(f"no such firewall: {unknown[0]!r}; there is {', '.join(KINDS)}")
    if not arguments.scenarios and not arguments.all:
        raise UsageError("name scenarios (finis lab list), or --all")
    if arguments.scenarios and arguments.all:
        raise UsageError("name scenarios or say --all, not both")

    def tell(played: Played) -> None:
        what = played.problem or "played"
        what += f" at the second attempt; the first: {played.first}" if played.first else ""
        print(f"{played.scenario:<{NAME - 1}} {played.kind:<19}{what}", flush=True)

    output = Path(arguments.output) if arguments.output else None
    scenarios = choose(arguments.scenarios)
    if arguments.firewall and not any(set(arguments.firewall) & set(s.kinds) for s in scenarios):
        kinds = dict.fromkeys(kind for one in scenarios for kind in one.kinds)
        raise UsageError(f"not played through {arguments.firewall[0]}; there is {', '.join(kinds)}")
    at_once = AT_ONCE_SERIES if any(one.series for one in scenarios) else AT_ONCE
    folder, played = run(scenarios, output, arguments.firewall, tell, at_once)
    example = _example(played)
    if example:
        print(f"\n{folder}: try  finis diagnose {folder}/{example}")
    failed = [one for one in played if one.failed]
    if failed:
        print(f"finis: {len(failed)} of {len(played)} runs failed", file=sys.stderr)
    return FAULT if failed else DONE


def _example(played: list) -> str:  # type: ignore[type-arg]
    return next((one.folder.name for one in played if not one.problem), "")


def _score(arguments: argparse.Namespace) -> int:
    from finis.lab.score import EVIDENCE, matrix, score

    unknown = [name for name in arguments.evidence if name not in EVIDENCE]
    if unknown:
        raise UsageError(f"no such evidence: {unknown[0]!r}; there is {', '.join(EVIDENCE)}")
    scores = score(Path(arguments.folder), tuple(arguments.evidence))
    print("\n".join(matrix(scores)))
    return FAULT if scores.forbidden else DONE


def _notify(arguments: argparse.Namespace) -> int:
    """Play the series if the folder holds none of it, then print its table."""
    import os

    from finis.lab.notify import text
    from finis.lab.scenarios._matrix import KERNEL, TIMES

    failed = DONE
    if arguments.output is None or not any(Path(arguments.output).glob(f"*/{KERNEL}")):
        os.environ[TIMES] = str(arguments.times)
        arguments.scenarios, arguments.all = ["close-notify"], False
        arguments.output = arguments.output or tempfile.mkdtemp(prefix="finis-lab-")
        failed = _run(arguments)
    print("\n".join(text(Path(arguments.output))))
    return failed
