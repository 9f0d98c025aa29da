"""Tables and the rows in the JSON are those of the whole, however few rows are held."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from finis.intake import NEVER
from finis.pipeline import Options, read
from finis.report import diagnosis, formats

pytest.importorskip("finis.diagnosis._listed", reason="no kernel is built")

CUTS: list[dict[str, Any]] = [
    {},
    {"hosts": ("10.0.3.4", "web-1", "198.51.100.7")},
    {"ports": (1034, 1035)},
    {"since": datetime(2024, 3, 1, 0, 2, tzinfo=UTC)},
    {"until": datetime(2024, 3, 1, 0, 9, tzinfo=UTC)},
]
CAPTURES = Path(__file__).parent / "data"


def lines(count: int) -> str:
    """Connections that overlap, of two devices, some by name, some whose Built or Teardown is not
    there, and denials after them."""
    out = []
    for n in range(count):
        host, ts = f"fw{n % 2}", f"2024-03-01T00:{n // 60 % 60:02}:{n % 60:02}Z"
        client = f"10.0.{n % 7}.{n % 250 + 1}" if n % 5 else f"web-{n % 3}"
        ends = (f"outside:198.51.100.{n % 9 + 1}/443 (198.51.100.{n % 9 + 1}/443)",
                f"inside:{client}/{1024 + n} (203.0.113.{n % 4 + 1}/{1024 + n})")  # fmt: skip
        if n % 11:
            out.append(f"{ts} {host} : %ASA-6-302013: Built outbound TCP connection {n} for "
                       f"{ends[0]} to {ends[1]}")  # fmt: skip
        if n >= 9 and n % 6:
            old = n - 9
            was = f"10.0.{old % 7}.{old % 250 + 1}" if old % 5 else f"web-{old % 3}"
            reason = ("TCP FINs", "TCP Reset-I", "TCP Reset-O", "SYN Timeout")[n % 4]
            out.append(
                f"{ts} fw{old % 2} : %ASA-6-302014: Teardown TCP connection {old} for "
                f"outside:198.51.100.{old % 9 + 1}/443 to inside:{was}/{1024 + old} duration "
                f"0:00:09 bytes {n % 3 * 100} {reason}"
            )
        if n >= 12 and n % 4 == 0:
            old = n - 9
            out.append(
                f"{ts} fw{old % 2} : %ASA-6-106015: Deny TCP (no connection) from "
                f"198.51.100.{old % 9 + 1}/443 to 10.0.{old % 7}.{old % 250 + 1}/{1024 + old} "
                "flags PSH ACK  on interface outside"
            )
    return "\n".join(out) + "\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "asa.log"
    path.write_text(lines(700))
    # A second relay: every third line once more, somewhat later.
    copies = lines(700).splitlines()[::3]
    (tmp_path / "copy.log").write_text("\n".join(copies) + "\n")
    return tmp_path


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("name", ["connections", "denials"])
def test_the_list_is_the_table(log: Path, cut: dict[str, Any], name: str) -> None:
    every = getattr(read(log, Options(**cut)), name)
    some = read(log, Options(**cut, only=name))
    assert some.verdicts.listing is not None or some.verdicts.log is not None
    assert every.height
    if name == "denials" and not cut:
        assert every["duplicate_of"].is_not_null().any()
    assert getattr(some, name).equals(every)
    assert pl.concat(some.verdicts.frames(name)).equals(every)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("first", [1, 50, 100_000])
def test_the_json_lists_the_first(
    log: Path, monkeypatch: pytest.MonkeyPatch, cut: dict[str, Any], first: int
) -> None:
    monkeypatch.setattr(diagnosis, "LISTED", first)
    whole = diagnosis.facts(read(log, Options(**cut, batch=NEVER)))
    case = read(log, Options(**cut, keep=False, first=first))
    assert case.verdicts.log is not None
    assert formats.to_json(diagnosis.facts(case)) == formats.to_json(whole)


@pytest.mark.parametrize("batch", [3, 10_000])
@pytest.mark.parametrize("path", sorted(CAPTURES.rglob("*.pcap")), ids=lambda path: path.name)
def test_so_it_does_of_captures(path: Path, monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    monkeypatch.setattr(diagnosis, "LISTED", 5)
    whole = diagnosis.facts(read(path, Options()))
    some = diagnosis.facts(read(path, Options(keep=False, first=5, batch=batch)))
    assert some["connections"] == whole["connections"]
    assert some["denials"] == whole["denials"]


@pytest.mark.parametrize("name", ["connections", "denials"])
def test_a_log_of_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / "asa.log"
    path.write_text("2024-03-01T00:00:00Z fw : %ASA-5-111008: User 'x' executed 'show'\n" * 9)
    every = getattr(read(path), name)
    assert getattr(read(path, Options(only=name)), name).equals(every)
    assert diagnosis.facts(read(path, Options(keep=False, first=9)))[name] == []


def frames(sizes: list[int]) -> list[pl.DataFrame]:
    out, begin = [], 0
    for size in sizes:
        number = range(begin, begin + size)
        out.append(pl.DataFrame(
            {"n": number, "text": [None if n % 3 else f"\x1b{n}" for n in number],
             "ts": [n * 10**9 for n in number]},
            schema={"n": pl.Int64, "text": pl.String, "ts": pl.Datetime("ns", "UTC")},
        ))  # fmt: skip
        begin += size
    return out


@pytest.mark.parametrize("sizes", [[0], [0, 0], [3], [0, 2, 0, 5, 1]])
def test_batches_are_written_as_one_table(sizes: list[int]) -> None:
    parts = frames(sizes)
    whole = pl.concat(parts)

    def written(form: str) -> bytes:
        out = io.BytesIO()
        formats.write_batches(iter(parts), form, out)
        return out.getvalue()

    assert written("json").decode() == formats.to_json(formats.stamps(whole).to_dicts())
    for form, read_again in (("parquet", pl.read_parquet), ("arrow", pl.read_ipc)):
        found = read_again(io.BytesIO(written(form)))
        assert found.schema == whole.schema
        assert found.equals(whole)
    assert len(json.loads(written("json"))) == whole.height


@pytest.mark.parametrize("form", ["json", "parquet", "arrow"])
def test_what_making_batches_raises_is_raised(form: str) -> None:
    def broken() -> Any:
        yield frames([2])[0]
        raise formats.UsageError("the disk is full")

    with pytest.raises(formats.UsageError, match="the disk is full"):
        formats.write_batches(broken(), form, io.BytesIO())


def test_modules_that_are_spared_are_there_when_used() -> None:
    code = """if True:
        import sys
        from finis.cli.spared import spare
        spare()
        import numpy as np, polars as pl
        assert pl.Series(np.arange(3)).sum() == 3 and len(np.unique(np.arange(3))) == 3
        unused = {"numpy.ma.core", "numpy.linalg._linalg", "polars.io.iceberg.functions"}
        assert not unused & set(sys.modules)
        import hashlib, importlib.metadata, platform
        assert platform.python_implementation()
        assert np.linalg.norm([3.0, 4.0]) == 5.0
        try:
            pl.read_database("SELECT 1", None)
        except TypeError as error:
            assert "connection" in str(error)
        assert hashlib.blake2b(b"", digest_size=1).digest()
        assert importlib.metadata.version("numpy") == np.__version__
        masked = np.ma.array([1, 2], mask=[0, 1])
        assert pl.Series(masked).to_list() == [1, None] and np.ma.is_masked(masked)
        import numpy.ma.core
        assert np.ma is sys.modules["numpy.ma"] and np.ma.core is numpy.ma.core
    """
    subprocess.run([sys.executable, "-c", code], check=True)
