"""Decoding, following and handing on at the same time: what comes out is what one thread makes.

`tools/sanitize` runs this under ThreadSanitizer, too; nothing here may load Polars, which cannot
run there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from finis.correlation.evidence import PointData
from finis.intake import Intake, Options
from finis.tracking import segments
from tests.builders import EPOCH_NS, packet, pcap

SECOND = 1_000_000_000
CLIENTS, ROUNDS = 250, 200
LIFE = [(0, "S"), (1, "SA"), (0, "A"), (0, "PA"), (1, "PA"), (0, "FA"), (1, "FA"), (0, "A")]


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same connections every ten minutes, so that those before leave: more batches than may
    wait for a thread."""
    life = []
    for number in range(CLIENTS):
        ends = f"10.0.0.{number}:{20_000 + number}", "198.51.100.1:443"
        sent = [1000 * number, 7]
        for side, flags in LIFE:
            payload = bytes(20 + number) if "P" in flags else b""
            acked = sent[1 - side] if "A" in flags else 0
            life.append(packet(*(ends if side == 0 else ends[::-1]), flags=flags, seq=sent[side],
                               ack=acked, payload=payload))  # fmt: skip
            sent[side] += len(payload) + ("S" in flags) + ("F" in flags)
    path = tmp_path_factory.mktemp("threads") / "inside.pcap"
    path.write_bytes(pcap([
        (EPOCH_NS + turn * 600 * SECOND + at * 1_000_000, frame)
        for turn in range(ROUNDS) for at, frame in enumerate(life)
    ]))  # fmt: skip
    return path


def parts(path: Path) -> list[np.ndarray]:
    """Connections of each part; kept segments are asked for while others are being followed."""
    out = []

    def settle(point: PointData, _final: bool) -> None:
        seen = point.observations
        kept = seen.segments(np.arange(0, len(seen.rows), 3))
        assert len(kept) == seen.rows["tail_n"][::3].sum()
        assert (kept["conn"] == np.repeat(seen.rows["conn"][::3], seen.rows["tail_n"][::3])).all()
        out.append(seen.rows.copy())

    reading = Intake(Options(batch=2000))
    reading.open([str(path)])
    rest = reading.captures(settle=settle)
    assert not any(len(point.observations.rows) for point in rest)
    return out


@pytest.mark.skipif(not segments.compiled(), reason="no kernel: nothing follows in threads")
def test_threads_change_nothing(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where parts are cut, from one run to the next."""
    monkeypatch.setattr(segments, "MANY", 1000)
    monkeypatch.setattr(segments, "processors", lambda: 2)
    one, two = parts(capture), parts(capture)
    assert [len(rows) for rows in one] == [len(rows) for rows in two] and len(one) > 5
    monkeypatch.setattr(segments, "processors", lambda: 1)
    alone = in_order(parts(capture))
    assert len(alone) == CLIENTS * ROUNDS
    assert (in_order(one) == alone).all() and (in_order(two) == alone).all()


def in_order(found: list[np.ndarray]) -> np.ndarray:
    """All connections as if they had been handed on together."""
    rows = np.concatenate(found)
    rows["tail_at"] = 0
    return rows[np.argsort(rows["conn"], kind="stable")]
