"""Every pattern: data that shows it, with the values it must find, and look-alikes that do not."""

import random
from typing import Any

import polars as pl
import pytest

from finis.correlation.stories import Proof
from finis.diagnosis.patterns import _api
from finis.diagnosis.patterns._api import Pattern, PatternFinding, find_all, patterns, readable
from finis.diagnosis.patterns._whole import Whole
from finis.diagnosis.patterns.pat101_server_idle_timer import densest
from finis.terms import Confidence, Harm
from tests.diagnosis.rows import CONNECTION, DENIAL, at, connections, denials

NO_CONNECTIONS = connections([])
NO_DENIALS = denials([])


def found(
    key: str, some: pl.DataFrame = NO_CONNECTIONS, refused: pl.DataFrame = NO_DENIALS
) -> list[PatternFinding]:
    whole = readable(some)
    return patterns()[key].find(whole, refused.lazy(), Whole(whole))


# --- PAT101 ----------------------------------------------------------------------------------


def closes(gaps: list[float], **values: Any) -> pl.DataFrame:
    return connections([{"closing_gap_s": g, "first_fin": "resp"} | values for g in gaps])


@pytest.mark.parametrize("timer", [5.0, 15.0, 60.0, 75.0, 119.9])
def test_idle_timer_is_found_among_other_closes(timer: float) -> None:
    noise = random.Random(1)
    gaps = [timer + noise.uniform(0, 0.1) for _ in range(20)]
    gaps += [noise.uniform(2, 100) for _ in range(8)] + [0.01] * 50  # answered and closed
    [one] = found("PAT101", closes(gaps))
    assert one.hosts == ("10.0.0.5",)
    assert one.connections >= 20
    assert one.title.startswith("10.0.0.5:443 closes connections after ")
    assert one.harm == Harm.HARMLESS
    assert len(one.stories) == 3


def test_idle_timer_says_what_is_usual() -> None:
    [one] = found("PAT101", closes([75.0] * 8))
    assert "after 75 s of silence" in one.title
    assert any("nginx" in claim.text for claim in one.claims)
    [odd] = found("PAT101", closes([42.0] * 8))
    assert len(odd.claims) == 1


@pytest.mark.parametrize(
    "rows",
    [
        closes([60.0] * 7),  # too few
        closes([2 + 98 * n / 200 for n in range(200)]),  # spread evenly
        closes([0.5] * 100),  # at once: the answer was complete
        closes([60.0] * 8 + [3 + 5.1 * n for n in range(20)]),  # most are no timer
        closes([60.0] * 100, first_fin="orig"),  # the clients close
        closes([60.0] * 100, first_fin=None),  # the log alone does not tell
        connections([{"first_fin": "resp", "resp_h": f"10.0.0.{n}"} for n in range(50)]),
    ],
)
def test_no_idle_timer(rows: pl.DataFrame) -> None:
    assert found("PAT101", rows) == []


def test_idle_timers_are_kept_apart_by_server() -> None:
    rows = [
        {"closing_gap_s": gap, "first_fin": "resp", "resp_h": host}
        for host, gap in (("10.0.0.6", 5.0), ("10.0.0.7", 60.0))
        for _ in range(10)
    ]
    titles = {one.hosts: one.title for one in found("PAT101", connections(rows))}
    assert {hosts: title.split("after ")[1] for hosts, title in titles.items()} == {
        ("10.0.0.6",): "5 s of silence",
        ("10.0.0.7",): "60 s of silence",
    }


def test_densest_is_not_cut_by_a_bin_edge() -> None:
    for value in (2.0, 7.389, 31.3, 60.0, 61.5, 100.0):
        frame = pl.DataFrame({"k": ["a"] * 20, "v": [value * (1 + 0.001 * n) for n in range(20)]})
        low, high = densest(frame, ["k"], "v", 0.05).select("low", "high").row(0)
        assert low <= value and value * 1.019 <= high


# --- PAT102 ----------------------------------------------------------------------------------


