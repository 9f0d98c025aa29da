"""What `finis whatif` predicts comes true when the timer is really longer (root; else skipped)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from finis.diagnosis.settings import NAMES, OPTIONS
from finis.lab import spaces
from finis.lab.kinds import KINDS
from finis.lab.trial import TRAFFIC, TRIALS, Result, Trial, run, table

REASON = spaces.why_not()
TRIED = ("linger", "linger, whole seconds", "idle", "half-closed")


@pytest.mark.skipif(REASON is not None, reason=str(REASON))
def test_predictions_come_true(tmp_path: Path) -> None:
    def tried(name: str) -> Result:
        return run(TRIALS[name], tmp_path / name.replace(" ", "-"))

    with ThreadPoolExecutor(len(TRIED)) as pool:
        results = list(pool.map(tried, TRIED))
    for result in results:
        assert result.vanished and result.left, result.trial.name
        assert not result.wrong, (result.trial.name, sorted(result.wrong))
        assert abs(result.peak_predicted - result.peak_sampled) <= 2
    exact, blurred = results[:2]
    assert exact.sure == exact.possible
    assert blurred.sure < blurred.possible


def test_a_wrong_prediction_is_seen() -> None:
    trial = TRIALS["linger"]
    sets = [frozenset(ports) for ports in ((1, 2, 3), (1,), (1, 2), (1, 2))]
    result = Result(trial, *sets, 4, 4)
    assert result.vanished == {3}
    assert result.wrong == {1, 3}  # 1 was to vanish, 3 was not
    assert "| 1–2 | 1 | 2 |" in table([result])


@pytest.mark.parametrize("trial", TRIALS.values(), ids=list(TRIALS))
def test_trials_name_what_exists(trial: Trial) -> None:
    assert trial.kind in KINDS
    assert trial.traffic in TRAFFIC
    if trial.value_s is None:
        assert trial.setting in ("dcd", "idle-reset")
        return
    assert trial.option in OPTIONS
    assert trial.setting in (*NAMES, "linger")
    assert max(trial.waits) > trial.value_s > trial.today_s
