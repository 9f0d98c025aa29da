"""A few real endings, made and then explained: the verdict is what was done.

Needs root, namespaces, iproute2 and tcpdump; skipped otherwise.  `finis lab run --all` plays them
all, `finis lab score` holds every verdict against the truth.
"""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from finis.cli.main import main
from finis.errors import InputError, UsageError
from finis.lab import kernellog, network, runner, score, spaces
from finis.lab.admission import Policy
from finis.lab.kinds import KINDS
from finis.lab.scenario import catalogue

REASON = spaces.why_not()
real = pytest.mark.skipif(REASON is not None, reason=str(REASON))

SOME = (
    "client-first", "server-first", "half-close", "reference", "linger-zero-client",
    "data-after-close", "refused", "idle-then-data", "state-lost", "late-fin",
    "port-reuse", "firewall-reset", "asymmetric", "tls-unknown-ca", "filtered", "failover",
    "accept-overflow-reset", "asymmetric-return",
)  # fmt: skip
ALSO_NETFILTER = ("client-first", "state-lost", "idle-then-data")
ELSEWHERE = ("client-first", "data-after-close", "fin-then-rst-client")
OTHERS = ("asa-asa", "asa-pat", "asa-v6", "netfilter-eager")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lab")
    _, done = runner.run(runner.choose(SOME), folder, ("asa",))
    _, more = runner.run(
        runner.choose(ALSO_NETFILTER), folder,
        ("netfilter", "netfilter-nat", "netfilter-synproxy"),
    )  # fmt: skip
    _, others = runner.run(runner.choose(ELSEWHERE), folder, OTHERS)
    assert not [one for one in (*done, *more, *others) if one.failed]
    return folder


@real
def test_every_verdict_is_true(played: Path) -> None:
    found = score.score(played, ("full",))
    assert {one.run.partition(".")[0] for one in found.verdicts} == {*SOME, *ELSEWHERE}
    assert [one for one in found.verdicts if one.mark == "wrong"] == []
    assert [
        one for one in found.verdicts if one.about == "connection" and one.mark != "right"
    ] == []


@real
@pytest.mark.parametrize("evidence", ["log", "started late", "every 10th lost"])
def test_less_evidence_is_never_wrong_and_certain(played: Path, evidence: str) -> None:
    found = score.score(played, (evidence,))
    assert found.verdicts
    assert found.forbidden == []


@real
def test_the_reference_case_for_real(played: Path) -> None:
    """What the page on the reference case says, on packets made by real kernels."""
    from finis.pipeline import read

    place = played / "reference.asa"
    names = ("asa.log", "inside.pcap", "outside.pcap")
    case = read([str(place / name) for name in names])
    (row,) = case.connections.filter(case.connections["resp_p"] == 443).to_dicts()
    assert row["cause_name"] in ("server-closed-client-aborted", "fin-then-rst-unread-data")
    assert (row["first_fin"], row["rst_by"]) == ("resp", "both")
    assert row["teardown_reason"] == "TCP FINs"
    (denial,) = case.denials.to_dicts()
    assert denial["cause_name"] == "rst-of-host-without-state"
    assert denial["conn_id"] == row["fw_conn_id"]
    assert denial["lag_s"] <= 1
    assert row["harm"] == denial["harm"] == "harmless"


@real
@pytest.mark.skipif(not kernellog.SWITCH.exists(), reason="namespaces may not log here")
def test_what_netfilter_refuses_is_in_its_log(played: Path) -> None:
    lines = (played / "idle-then-data.netfilter" / "kern.log").read_text().splitlines()
    assert lines
    assert all(" fw-lab kernel: [" in line and "] DROP INVALID: IN=" in line for line in lines)
    assert (played / "client-first.netfilter" / "kern.log").read_text() == ""


# --- without root ----------------------------------------------------------------------------


def test_every_scenario_declares_what_it_is() -> None:
    known = catalogue()
    assert len(known) >= 60
    for name, scenario in known.items():
        assert scenario.text, name
        assert scenario.truths or scenario.judge, name
        assert set(scenario.kinds) <= set(KINDS), name