def removed(lives: list[float], reason: str = "idle-timeout") -> pl.DataFrame:
    return connections([{"teardown": reason, "log_duration_s": s} for s in lives])


def test_firewall_timer_is_the_shortest_life() -> None:
    [one] = found("PAT102", removed([3600, 3601, 3600, 3602, 3700, 4000, 7200, 9000]))
    assert one.title == "idle timer of fw: about 3600 s (1 h)"
    assert one.connections == 8
    [embryonic] = found("PAT102", removed([30.0] * 20, "syn-timeout"))
    assert embryonic.title == "embryonic timer of fw: about 30 s"


def test_keep_alives_are_advised_by_the_timer_found() -> None:
    """More often than it, and only against silence: a handshake has no keep-alives."""
    [idle] = found("PAT102", removed([300.0] * 8))
    assert "net.ipv4.tcp_keepalive_time=150`" in idle.remedy["Linux"]
    assert "KeepAliveTime (150000," in idle.remedy["Windows"]
    assert "so_keepalive=150s" in idle.remedy["nginx"]
    [bypass] = found("PAT102", removed([120.0] * 8, "bypass-idle"))
    assert bypass.title.startswith("idle timer (state bypass) of fw: about 120 s")
    assert "keepalive_time=60`" in bypass.remedy["Linux"]
    for reason in ("syn-timeout", "fin-timeout"):
        [other] = found("PAT102", removed([30.0] * 8, reason))
        assert not any("keep" in text.lower() for text in other.remedy.values())


def test_timers_of_two_firewalls() -> None:
    """Polars 2.1 panicked where all rows of several groups fitted."""
    rows = [
        {"teardown": "syn-timeout", "log_duration_s": life, "device": device}
        for n in range(20)
        for device, life in (("fw1", 30.0), ("fw2", 20.0))
    ]
    assert [one.title for one in found("PAT102", connections(rows))] == [
        "embryonic timer of fw1: about 30 s",
        "embryonic timer of fw2: about 20 s",
    ]


@pytest.mark.parametrize(
    "rows",
    [
        removed([3600.0] * 7),
        removed([3600 + 60.0 * n for n in range(100)]),  # all were busy at first
        removed([125.0] * 50, "fins"),  # ended by the hosts
        removed([0.0] * 50),
    ],
)
def test_no_firewall_timer(rows: pl.DataFrame) -> None:
    assert found("PAT102", rows) == []


# --- PAT201 ----------------------------------------------------------------------------------


def steady(per_minute: int, minutes: int, seed: int = 1) -> list[dict[str, Any]]:
    noise = random.Random(seed)
    return [
        {"ts": at(60 * minute + noise.uniform(0, 60)), "src_h": f"10.1.{noise.randrange(200)}.1"}
        for minute in range(minutes)
        for _ in range(per_minute)
    ]


def test_spike_says_when_it_began() -> None:
    burst = [{"ts": at(3600 + n / 10), "src_h": "10.9.9.9"} for n in range(500)]
    [one] = found("PAT201", refused=denials(steady(2, 120) + burst))
    assert one.title.startswith("denials rose at 2024-05-01 13:00:0")
    assert 500 <= one.denials <= 505
    assert one.hosts[0] == "10.9.9.9"
    assert any("from 10.9.9.9" in claim.text for claim in one.claims)
    assert one.claims[-1].proofs


def test_patterns_that_count_verdicts_are_as_harmless_as_these() -> None:
    """What is harmless denial by denial does not become a problem by being counted."""
    calm = [{"ts": at(60.0 * n), "src_h": f"10.1.0.{n % 9}"} for n in range(120)]
    burst = [{"ts": at(3600 + n / 10), "src_h": "10.9.9.9"} for n in range(300)]
    late = {"harm": "harmless", "teardown": "fins", "lag_s": 0.0}
    rows = [row | late for row in calm + burst]
    harms = {one.id: one.harm for one in find_all(NO_CONNECTIONS, denials(rows))}
    assert harms == {"PAT201": Harm.HARMLESS, "PAT202": Harm.HARMLESS, "PAT203": Harm.HARMLESS}
    rows[-1]["harm"] = "harmful"
    harms = {one.id: one.harm for one in find_all(NO_CONNECTIONS, denials(rows))}
    assert harms == {"PAT201": Harm.DEPENDS, "PAT202": Harm.DEPENDS, "PAT203": Harm.DEPENDS}


