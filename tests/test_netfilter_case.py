"""A second firewall, end to end: log and two captures through Linux with translation, recorded in
the lab (`idle-masqueraded`, `synproxy-rst`)."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from finis.intake import Options
from finis.pipeline import Case, read
from tests.diagnosis.logged_endings import FIN, OPEN, OPENED, conntrack

DATA = Path(__file__).parent / "data" / "netfilter"
IDLE, SYNPROXY = DATA / "idle-masqueraded", DATA / "synproxy-rst"
FOREIGN = re.compile(r"\b(?:ASA|Cisco|sysopt|asp-drop|30201[34]|106015|logging trap)\b")


def case(place: Path, *names: str) -> Case:
    return read([str(place / name) for name in names] if names else [str(place)])


@pytest.fixture(scope="module")
def idle() -> Case:
    return case(IDLE)


def test_log_and_captures_are_one_connection(idle: Case) -> None:
    (row,) = idle.connections.filter(idle.connections["resp_p"] == 5432).to_dicts()
    assert (row["cause_name"], row["confidence"]) == ("firewall-idle-timeout", "certain")
    assert row["harm"] == "harmful"
    assert row["points"] == "outside,inside"
    # DNAT of the server, masquerading of the client
    assert (row["orig_h"], row["orig_mapped_h"]) == ("203.0.113.10", "172.17.77.1")
    assert (row["resp_h"], row["resp_mapped_h"]) == ("172.17.77.250", "198.51.100.250")
    assert (row["teardown_reason"], row["device"]) == ("ESTABLISHED, its timer ran out", "fw-lab")
    assert row["orientation"] in ("syn", "log")


def test_denials_of_the_kernel_log_meet_the_connection_of_conntrack(idle: Case) -> None:
    denials = idle.denials
    assert denials["cause_name"].to_list() == [
        *["data-after-idle-timeout"] * 4, "close-after-idle-timeout",
    ]  # fmt: skip
    assert denials["seen_before"].unique().to_list() == ["yes"]
    assert denials["acl"].unique().to_list() == ["DROP INVALID:"]
    assert denials["conn_id"].n_unique() == 1
    # The log prints the address before translation; the client's side is known all the same.
    assert denials["dst_h"].unique().to_list() == ["198.51.100.250"]


def test_the_file_without_a_host_is_taken_for_the_only_device(idle: Case) -> None:
    assert idle.connections["device"].unique().to_list() == ["fw-lab"]
    assert any("conntrack.txt names no device" in note for note in idle.notes)


def test_a_second_device_makes_the_file_without_a_host_nobodys(tmp_path: Path) -> None:
    for name in ("conntrack.txt", "kern.log"):
        shutil.copy(IDLE / name, tmp_path)
    other = (IDLE / "kern.log").read_text().replace("fw-lab", "fw-two")
    (tmp_path / "two.log").write_text(other)
    assert set(case(tmp_path).connections["device"]) == {"conntrack.txt"}
    said = Options(devices={"conntrack.txt": "fw-lab"})
    assert set(read([str(tmp_path)], said).connections["device"]) == {"fw-lab"}


def test_events_without_times_explain_no_dated_denial(tmp_path: Path) -> None:
    """Their order against the kernel log is unknown: no lag, no verdict by it."""
    shutil.copy(IDLE / "kern.log", tmp_path)
    stamped = (IDLE / "conntrack.txt").read_text()
    for text, joined in ((stamped, True), (re.sub(r"(?m)^\[[\d. ]+\]", "", stamped), False)):
        (tmp_path / "conntrack.txt").write_text(text)
        found = case(tmp_path)
        assert (found.denials["lag_s"].null_count() < found.denials.height) is joined
        assert ("data-after-idle-timeout" in found.denials["cause_name"]) is joined
        assert any("names no device and no times" in note for note in found.notes) is not joined


@pytest.mark.parametrize("names", [
    (), ("conntrack.txt",), ("kern.log",), ("conntrack.txt", "kern.log"),
    ("kern.log", "outside.pcap"),
])  # fmt: skip
@pytest.mark.parametrize("place", [IDLE, SYNPROXY], ids=lambda place: place.name)
def test_no_other_firewall_is_named(place: Path, names: tuple[str, ...]) -> None:
    found = case(place, *names)
    for one in found.everything:
        said = json.dumps(one.row(), default=str)
        for example in getattr(one, "examples", ()):
            said += json.dumps(
                [example.commands, [(a.text, a.decide) for a in example.alternatives]]
            )
        assert not FOREIGN.search(said), (one.id, FOREIGN.search(said))


def test_each_kind_of_log_alone(idle: Case) -> None:
    (row,) = case(IDLE, "conntrack.txt").connections.filter(resp_p=5432).to_dicts()
    assert (row["cause_name"], row["harm"]) == ("firewall-idle-timeout", "depends")
    denials = case(IDLE, "kern.log").denials
    assert set(denials["cause_name"]) <= {"history-unknown", "held-after-close"}
    assert "certain" not in denials["confidence"].to_list()


def test_a_syn_proxy_rewrites_one_direction_only() -> None:
    found = case(SYNPROXY)
    (row,) = found.connections.filter(found.connections["resp_p"] == 5432).to_dicts()
    # The server's RST came out with other numbers: it is not one that the firewall made.
    assert row["cause_name"] in ("rst-dropped-by-firewall", "state-lost")
    assert row["harm"] != "harmless"
    story = found.explain(":5432".replace(":", f"{row['resp_h']}:")).story
    (pairing,) = story.pairings
    assert pairing.offset[0] == 0
    assert pairing.offset[1] != 0


@pytest.mark.parametrize(("events", "cause", "confidence"), [
    ((*OPENED[:1], (121.0, "[DESTROY] tcp      6 SYN_SENT !UNREPLIED")), "END102", "likely"),
    ((*OPENED, (61.0, "[DESTROY] tcp      6 SYN_RECV")), "END103", "likely"),
    ((*OPENED, (0.1, " [UPDATE] tcp      6 10 CLOSE")), "END104", "possible"),
    ((*OPEN, (0.1, " [UPDATE] tcp      6 10 CLOSE")), "END331", "likely"),
    # The idle timer as last logged ran out; cannot have run out; was never the entry's.
    ((*OPEN, (601.0, "[DESTROY] tcp      6 ESTABLISHED")), "END401", "likely"),
    ((*OPENED, (0.02, " [UPDATE] tcp      6 300 ESTABLISHED"),
      (310.0, "[DESTROY] tcp      6 ESTABLISHED")), "END401", "certain"),
    (((601.0, "[DESTROY] tcp      6 ESTABLISHED"),), "END401", "likely"),
    ((*OPEN, (355.0, "[DESTROY] tcp      6 ESTABLISHED")), "END413", "likely"),
    (((0.0, "    [NEW] tcp      6 300 ESTABLISHED !UNREPLIED"),
      (310.0, "[DESTROY] tcp      6 ESTABLISHED !UNREPLIED")), "END413", "likely"),
    ((*FIN, (126.0, "[DESTROY] tcp      6 FIN_WAIT")), "END404", "likely"),
    ((*FIN, (5.1, " [UPDATE] tcp      6 30 LAST_ACK"), (36.0, "[DESTROY] tcp      6 LAST_ACK")),
     "END412", "likely"),
])  # fmt: skip
def test_the_state_says_what_was_missing(
    events: tuple[tuple[float, str], ...], cause: str, confidence: str, tmp_path: Path
) -> None:
    (tmp_path / "conntrack.txt").write_text(conntrack(*events))
    (row,) = case(tmp_path).connections.to_dicts()
    assert (row["cause"], row["confidence"]) == (cause, confidence)


def refused(at: float, prefix: str, flags: str) -> str:
    """A packet of that connection's client, as the kernel logs it."""
    return (
        f"{1796000000 + at:.6f} fw1 kernel: {prefix}: IN=eth1 OUT=eth0 SRC=10.1.0.2 DST=192.0.2.10 "
        "LEN=150 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP SPT=40001 DPT=443 WINDOW=501 RES=0x00 "
        f"{flags} URGP=0\n"
    )


