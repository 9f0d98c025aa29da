"""What a user meets before and beside the reports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from finis.cli.interrupt import interruptible
from finis.cli.main import main
from finis.tracking import segments
from finis.wire import kernel

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/too-many-resets"
Capture = pytest.CaptureFixture[str]
NOTE = "compiled kernels are not installed"


def finis(*words: object, head: bool = False, **environment: str) -> tuple[int, str, str]:
    """Exit status and output of a process of its own; `head`: the reader goes after a line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "finis", *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | environment,
    )  # fmt: skip
    assert process.stdout is not None
    if head:
        first = process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        error = process.stderr.read()
        process.stderr.close()
        return process.wait(60), first, error
    out, error = process.communicate(timeout=60)
    return process.returncode, out, error


def test_no_words_print_the_help(capsys: Capture) -> None:
    assert main([]) == 2
    out = capsys.readouterr().out
    assert "examples:" in out
    assert "finis diagnose asa.log" in out


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("diagnos", "diagnos is no command: did you mean `diagnose`?"),
        ("conections", "conections is no command: did you mean `connections`?"),
        ("xyzzy", "xyzzy is no command: `finis --help` lists them"),
        (str(EXAMPLE), f"{EXAMPLE} is no command: did you mean `finis diagnose {EXAMPLE}`?"),
        ("qq\x1b", "qq\\x1b is no command: `finis --help` lists them"),
        ("qq\0", "qq\\x00 is no command: `finis --help` lists them"),
    ],
)
def test_misspelt_command(capsys: Capture, word: str, hint: str) -> None:
    assert main([word]) == 2
    assert capsys.readouterr().err == f"finis: {hint}\n"


def test_input_is_never_overwritten(capsys: Capture, tmp_path: Path) -> None:
    log = tmp_path / "asa.log"
    before = (EXAMPLE / "asa.log").read_bytes()
    log.write_bytes(before)
    for command in ("diagnose", "events"):
        for given in (log, tmp_path, f"{tmp_path}/*.log"):
            assert main([command, str(given), "--output", str(tmp_path / "." / "asa.log")]) == 2
            assert f"{log} is input: --output would overwrite it" in capsys.readouterr().err
    assert log.read_bytes() == before
    assert main(["diagnose", str(tmp_path), "--output", str(tmp_path / "report")]) == 0


@pytest.mark.parametrize("form", ["text", "json", "md", "html"])
def test_output_is_what_would_be_printed(capsysbinary, tmp_path: Path, form: str) -> None:  # type: ignore[no-untyped-def]
    target = tmp_path / "report"
    words = ["diagnose", str(EXAMPLE), "--format", form]
    assert main(words) == 0
    printed = capsysbinary.readouterr().out
    assert main([*words, "--output", str(target)]) == 0
    assert not capsysbinary.readouterr().out
    assert target.read_bytes() == printed


@pytest.mark.parametrize(
    "words",
    [
        ["diagnose", EXAMPLE],
        ["causes"],
        *(["segments", EXAMPLE, "--format", form] for form in ("text", "csv", "jsonl", "json")),
    ],
)
def test_a_reader_that_goes_is_no_error(words: list[object]) -> None:
    status, first, error = finis(*words, head=True)
    assert first
    assert status == 0
    assert "Traceback" not in error
    assert "Broken" not in error


FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full disk")
EVERY = [
    *(["diagnose", "--format", form] for form in ("text", "json", "md", "html")),
    *(
        [table, "--format", form]
        for table in ("events", "connections", "denials", "segments")
        for form in ("text", "csv", "jsonl", "json", "parquet", "arrow")
    ),
    ["whatif"],
]


@FULL
@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_a_full_disk_is_one_sentence(capsys: Capture, words: list[str]) -> None:
    assert main([*words, "--output", "/dev/full", str(EXAMPLE)]) == 2
    said = "finis: /dev/full: cannot be written: No space left on device\n"
    assert capsys.readouterr().err == said


@FULL
@pytest.mark.parametrize("words", [["diagnose"], ["causes"], ["denials", "--format", "csv"]])
def test_so_is_standard_output_that_is_full(words: list[str]) -> None:
    paths = [] if words == ["causes"] else [str(EXAMPLE)]
    buffered = os.environ | {"PYTHONUNBUFFERED": ""}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "finis", *words, *paths],
            stdout=full, stderr=subprocess.PIPE, env=buffered,
        )  # fmt: skip
    said = b"finis: standard output: cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, said)


def test_start_is_light() -> None:
    code = (
        "import sys\nfrom finis.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    )
    code += "print(sorted({'numpy', 'polars', 'rich', 'pyarrow', 'duckdb'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.endswith("[]\n")


# --- without compiled kernels ----------------------------------------------------------------


@pytest.mark.parametrize("command", ["diagnose", "segments"])
def test_missing_kernels_are_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, command: str
) -> None:
    monkeypatch.delenv("FINIS_PURE", raising=False)
    monkeypatch.setattr(kernel, "_kernel", lambda: None)
    monkeypatch.setattr(segments, "compiled", lambda: False)
    assert main([command, str(EXAMPLE)]) == 0
    assert capsys.readouterr().err.count(NOTE) == 1


def test_a_log_needs_no_kernel(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.delenv("FINIS_PURE", raising=False)
    monkeypatch.setattr(segments, "compiled", lambda: False)
    assert main(["diagnose", str(EXAMPLE / "asa.log")]) == 0
    assert not capsys.readouterr().err


def test_a_chosen_reference_is_not_mentioned(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("FINIS_PURE", "1")
    assert main(["diagnose", str(EXAMPLE)]) == 0
    assert not capsys.readouterr().err


# --- Ctrl-C ----------------------------------------------------------------------------------


def test_first_press_is_noted_second_ends(capsys: Capture) -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruptible() as stopped:
        assert not stopped()
        signal.raise_signal(signal.SIGINT)
        assert stopped()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    assert "stopping" in capsys.readouterr().err


def test_interrupted_command(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    from finis.cli import commands

    def pressed(_arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(commands.COMMANDS, "causes", pressed)
    assert main(["causes"]) == 130
    assert capsys.readouterr().err == "finis: interrupted\n"