def test_spike_out_of_silence_needs_the_period_of_the_log() -> None:
    burst = denials([{"ts": at(3600 + n / 10)} for n in range(100)])
    whole = connections([{"start": 60.0 * n} for n in range(120)])
    assert len(found("PAT201", whole, burst)) == 1
    assert found("PAT201", NO_CONNECTIONS, burst) == []  # nothing shows that there was less before


@pytest.mark.parametrize(
    "rows",
    [
        steady(100, 60),  # high, but always
        steady(1, 300),
        steady(3, 60) + [{"ts": at(1800 + n)} for n in range(8)],  # a small bump
        [{"ts": at(60.0 * n)} for n in range(19)],
        [{"ts": at(0)}] * 100,  # one second only
        [{"ts": None}] * 100,
        [{"ts": at(n / 10), "duplicate_of": 0} for n in range(500)],  # copies
    ],
)
def test_no_spike(rows: list[dict[str, Any]]) -> None:
    assert found("PAT201", refused=denials(rows)) == []


def test_two_spikes_are_two_findings_the_greater_first() -> None:
    small = [{"ts": at(1000 + n / 5)} for n in range(50)]
    great = [{"ts": at(5000 + n / 50)} for n in range(500)]
    result = found("PAT201", refused=denials(steady(1, 120) + small + great))
    assert [one.denials // 50 for one in result] == [10, 1]


def test_spikes_that_recur_are_one_finding() -> None:
    hourly = [{"ts": at(3600 * hour + n)} for hour in range(20) for n in range(40 + hour)]
    [one] = found("PAT201", refused=denials(hourly))
    assert one.title == "denials rose 20 times, most at 2024-05-02 07:00:00 UTC"
    assert one.claims[0].text == "They come about every 1 h."
    assert one.denials == len(hourly)
    assert (one.first_ts, one.last_ts) == (at(0), at(19 * 3600 + 58))


# --- PAT202 ----------------------------------------------------------------------------------


def test_one_host_sends_most() -> None:
    others = [{"ts": at(n), "src_h": f"10.2.0.{n}", "dst_h": f"10.3.0.{n}"} for n in range(10)]
    mine = [{"ts": at(n), "src_h": "10.9.9.9", "dst_h": f"10.4.0.{n}"} for n in range(30)]
    [one] = found("PAT202", refused=denials(mine + others))
    assert one.title == "10.9.9.9 sends 75 % of the denials"
    assert (one.denials, one.confidence) == (30, Confidence.CERTAIN)


@pytest.mark.parametrize(
    "rows",
    [
        [
            {"ts": at(n), "src_h": f"10.2.0.{n % 30}", "dst_h": f"10.3.{n % 30}.1"}
            for n in range(90)
        ],
        [{"ts": at(n)} for n in range(90)],  # a log of one pair of hosts
        [{"ts": at(n), "src_h": f"10.0.0.{min(n, 3)}", "dst_h": f"10.3.0.{n}"} for n in range(12)],
    ],
)
def test_no_one_host(rows: list[dict[str, Any]]) -> None:
    assert found("PAT202", refused=denials(rows)) == []


# --- PAT203 ----------------------------------------------------------------------------------


def lagging(lags: list[float], harm: str, teardown: str = "fins") -> list[dict[str, Any]]:
    return [
        {"ts": at(n), "lag_s": s, "teardown": teardown, "harm": harm} for n, s in enumerate(lags)
    ]


def test_lags_by_class() -> None:
    rows = lagging([0, 0, 0, 0, 1, 1, -1, 3, 14, 15, 100], "harmless")
    [one] = found("PAT203", refused=denials(rows))
    assert one.title.startswith("64 % of 11 denials after a Teardown came within 1 s")
    texts = [claim.text for claim in one.claims]
    assert texts[0].startswith("7 (64 %) within 1 s")
    assert texts[1].startswith("3 (27 %) within 15 s")
    assert texts[2].startswith("1 (9 %) within 4 min")
    assert texts[3].startswith("At most 9 (82 %) would be absorbed")
    assert one.harm == Harm.HARMLESS


def test_lags_with_harm_are_not_called_harmless() -> None:
    rows = lagging([0.0] * 20, "harmless") + lagging([7000.0], "harmful", "idle-timeout")
    [one] = found("PAT203", refused=denials(rows))
    assert one.harm == Harm.DEPENDS
    assert any(
        "an application that did not know (after idle-timeout)" in c.text for c in one.claims
    )


def test_no_lags_without_teardown() -> None:
    assert found("PAT203", refused=denials([{"ts": at(n)} for n in range(50)])) == []
    assert found("PAT203", refused=denials(lagging([0.0] * 9, "harmless"))) == []


# --- PAT204 ----------------------------------------------------------------------------------


def test_failover_losses() -> None:
    rows = [{"ts": at(10 + n), "failover_s": 4.0 + n, "cause": "DNY315"} for n in range(9)]
    [one] = found("PAT204", refused=denials(rows))
    assert one.title == "9 denials after the failover of fw at 2024-05-01 12:00:06 UTC"
    assert one.harm == Harm.HARMFUL


@pytest.mark.parametrize(
    "rows",
    [
        [{"ts": at(n), "failover_s": 4.0 + n, "cause": "DNY315"} for n in range(4)],
        [{"ts": at(n), "failover_s": 4.0 + n, "cause": "DNY201"} for n in range(50)],
        [{"ts": at(n), "failover_s": None, "cause": "DNY315"} for n in range(50)],
        [{"ts": at(60.0 * n), "failover_s": 1.0, "cause": "DNY315"} for n in range(50)],
    ],
)
def test_no_failover_losses(rows: list[dict[str, Any]]) -> None:
    assert found("PAT204", refused=denials(rows)) == []


# --- PAT205 ----------------------------------------------------------------------------------


def ending(starts: list[float], ends: list[float], **values: Any) -> pl.DataFrame:
    return connections(
        [
            {"start": s, "first_fin": "resp", "r_fin_s": e - s, "last_ts": at(e)} | values
            for s, e in zip(starts, ends, strict=True)
        ]
    )


def test_ended_at_once() -> None:
    rows = ending([10.0 * n for n in range(30)], [400 + 0.01 * n for n in range(30)])
    [one] = found("PAT205", rows)
    assert one.title == (
        "10.0.0.5 ended 30 connections within the second of 2024-05-01 12:06:40 UTC"
    )
    assert one.first_ts == at(400)


def test_ended_at_once_from_the_log_alone() -> None:
    rows = [
        {"start": 10.0 * n, "teardown_ts": at(400), "teardown_by": "orig", "teardown": "fins"}
        for n in range(30)
    ]
    [one] = found("PAT205", connections(rows))
    assert one.hosts == ("192.0.2.1",)


@pytest.mark.parametrize(
    "rows",
    [
        ending([10.0 * n for n in range(9)], [400.0] * 9),
        ending([0.1 * n for n in range(30)], [400.0] * 30),  # begun together
        ending([10.0 * n for n in range(300)], [5000 + 0.02 * n for n in range(300)]),  # its rate
        ending([10.0 * n for n in range(30)], [400.0] * 30, first_fin="none", first_rst="none"),
    ],
)
def test_not_ended_at_once(rows: pl.DataFrame) -> None:
    assert found("PAT205", rows) == []


# --- PAT206 ----------------------------------------------------------------------------------


def deaths(count: int, **values: Any) -> list[dict[str, Any]]:
    """Connections of different clients with one server that all gave up within seconds."""
    return [
        {"orig_h": f"192.0.2.{n}", "start": 5.0 * n, "last_ts": at(615 + n), "cause": "END407",
         "r_last_seg_s": 30.0, "o_last_seg_s": 0.0} | values
        for n in range(count)
    ]  # fmt: skip


def test_host_vanished() -> None:
    [one] = found("PAT206", connections(deaths(8)))
    assert one.hosts == ("10.0.0.5",) and one.connections == 8


@pytest.mark.parametrize(
    "rows",
    [
        deaths(4),
        deaths(8, cause="END202"),
        deaths(8, r_last_seg_s=0.0),  # it was not the silent one
        deaths(8) + [{"last_ts": at(900)} for _ in range(30)],  # its other connections live on
        [row | {"last_ts": at(60 + 300 * n)} for n, row in enumerate(deaths(8))],  # one by one
    ],
)
def test_no_host_vanished(rows: list[dict[str, Any]]) -> None:
    assert found("PAT206", connections(rows)) == []


# --- PAT301 ----------------------------------------------------------------------------------


def attempts(targets: list[tuple[str, int]], **values: Any) -> list[dict[str, Any]]:
    made = {"established": False, "ended": "refused", "orig_h": "198.51.100.9"} | values
    return [
        {"resp_h": h, "resp_p": p, "start": float(n)} | made for n, (h, p) in enumerate(targets)
    ]


def test_port_scan_from_packets_and_denials() -> None:
    some = connections(attempts([("10.0.0.5", 1 + n) for n in range(30)]))
    acl = [
        {"ts": at(n), "src_h": "198.51.100.9", "dst_h": "10.0.0.6", "dst_p": n, "cause": "DNY101"}
        for n in range(10)
    ]
    [one] = found("PAT301", some, denials(acl))
    assert one.title == "198.51.100.9 tried 40 targets (2 hosts, 31 ports), 100 % failed"
    assert (one.connections, one.denials) == (30, 10)


def test_port_scan_from_the_log_alone() -> None:
    rows = attempts(
        [(f"10.0.1.{n}", 22) for n in range(50)],
        established=None, ended=None, teardown="syn-timeout", log_bytes=0,
    )  # fmt: skip
    [one] = found("PAT301", connections(rows))
    assert "(50 hosts, 1 port)" in one.title


@pytest.mark.parametrize(
    "rows",
    [
        attempts([("10.0.0.5", 443)] * 500),  # one server down
        attempts([("10.0.0.5", n) for n in range(19)]),
        attempts(  # health checks: SYN, SYN ACK, RST
            [(f"10.0.1.{n}", 443) for n in range(50)],
            established=None,
            ended=None,
            teardown="reset-orig",
            log_bytes=0,
        ),
        attempts([(f"10.0.1.{n}", 443) for n in range(99)], ended="closed", established=True),
        attempts([(f"10.0.1.{n}", 80) for n in range(25)])
        + attempts([(f"10.0.2.{n}", 80) for n in range(25)], ended="closed", established=True),
    ],
)
def test_no_port_scan(rows: list[dict[str, Any]]) -> None:
    assert found("PAT301", connections(rows)) == []


# --- PAT302 ----------------------------------------------------------------------------------


def syns(count: int, sources: int, spacing_s: float, **values: Any) -> list[dict[str, Any]]:
    made = {"established": False, "ended": "unanswered"} | values
    return [
        {"orig_h": f"203.0.{n % sources // 250}.{n % sources % 250}", "start": n * spacing_s} | made
        for n in range(count)
    ]


def test_syn_flood() -> None:
    [one] = found("PAT302", connections(syns(600, 300, 0.05)))
    assert one.title == ("10.0.0.5:443 got 600 SYNs from 300 addresses that were never completed")
    assert one.harm == Harm.HARMFUL


@pytest.mark.parametrize(
    "rows",
    [
        syns(600, 300, 0.05, ended="refused"),  # a closed port: nothing is left hanging
        syns(600, 3, 0.05),  # few clients of a service that is down
        syns(600, 300, 10.0),  # slow
        syns(600, 300, 0.05, ended="closed", established=True),  # a busy server
        syns(100, 100, 0.05) + syns(300, 100, 0.05, ended="closed", established=True),
    ],
)
def test_no_syn_flood(rows: list[dict[str, Any]]) -> None:
    assert found("PAT302", connections(rows)) == []


# --- PAT303 ----------------------------------------------------------------------------------


def answers(targets: int, **values: Any) -> list[dict[str, Any]]:
    made = {"flags": "SYN ACK", "seen_before": "no", "src_h": "203.0.113.80", "src_p": 80} | values
    return [{"ts": at(n), "dst_h": f"10.7.0.{n}", "dst_p": 1024 + n} | made for n in range(targets)]


def test_backscatter() -> None:
    [one] = found("PAT303", connections([{}]), denials(answers(25)))
    assert one.title == "203.0.113.80:80 answered 25 targets that never asked"
    assert one.harm == Harm.HARMLESS


@pytest.mark.parametrize(
    ("some", "rows"),
    [
        (connections([{}]), answers(9)),
        (connections([{"orig_h": f"10.7.0.{n}"} for n in range(25)]), answers(25)),  # asymmetric
        (connections([{}]), answers(25, flags="ACK")),
        (connections([{}]), answers(25, teardown="fins")),
        (NO_CONNECTIONS, answers(25)),  # nothing shows who opens connections
    ],
)
def test_no_backscatter(some: pl.DataFrame, rows: list[dict[str, Any]]) -> None:
    assert found("PAT303", some, denials(rows)) == []


# --- PAT304 ----------------------------------------------------------------------------------


def storm(count: int, **values: Any) -> pl.DataFrame:
    """RSTs without connection towards one port, ten per second."""
    made = {"flags": "RST", "seen_before": "no", "dst_h": "10.0.0.5", "dst_p": 179}
    return denials([
        {"ts": at(0.1 * n), "src_h": f"203.0.113.{n % 200}", "src_p": 1024 + n} | made | values
        for n in range(count)
    ])  # fmt: skip


def test_rst_storm() -> None:
    [one] = found("PAT304", NO_CONNECTIONS, storm(150))
    assert one.hosts == ("10.0.0.5",) and one.denials == 150


@pytest.mark.parametrize(
    "rows", [storm(60), storm(150, flags="ACK"), storm(150, seen_before="yes", teardown="fins")]
)
def test_no_rst_storm(rows: pl.DataFrame) -> None:
    assert found("PAT304", NO_CONNECTIONS, rows) == []


# --- PAT402 ----------------------------------------------------------------------------------


def leaked(count: int, **values: Any) -> pl.DataFrame:
    """Connections of a pod with a service, and answers of a server meeting the same ports."""
    rows: list[dict[str, Any]] = []
    for n in range(count):
        port = 40000 + n
        rows.append({"orig_h": "10.1.0.7", "orig_p": port, "resp_h": "10.96.0.1", "start": 1.0 * n,
                     "midstream": False})  # fmt: skip
        rows.append({"orig_h": "10.1.0.7", "orig_p": port, "resp_h": "10.2.0.9", "midstream": True,
                     "start": 1.0 * n + 30, "established": False, "orig_rst_class": "no-state"}
                    | values)  # fmt: skip
    return connections(rows)


def test_untranslated_answers() -> None:
    [one] = found("PAT402", leaked(4))
    assert one.hosts == ("10.1.0.7", "10.2.0.9") and one.connections == 4
    assert "10.96.0.1" in one.claims[0].text


def test_untranslated_answers_where_another_point_tells_the_address_itself() -> None:
    rows = leaked(4).with_columns(
        resp_mapped_h=pl.when(pl.col("midstream").not_()).then(pl.lit("10.96.0.1")),
        resp_h=pl.lit("10.2.0.9"),
    )
    [one] = found("PAT402", rows)
    assert one.hosts == ("10.1.0.7", "10.2.0.9")


@pytest.mark.parametrize(
    "rows",
    [
        leaked(2),
        leaked(4, midstream=False, established=True),  # the port was used again, with a SYN
        leaked(4, resp_h="10.96.0.1"),  # the service itself
        leaked(4, orig_p=50000),  # a port that is not in use: backscatter
        leaked(4, orig_rst_class="abort"),
    ],
)
def test_no_untranslated_answers(rows: pl.DataFrame) -> None:
    assert found("PAT402", rows) == []


# --- PAT401 ----------------------------------------------------------------------------------


def half_closed(acked: list[float], reset: list[float], **values: Any) -> pl.DataFrame:
    both = {"first_fin": "resp", "fin_by": "both"}
    drew = {"resp_rst_class": "no-state", "resp_rst_answers": "fin", "o_fin_acked": False}
    kept = {"resp_rst_class": "none", "resp_rst_answers": "none", "o_fin_acked": True}
    rows = [both | kept | {"fin_gap_s": s} | values for s in acked]
    rows += [both | drew | {"fin_gap_s": s} | values for s in reset]
    return connections(rows)


def test_half_close_lifetime() -> None:
    [one] = found("PAT401", half_closed([0.1, 0.5, 1.9], [2.1, 2.5, 30.0]))
    assert one.title == "10.0.0.5 forgets a connection it has closed after 1.9 s to 2.1 s"
    assert one.connections == 6
    assert one.stories == (3, 4, 5)


@pytest.mark.parametrize(
    "rows",
    [
        half_closed([0.1, 0.5, 1.9], [2.1, 2.5]),  # too few
        half_closed([0.1, 0.5, 9.0], [2.1, 2.5, 30.0]),  # time does not decide
        half_closed([0.1, 0.5, 1.9], [2.1, 2.5, 30.0], first_fin="orig"),
        half_closed([0.1, 0.5, 1.9], [2.1, 2.5, 30.0], resp_rst_answers="data"),
        half_closed([0.1, 0.5, 1.9], [2.1, 2.5, 30.0], fin_by="resp"),
    ],
)
def test_no_half_close_lifetime(rows: pl.DataFrame) -> None:
    assert found("PAT401", rows) == []


# --- all of them -----------------------------------------------------------------------------


def test_empty_and_null_frames_show_nothing() -> None:
    assert find_all(NO_CONNECTIONS, NO_DENIALS) == []
    nothing = pl.DataFrame([dict.fromkeys(CONNECTION)] * 100, schema=CONNECTION)
    unread = pl.DataFrame([dict.fromkeys(DENIAL)] * 100, schema=DENIAL)
    assert find_all(nothing, unread) == []


def test_find_all_proves_its_examples_and_counts_what_it_leaves_out() -> None:
    servers = [
        {"closing_gap_s": 60.0, "first_fin": "resp", "resp_p": port}
        for port in range(_api.MAX_FINDINGS + 3)
        for _ in range(8)
    ]
    asked = []

    def prove(row: int) -> tuple[Proof, ...]:
        asked.append(row)
        return (Proof("a.pcap", row + 1, "frame"),)

    result = [f for f in find_all(connections(servers), NO_DENIALS, prove) if f.id == "PAT101"]
    assert len(result) == _api.MAX_FINDINGS
    assert [one.more for one in result] == [0] * (_api.MAX_FINDINGS - 1) + [3]
    assert asked[:3] == list(result[0].stories)
    assert result[0].claims[-1].proofs == (Proof("a.pcap", 3, "frame"),)


def test_many_rows_take_a_moment() -> None:
    """The work grows with the groups, not with pairs of rows: no pattern joins rows to rows."""
    some = pl.concat([connections(syns(1000, 300, 0.05))] * 200)
    many = pl.concat([denials(steady(10, 100))] * 100)
    assert {one.id for one in find_all(some, many)} >= {"PAT302"}


def test_every_pattern_says_when_and_where() -> None:
    for key, pattern in patterns().items():
        assert issubclass(pattern, Pattern) and pattern.id == key
        assert pattern.__module__.rsplit(".", 1)[1].startswith(key.lower())
