"""Output shown in the docs is what finis prints; every option and JSON key is documented."""

from __future__ import annotations

import argparse
import re
import sys
from functools import cache
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import pytest

from finis import read
from finis.cli.arguments import parser
from finis.cli.main import main
from finis.report.diagnosis import facts

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"```text\n\$ finis ([^\n]+)\n(.*?)\n```", re.S)
README = (ROOT / "README.md").read_text()
PAGE = (ROOT / "docs/reference-case.md").read_text()
USAGE = (ROOT / "docs/usage.md").read_text()
JSON = (ROOT / "docs/json.md").read_text()


@cache
def output(command: str) -> str:
    kept, sys.stdout = sys.stdout, TextIOWrapper(BytesIO(), "utf-8")
    try:
        assert main(command.split()) == 0
        sys.stdout.flush()
        return sys.stdout.buffer.getvalue().decode()  # type: ignore[union-attr, attr-defined]
    finally:
        sys.stdout = kept


@pytest.mark.parametrize(("command", "shown"), BLOCK.findall(README) + BLOCK.findall(PAGE))
def test_pages_show_real_output(monkeypatch: pytest.MonkeyPatch, command: str, shown: str) -> None:
    monkeypatch.chdir(ROOT)
    printed, at = output(command), 0
    for part in re.split(r"^…$\n?", shown, flags=re.M):
        found = printed.find(part.strip("\n"), at)
        assert found >= 0, part
        at = found + len(part.strip("\n"))


def test_the_page_shows_something() -> None:
    assert len(BLOCK.findall(README)) == 2
    assert len(BLOCK.findall(PAGE)) >= 5
    assert StringIO(PAGE).readline() == "# The reference case\n"


def test_every_command_and_option_is_in_the_usage() -> None:
    (commands,) = (a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    for name, command in commands.choices.items():
        assert f"finis {name}" in USAGE
        if name == "lab":
            continue
        for action in command._actions:
            for option in action.option_strings:
                assert option in ("-h", "--help") or option in USAGE, option


def test_every_key_of_the_json_is_documented() -> None:
    made = facts(read(ROOT / "examples/too-many-resets"))
    assert made["findings"]
    assert made["sources"]
    for part in (made, made["answer"], made["sources"][0], made["findings"][0],
                 made["findings"][0]["evidence"][0]):  # fmt: skip
        for key in part:
            assert f"`{key}`" in JSON, key
