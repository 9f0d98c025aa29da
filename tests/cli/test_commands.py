"""Commands as a user meets them: output, exit status, one clear sentence for unusable input."""

from __future__ import annotations

import gzip
import io
import json
import re
import shutil
import sys
from pathlib import Path

import polars as pl
import pytest

from finis.cli.main import main
from finis.tables import CONNECTIONS, DENIALS, EVENTS, SEGMENTS
from tests import builders

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/too-many-resets"
Capture = pytest.CaptureFixture[str]


class Stdout(io.StringIO):
    """Standard output with a binary side, as commands that write tables use."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = io.BytesIO()


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> tuple[int, str]:
    """Exit status and all output of a command."""
    out = Stdout()
    monkeypatch.setattr(sys, "stdout", out)
    status = main([str(argument) for argument in arguments])
    return status, out.getvalue() + out.buffer.getvalue().decode()


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """A capture without TCP."""
    path = tmp_path / "arp.pcap"
    frame = b"\xff" * 6 + b"\x02" * 6 + b"\x08\x06" + b"\0" * 46
    path.write_bytes(builders.pcap([(0, frame)]))
    return path


def test_diagnose_text(monkeypatch: pytest.MonkeyPatch) -> None:
    status, out = run(monkeypatch, "diagnose", EXAMPLE)
    assert status == 0
    assert "Not a problem" in out
    assert "\x1b" not in out


def test_diagnose_json(monkeypatch: pytest.MonkeyPatch) -> None:
    status, out = run(monkeypatch, "diagnose", EXAMPLE, "--format", "json")
    assert status == 0
    made = json.loads(out)
    assert {source["kind"] for source in made["sources"]} == {"log", "capture"}
    assert made["answer"]["harm"] == "harmless"
    for finding in made["findings"]:
        for example in finding["evidence"]:
            assert example["claims"]
            for claim in example["claims"]:
                assert claim["text"]
                for proof in claim["proof"]:
                    assert "file" in proof
                    assert "line" in proof or "frame" in proof


@pytest.mark.parametrize("form", ["md", "html"])
@pytest.mark.parametrize("command", ["diagnose", "explain"])
def test_documents(monkeypatch: pytest.MonkeyPatch, form: str, command: str) -> None:
    words = ["47772320"] if command == "explain" else []
    status, out = run(monkeypatch, command, *words, EXAMPLE, "--format", form)
    assert status == 0
    assert "server closed first" in out.lower()


READ = {
    "csv": lambda path: pl.read_csv(path).to_dicts(),
    "jsonl": lambda path: [json.loads(line) for line in path.read_text().splitlines()],
    "json": lambda path: json.loads(path.read_text()),
    "parquet": lambda path: pl.read_parquet(path).to_dicts(),
    "arrow": lambda path: pl.read_ipc(path).to_dicts(),
}


@pytest.mark.parametrize(
    ("command", "columns"),
    [
        ("connections", CONNECTIONS),
        ("denials", DENIALS),
        ("events", EVENTS),
        ("segments", SEGMENTS),
    ],
)
def test_tables_hold_their_contract(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str, columns: tuple[object, ...]
) -> None:
    names = [column.name for column in columns]  # type: ignore[attr-defined]
    frames = {}
    for form in ("csv", "jsonl", "json", "parquet", "arrow"):
        path = tmp_path / f"table.{form}"
        status, _ = run(monkeypatch, command, EXAMPLE, "--format", form, "--output", path)
        assert status == 0
        frames[form] = READ[form](path)
        assert list(frames[form][0]) == names
    assert len({len(rows) for rows in frames.values()}) == 1
    status, out = run(monkeypatch, command, EXAMPLE)
    assert len(out.splitlines()) == 1 + len(frames["csv"])


def test_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    status, out = run(monkeypatch, "compare", "47772320", "49008818", EXAMPLE)
    assert status == 0
    assert "At the answer to the first FIN" in out


def test_by_point(monkeypatch: pytest.MonkeyPatch) -> None:
    status, out = run(
        monkeypatch, "connections", EXAMPLE, "--by-point", "--format", "csv", "--port", "43918"
    )
    assert status == 0
    assert sorted(line.split(",")[1] for line in out.splitlines()[1:]) == ["inside", "outside"]


def test_causes(monkeypatch: pytest.MonkeyPatch) -> None:
    status, out = run(monkeypatch, "causes")
    assert status == 0
    assert "END201" in out
    status, page = run(monkeypatch, "causes", "client-closed-first")
    assert status == 0
    assert "What happened" in page
    status, made = run(monkeypatch, "causes", "--format", "json")
    assert len(json.loads(made)) == len(re.findall(r"(?m)^(?:END|DNY|PAT)\d{3} ", out))


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (["--host", "192.0.2.167"], 1),
        (["--port", "43918"], 1),
        (["--since", "2018-06-20T13:00"], 1),
        (["--until", "2018-06-20T13:00"], 1),
        (["--host", "198.51.100.1"], 0),
    ],
)
def test_cuts(monkeypatch: pytest.MonkeyPatch, words: list[str], left: int) -> None:
    status, out = run(monkeypatch, "connections", EXAMPLE, "--format", "jsonl", *words)
    assert status == 0
    assert len(out.splitlines()) == left


def test_fail_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    status, _ = run(monkeypatch, "diagnose", EXAMPLE, "--fail-on", "harmful")
    assert status == 0
    log = tmp_path / "policy.log"
    log.write_text(
        "Jun 20 2018 12:00:50 fw : %ASA-4-106023: Deny tcp src outside:192.0.2.1/5555 "
        'dst inside:10.0.0.1/22 by access-group "in" [0x0, 0x0]\n'
    )
    status, _ = run(monkeypatch, "diagnose", log, "--fail-on", "depends")
    assert status == 1


# --- input that cannot be used, or hardly ----------------------------------------------------


def refused(capsys: Capture, *arguments: object) -> str:
    """The one sentence of a command that must exit with 2."""
    assert main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert "Traceback" not in err
    assert err.startswith("finis: ")
    return err


def test_empty_file(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "empty.pcap"
    path.touch()
    assert refused(capsys, "diagnose", path) == f"finis: {path}: is empty\n"


def test_nothing_there(capsys: Capture, tmp_path: Path) -> None:
    assert "no such file" in refused(capsys, "diagnose", tmp_path / "none")
    assert "no files" in refused(capsys, "diagnose", tmp_path)


@pytest.mark.parametrize(
    "content",
    [bytes(range(256)) * 20, b"date=2024-01-01 devname=FG action=close srcip=10.0.0.1\n" * 9],
    ids=["binary", "another product"],
)
def test_unknown_content(capsys: Capture, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert "neither a " in refused(capsys, "diagnose", path)
    assert "neither a " in refused(capsys, "diagnose", tmp_path)


def test_unknown_files_in_a_folder_are_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "case")
    (tmp_path / "case/notes.txt").write_text("remember the milk")
    (tmp_path / "case/.hidden").write_bytes(b"\0" * 100)
    status, out = run(monkeypatch, "diagnose", tmp_path / "case")
    assert status == 0
    assert "notes.txt is text, but neither" in out
    assert "hidden" not in out


def test_capture_without_tcp(monkeypatch: pytest.MonkeyPatch, capture: Path) -> None:
    status, out = run(monkeypatch, "diagnose", capture)
    assert status == 0
    assert "no TCP segment in it" in out
    assert "Nothing to judge" in out


def test_ambiguous_connection_lists_its_matches(capsys: Capture) -> None:
    err = refused(capsys, "explain", "172.17.77.250:443", EXAMPLE)
    assert "fits 2 connections" in err
    assert "203.0.113.147:43918" in err
    assert "192.0.2.167:3954" in err


@pytest.mark.parametrize("name", ["198.51.100.9:1", "nonsense", "::::", "", "a b c d e"])
def test_no_such_connection(capsys: Capture, name: str) -> None:
    assert "no connection fits" in refused(capsys, "explain", name, EXAMPLE)


def test_no_such_cause(capsys: Capture) -> None:
    assert "END999" in refused(capsys, "causes", "END999")


@pytest.mark.parametrize(
    ("command", "ending", "form"),
    [
        ("events", ".parquet", "parquet"),
        ("connections", ".ARROW", "arrow"),
        ("events", ".csv", "csv"),
        ("events", ".jsonl", "jsonl"),
        ("denials", ".ndjson", "jsonl"),
        ("segments", ".json", "json"),
        ("diagnose", ".htm", "html"),
        ("explain", ".Markdown", "md"),
        ("whatif", ".csv", "csv"),
        ("causes", ".md", "md"),
        ("events", ".csv.txt", "text"),
        ("events", ".log", "text"),
        ("events", "", "text"),
        ("events", ".parquet/table", "text"),
    ],
)
def test_the_ending_tells_the_format(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str, ending: str, form: str
) -> None:
    words = [command] if command == "causes" else [command, EXAMPLE]
    if command == "explain":
        words.insert(1, "47772320")
    told, named = tmp_path / f"told{ending}", tmp_path / f"named{ending}"
    for path, more in (told, []), (named, ["--format", form]):
        path.parent.mkdir(exist_ok=True)
        assert run(monkeypatch, *words, *more, "--output", path) == (0, "")
    assert told.read_bytes() == named.read_bytes()


def test_a_format_that_is_asked_for_wins_over_the_ending(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "table.parquet"
    assert run(monkeypatch, "events", EXAMPLE, "--format", "csv", "--output", path) == (0, "")
    assert path.read_bytes().startswith(b"ts,device,")


@pytest.mark.parametrize(
    ("words", "ending", "form"),
    [
        (["events", EXAMPLE], "html", "html"),
        (["diagnose", EXAMPLE], "PARQUET", "parquet"),
        (["causes"], "csv", "csv"),
    ],
)
def test_an_ending_that_is_not_offered(
    capsys: Capture, tmp_path: Path, words: list[object], ending: str, form: str
) -> None:
    path = tmp_path / f"table.{ending}"
    error = refused(capsys, *words, "--output", path)
    assert f"{path}: `finis {words[0]}` writes no {form}; --format offers text, " in error
    assert not path.exists()


def test_unwritable_output(capsys: Capture, tmp_path: Path) -> None:
    target = tmp_path / "none" / "file"
    assert "cannot be written" in refused(capsys, "connections", EXAMPLE, "--format", "csv",
                                          "--output", target)  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [["--tz", "Mars/Olympus"], ["--date", "yesterday"], ["--since", "noon"], ["--point", "x"]],
)
def test_usage(capsys: Capture, words: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["diagnose", str(EXAMPLE), *words])
    assert stopped.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_cut_gzip_is_read_to_the_cut(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = (EXAMPLE / "asa.log").read_bytes() * 200
    packed = gzip.compress(whole)
    path = tmp_path / "asa.log.gz"
    path.write_bytes(packed[: len(packed) * 2 // 3])
    status, out = run(monkeypatch, "diagnose", path)
    assert status == 0
    assert "cut off" in out


def test_escapes_in_a_log_do_not_reach_the_terminal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "evil.log"
    path.write_bytes(
        b"Jun 20 2018 12:00:50 fw : %ASA-6-106015: Deny TCP (no connection) from 192.0.2.1/5 to "
        b"10.0.0.1/22 flags RST  on interface in\x1b]0;owned\x07<script>\n"
        b"Jun 20 2018 12:00:50 fw : %ASA-4-106023: Deny tcp src out:192.0.2.1/5555 dst in:10.0.0.1"
        b'/22 by access-group "=cmd()\x1b[2J" [0x0, 0x0]\n'
    )
    for form in ("text", "json", "md", "html"):
        status, out = run(monkeypatch, "diagnose", path, "--format", form)
        assert status == 0
        assert "\x1b" not in out
        assert "<script>" not in out or form in ("text", "json")
    for command in ("denials", "events"):
        for form in ("text", "csv", "jsonl", "json"):
            status, out = run(monkeypatch, command, path, "--format", form)
            assert status == 0
            assert "\x1b" not in out
            assert "\x07" not in out
            if form == "csv":
                assert ",=cmd" not in out


def test_whatif(monkeypatch: pytest.MonkeyPatch) -> None:
    status, out = run(monkeypatch, "whatif", EXAMPLE)
    assert status == 0
    assert "`sysopt connection timewait` would absorb at most 1 of 1 denial" in out
    status, out = run(monkeypatch, "whatif", EXAMPLE, "--linger", "1.5", "--format", "json")
    (device,) = json.loads(out)["devices"]
    assert device["settings"][0]["asked"]["value_s"] == 1.5
    status, out = run(monkeypatch, "whatif", EXAMPLE, "--format", "csv", "--now", "idle=1:00:00")
    assert status == 0
    assert len(pl.read_csv(io.StringIO(out))) > 20


@pytest.mark.parametrize(
    "words", [("--linger", "soon"), ("--idle", "-1"), ("--half-closed", "0"), ("--now", "idle"),
              ("--now", "idle=x"), ("--linger", "9" * 400)]
)  # fmt: skip
def test_whatif_unusable(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, words: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, "whatif", EXAMPLE, *words)
    assert stopped.value.code == 2
    assert "is not" in capsys.readouterr().err


def test_whatif_needs_a_log(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, capture: Path
) -> None:
    assert run(monkeypatch, "whatif", capture)[0] == 2
    assert "no firewall log was read" in capsys.readouterr().err
