"""Standard input that is read twice lies in a file meanwhile."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from finis.cli.spool import spooled


class Stdin:
    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


def test_spooled(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"x" * 3_000_000
    monkeypatch.setattr(sys, "stdin", Stdin(data))
    with spooled(["a", "-", "b"], again=True) as (first, held, last):
        assert (first, last) == ("a", "b")
        assert Path(held).read_bytes() == data
    assert not Path(held).exists()


@pytest.mark.parametrize(("paths", "again"), [(["-"], False), (["a"], True)])
def test_not_spooled(monkeypatch: pytest.MonkeyPatch, paths: list[str], again: bool) -> None:
    stdin = Stdin(b"x")
    monkeypatch.setattr(sys, "stdin", stdin)
    with spooled(paths, again) as given:
        assert given == paths
    assert stdin.buffer.read() == b"x"


def test_the_file_goes_when_the_command_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(b"x"))
    with pytest.raises(ValueError, match="broken"), spooled(["-"], again=True) as (held,):
        raise ValueError("broken")
    assert not Path(held).exists()
