"""What longer timers would have absorbed and cost: small logs with answers worked out by hand, and
random ones held against a reference that goes line by line."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finis import Options, read
from finis.diagnosis.settings import ASA, LINGER, NETFILTER, command, settings_of
from finis.diagnosis.whatif import Device, table
from finis.errors import UsageError
from finis.report.formats import to_json
from finis.report.whatif import facts
from finis.tables import WHATIF, polars_schema
from finis.tracking import events as module
from tests.diagnosis.logged_endings import OPEN
from tests.diagnosis.logged_endings import conntrack as conntrack_events

START = datetime(2024, 6, 20, 12, tzinfo=UTC)
CLIENT, SERVER = "192.0.2.9/40000", "10.0.0.5/443"
LINGERS = LINGER.values


def asked(
    paths: list[Path], options: Options | None = None, **how: dict[str, float]
) -> list[Device]:
    """What is answered, of whole tables and of logs that are read a part at a time alike."""
    whole = read(paths, options)
    parts = read(paths, replace(options or Options(), timers=True))
    assert whole.verdicts.entries is None
    assert (parts.verdicts.entries is None) == (module._kernel() is None)
    found = whole.whatif(**how), parts.whatif(**how)
    assert to_json(facts(whole, found[0])) == to_json(facts(parts, found[1]))
    return found[0]


@dataclass
class Log:
    """An ASA log whose lines carry seconds after START; `exact` prints milliseconds."""

    exact: bool = False
    lines: list[tuple[float, str]] = field(default_factory=list)

    def add(self, t: float, message: str) -> Log:
        self.lines.append((t, message))
        return self

    def built(self, t: float, n: int, client: str = CLIENT, server: str = SERVER,
              mapped: str = "") -> Log:  # fmt: skip
        ends = f"outside:{client} ({mapped or client}) to inside:{server} ({server})"
        return self.add(t, f"6-302013: Built inbound TCP connection {n} for {ends}")

    def torn(self, t: float, n: int, reason: str = "TCP FINs from outside", lived: float = 10,
             client: str = CLIENT, server: str = SERVER) -> Log:  # fmt: skip
        ends = f"outside:{client} to inside:{server}"
        clock = f"{int(lived) // 3600}:{int(lived) // 60 % 60:02}:{int(lived) % 60:02}"
        return self.add(t, f"6-302014: Teardown TCP connection {n} for {ends} duration {clock} "
                           f"bytes 100 {reason}")  # fmt: skip

    def life(self, t: float, n: int, reason: str = "TCP FINs from outside", lived: float = 10,
             client: str = CLIENT, server: str = SERVER) -> Log:  # fmt: skip
        """A connection torn down at `t`."""
        self.built(t - lived, n, client, server)
        return self.torn(t, n, reason, lived, client, server)

    def deny(self, t: float, flags: str = "RST", source: str = SERVER, target: str = CLIENT,
             interface: str = "inside") -> Log:  # fmt: skip
        return self.add(t, f"6-106015: Deny TCP (no connection) from {source} to {target} "
                           f"flags {flags}  on interface {interface}")  # fmt: skip

    def write(self, path: Path) -> Path:
        def stamp(t: float) -> str:
            when = START + timedelta(seconds=t)
            if self.exact:
                return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03}Z"
            return f"{when:%b %d %Y %H:%M:%S}"

        ordered = sorted(self.lines, key=lambda line: line[0])
        text = "".join(f"<166>{stamp(t)} fw : %ASA-{message}\n" for t, message in ordered)
        path.write_text(text)
        return path

    def ask(self, path: Path, **how: dict[str, float]) -> Device:
        (device,) = asked([self.write(path / "asa.log")], **how)
        return device


def at(device: Device, name: str, value: float | None) -> dict[str, object]:
    """The row of one setting and value."""
    steps = device.outcome(name).steps
    (row,) = steps.filter(pl.col("value_s").eq_missing(value)).to_dicts()
    return row


def absorbed(device: Device, name: str, value: float | None) -> tuple[object, object, object]:
    row = at(device, name, value)
    return row["at_least"], row["absorbed"], row["at_most"]


# --- the rule ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lag", "linger", "expected"),
    [
        (0.061, 0.1, 1),
        (0.4, 0.2, 0),
        (5.0, 5.0, 1),  # exactly at the boundary: the entry is just there
        (5.01, 5.0, 0),
        (3600.0, 3600.0, 1),
    ],
)
def test_lag_against_linger(tmp_path: Path, lag: float, linger: float, expected: int) -> None:
    device = Log(exact=True).life(20, 1).deny(20 + lag).ask(tmp_path)
    row = at(device, "linger", linger)
    assert row["absorbed"] == expected
    assert device.governed == {"fins": 1}


def test_whole_seconds_leave_a_range(tmp_path: Path) -> None:
    """Stamps one second apart: the true lag lies between 0 and 2 s."""
    device = Log().life(20, 1).deny(21).ask(tmp_path)
    assert device.resolution_s == 1
    assert absorbed(device, "linger", 0.1) == (0, 0, 1)
    assert absorbed(device, "linger", 1) == (0, 1, 1)
    assert absorbed(device, "linger", 2) == (1, 1, 1)
    assert device.outcome("linger").chosen is not None
    assert device.outcome("linger").chosen["value_s"] == 2  # the smallest that is sure


@pytest.mark.parametrize(
    ("log", "fate"),
    [
        (Log().life(20, 1).built(25, 2).deny(40), "none before"),  # … and is open
        (Log().life(20, 1).deny(22, interface="outside"), "interface"),
        (Log().life(20, 1).deny(22, source="10.0.0.5/40000", target="192.0.2.9/443"),
         "none before"),
        (Log().life(20, 1).deny(22, source="10.0.0.6/443"), "none before"),
        (Log().life(20, 1).deny(22, flags="SYN"), "syn"),
        (Log().deny(22), "none before"),
    ],
)  # fmt: skip
def test_what_no_entry_absorbs(tmp_path: Path, log: Log, fate: str) -> None:
    device = log.ask(tmp_path)
    assert device.fates == {fate: 1}
    assert all(outcome.told is None for outcome in device.outcomes)
    assert table([device])["absorbed"].sum() == 0


@pytest.mark.parametrize("first", ["deny", "built"])
def test_built_anew_in_the_second_of_the_denial(tmp_path: Path, first: str) -> None:
    """Had the connection been there, there were no denial: it came after, whatever the order."""
    log = Log().life(20, 1)
    log = log.deny(25).built(25, 2) if first == "deny" else log.built(25, 2).deny(25)
    assert at(log.ask(tmp_path), "linger", 5)["absorbed"] == 1


def test_either_direction_of_the_tuple(tmp_path: Path) -> None:
    device = Log().life(20, 1).deny(22).deny(23, "FIN ACK", CLIENT, SERVER, "outside").ask(tmp_path)
    row = at(device, "linger", 5)
    assert (row["absorbed"], row["absorbed_rst"], row["absorbed_fin"]) == (2, 1, 1)


def test_a_rule_is_not_a_state(tmp_path: Path) -> None:
    """An access list refuses whatever entries there are."""
    log = Log().life(20, 1)
    log.add(21, f'4-106023: Deny tcp src inside:{SERVER} dst outside:{CLIENT} by access-group "A" '
                "[0x0, 0x0]")  # fmt: skip
    device = log.ask(tmp_path)
    assert (device.denials, device.others) == (0, 1)


def test_the_denial_of_the_connection_built_anew(tmp_path: Path) -> None:
    """It is held against the later end, not the first."""
    log = Log(exact=True).life(20, 1).life(60, 2).deny(61)
    device = log.ask(tmp_path)
    row = at(device, "linger", 1)
    assert row["absorbed"] == 1
    assert at(device, "linger", 0.5)["absorbed"] == 0


def test_copies_count_once(tmp_path: Path) -> None:
    log = Log().life(20, 1).deny(22)
    log.write(tmp_path / "relay.log")
    device = log.ask(tmp_path)
    (both,) = asked([tmp_path / "asa.log", tmp_path / "relay.log"])
    assert device.denials == both.denials == 1
    assert at(both, "linger", 5)["peak_extra"] == 1


# --- the ASA's settings --------------------------------------------------------------------------


def test_timewait_keeps_the_normal_close_only(tmp_path: Path) -> None:
    other = {"client": "192.0.2.10/40000"}
    log = (
        Log(exact=True)
        .life(20, 1)
        .deny(34.9)
        .deny(35.0)
        .deny(35.1)
        .life(20.5, 2, "TCP Reset-I from inside", **other)
        .deny(21, target="192.0.2.10/40000")
    )
    device = log.ask(tmp_path)
    row = at(device, "timewait", 15)
    assert (row["eligible"], row["absorbed"], row["bound"]) == (3, 2, "upper")
    assert row["at_least"] == 0  # nothing of it is documented for sure
    assert at(device, "linger", 15)["absorbed"] == 3
    assert (row["connections"], row["peak_extra"]) == (1, 1)


def test_half_closed(tmp_path: Path) -> None:
    """Ten minutes today; a lag of four minutes needs a quarter of an hour."""
    log = Log(exact=True).life(1000, 1, "FIN Timeout", 700).deny(1240, "PSH ACK")
    device = log.ask(tmp_path)
    outcome = device.outcome("half-closed")
    assert (outcome.today_s, outcome.today_why) == (600, "default")
    assert at(device, "half-closed", 900)["absorbed"] == 1
    assert outcome.chosen is not None
    assert outcome.chosen["value_s"] == 900
    assert at(device, "linger", 3600)["absorbed"] == 0  # not what it governs


def test_the_timer_starts_again_with_what_is_let_through(tmp_path: Path) -> None:
    """Data after 1 h 10 min of silence, and again 90 min later: two hours keep both."""
    log = Log(exact=True).life(4000, 1, "Connection timeout", 3700)
    log.deny(4600, "PSH ACK").deny(4600 + 5400, "PSH ACK")
    device = log.ask(tmp_path)
    assert at(device, "idle", 7200)["absorbed"] == 2
    # 6000 s after the teardown lie far beyond the hour that two hours add to today's one.
    assert at(device, "idle", 7200)["extra_s"] == 3600


def test_a_gap_longer_than_the_timer_is_not_bridged(tmp_path: Path) -> None:
    log = Log(exact=True).life(4000, 1, "Connection timeout", 3700)
    log.deny(4600, "PSH ACK").deny(4600 + 7201, "PSH ACK")
    device = log.ask(tmp_path)
    assert at(device, "idle", 7200)["absorbed"] == 1
    assert at(device, "idle", 4 * 3600)["absorbed"] == 2


def test_what_is_saved_costs_a_whole_timer_more(tmp_path: Path) -> None:
    """Saved at 600 s, it lives on for the timer of 7200 s: 7800 s of entry."""
    log = Log(exact=True).life(4000, 1, "Connection timeout", 3700).deny(4600, "PSH ACK")
    log.life(14000, 2, client="192.0.2.77/1")
    device = log.ask(tmp_path)
    span = 14000 - 300
    assert at(device, "idle", 7200)["mean_extra"] == pytest.approx(7800 / span)


def test_today_from_the_shortest_life(tmp_path: Path) -> None:
    """A timer cannot be longer than the life of what it ended; equal lives show its value."""
    bound = Log().life(4000, 1, "Connection timeout", 1900).deny(4100, "PSH ACK").ask(tmp_path)
    assert (bound.outcome("idle").today_s, bound.outcome("idle").today_why) == (1900, "bound")
    pile = Log()
    for n in range(8):
        pile.life(4000 + n, n, "Connection timeout", 1800, client=f"192.0.2.{n + 1}/40000")
    seen = pile.ask(tmp_path).outcome("idle")
    assert (seen.today_s, seen.today_why) == (1800, "seen")
    few = Log()  # a few long lives that happen to be equal show nothing
    for n in range(4):
        few.life(9000 + n, n, "Connection timeout", 7200, client=f"192.0.2.{n + 1}/40000")
    outcome = few.ask(tmp_path).outcome("idle")
    assert (outcome.today_s, outcome.today_why) == (3600, "default")
    told = pile.ask(tmp_path, today={"idle": 900.0}).outcome("idle")
    assert (told.today_s, told.today_why) == (900, "given")


def test_a_value_not_longer_than_today_absorbs_nothing(tmp_path: Path) -> None:
    log = Log().life(4000, 1, "Connection timeout", 3700).deny(4100, "PSH ACK")
    outcome = log.ask(tmp_path, asked={"idle": 1800.0}).outcome("idle")
    assert (outcome.wanted_s, outcome.asked) == (1800, None)
    assert outcome.steps["value_s"].min() == 7200


def test_idle_reset_and_dcd(tmp_path: Path) -> None:
    """Three idle timeouts: later data from both ends, a RST of one end, nothing."""
    ends = [f"192.0.2.{n}/40000" for n in (1, 2, 3)]
    log = Log()
    for n, end in enumerate(ends):
        log.life(4000, n, "Connection timeout", 3700, client=end)
    log.deny(4100, "PSH ACK", ends[0], SERVER, "outside").deny(4200, "ACK", SERVER, ends[0])
    log.deny(4300, "RST", SERVER, ends[1])
    device = log.ask(tmp_path)
    assert device.outcome("dcd").alive == {"both": 1, "one": 0, "none": 2}
    dcd, reset = at(device, "dcd", None), at(device, "idle-reset", None)
    assert (dcd["at_least"], dcd["at_most"], dcd["peak_extra"]) == (2, 3, 3)
    assert (reset["at_least"], reset["at_most"], reset["peak_extra"]) == (0, 3, 0)
    assert reset["connections"] == 3


def test_a_late_syn_ack(tmp_path: Path) -> None:
    log = Log().life(100, 1, "SYN Timeout", 30).deny(105, "SYN ACK")
    row = at(log.ask(tmp_path), "embryonic", 60)
    assert (row["absorbed"], row["absorbed_syn"]) == (1, 1)


def test_ends_that_no_timer_decides(tmp_path: Path) -> None:
    device = Log().life(20, 1, "Flow closed by inspection").deny(21).ask(tmp_path)
    assert device.governed == {"inspection": 1}
    assert all(outcome.told is None for outcome in device.outcomes)


# --- the cost ------------------------------------------------------------------------------------


def test_peak_and_mean(tmp_path: Path) -> None:
    """Four ends 1.1 s apart, kept 2 s: two at a time (an entry that expires makes room)."""
    log = Log(exact=True)
    for n in range(4):
        log.life(20 + 1.1 * n, n, client=f"192.0.2.{n + 1}/40000")
    log.life(110, 9, client="192.0.2.99/1")
    device = log.ask(tmp_path)
    row = at(device, "linger", 2)
    assert row["peak_extra"] == 2
    assert row["mean_extra"] == pytest.approx(4 * 2 / 100)  # the last one ends with the log
    assert at(device, "linger", 3600)["peak_extra"] == 5
    assert (row["peak_today"], at(device, "linger", 3600)["peak_then"]) == (4, 5)


@pytest.mark.parametrize("exact", [True, False])
def test_what_goes_and_comes_under_one_stamp_counts_together(tmp_path: Path, exact: bool) -> None:
    """Kept 2 s, three are there at once from 22.3 to 22.7; in whole seconds the first goes under
    the stamp under which the last comes."""
    log = Log(exact=exact)
    for n, end in enumerate((20.7, 21.6, 22.3)):
        log.life(end, n, lived=0.1, client=f"192.0.2.{n + 1}/40000")
    row = at(log.ask(tmp_path), "linger", 2)
    assert (row["peak_extra"], row["peak_then"]) == (3, 3)
    assert row["peak_today"] == 1


def test_reuse_ends_an_entry_and_is_counted(tmp_path: Path) -> None:
    log = Log(exact=True).life(20, 1).built(25, 2).life(120, 3, client="192.0.2.77/1")
    device = log.ask(tmp_path)
    assert [at(device, "linger", value)["reused"] for value in (2, 5, 10)] == [0, 0, 1]
    assert at(device, "linger", 60)["mean_extra"] == pytest.approx(5 / 110)


def test_a_translated_port_given_to_another_host(tmp_path: Path) -> None:
    pat = "198.51.100.1/2000"
    log = Log(exact=True)
    log.built(10, 1, mapped=pat).torn(20, 1)
    log.built(23, 2, client="192.0.2.10/40000", mapped=pat)
    device = log.ask(tmp_path)
    row = at(device, "linger", 5)
    assert (row["reused"], row["ports_reused"]) == (0, 1)
    assert at(device, "linger", 2)["ports_reused"] == 0


def test_only_what_is_shown_counts(tmp_path: Path) -> None:
    """--port cuts denials and kept entries, as a class of traffic would."""
    log = Log().life(20, 1).deny(21).life(20, 2, server="10.0.0.5/25")
    log.deny(21, source="10.0.0.5/25")
    (device,) = asked([log.write(tmp_path / "asa.log")], Options(ports=(25,)))
    row = at(device, "linger", 15)
    assert (device.denials, row["absorbed"], row["connections"], row["peak_extra"]) == (1, 1, 1, 1)
    assert row["peak_today"] == 2  # the table holds the others too


def test_each_firewall_by_itself(tmp_path: Path) -> None:
    one, two = Log().life(20, 1).deny(21), Log().life(20, 1)
    one.write(tmp_path / "a.log")
    two.write(tmp_path / "b.log")
    text = (tmp_path / "b.log").read_text().replace(" fw :", " other :")
    (tmp_path / "b.log").write_text(text)
    devices = asked([tmp_path])
    assert [(device.name, device.denials) for device in devices] == [("fw", 1), ("other", 0)]


# --- packets -------------------------------------------------------------------------------------


def test_numbers_outside_the_window_and_a_tuple_built_anew() -> None:
    """Facts that only packets, or a log with lost lines, can show: as rows."""
    from finis.diagnosis.engine import complete
    from finis.diagnosis.whatif import whatif

    stamp = pl.Datetime("ns", "UTC")
    later = pl.Series([START, START + timedelta(seconds=5)], dtype=stamp)
    lives = pl.DataFrame(
        {"row": [0, 1], "device": ["fw"] * 2, "has_log": [True] * 2, "teardown": ["fins"] * 2,
         "product": ["ASA"] * 2, "built_ts": later, "teardown_ts": later,
         "orig_h": ["a"] * 2, "orig_p": [1] * 2, "resp_h": ["b"] * 2, "resp_p": [2] * 2}
    )  # fmt: skip
    denials = pl.DataFrame(
        {"row": [0, 1, 2, 3], "device": ["fw"] * 4, "ts": later[[0] * 4], "proto": ["tcp"] * 4,
         "kind": ["state"] * 4, "unit": ["line"] * 4, "story": [0] * 4,
         "lag_s": [0.0, 0.0, 5.0, 6.0], "flags": ["ACK"] * 4,
         "segment_fits": [True, False, None, None]}
    )  # fmt: skip
    frames = complete(lives, "connections"), complete(denials, "denials")
    (device,) = whatif(*frames)
    assert device.fates == {"eligible": 2, "rebuilt": 1, "window": 1}


# --- against a reference, line by line -----------------------------------------------------------


@dataclass
class Entry:
    tuple: int
    built: float
    torn: float | None = None
    reason: str = ""


def naive(lines: list[tuple[float, str, int, str]], linger: float) -> tuple[int, int, float, int]:
    """(absorbed, peak, entry-seconds, reused) of a linger after FINs or a RST, event by event."""
    entries: list[Entry] = []
    hits = 0
    for t, kind, number, reason in lines:
        mine = [entry for entry in entries if entry.tuple == number]
        if kind == "built":
            entries.append(Entry(number, t))
        elif kind == "torn":
            mine[-1].torn, mine[-1].reason = t, reason
        elif mine and (mine[-1].torn is not None):
            hits += "SYN" not in mine[-1].reason and t - mine[-1].torn <= linger
        elif mine:  # logged a tick before its Teardown
            after = [u for u, k, n, _ in lines if k == "torn" and n == number and u > t]
            ends = [r for u, k, n, r in lines if k == "torn" and n == number and u > t]
            hits += bool(after) and after[0] - t <= 1 and "SYN" not in ends[0]
    kept: list[tuple[float, float]] = []
    reused = 0
    for entry in entries:
        if entry.torn is None or "SYN" in entry.reason:
            continue
        later = [e.built for e in entries if e.tuple == entry.tuple and e.built > entry.torn]
        end = entry.torn + linger
        if later and min(later) < end:
            reused, end = reused + 1, min(later)
        kept.append((entry.torn, end))
    peak = max((sum(a <= t <= b and a < b for a, b in kept) for t, _ in kept), default=0)
    last = max(t for t, *_ in lines)
    return hits, peak, sum(min(b, last) - a for a, b in kept), reused


@st.composite
def traffic(draw: st.DrawFn) -> list[tuple[float, str, int, str]]:
    """Lines with a second each of their own: connections of few tuples, and denials of them."""
    chance = random.Random(draw(st.integers(0, 2**32)))
    is_open: dict[int, bool] = {}
    lines, t = [], 0.0
    for _ in range(draw(st.integers(1, 60))):
        t += chance.choice((1, 1, 2, 3, 7, 40))
        number = chance.randrange(4)
        if chance.random() < 0.35 and number in is_open:
            lines.append((t, "deny", number, ""))
        elif is_open.get(number):
            reasons = ("TCP FINs from outside", "TCP Reset-I from inside", "SYN Timeout")
            lines.append((t, "torn", number, chance.choice(reasons)))
            is_open[number] = False
        else:
            lines.append((t, "built", number, ""))
            is_open[number] = True
    return lines


def played(lines: list[tuple[float, str, int, str]], folder: Path) -> Device:
    log, ids, began = Log(exact=True), {}, {}
    for row, (t, kind, number, reason) in enumerate(lines):
        client = f"192.0.2.{number + 1}/40000"
        if kind == "built":
            ids[number], began[number] = row + 1, t
            log.built(t, row + 1, client)
        elif kind == "torn":
            log.torn(t, ids[number], reason, t - began[number], client)
        else:
            log.deny(t, target=client)
    return log.ask(folder)


@pytest.mark.repeats
@given(lines=traffic())
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
def test_equal_to_the_reference(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[float, str, int, str]]
) -> None:
    device = played(lines, tmp_path_factory.mktemp("log"))
    span = lines[-1][0] - lines[0][0] or 1e-9
    for value in LINGERS:
        hits, peak, seconds, reused = naive(lines, value)
        row = at(device, "linger", value)
        assert (row["absorbed"], row["peak_extra"], row["reused"]) == (hits, peak, reused)
        assert row["mean_extra"] == pytest.approx(seconds / span)


@pytest.mark.repeats
@given(lines=traffic())
@settings(max_examples=20, suppress_health_check=list(HealthCheck))
def test_longer_absorbs_and_costs_no_less(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[float, str, int, str]]
) -> None:
    device = played(lines, tmp_path_factory.mktemp("log"))
    for outcome in device.outcomes:
        steps = outcome.steps.sort("value_s")
        for column in ("absorbed", "at_least", "at_most", "peak_extra", "mean_extra", "reused",
                       "peak_then"):  # fmt: skip
            assert steps[column].is_sorted(), (outcome.setting.name, column)
        assert (steps["at_least"] <= steps["at_most"]).all()
        assert (steps["absorbed"] <= steps["eligible"]).all()
        assert (steps["peak_then"] <= steps["peak_today"] + steps["peak_extra"]).all()


# --- a firewall that keeps entries after the end -------------------------------------------------


def conntrack(folder: Path, end: str, kept: float | None, lags: tuple[float, ...]) -> Device:
    """A connection of Linux netfilter that ended in this state and whose entry was removed so much
    later (None: not in the log); segments refused so long after the end."""
    ends = "src=192.0.2.9 dst=10.0.0.5 sport=40000 dport=443 "
    ends += "src=10.0.0.5 dst=192.0.2.9 sport=443 dport=40000 [ASSURED] id=7"
    base = int(START.timestamp())
    lines = [
        f"[{base}.000001]\t    [NEW] tcp      6 120 SYN_SENT {ends}",
        f"[{base}.100000]\t [UPDATE] tcp      6 432000 ESTABLISHED {ends}",
        f"[{base + 10}.000000]\t [UPDATE] tcp      6 120 {end} {ends}",
    ]
    if kept is not None:
        lines.append(f"[{base + 10 + kept:.6f}]\t[DESTROY] tcp      6 {end} {ends}")
    (folder / "conntrack.txt").write_text("\n".join(lines) + "\n")
    refused = "".join(
        f"{base + 10 + lag:.6f} fw kernel: DROP INVALID: IN=inside OUT=outside SRC=10.0.0.5 "
        "DST=192.0.2.9 LEN=40 TOS=0x00 PREC=0x00 TTL=63 ID=0 DF PROTO=TCP SPT=443 DPT=40000 "
        "WINDOW=0 RES=0x00 RST URGP=0\n"
        for lag in lags
    )
    (folder / "kernel.txt").write_text(refused)
    (device,) = asked([folder / "conntrack.txt", folder / "kernel.txt"])
    return device


def test_netfilter_keeps_an_entry_after_the_end(tmp_path: Path) -> None:
    """Kept 30 s today (less than the default of 120): what comes after 50 s needs a timer of 60."""
    device = conntrack(tmp_path, "TIME_WAIT", 30, (50,))
    assert device.product == "netfilter"
    outcome = device.outcome("time-wait")
    assert (outcome.today_s, outcome.today_why) == (30, "bound")
    assert outcome.chosen is not None
    assert (outcome.chosen["value_s"], outcome.chosen["extra_s"]) == (60, 30)
    assert at(device, "linger", 15)["absorbed"] == 0
    assert at(device, "linger", 30)["absorbed"] == 1  # so much longer than today
    assert device.outcome("close").told is None


def test_netfilter_after_a_rst(tmp_path: Path) -> None:
    device = conntrack(tmp_path, "CLOSE", 10, (12, 14))
    assert at(device, "close", 15)["absorbed"] == 2
    assert device.outcome("time-wait").told is None


def test_netfilter_lives_bound_the_idle_timer(tmp_path: Path) -> None:
    """No line states how long a connection lived: the stamps do."""
    events = (*OPEN[:2], (0.02, " [UPDATE] tcp      6 300 ESTABLISHED"),
              (310.0, "[DESTROY] tcp      6 ESTABLISHED"))  # fmt: skip
    (tmp_path / "conntrack.txt").write_text(conntrack_events(*events))
    (device,) = asked([tmp_path / "conntrack.txt"])
    outcome = device.outcome("established")
    assert (outcome.today_s, outcome.today_why) == (310, "bound")
    assert device.outcome("unacknowledged").today_why == "default"


@pytest.mark.parametrize("kept", [30, None])
def test_what_is_refused_while_the_entry_is_there(tmp_path: Path, kept: float | None) -> None:
    """A longer timer changes nothing: it was not for want of an entry."""
    device = conntrack(tmp_path, "TIME_WAIT", kept, (5,))
    assert device.fates == {"present": 1}
    assert table([device])["absorbed"].sum() == 0


# --- the tables ----------------------------------------------------------------------------------


def test_the_table_is_as_declared(tmp_path: Path) -> None:
    frame = table([Log().life(20, 1).deny(21).ask(tmp_path)])
    assert frame.schema == pl.Schema(polars_schema(WHATIF))
    assert set(frame["setting"]) == {one.name for one in settings_of("ASA")}


def test_settings_are_told_apart() -> None:
    for product in (ASA, NETFILTER):
        names = [one.name for one in (LINGER, *product)]
        assert len(names) == len(set(names))
        for one in product:
            assert list(one.values) == sorted(one.values)
            assert not one.values or max(one.values) > one.today_s, one.name
            assert one.command


def test_commands() -> None:
    by_name = {one.name: one for one in (*ASA, *NETFILTER)}
    assert command(by_name["timewait"], 15, "ASA") == "sysopt connection timewait"
    assert command(by_name["idle"], 7200, "ASA") == "timeout conn 2:00:00"
    text = command(by_name["close"], 30, "netfilter")
    assert text == "sysctl -w net.netfilter.nf_conntrack_tcp_timeout_close=30"
    assert command(LINGER, 1, "ASA") is None


def test_unknown_names(tmp_path: Path) -> None:
    log = Log().life(20, 1)
    with pytest.raises(UsageError, match="no setting 'idel': there are"):
        log.ask(tmp_path, today={"idel": 1.0})
    with pytest.raises(UsageError, match="no setting 'time': there are linger"):
        log.ask(tmp_path, asked={"time": 1.0})


def test_no_log(tmp_path: Path) -> None:
    from tests import builders

    (tmp_path / "x.pcap").write_bytes(builders.pcap([(builders.EPOCH_NS, builders.packet())]))
    with pytest.raises(UsageError, match="no firewall log"):
        read([tmp_path / "x.pcap"]).whatif()
