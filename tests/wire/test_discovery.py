"""From what a user names to files and points."""

from __future__ import annotations

from pathlib import Path

import pytest

from finis.errors import InputError
from finis.wire.discovery import Input, discover, point_name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("inside.pcap", "inside"),
        ("case/inside.pcapng.gz", "inside"),
        ("inside.pcap.zst", "inside"),
        ("inside.CAP", "inside"),
        ("inside_00002_20260101123000.pcapng", "inside"),
        ("inside_00002_20260101.pcap.gz", "inside"),
        ("inside-20260101T123000.pcap", "inside"),
        ("inside.pcap1", "inside"),
        ("inside.pcap.12", "inside"),
        ("inside1.pcap", "inside"),
        ("vlan10-2.pcap", "vlan"),
        ("10.pcap", "10"),
        ("20260101.pcap.gz", "20260101"),
        (".pcap", ".pcap"),
        ("dmz fw.txt", "dmz fw"),
        ("eth0.dmz.pcap", "eth0.dmz"),
        ("-", "stdin"),
    ],
)
def test_point_name(path: str, name: str) -> None:
    assert point_name(path) == name


@pytest.mark.parametrize(
    ("files", "points"),
    [
        (["eth0.pcap"], ["eth0"]),
        (["eth0.pcap", "inside.pcap"], ["eth0", "inside"]),
        (["inside1.pcap", "inside2.pcap"], ["inside", "inside"]),
        (["fw1_00002_20260101.pcap"], ["fw1"]),
        (["inside.pcap", "inside.pcap1"], ["inside", "inside"]),
    ],
)
def test_points_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[str], points: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in files:
        (tmp_path / name).touch()
    assert [item.point for item in discover(files, {})] == points


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b.pcap", "a.pcap", ".hidden.pcap", "sub/c.log", ".git/d.log", "sub/.e"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["."], ["a.pcap", "b.pcap", "sub/c.log"]),
        (["sub"], ["sub/c.log"]),
        (["b.pcap", "a.pcap"], ["b.pcap", "a.pcap"]),
        (["b.pcap", "b.pcap", "*.pcap"], ["b.pcap", "a.pcap"]),
        (["*.pcap"], ["a.pcap", "b.pcap"]),
        (["**/*.log"], ["sub/c.log"]),
        (["s*"], []),
        ([".hidden.pcap"], [".hidden.pcap"]),
        (["-", "a.pcap"], ["-", "a.pcap"]),
    ],
)
def test_discover(folder: Path, given: list[str], found: list[str]) -> None:
    if not found:
        with pytest.raises(InputError):
            discover(given, {})
        return
    assert [item.path for item in discover(given, {})] == found


def test_only_files_named_must_be_readable(folder: Path) -> None:
    named = {item.path: item.named for item in discover(["a.pcap", "*.pcap", "sub"], {})}
    assert named == {"a.pcap": True, "b.pcap": False, "sub/c.log": False}


@pytest.mark.parametrize("key", ["sub/c.log", "c.log"])
def test_point_given_by_path_or_name(folder: Path, key: str) -> None:
    assert discover(["sub"], {key: "dmz"}) == [Input("sub/c.log", "dmz", False, True)]


@pytest.mark.parametrize(
    ("given", "why"),
    [(["none"], "no such file"), (["*.none"], "no such file"), (["a.pcap", "none"], "none"),
     (["empty"], "no files")],
)  # fmt: skip
def test_nothing_there(folder: Path, given: list[str], why: str) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match=why):
        discover(given, {})


def test_a_name_with_glob_characters_is_a_name_first(folder: Path) -> None:
    (folder / "a[1].pcap").touch()
    assert [item.path for item in discover(["a[1].pcap"], {})] == ["a[1].pcap"]
