"""Traffic written as text, through tracking and correlation, to the verdict: what rules expect of
facts is what facts are."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from finis.correlation.correlate import correlate
from finis.diagnosis import engine
from finis.diagnosis.tally import findings
from finis.terms import Confidence
from tests.correlation.world import denials, log, logged, point
from tests.script import segments

OPEN = """
+0    C > S S  0:0(0)
+.010 S > C S. 0:0(0) ack 1
+.010 C > S .  1:1(0) ack 1
"""
TALK = (
    OPEN
    + """
+.001 C > S P. 1:301(300) ack 1
+.010 S > C .  1:1(0) ack 301
+.020 S > C P. 1:1001(1000) ack 301
+.010 C > S .  301:301(0) ack 1001
"""
)
TLS = (
    OPEN
    + """
+.001 C > S P. 1:301(300) ack 1 head=1603010127010001
"""
)
HELLO = "+.020 S > C P. 1:1001(1000) ack 301 head=1603030051020000\n"

CUT_SHORT = (
    "+.0001 C > S F. 331:331(0) ack 1001\n+.01 S > C F. 1001:1001(0) ack 332\n"
    "+.01 C > S . 332:332(0) ack 1002\n"
)
FINISHED = "+.01 C > S P. 301:359(58) ack 1001 head=1703030035\n"
TLS13 = TLS + HELLO + FINISHED
RECORD = "+.001 S > C . 1001:2461(1460) ack 359 head=1703033e80\n"  # 16 005 bytes long

SYN_ACK_AGAIN = "+{0} S > C S. 0:0(0) ack 1\n+.0001 C > S . {1}:{1}(0) ack 1\n"
REQUESTS = "".join(f"+{wait} C > S P. 1:101(100) ack 1\n" for wait in (0.01, 0.3))
BACK_OFF = (1, 0.3, 0.6, 1.2)
ASKED = OPEN + "+.001 C > S P. 1:301(300) ack 1\n+.01 S > C . 1:1(0) ack 301\n"
LARGE = ("+.01 S > C . 1:1449(1448) ack 301 df\n",
         "".join(f"+{wait} S > C . 1:1449(1448) ack 301 df\n" for wait in BACK_OFF))  # fmt: skip

# id → (confidence, harm, {name: traffic})
TRAFFIC: dict[str, tuple[str, str, dict[str, str]]] = {
    "END101": ("certain", "depends", {
        "port closed": "+0 C > S S 0:0(0)\n+.01 S > C R. 0:0(0) ack 1 win 0",
    }),
    "END102": ("likely", "depends", {
        "no answer": "+0 C > S S 0:0(0)\n+1 C > S S 0:0(0)\n+2 C > S S 0:0(0)",
    }),
    "END103": ("certain", "depends", {
        "SYN ACKs in vain": "+0 C > S S 0:0(0)\n+.01 S > C S. 0:0(0) ack 1\n"
        "+1 S > C S. 0:0(0) ack 1\n+2 S > C S. 0:0(0) ack 1",
    }),
    "END104": ("certain", "harmless", {
        "half-open check": "+0 C > S S 0:0(0)\n+.01 S > C S. 0:0(0) ack 1\n"
        "+.01 C > S R 1:1(0) win 0",
    }),
    "END113": ("likely", "depends", {
        "the SYN ACK came after six seconds": "+0 C > S S 0:0(0)\n+1 C > S S 0:0(0)\n"
        "+2 C > S S 0:0(0)\n+3 S > C S. 0:0(0) ack 1\n+.0001 C > S R 1:1(0) win 0",
    }),
    "END105": ("likely", "harmful", {
        "SYN ACKs alone": "+0 S > C S. 0:0(0) ack 1\n+1 S > C S. 0:0(0) ack 1\n"
        "+2 S > C S. 0:0(0) ack 1",
    }),
    "END106": ("likely", "depends", {
        "backscatter": "+0 S > C S. 0:0(0) ack 1\n+.0001 C > S R 1:1(0) win 0",
    }),
    "END109": ("certain", "depends", {
        "prohibited": "+0 C > S S 0:0(0)\n+.01 C > S - 0 icmp=3.13",
    }),
    "END110": ("possible", "harmful", {
        "RST to the handshake's ACK": OPEN + "+.0001 S > C R 1:1(0) win 0",
        "SYN ACKs, no data": OPEN + SYN_ACK_AGAIN.format(1, 1) + SYN_ACK_AGAIN.format(2, 1),
    }),
    "END201": ("certain", "harmless", {
        "four segments": TALK + "+1 C > S F. 301:301(0) ack 1001\n+.01 S > C . ack 302\n"
        "+.01 S > C F. 1001:1001(0) ack 302\n+.01 C > S . 302:302(0) ack 1002",
        "three segments": TALK + "+1 C > S F. 301:301(0) ack 1001\n"
        "+.01 S > C F. 1001:1001(0) ack 302\n+.01 C > S . 302:302(0) ack 1002",
        "RST after it": TALK + "+1 C > S F. 301:301(0) ack 1001\n"
        "+.01 S > C F. 1001:1001(0) ack 302\n+.01 C > S . 302:302(0) ack 1002\n"
        "+.01 C > S R. 302:302(0) ack 1002",
    }),
    "END202": ("certain", "harmless", {
        "idle close": TALK + "+60 S > C F. 1001:1001(0) ack 301\n"
        "+.01 C > S F. 301:301(0) ack 1002\n+.01 S > C . ack 302",
    }),
    "END203": ("certain", "harmless", {
        "crossed": TALK + "+1 C > S F. 301:301(0) ack 1001\n+.001 S > C F. 1001:1001(0) ack 301\n"
        "+.01 C > S . 302:302(0) ack 1002\n+.001 S > C . 1002:1002(0) ack 302",
    }),
    "END204": ("certain", "harmless", {
        "response after the FIN": OPEN + "+.01 C > S FP. 1:301(300) ack 1\n+.01 S > C . ack 302\n"
        "+.1 S > C P. 1:1401(1400) ack 302\n+.01 C > S . 302:302(0) ack 1401\n"
        "+.1 S > C F. 1401:1401(0) ack 302\n+.01 C > S . 302:302(0) ack 1402",
    }),
    "END205": ("likely", "harmless", {
        "FIN repeated": TALK + "+1 C > S F. 301:301(0) ack 1001\n"
        "+.01 S > C F. 1001:1001(0) ack 302\n+.4 S > C F. 1001:1001(0) ack 302\n"
        "+.8 S > C F. 1001:1001(0) ack 302",
    }),
    "END301": ("likely", "depends", {
        "data just before": TALK + "+1 S > C P. 1001:2001(1000) ack 301\n"
        "+.0002 C > S F. 301:301(0) ack 2001\n+.0001 C > S R. 302:302(0) ack 2001",
    }),
    "END302": ("certain", "harmless", {
        "server first": TALK + "+1 S > C F. 1001:1001(0) ack 301\n+.01 C > S . ack 1002\n"
        "+2.5 C > S F. 301:301(0) ack 1002\n= C > S R. 302:302(0) ack 1002 win 0",
        "and the server had forgotten": TALK + "+1 S > C F. 1001:1001(0) ack 301\n"
        "+.01 C > S . ack 1002\n+2.5 C > S F. 301:301(0) ack 1002\n"
        "= C > S R. 302:302(0) ack 1002 win 0\n+.00006 S > C R 1002:1002(0) win 0",
    }),
    "END303": ("certain", "harmless", {
        "client first": TALK + "+1 C > S F. 301:301(0) ack 1001\n+.01 S > C . ack 302\n"
        "+1 S > C F. 1001:1001(0) ack 302\n+.0001 S > C R. 1002:1002(0) ack 302",
    }),
    "END304": ("certain", "depends", {
        "server still open": TALK + "+1 C > S F. 301:301(0) ack 1001\n"
        "+.0001 C > S R. 302:302(0) ack 1001",
    }),
    "END305": ("likely", "depends", {"abort": TALK + "+1 C > S R. 301:301(0) ack 1001"}),
    "END306": ("likely", "depends", {"abort": TALK + "+1 S > C R. 1001:1001(0) ack 301"}),
    "END310": ("certain", "depends", {
        "response to a client that left": OPEN + "+.01 C > S P. 1:301(300) ack 1\n"
        "+.01 S > C . ack 301\n+1 C > S F. 301:301(0) ack 1\n+.01 S > C . ack 302\n"
        "+1 S > C P. 1:1001(1000) ack 302\n+.0001 C > S R 302:302(0) win 0",
    }),
    "END311": ("likely", "harmless", {
        "FIN to a freed socket": TALK + "+1 S > C F. 1001:1001(0) ack 301\n+.01 C > S . ack 1002\n"
        "+70 C > S F. 301:301(0) ack 1002\n+.0001 S > C R 1002:1002(0) win 0",
    }),
    "END312": ("likely", "harmful", {
        "after a restart": TALK + "+3600 C > S P. 301:401(100) ack 1001\n"
        "+.0001 S > C R 1001:1001(0) win 0",
    }),
    "END313": ("likely", "harmful", {
        "request crosses the close": TALK + "+60 S > C F. 1001:1001(0) ack 301\n"
        "+.004 C > S P. 301:601(300) ack 1001\n+.0001 S > C R 1001:1001(0) win 0",
    }),
    "END316": ("possible", "depends", {
        "alien TTL": TALK + "+1 S > C R. 1001:1001(0) ack 301 ttl=119",
    }),
    "END409": ("likely", "harmful", {
        "told by a router": ASKED + LARGE[0] + "+.01 S > C - 1 icmp=3.4 mtu=1400\n" + LARGE[1],
        "small ones get through": ASKED + LARGE[0] + LARGE[1]
        + "+5 C > S P. 301:351(50) ack 1\n+.1 S > C . 1449:1449(0) ack 351\n",
    }),
    "END410": ("likely", "depends", {
        "FINs in vain": TALK
        + "".join(f"+{wait} C > S F. 301:301(0) ack 1001\n" for wait in BACK_OFF),
    }),
    "END411": ("likely", "harmful", {
        "user timeout, then the peer speaks": TALK
        + "".join(f"+{wait} C > S P. 301:601(300) ack 1001\n" for wait in BACK_OFF)
        + "+30 S > C P. 1001:1101(100) ack 301\n+.0001 C > S R 301:301(0) win 0\n",
    }),
    "END320": ("certain", "harmful", {
        "handshake_failure": TLS + "+.02 S > C P. 1:8(7) ack 301 head=15030300020228 alert=fatal "
        "desc=40\n= S > C F. 8:8(0) ack 301\n+.01 C > S F. 301:301(0) ack 9\n"
        "+.01 S > C . ack 302",
    }),
    "END321": ("likely", "harmful", {
        "HTTP to TLS": OPEN + "+.001 C > S P. 1:301(300) ack 1 head=474554202f204854\n"
        "+.02 S > C P. 1:8(7) ack 301 head=15030100020246 alert=fatal desc=70\n"
        "= S > C F. 8:8(0) ack 301\n+.01 C > S F. 301:301(0) ack 9\n+.01 S > C . ack 302",
    }),
    "END322": ("likely", "harmful", {
        "TLS to HTTP": TLS + "+.02 S > C P. 1:301(300) ack 301 head=485454502f312e31\n"
        "= S > C F. 301:301(0) ack 301\n+.01 C > S F. 301:301(0) ack 302\n+.01 S > C . ack 302",
    }),
    "END323": ("likely", "harmful", {
        "RST to the ClientHello": TLS + "+.02 S > C R. 1:1(0) ack 301",
    }),
    "END324": ("certain", "harmful", {
        "certificate refused": TLS + HELLO
        + "+.01 C > S P. 301:331(30) ack 1001 head=1403030001011703 alert=likely\n" + CUT_SHORT,
    }),
    "END325": ("likely", "harmful", {
        "in mid-record": TLS13 + RECORD
        + "+.001 S > C . 2461:3921(1460) ack 359 head=0011223344556677\n"
        "+.01 C > S . 359:359(0) ack 3921\n+.1 S > C F. 3921:3921(0) ack 359\n"
        "+.01 C > S F. 359:359(0) ack 3922\n+.01 S > C . ack 360",
        "in mid-record, of which the capture kept the head only": TLS13
        + RECORD.replace("\n", " nopayload\n")
        + "+.01 C > S . 359:359(0) ack 2461\n+.1 S > C F. 2461:2461(0) ack 359\n"
        "+.01 C > S F. 359:359(0) ack 2462\n+.01 S > C . ack 360",
    }),
    "END391": ("likely", "depends", {
        "joined late": "+0 S > C P. 301:601(300) ack 301\n+2 C > S R. 301:301(0) ack 1",
    }),
    "END405": ("likely", "depends", {
        "server never closes": TALK + "+1 C > S F. 301:301(0) ack 1001\n+.01 S > C . ack 302",
    }),
    "END406": ("likely", "harmful", {
        "reader stuck": TALK + "+1 S > C P. 1001:2001(1000) ack 301\n"
        "+.01 C > S . 301:301(0) ack 2001 win 0\n+.5 S > C . 2000:2000(0) ack 301\n"
        "+.01 C > S . 301:301(0) ack 2001 win 0\n+1 S > C . 2000:2000(0) ack 301\n"
        "+.01 C > S . 301:301(0) ack 2001 win 0",
    }),
    "END407": ("likely", "harmful", {
        "into silence": TALK + "+1 S > C P. 1001:2001(1000) ack 301\n"
        + "".join(f"+{2**n} S > C P. 1001:2001(1000) ack 301\n" for n in range(5)),
    }),
    "END408": ("likely", "harmful", {
        "probes in vain": TALK
        + "+60 C > S . 300:300(0) ack 1001\n" * 4 + "+60 C > S R. 301:301(0) ack 1001",
    }),
    "END601": ("possible", "depends", {
        "client only": "+0 C > S P. 1:301(300) ack 1\n+.1 C > S . 301:301(0) ack 1001\n"
        "+.1 C > S P. 301:601(300) ack 2001",
    }),
    "END901": ("likely", "harmless", {"goes on": TALK}),
}  # fmt: skip

BESIDE = {
    "and the server had forgotten": {"END311"},
    "RST after it": {"END206"},
}
ROWS = [(key, name) for key, (_, _, cases) in TRAFFIC.items() for name in cases]


def judged(traffic: str, margin_s: float = 700.0) -> engine.Judged:
    seen = point("inside", traffic, margin_s=margin_s)
    return engine.judge(correlate([seen], log(), denials()))


# Traffic with the cause beside another that its verdict names, and a look-alike without it.
CLOSED = (
    "+1 C > S F. 301:301(0) ack 1001\n+.01 S > C F. 1001:1001(0) ack 302\n"
    "+.01 C > S . 302:302(0) ack 1002\n"
)
LAST_FINS = (
    "+.001 S > C F. 1025:1025(0) ack 359\n+.01 C > S F. 359:359(0) ack 1026\n+.01 S > C . ack 360"
)
CONTRIBUTING = {
    "END112": (
        "+0 C > S S 0:0(0)\n+.001 S > C S 0:0(0)\n+.01 C > S S. 0:0(0) ack 1\n"
        "+.001 S > C S. 0:0(0) ack 1\n+.01 C > S . 1:1(0) ack 1",
        TALK,
    ),
    "END210": (
        TALK + CLOSED + "+10 S > C . 1001:1001(0) ack 302\n+.0001 C > S . 302:302(0) ack 1002\n"
        "+.01 S > C R 1002:1002(0) win 0",
        TALK + CLOSED + "+.01 C > S R. 302:302(0) ack 1002",
    ),
    "END307": (
        OPEN + "+.1 C > S P. 1:31(30) ack 1\n+.1 S > C . 1:1(0) ack 31\n+1 C > S R. 31:31(0) ack 1",
        TALK + "+1 C > S R. 301:301(0) ack 1001",
    ),
    "END318": (
        OPEN + "+.001 C > S P. 1:301(300) ack 1\n+.001 C > S R. 301:301(0) ack 1 ttl=100\n"
        "+.0001 C > S R. 1761:1761(0) ack 1 ttl=100",
        OPEN + "+.001 C > S P. 1:301(300) ack 1\n+.001 C > S R. 301:301(0) ack 1\n"
        "+.01 S > C . 1:1(0) ack 301\n+.0001 C > S R 301:301(0) win 0",
    ),
    "END319": (
        TALK
        + "".join(
            f"+.01 S > C R {n}:{n}(0) win 0\n+.0001 C > S . 301:301(0) ack 1001\n"
            for n in range(20_001, 40_001, 1500)
        ),
        TALK
        + "+1 C > S F. 301:301(0) ack 1001\n+.01 S > C . ack 302\n"
        + "".join(
            f"+.01 S > C P. {n}:{n + 1000}(1000) ack 302\n+.0001 C > S R 302:302(0) win 0\n"
            for n in range(1001, 13_001, 1000)
        ),
    ),
    "END208": (
        TLS13 + "+5 S > C P. 1001:1025(24) ack 359 head=1703030013 alert=likely\n" + LAST_FINS,
        TLS13
        + "+1 S > C P. 1001:1025(24) ack 359 head=1703030013 alert=likely\n"
        + LAST_FINS.replace("+.001", "+2"),
    ),
    "END209": (
        TLS13 + "+5 S > C P. 1001:1025(24) ack 359 head=1703030013\n" + LAST_FINS,
        TLS13
        + "+1 S > C P. 1001:1025(24) ack 359 head=1703030013 alert=likely\n"
        + LAST_FINS.replace("F. 359", "F. 359:383(24) alert=likely #"),
    ),
    "END904": (TALK.replace(OPEN, ""), TALK),
    "END314": (
        TALK + "+350.2 S > C R. 1001:1001(0) ack 301",
        TALK + "+100 S > C R. 1001:1001(0) ack 301",
    ),
}


@pytest.mark.parametrize("key", CONTRIBUTING)
def test_what_is_said_beside_the_verdict(key: str) -> None:
    with_it, without = (judged(traffic) for traffic in CONTRIBUTING[key])
    assert key in with_it.connections["contributing"][0].split(",")
    assert key not in without.connections["contributing"][0].split(",")
    story = with_it.stories.story(0)
    claims = engine.catalogue()[key].claims(story)
    assert claims and (any(claim.proofs for claim in claims) or key == "END904")


def test_a_full_accept_queue_is_likely_where_data_waits_in_vain() -> None:
    again = "".join(SYN_ACK_AGAIN.format(wait, 101) for wait in (0.7, 2, 4))
    row = judged(OPEN + REQUESTS + again).connections.row(0, named=True)
    assert (row["cause"], row["confidence"], row["harm"]) == ("END110", "likely", "harmful")
    taken = OPEN + REQUESTS + SYN_ACK_AGAIN.format(0.7, 101) + "+.01 S > C . 1:1(0) ack 101\n"
    assert judged(taken).connections["cause"].to_list() == ["END901"]


@pytest.mark.parametrize(
    ("error", "why"),
    [
        ("C > S - 4711 icmp=3.1", "a number that was never sent: forged, or another connection"),
        ("S > C - 0 icmp=3.1", "about a segment of the server"),
        ("C > S - 0 icmp=3.4 mtu=1400", "too big: the SYN was not"),
        ("C > S - 0 icmp=3.1 sport=40001", "another port"),
    ],
)
def test_an_icmp_error_about_something_else_rejects_nothing(error: str, why: str) -> None:
    syns = f"+0 C > S S 0:0(0)\n+.01 {error}\n+1 C > S S 0:0(0)\n+2 C > S S 0:0(0)"
    assert judged(syns).connections["cause"].to_list() == ["END102"], why


def test_an_icmp_error_long_before_or_after_is_of_another_connection() -> None:
    syns = "+0 C > S S 0:0(0)\n+1 C > S S 0:0(0)\n+500 C > S - 0 icmp=3.1\n"
    assert judged(syns).connections["icmp_errors"].to_list() == [0]
    again = "+0 C > S - 0 icmp=3.1\n+60 C > S S 0:0(0)\n+1 C > S S 0:0(0)\n"
    assert judged(again).connections["icmp_errors"].to_list() == [0]


def test_an_icmp6_error_is_told_in_its_own_words() -> None:
    got = judged(
        "name C [2001:db8::1]:40000\nname S [2001:db8::2]:443\n+0 C > S S 0:0(0)\n"
        "+.01 C > S - 0 icmp=1.0 by=2001:db8:f::1"
    )
    (found,) = findings(got)
    assert (found.id, found.confidence) == ("END109", Confidence.CERTAIN)
    assert "2001:db8:f::1 reported" in found.examples[0].claims[1].text
    assert "no route" in found.examples[0].claims[1].text


def test_an_icmp_error_seen_at_one_of_two_points() -> None:
    rejected = "+0 C > S S 0:0(0)\n+.01 C > S - 0 icmp=3.13\n"
    got = across(rejected, "+0 C > S S 0:0(0)\n")
    row = got.connections.row(0, named=True)
    assert (row["cause"], row["icmp_errors"], row["icmp_to"]) == ("END109", 1, "orig")


def test_a_first_large_segment_lost_in_silence_is_only_possibly_the_path_mtu() -> None:
    row = judged(ASKED + LARGE[0] + LARGE[1]).connections.row(0, named=True)
    assert (row["cause"], row["confidence"]) == ("END409", "possible")
    passed = ASKED + "+.01 S > C . 1:1449(1448) ack 301 df\n+.01 C > S . ack 1449\n"
    later = "".join(f"+{wait} S > C . 1449:2897(1448) ack 301 df\n" for wait in (0, *BACK_OFF))
    assert judged(passed + later).connections["cause"].to_list() == ["END407"]


def test_a_train_of_rsts_with_guessed_numbers_is_forged() -> None:
    """RST_SEQ_CHANGE: each RST further ahead, by a window's worth."""
    train = "".join(f"+.0001 S > C R. {n}:{n}(0) ack 301\n" for n in (1001, 2461, 5381))
    row = judged(TALK + "+1" + train[6:]).connections.row(0, named=True)
    assert (row["cause"], row["confidence"], row["r_rst_form"]) == ("END316", "possible", "R.,R.")
    # A stack that aborts and then answers what was under way uses numbers it was sent.
    stack = (
        "+1 C > S R. 301:301(0) ack 1001\n+.001 S > C P. 1001:2001(1000) ack 301\n"
        "+.0001 C > S R 301:301(0) win 0\n"
    )
    row = judged(TALK + stack).connections.row(0, named=True)
    assert (row["cause"], row["o_rst_form"], row["o_rst_ahead"]) == ("END305", "R,R.", False)


