"""The switch between kernel and reference."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from finis.wire import kernel, walk
from finis.wire.captures._api import Arrays

BUILT = any(Path(walk.__file__).parent.glob("_walk.*.so"))


@pytest.mark.parametrize("first", ["walk", "decode", "kernel", "captures.pcap"])
def test_no_order_of_imports_hides_the_kernel(first: str) -> None:
    code = f"import finis.wire.{first}; from finis.wire.kernel import *; print(compiled())"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == str(BUILT)


def test_the_reference_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINIS_PURE", "1")
    assert not kernel.compiled()
    assert type(kernel.decoder(0, Arrays())) is walk.Decoder
