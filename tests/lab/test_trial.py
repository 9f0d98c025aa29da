"""What `finis whatif` predicts comes true when the timer is really longer (root; else skipped)."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from finis import read
from finis.diagnosis.settings import NAMES, OPTIONS
from finis.lab import spaces
from finis.lab.kinds import KINDS
from finis.lab.refusals import lines
from finis.lab.trial import TRAFFIC, TRIALS, Result, Trial, run, table

REASON = spaces.why_not()
TRIED = ("linger", "linger, whole seconds", "idle")
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
    come_true(NETFILTER, tmp_path)


def test_what_netfilter_refuses_reads_as_its_log(tmp_path: Path) -> None:
    said = (
        "1795186409.998516 IP (tos 0x0, ttl 64, id 16295, offset 0, flags [DF], proto TCP (6), "
        "length 60)\n    172.17.77.250.443 > 203.0.113.10.42000: Flags [R.], cksum 0xfe30 "
        "(correct), seq 1, ack 2, win 65495, length 0\nsomething else\n"
    )
    (line,) = lines(said, "172.17.77.250")
    (tmp_path / "kernel.txt").write_text(line)
    (denial,) = read([tmp_path / "kernel.txt"]).denials.to_dicts()
    assert (denial["src_h"], denial["dst_p"], denial["flags"]) == (
        "172.17.77.250",
        42000,
        "RST ACK",
    )
    assert (denial["interface"], denial["ts"].microsecond) == ("inside", 998516)


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
        assert trial.setting in ("dcd", "idle-reset")
        return
    assert trial.option in OPTIONS
    assert trial.setting in (*NAMES, "linger")
    assert max(trial.waits) > trial.value_s > trial.today_s