IDLED = (*OPEN, (601.0, "[DESTROY] tcp      6 ESTABLISHED"))


@pytest.mark.parametrize(("events", "line", "cause"), [
    # The last rule of all refuses what comes for want of a connection, whatever it calls that …
    (IDLED, (700.0, "FINAL_REJECT", "ACK PSH"), "DNY301"),
    (IDLED, (700.0, "FINAL_DROP", "ACK PSH"), "DNY301"),
    # … but not a SYN, nor on an open connection, nor what follows the RST it may have sent.
    (IDLED, (700.0, "FINAL_REJECT", "SYN"), "DNY101"),
    (OPEN, (300.0, "FINAL_REJECT", "ACK PSH"), "DNY101"),
    ((*OPEN, (5.0, " [UPDATE] tcp      6 10 CLOSE")), (6.0, "FINAL_REJECT", "ACK PSH"), "DNY101"),
])  # fmt: skip
def test_whom_a_rejecting_rule_met(
    events: tuple[tuple[float, str], ...], line: tuple[float, str, str], cause: str, tmp_path: Path
) -> None:
    (tmp_path / "conntrack.txt").write_text(conntrack(*events))
    (tmp_path / "kern.log").write_text(refused(*line))
    (row,) = case(tmp_path).denials.to_dicts()
    assert row["cause"] == cause


def test_no_remedy_resets_what_is_invalid(idle: Case) -> None:
    """It reaches one side only, and may end connections in good order."""
    said = json.dumps([one.row() for one in idle.everything], default=str)
    assert 'tells both sides"' not in said and "both sides learn of it" not in said
    commands = [
        c for one in idle.everything for e in getattr(one, "examples", ()) for c in e.commands
    ]
    logged = [command for command in commands if command.startswith("nft insert")]
    assert logged and all("dport" in one and "sport" in one and "DROP" not in one for one in logged)