def test_a_second_syn_with_another_number_is_no_retransmission() -> None:
    syns = "+0 C > S S 0:0(0)\n+5 C > S S {0}:{0}(0)\n+1 C > S S {0}:{0}(0)\n"
    assert judged(syns.format(777_000)).connections["cause"].to_list() == ["END102", "END111"]
    assert judged(syns.format(0)).connections["cause"].to_list() == ["END102"]


@pytest.mark.parametrize(("key", "name"), ROWS)
def test_verdict_and_words(key: str, name: str) -> None:
    confidence, harm, cases = TRAFFIC[key]
    got = judged(cases[name])
    assert got.connections.height == 1
    row: dict[str, Any] = got.connections.row(0, named=True)
    story = f"{row['ending']} {row['ended']} {row['orig_rst_class']} {row['resp_rst_class']}"
    assert (row["cause"], row["confidence"], row["harm"]) == (key, confidence, harm), story
    assert BESIDE.get(name, set()) <= set(row["contributing"].split(","))
    (found,) = findings(got)
    (example,) = found.examples
    assert example.claims and all(claim.text.endswith(".") for claim in example.claims)
    frames = {proof.number for claim in example.claims for proof in claim.proofs}
    assert frames <= set(range(1, cases[name].count(" > ") + 1))
    assert frames or key == "END901"  # which rests on what is absent


