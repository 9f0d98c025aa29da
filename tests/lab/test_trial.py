"""What `finis whatif` predicts comes true when the timer is really longer (root; else skipped)."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from finis.diagnosis.settings import NAMES, OPTIONS
from finis.lab import spaces
from finis.lab.kernellog import KernelLog
from finis.lab.kinds import KINDS
from finis.lab.trial import TRAFFIC, TRIALS, Result, Trial, run, table

REASON = spaces.why_not()
TRIED = ("linger", "linger, whole seconds", "idle", "idle-reset")
NETFILTER = ("time-wait", "close", "established")


def come_true(names: tuple[str, ...], folder: Path) -> list[Result]:
    def tried(name: str) -> Result:
        return run(TRIALS[name], folder / name.replace(" ", "-"))

    with ThreadPoolExecutor(len(names)) as pool:
        results = list(pool.map(tried, names))
    for result in results:
        assert result.vanished or result.disturbed, result.trial.name
        assert not result.wrong, (result.trial.name, sorted(result.wrong))
        assert abs(result.peak_predicted - result.peak_sampled) <= 2 + result.disturbed
    return results


@pytest.mark.skipif(REASON is not None, reason=str(REASON))
def test_predictions_come_true(tmp_path: Path) -> None:
    exact, blurred, *_ = come_true(TRIED, tmp_path)
    assert exact.sure == exact.possible
    assert blurred.sure <= blurred.possible


@pytest.mark.skipif(REASON is not None, reason=str(REASON))
@pytest.mark.skipif(
    not (shutil.which("nft") and shutil.which("conntrack")), reason="needs nft and conntrack"
)
def test_they_do_with_the_kernel_s_own_timers(tmp_path: Path) -> None:
    try:
        KernelLog(tmp_path / "probe.log").close()
    except OSError as error:
        pytest.skip(f"a namespace may not write to this kernel's log: {error}")
    come_true(NETFILTER, tmp_path)


def test_a_wrong_prediction_is_seen() -> None:
    trial = TRIALS["linger"]
    sets = [frozenset(ports) for ports in ((1, 2, 3), (1,), (1, 2), (1, 2))]
    result = Result(trial, *sets, 0, 4, 4)
    assert result.vanished == {3}
    assert result.wrong == {1, 3}  # 1 was to vanish, 3 was not
    assert "| 1–2 | 1 | 2 |" in table([result])


@pytest.mark.parametrize("trial", TRIALS.values(), ids=list(TRIALS))
def test_trials_name_what_exists(trial: Trial) -> None:
    assert trial.kind in KINDS
    assert trial.traffic in TRAFFIC
    if trial.value_s is None:
        assert trial.setting in ("dcd", "idle-reset", "timewait")
        return
    assert trial.option in OPTIONS
    assert trial.setting in (*NAMES, "linger")
    assert max(trial.waits) > trial.value_s > trial.today_s
