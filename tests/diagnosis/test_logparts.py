"""Logs judged a part at a time in packed rows say what logs judged as frames say."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finis import pipeline
from finis.correlation import logalone
from finis.correlation.naming import LENGTH
from finis.diagnosis import coded, logparts, logrows, population, refused, spill, times
from finis.diagnosis.cutting import Cut
from finis.diagnosis.engine import judge
from finis.diagnosis.verdicts import Verdicts
from finis.pipeline import Options
from finis.tracking import events as module
from finis.tracking.devices import Logs
from finis.tracking.events import LogTracker
from tests.tracking.eventlist import START, Line, batches, built, deny, torn, track
from tests.tracking.test_follow import event, placed

pytestmark = [
    pytest.mark.skipif(module._kernel() is None, reason="no kernel is built"),
    pytest.mark.repeats,
]

TEARDOWNS = (
    ("fins", "TCP FINs", "a"), ("fins", "TCP FINs", "b"), ("fins", "TCP FINs", "unknown"),
    ("reset-resp", "TCP Reset-I", "b"), ("reset-orig", "TCP Reset-O", "a"),
    ("reset-side-unknown", "TCP Reset", "unknown"), ("syn-timeout", "SYN Timeout", "unknown"),
    ("idle-timeout", "Connection timeout", "unknown"), ("fin-timeout", "FIN Timeout", "unknown"),
    ("failover", "Failover primary closed", "unknown"), (None, "Brand new words", "unknown"),
)  # fmt: skip
FLAGS = ("RST", "RST ACK", "ACK", "FIN ACK", "PSH ACK", "SYN", "SYN ACK", "")


@cache
def lines(seed: int, count: int = 400) -> list[Line]:
    """Connections and denials of every kind, with hosts that scan, flood, and end at once."""
    rnd = random.Random(seed)
    out: list[Line] = []
    for number in range(count):
        client = rnd.choice(("192.0.2.1", "192.0.2.2", f"198.51.100.{rnd.randrange(250)}", "host",
                             "2001:db8::7"))  # fmt: skip
        server = rnd.choice(("10.0.0.5/443", "10.0.0.5/80", f"10.0.1.{rnd.randrange(250)}/443"))
        a, b = f"outside:{client}/{rnd.randrange(1024, 65536)}", f"inside:{server}"
        t = rnd.randrange(4000)
        life = rnd.choice((0, 1, 30, 3600, rnd.randrange(600)))
        mapped = {"mapped_b": "203.0.113.5/443"} if rnd.random() < 0.1 else {}
        if rnd.random() < 0.9:
            direction = rnd.choice(("inbound", "inbound", "outbound"))
            out.append(built(t, number, a, b, direction=direction, **mapped))
        teardown, reason, side = rnd.choice(TEARDOWNS)
        size = rnd.choice((0, 0, 1000, None))
        if rnd.random() < 0.9:
            out.append(torn(t + life, number, a, b, duration_s=rnd.choice((life, life, None)),
                            bytes=size, teardown=teardown, reason=reason,
                            teardown_side=side))  # fmt: skip
        for _ in range(rnd.choice((0, 0, 1, 2, 5))):
            when = t + life + rnd.choice((0, 0, 1, 2, 100, 127, 200, 240, 300, 3000))
            ends = (b, a) if rnd.random() < 0.7 else (a, b)
            out.append(deny(when, *ends, flags=rnd.choice(FLAGS), hit_count=rnd.choice((1, 7))))
    for n in range(40):  # a scan, a policy, backscatter, a process that is killed
        out.append(deny(500 + n, "outside:192.0.2.66/40000", f"inside:10.0.2.{n}/{20 + n}",
                        flags="SYN", msg_id="106023", denial_kind="policy", acl="in"))  # fmt: skip
        out.append(deny(700 + n % 5, "outside:192.0.2.77/80", f"inside:10.0.3.{n}/{1024 + n}",
                        flags=rnd.choice(("SYN ACK", "RST ACK"))))  # fmt: skip
        a, b = f"outside:192.0.2.{n}/{5000 + n}", "inside:10.0.0.9/25"
        out.append(built(800 + n, 10_000 + n, a, b))
        out.append(torn(900, 10_000 + n, a, b, teardown="reset-resp", reason="TCP Reset-I",
                        teardown_side="b", duration_s=100 - n))  # fmt: skip
    for n in range(80):
        a, b = f"outside:203.0.113.{n}/6000", "inside:10.0.0.8/22"
        out.append(built(1000 + n / 10, 20_000 + n, a, b))
        out.append(torn(1030 + n / 10, 20_000 + n, a, b, teardown="syn-timeout", bytes=0,
                        reason="SYN Timeout", duration_s=30))  # fmt: skip
    return sorted(out, key=lambda line: line["ts"])


def framed(events: list[Line], options: Options | None = None) -> Verdicts:
    tables = track(events, size=1000)
    verdicts = Verdicts(keep=False)
    judged = judge(logalone.stories(tables.connections, tables.denials))
    verdicts.add(pipeline._cut(judged, options or Options()))
    return verdicts


def packed(
    events: list[Line], seed: int, cut: Cut | None = None, wanted: Sequence[str] = ()
) -> Verdicts:
    verdicts = Verdicts(keep=False, cut=cut, wanted=wanted)
    verdicts.end_of_log(give_parts(verdicts, events, seed))
    return verdicts


def give_parts(verdicts: Verdicts, events: list[Line], seed: int) -> dict[str, Logs]:
    """In parts of a random size, taken at random moments.  Gives what `end_of_log` is to know."""
    rnd = random.Random(seed)
    most = rnd.choice((len(events) // 6 + 1, len(events) // 3 + 1, 10_000))
    tracker = LogTracker()
    for batch in batches(events, rnd.choice((10, 100, 1000))):
        tracker.feed(batch)
        if rnd.random() < 0.5:
            for part in tracker.complete(most):
                verdicts.add_part(part)
    for part in tracker.rest(most):
        verdicts.add_part(part)
    return {d.name: d.logs for d in tracker.told().devices}


def said(verdicts: Verdicts) -> list[Any]:
    """Ids without what tells equal ones apart: that depends on what else is named."""
    findings = [
        (one.row(), one.confidence, one.hosts, one.packets, one.contributing, one.share,
         [(e.subject, (e.conn_id or "")[:LENGTH], e.at, e.claims, e.alternatives, e.commands)
          for e in one.examples])
        for one in verdicts.found
    ]  # fmt: skip
    patterns = [(one.row(), one.more) for one in verdicts.patterns]
    return [verdicts.n_connections, verdicts.n_denials, verdicts.clocks, *findings, *patterns]


@cache
def said_of(seed: int) -> list[Any]:
    """What is said of these lines, as long as nothing is set otherwise."""
    return said(packed(lines(seed), 1))


def same(events: list[Line], seed: int, options: Options | None = None) -> None:
    asked = options or Options()
    cut = Cut(asked.since, asked.until, asked.hosts, asked.ports)
    found = said(framed(events, options)), said(packed(events, seed, cut))
    for one, other in zip(*found, strict=True):
        assert one == other


@pytest.mark.parametrize("seed", range(3))
def test_parts_say_what_frames_say(seed: int) -> None:
    events = lines(seed)
    same(events, seed)
    patterns = {one.id for one in packed(events, seed).patterns}
    assert patterns >= {"PAT205", "PAT301", "PAT302", "PAT303"}, patterns


@settings(max_examples=20)
@given(events=st.lists(event(), max_size=40).map(placed), seed=st.integers(0, 99))
def test_hostile_parts_say_what_frames_say(events: list[Line], seed: int) -> None:
    same(events, seed)


WHEN = datetime.fromtimestamp(START + 1000, UTC)


@pytest.mark.parametrize(
    "options",
    [
        Options(since=WHEN),
        Options(until=WHEN),
        Options(hosts=("192.0.2.1", "203.0.113.5", "nobody")),
        Options(ports=(443, 25), since=WHEN),
        Options(hosts=("host", "10.0.0.5"), ports=(80,), until=WHEN),
        Options(hosts=("198.18.0.1",)),
    ],
)
def test_what_is_asked_for_is_the_same(options: Options) -> None:
    same(lines(9), 2, options)


def test_what_waits_on_disk_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    events, want = lines(3), said_of(3)
    monkeypatch.setattr(spill, "BUFFER_BYTES", 1000)
    assert said(packed(events, 1)) == want


def test_what_is_counted_in_shares_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    events, want = lines(3), said_of(3)
    monkeypatch.setattr(population, "SHARE", 100)
    assert said(packed(events, 1)) == want


def test_denials_are_judged_alike_in_any_number(monkeypatch: pytest.MonkeyPatch) -> None:
    events, want = lines(3), said_of(3)
    monkeypatch.setattr(logparts, "AT_ONCE", 10)
    assert said(packed(events, 1)) == want


def test_many_rows_for_patterns_wait_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    events, want = lines(3), said_of(3)
    monkeypatch.setattr(spill, "CHUNK", 80)
    assert said(packed(events, 1)) == want


@pytest.mark.parametrize("seed", [3, 4, 9])
def test_what_goes_on_in_threads_is_the_same(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    events, want = lines(seed), said_of(seed)
    for held in (logparts, population, spill):
        monkeypatch.setattr(held, "CHUNK", 80)
    for _ in range(3):
        assert said(packed(events, 1)) == want


@pytest.mark.parametrize("bits", [1, 6])
def test_slots_that_many_share_find_the_same(monkeypatch: pytest.MonkeyPatch, bits: int) -> None:
    events, want = lines(3), said_of(3)
    monkeypatch.setattr(logrows, "SLOT_BITS", bits)
    monkeypatch.setattr(refused, "SLOT_BITS", bits)
    assert said(packed(events, 1)) == want


def test_many_hosts_are_told_in_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [*lines(3), *lines(4)]
    want = said(packed(events, 1))
    monkeypatch.setattr(refused, "MOST_HOSTS", 1)
    monkeypatch.setattr(logparts, "SHARE", 10)
    assert said(packed(events, 1)) == want


def test_too_many_words_are_told_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused, "SAID_MOST", 3)
    verdicts = packed(lines(3), 1)
    assert verdicts.n_denials == framed(lines(3)).n_denials
    assert verdicts.patterns is not None


def test_a_full_disk_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from finis.errors import UsageError

    def full(owner: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(spill, "BUFFER_BYTES", 1000)
    monkeypatch.setattr(spill, "folder", full)
    with pytest.raises(UsageError, match=r"cannot be written .* TMPDIR"):
        packed(lines(3), 1)


def test_names_that_memory_does_not_hold_are_told_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    want = said(packed(lines(2), 1))
    monkeypatch.setattr(coded, "HELD", 1)
    assert said(packed(lines(2), 1)) == want


def test_hosts_that_wait_to_be_counted_are(monkeypatch: pytest.MonkeyPatch) -> None:
    want = said(packed(lines(2), 1))
    monkeypatch.setattr(times, "FEW", 1)
    assert said(packed(lines(2), 1)) == want


def test_hosts_that_were_not_counted_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(times, "FEW", 1)
    monkeypatch.setattr(times, "ASKED_MOST", 0)
    verdicts = packed(lines(2), 1)
    assert verdicts.n_connections == framed(lines(2)).n_connections
    assert not {one.id for one in verdicts.patterns} & {"PAT301", "PAT303"}


def test_without_a_line_nothing_is_said() -> None:
    verdicts = packed([], 1)
    assert verdicts.found == [] and verdicts.patterns == []


def test_a_scan_that_is_half_connections_is_found() -> None:
    """Neither half of it alone is one."""
    events = []
    for n in range(30):
        scanner = f"outside:192.0.2.66/{40000 + n}"
        if n % 2:
            events.append(deny(500 + n, scanner, f"inside:10.0.2.{n}/{20 + n}", flags="SYN",
                               msg_id="106023", denial_kind="policy", acl="in"))  # fmt: skip
        else:
            target = f"inside:10.0.2.{n}/{20 + n}"
            events.append(built(500 + n, n, scanner, target))
            events.append(torn(530 + n, n, scanner, target, teardown="syn-timeout", bytes=0,
                               reason="SYN Timeout", duration_s=30))  # fmt: skip
    events.sort(key=lambda line: line["ts"])
    same(events, 1)
    assert "PAT301" in {one.id for one in packed(events, 1).patterns}


def test_a_host_that_makes_up_half_is_found() -> None:
    rnd = random.Random(4)
    events = [
        deny(500 + n, f"outside:{'192.0.2.66' if n % 2 else f'198.51.100.{rnd.randrange(250)}'}/9",
             f"inside:10.0.2.{rnd.randrange(3)}/443", flags="ACK")
        for n in range(200)
    ]  # fmt: skip
    same(events, 1)
    assert "PAT202" in {one.id for one in packed(events, 1).patterns}