def test_truths_name_causes_that_exist() -> None:
    from finis.diagnosis.engine import catalogue as causes

    ends = {one.name for one in causes().values() if one.table == "connections"}
    denials = {one.name for one in causes().values() if one.table == "denials"}
    for name, scenario in catalogue().items():
        for truth in scenario.truths:
            assert set(truth.causes) | set(truth.less) <= ends, name
        assert set(scenario.denials) <= denials, name


def test_hosts_take_no_port_by_which_truths_are_told_apart() -> None:
    first, last = map(int, network.PORTS.split())
    named = {truth.source for one in catalogue().values() for truth in one.truths} - {None}
    assert len(named) > 10
    assert not [port for port in named if port is not None and first <= port <= last]


@real
def test_a_host_takes_ports_of_its_own(tmp_path: Path) -> None:
    first, last = map(int, network.PORTS.split())
    lab = network.Network(tmp_path, KINDS["asa"], Policy())
    try:
        with lab.client, socket.socket() as one:
            one.bind((lab.client_ip, 0))
            assert first <= one.getsockname()[1] <= last
    finally:
        lab.close()


def test_unknown_scenario() -> None:
    with pytest.raises(UsageError, match="no scenario 'nonsense'"):
        runner.choose(["nonsense"])


def test_the_list_and_one_entry_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "list"]) == 0
    whole = capsys.readouterr().out
    assert "\nreference  " in whole
    assert whole.count("\nclose-notify") == 1  # the series, not each of its cells
    assert main(["lab", "list", "reference", "close-notify"]) == 0
    some = capsys.readouterr().out
    assert some.startswith("reference  ")
    assert "Through asa," in some
    assert "\nclose-notify-python-close-server-expires-read\n" in some  # a line of its own


def test_a_firewall_that_no_scenario_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "run", "shunned", "--firewall", "netfilter"]) == 2
    assert "not played through netfilter; there is asa" in capsys.readouterr().err


def test_no_runs_to_score(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run of the lab"):
        score.score(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="for those who are not root")
def test_without_root_it_says_so() -> None:
    assert "root" in (spaces.why_not() or "")


def test_a_wrong_and_certain_verdict_is_found() -> None:
    true = {"causes": ["refused"], "less": ["reset-per-log"], "harm": "harmful"}
    row = {"cause_name": "client-closed-first", "confidence": "certain", "harm": "harmless",
           "names": set()}  # fmt: skip
    mark = score._mark(row, true, "full")
    assert mark == "wrong"
    assert list(score._faults(row, true, mark)) == ["wrong-and-certain", "harmful-called-harmless"]
    assert score._mark({**row, "cause_name": "reset-per-log"}, true, "full") == "vague"
    assert score._mark({**row, "cause_name": "reset-per-log"}, true, "log") == "right"
    assert score._mark({**row, "cause_name": "undetermined"}, true, "log") == "open"


def test_truth_is_written_as_json(tmp_path: Path) -> None:
    if REASON is not None:
        pytest.skip(REASON)
    runner.run(runner.choose(["refused"]), tmp_path, ("asa",))
    facts = json.loads((tmp_path / "refused.asa" / "truth.json").read_text())
    assert facts["experienced"] == {"client": "refused"}
    assert facts["truths"][0]["causes"] == ["refused"]


@pytest.mark.parametrize(
    ("ends", "problem", "first"),
    [
        ([(0, "")], "", ""),
        ([(1, "TimeoutError"), (0, "")], "", "TimeoutError"),
        ([(1, "TimeoutError"), (1, "refused")], "refused", "TimeoutError"),
        ([(143, "exit status 143")], "exit status 143", ""),  # Ctrl-C: not again
        ([(-9, "did not end")], "did not end", ""),
    ],
)
def test_what_fails_is_played_once_more(
    ends: list[tuple[int, str]],
    problem: str,
    first: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left = list(ends)
    monkeypatch.setattr(runner, "_worked", lambda *_: left.pop(0))
    (one,) = runner.choose(["client-first"])
    played = runner._play(one, "asa", tmp_path, set())
    assert (played.problem, played.first, left) == (problem, first, [])