def across(inside: str, outside: str) -> engine.Judged:
    """The client's side and the server's side of a firewall, 20 µs apart."""
    points = []
    for number, (name, traffic) in enumerate((("inside", inside), ("outside", outside))):
        rows = segments(traffic)
        if number:
            from_client = rows["src_p"] >= 40000
            rows["ts_ns"] += np.where(from_client, 20_000, -20_000)
        points.append(point(name, rows, file=number, margin_s=700.0))
    return engine.judge(correlate(points, log(), denials()))


CHALLENGED = """
+0    C > S S 100:100(0)
+.010 S > C . 7777:7777(0) ack 9999
"""
TWICE = CHALLENGED + "+.001 C > S R 9999:9999(0) win 0\n", CHALLENGED
FROM_SERVER = "+1 S > C R. 1001:1001(0) ack 301"
UPLOAD = "".join(f"+{wait} C > S P. 301:601(300) ack 1001\n" for wait in (1, 0.3, 0.6, 1.2, 2.4))
FINS = "".join(f"+{wait} C > S F. 301:301(0) ack 1001\n" for wait in (1, 0.3, 0.6))
ACROSS = {
    "reset by the server, passed on": ("END306", TALK + FROM_SERVER, TALK + FROM_SERVER),
    "made by the firewall": ("END501", TALK + FROM_SERVER, TALK),
    "made by the firewall for both": (
        "END501", TALK + FROM_SERVER, TALK + "+1 C > S R. 301:301(0) ack 1001",
    ),
    "eaten by the firewall": ("END605", TALK, TALK + FROM_SERVER),
    "data eaten by the firewall": ("END606", TALK + UPLOAD, TALK),
    "FIN eaten by the firewall": ("END606", TALK + FINS, TALK),
    "RST to a challenge ACK eaten": (
        "END107", TWICE[0] + TWICE[0].replace("+0 ", "+1 "),
        TWICE[1] + TWICE[1].replace("+0 ", "+1.001 "),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ACROSS)
def test_two_sides_of_a_firewall(name: str) -> None:
    key, inside, outside = ACROSS[name]
    got = across(inside, outside)
    row = got.connections.row(0, named=True)
    assert (row["points"], row["cause"]) == ("inside,outside", key)
    # What one capture lacks it may have lost, unless what follows shows that nobody got it.
    assert row["confidence"] == ("certain" if key in ("END306", "END107") else "likely")
    (found,) = findings(got)
    assert any("firewall" in claim.text for claim in found.examples[0].claims) == (key != "END306")


OTHER = "name S 198.51.100.9:443\n"
SYNS = (
    "name C 192.0.2.1:40001\nname S 198.51.100.1:{port}\n+.1 C > S S 0:0(0)\n+1 C > S S 0:0(0)\n"
    "+2 C > S S 0:0(0)\n"
)


@pytest.mark.parametrize(
    ("port", "beside", "said"),
    [
        (443, TALK, ("END603", "likely", "outside")),  # the other point shows that very port
        (8443, TALK, ("END603", "possible", "outside")),  # its filter may be for 443
        (8443, OTHER + TALK, ("END102", "likely", None)),  # it shows another server
    ],
)
def test_a_syn_that_the_other_point_would_have_shown(
    port: int, beside: str, said: tuple[str, str, str | None]
) -> None:
    table = across(beside + SYNS.format(port=port), beside).connections
    row = table.filter(pl.col("orig_p") == 40001).row(0, named=True)
    assert (row["cause"], row["confidence"], row["absent_at"]) == said


def test_nothing_is_said_of_a_point_whose_capture_had_ended() -> None:
    inside = point("inside", TALK + SYNS.format(port=443), margin_s=700.0)
    outside = point("outside", TALK, file=1)
    table = engine.judge(correlate([inside, outside], log(), denials())).connections
    assert table.filter(pl.col("orig_p") == 40001)["cause"].to_list() == ["END102"]


def test_a_rst_that_passed_untranslated_was_not_made_by_the_firewall() -> None:
    """A stray segment of the server crosses a destination NAT as it is; the client's RST too, to
    the address that the stray came from.  Outside they are a connection of their own."""
    stray = "+.1 S > C P. 50001001:50001006(5) ack 301\n+.00001 C > S R 301:301(0) win 0\n"
    public = "name S 198.51.100.250:443\n"
    inside = segments(TALK + stray)
    outside = np.concatenate((segments(public + TALK), segments(TALK + stray)[-2:]))
    outside["ts_ns"][:-2] += np.where(outside["src_p"][:-2] == 40000, -20_000, 20_000)
    told = log(
        logged(
            orig="192.0.2.1:40000", resp="198.51.100.1:443", resp_mapped="198.51.100.250:443",
            built_at="2024-05-01 12:00:00", teardown_at="2024-05-01 12:00:01",
            teardown="reset-orig",
        )
    )  # fmt: skip
    points = [
        point("inside", inside, margin_s=700.0),
        point("outside", outside, file=1, margin_s=700.0),
    ]
    table = engine.judge(correlate(points, told, denials())).connections
    row = table.filter(pl.col("has_log")).row(0, named=True)
    assert (row["points"], row["created_rst"], row["r_dropped"]) == ("outside,inside", "none", 0)
    assert row["cause"] == "END312"


CLOSE = (
    "+1 C > S F. 301:301(0) ack 1001\n+.01 S > C F. 1001:1001(0) ack 302\n"
    "+.01 C > S . 302:302(0) ack 1002\n"
)


@pytest.mark.parametrize(
    ("forged", "after", "cause", "harm"),
    [
        ("+1 S > C R 5001:5001(0) win 0\n", CLOSE, "END201", "harmless"),  # inside the window
        ("+1 S > C R 900001:900001(0) win 0\n", CLOSE, "END201", "harmless"),  # far ahead
        # challenged; where nothing answers, it may have ended the connection: see test_last_words
        (
            "+1 S > C R 5001:5001(0) win 0\n+0 C > S . 301:301(0) ack 1001\n",
            "",
            "END901",
            "depends",
        ),
    ],
)
def test_a_rst_that_the_stack_ignores_has_not_ended_it(
    forged: str, after: str, cause: str, harm: str
) -> None:
    row = judged(TALK + forged + after).connections.row(0, named=True)
    assert (row["cause"], row["harm"], row["contributing"]) == (cause, harm, "END315")


@pytest.mark.parametrize(
    ("first", "second", "cause"),
    [
        ("S > C F. 1001:1001(0) ack 302", "C > S F. 301:301(0) ack 1001", "END201"),
        ("C > S F. 301:301(0) ack 1002", "S > C F. 1001:1001(0) ack 301", "END202"),
        ("C > S F. 301:301(0) ack 1001", "S > C F. 1001:1001(0) ack 301", "END203"),
    ],
)
def test_a_fin_that_acknowledges_another_was_not_first(first: str, second: str, cause: str) -> None:
    """Taps of both directions, merged: the stamps of one are late."""
    acks = "+.01 C > S . 302:302(0) ack 1002\n= S > C . 1002:1002(0) ack 302"
    row = judged(TALK + f"+1 {first}\n+.0001 {second}\n{acks}").connections.row(0, named=True)
    assert row["cause"] == cause


def test_a_rst_that_answers_after_lost_data_was_not_ignored() -> None:
    """The client's repeated data never got an ACK: the server still expects that number, so the
    client's RST with it fits.  Nothing may be said of an ignored RST."""
    lost = "".join(f"+{wait} C > S P. 301:309(8) ack 1001\n" for wait in (1, 1, 2, 4))
    fin = "+4 C > S F. 309:309(0) ack 1001\n"
    late = "+8 S > C P. 1001:1009(8) ack 301\n+.0001 C > S R 301:301(0) win 0\n"
    row = judged(TALK + lost + fin + late).connections.row(0, named=True)
    assert "END315" not in row["contributing"]
    assert row["cause"] == "END310"


def test_an_abort_before_data_in_flight_was_taken_is_no_lost_state() -> None:
    flood = "+.050 S > C . 1001:2383(1382) ack 301\n+.00001 C > S R. 301:301(0) ack 1001\n"
    row = judged(TALK + flood).connections.row(0, named=True)
    assert (row["orig_rst_class"], row["cause"]) == ("abort", "END305")


def test_one_direction_with_data_is_no_failed_handshake() -> None:
    one_way = (
        "+0 S > C S. 0:0(0) ack 1\n+.1 S > C P. 1:1001(1000) ack 301\n"
        "+.1 S > C F. 1001:1001(0) ack 302\n"
    )
    row = judged(one_way).connections.row(0, named=True)
    assert (row["cause"], row["harm"]) == ("END601", "depends")


# A capture that misses something makes verdicts on all it shows less sure: alone in one.
LOSSY = {
    "END211": (
        TALK + "+1 S > C F. 1001:1001(0) ack 302\n+.01 C > S . 302:302(0) ack 1002\n",
        TALK + "+1 S > C F. 1001:1001(0) ack 301\n+.01 C > S . 301:301(0) ack 1002\n",
    )
}


def test_a_fin_that_was_not_captured_but_acknowledged() -> None:
    missed, half_closed = (judged(traffic).connections for traffic in LOSSY["END211"])
    said = missed.select("cause", "confidence", "harm").rows()
    assert said == [("END211", "likely", "harmless")]
    assert half_closed["cause"].to_list() == ["END405"]


STOPPED = {"END903": (TALK, TALK + "+1 C > S F. 301:301(0) ack 1001")}


def test_a_capture_that_stops_says_so() -> None:
    for traffic in STOPPED["END903"]:
        assert judged(traffic, margin_s=0.0).connections["cause"].to_list() == ["END903"]
        assert judged(traffic).connections["cause"].to_list() != ["END903"]


def test_verdicts_do_not_depend_on_the_company() -> None:
    """All connections in one capture, each with a port of its own: the same verdicts."""
    everything = "".join(
        f"name C 192.0.2.1:{40000 + at}\nname S 198.51.100.{at + 1}:443\n"
        f"start 2024-05-01T1{at % 10}:{at:02d}:00\n" + TRAFFIC[key][2][name] + "\n"
        for at, (key, name) in enumerate(ROWS)
    )
    table = judged(everything).connections.sort(pl.col("orig_p") + pl.col("resp_p"))
    expected = {40000 + at: key for at, (key, _) in enumerate(ROWS)}
    ports = table.select(pl.max_horizontal("orig_p", "resp_p")).to_series().to_list()
    got = dict(zip(ports, table["cause"].to_list(), strict=True))
    # The whole capture begins with the first connection only: being cut is told from its edges.
    assert got == expected


def test_a_client_hello_that_never_arrived_was_not_refused() -> None:
    again = "".join(
        f"+{wait} C > S P. 1:301(300) ack 1 head=1603010127010001\n" for wait in (0.3, 0.6, 1.2)
    )
    row = judged(TLS + again + "+20 S > C F. 1:1(0) ack 1\n").connections.row(0, named=True)
    assert row["cause"] != "END323"


def test_a_capture_with_a_gap_tells_of_no_lost_state() -> None:
    """The server acknowledges seven bytes that the capture lacks: perhaps an alert, then FIN."""
    gap = "+.1 S > C . 1001:1001(0) ack 308\n+.03 C > S R 308:308(0) win 0\n"
    row = judged(TALK + gap).connections.row(0, named=True)
    assert row["cause"] == "END311"


def test_data_of_who_had_reset_shows_a_forged_rst() -> None:
    """The server knows nothing of the RST in its name, and goes on sending."""
    forged = (
        "+1 S > C R 1001:1001(0) win 0\n+.02 S > C P. 1001:2001(1000) ack 301\n"
        "+.01 C > S R 301:301(0) win 0\n"
    )
    row = judged(TALK + forged).connections.row(0, named=True)
    assert (row["cause"], row["confidence"]) == ("END316", "possible")


def test_a_guessed_client_is_no_certain_client() -> None:
    """Joined midstream, who is the client is guessed: nothing that names a side is certain, and
    harm does not hang on the guess."""
    talk = TALK.replace(OPEN, "")
    for rst in ("S > C R. 1001:1001(0) ack 301", "C > S R. 301:301(0) ack 1001"):
        row = judged(f"{talk}+1 {rst}").connections.row(0, named=True)
        assert row["orientation"] == "guessed" and row["cause"] in ("END305", "END306")
        assert (row["confidence"], row["harm"]) == ("likely", "depends")
    row = judged(talk + CLOSE).connections.row(0, named=True)
    assert (row["cause"], row["confidence"], row["harm"]) == ("END201", "likely", "harmless")


def test_a_rst_that_cleared_the_old_connection_was_not_ignored() -> None:
    cleared = (
        CHALLENGED
        + "+.01 C > S R 9999:9999(0) win 0\n+1 C > S S 0:0(0)\n+.01 S > C S. 0:0(0) ack 1\n"
        + "+.01 C > S . 1:1(0) ack 1\n+.1 C > S P. 1:101(100) ack 1\n+.1 S > C . 1:1(0) ack 101\n"
    )
    row = judged(cleared).connections.row(0, named=True)
    assert row["orig_rst_class"] == "bad-ack" and "END315" not in row["contributing"]


def test_a_handshake_with_a_finished_may_have_been_complete() -> None:
    """What is too long to be an alert alone may be the Finished: nothing is said."""
    closed = "+.01 C > S F. 359:359(0) ack 1001\n+.01 S > C F. 1001:1001(0) ack 360\n"
    row = judged(TLS13 + closed + "+.01 C > S . 360:360(0) ack 1002").connections.row(0, named=True)
    assert (row["cause"], row["o_after_hello"]) == ("END201", 58)


def test_a_record_that_ends_with_the_fin_is_whole() -> None:
    record = "+.001 S > C P. 1001:1025(24) ack 359 head=1703030013\n"
    row = judged(TLS13 + record + LAST_FINS).connections.row(0, named=True)
    assert (row["cause"], row["r_record_cut"]) == ("END202", 0)


def test_a_size_that_other_data_has_is_no_sign_of_a_farewell() -> None:
    small = "+5 S > C P. {0}:{1}(24) ack 359 head=1703030013 alert=likely\n"
    once, twice = small.format(1001, 1025), small.format(977, 1001)
    hello = HELLO.replace("1:1001(1000)", "1:977(976)")
    rows = [
        judged(TLS + first + LAST_FINS).connections.row(0, named=True)
        for first in (HELLO + FINISHED + once, hello + FINISHED + twice + once)
    ]
    assert [row["r_alert_again"] for row in rows] == [False, True]
    assert ["END208" in row["contributing"] for row in rows] == [True, False]


@pytest.mark.parametrize(("wait", "alone"), [(0.02, True), (30, False)])
def test_an_alert_for_an_answer_may_be_a_refusal(wait: float, alone: bool) -> None:
    """Encrypted, it may say farewell, or that the client's certificate is not accepted."""
    asked = "+.01 C > S P. 359:659(300) ack 1001 head=1703030127\n"
    alert = f"+{wait} S > C P. 1001:1025(24) ack 659 head=1703030013 alert=likely\n"
    ends = LAST_FINS.replace("359", "659").replace("360", "660")
    row = judged(TLS13 + asked + alert + ends).connections.row(0, named=True)
    assert (row["cause"], row["r_alert_alone"]) == ("END202", alone)
    assert row["harm"] == ("depends" if alone else "harmless")
    assert ("END208" in row["contributing"]) is not alone


@pytest.mark.parametrize(("vlan", "told"), [("vlan=10", True), ("", False)])
def test_one_direction_in_a_vlan_may_have_its_other_half_in_another(vlan: str, told: bool) -> None:
    lines = (
        "+0 C > S S 0:0(0)",
        "+.02 C > S . 1:1(0) ack 1",
        "+.1 C > S P. 1:301(300) ack 1",
        "+.1 C > S . 301:301(0) ack 1001",
    )
    got = judged("\n".join(f"{line} {vlan}" for line in lines))
    cause, story = engine.catalogue()["END601"], got.stories.story(0)
    assert got.connections["cause"].to_list() == ["END601"]
    assert any("another VLAN tag than 10" in one.text for one in cause.alternatives(story)) is told
