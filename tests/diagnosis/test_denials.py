"""Every cause of a denial: a case where it is the verdict, and look-alikes where it is not."""

import importlib
import pkgutil
import re
from typing import Any

import numpy as np
import polars as pl
import pytest

from finis.correlation.stories import Proof, Refusal, Story
from finis.diagnosis import denials, engine
from finis.diagnosis.denials import _drops, _words
from finis.terms import Answers, Confidence, Harm, RstClass, Teardown, word
from tests.diagnosis.rows import DENIAL, denial


def after(reason: Teardown, lag_s: float | None = 0.0, **values: Any) -> dict[str, Any]:
    """A denial whose connection the firewall had removed for this reason."""
    before = {
        "teardown": word(reason),
        "teardown_reason": word(reason),
        "teardown_by": "resp",
        "from_side": "resp",
        "teardown_file": "asa.log",
        "teardown_line": 6,
        "conn_id": 4711,
        "conn_bytes": 1000,
        "conn_duration_s": 125.0,
        "lag_s": lag_s,
    }
    return denial(**(before | values))


def never(**values: Any) -> dict[str, Any]:
    """A denial of a tuple that the log would have shown and never did."""
    return denial(**({"seen_before": "no"} | values))


def asp(name: str, **values: Any) -> dict[str, Any]:
    """A packet of an asp-drop capture."""
    return denial(**({"msg_id": name, "kind": "other", "unit": "frame"} | values))


@pytest.fixture(scope="module")
def causes() -> dict[str, type]:
    modules = (
        importlib.import_module(f"{denials.__name__}.{info.name}")
        for info in pkgutil.iter_modules(denials.__path__)
        if info.name.startswith("dny")
    )
    return engine.build(modules)


def judged(rows: list[dict[str, Any]], causes: dict[str, type]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=DENIAL)
    return engine.judge_table(frame, "denials", causes)[0]


FINS, IDLE = Teardown.FINS, Teardown.IDLE_TIMEOUT
CERTAIN, LIKELY, POSSIBLE = Confidence.CERTAIN, Confidence.LIKELY, Confidence.POSSIBLE
HARMLESS, DEPENDS, HARMFUL = Harm.HARMLESS, Harm.DEPENDS, Harm.HARMFUL

# (what it shows, row, id, confidence, harm)
CASES: list[tuple[str, dict[str, Any], str, Confidence, Harm]] = [
    # --- rules and resources
    (
        "acl",
        denial(msg_id="106023", kind="policy", flags=None, acl="OUT", src_p=50000, dst_p=23),
        "DNY101", CERTAIN, DEPENDS,
    ),
    (
        "acl, udp",
        denial(msg_id="106023", kind="policy", flags=None, acl="OUT", proto="udp"),
        "DNY101", CERTAIN, DEPENDS,
    ),
    (
        "acl, icmp",
        denial(
            msg_id="106023", kind="policy", flags=None, acl="OUT", proto="icmp", src_p=None,
            dst_p=None,
        ),
        "DNY101", CERTAIN, DEPENDS,
    ),
    ("acl drop", asp("acl-drop", flags="SYN"), "DNY101", CERTAIN, DEPENDS),
    ("default", denial(msg_id="106001", kind="policy", flags="SYN"), "DNY102", CERTAIN, DEPENDS),
    ("106001, kind state", denial(msg_id="106001", flags="SYN"), "DNY102", CERTAIN, DEPENDS),
    ("106001 with ACK", never(msg_id="106001", kind="policy"), "DNY402", LIKELY, HARMFUL),
    (
        "to the box",
        denial(msg_id="710003", kind="policy", flags=None, dst_p=22), "DNY103", CERTAIN, DEPENDS,
    ),
    ("PAT pool", denial(msg_id="202010", kind="limit", flags=None), "DNY113", CERTAIN, HARMFUL),
    ("PAT port block", denial(msg_id="305016", kind="limit", reason="port block exhaustion in PAT "
                              "pool P"), "DNY113", CERTAIN, HARMFUL),
    ("… of one host", denial(msg_id="305016", kind="limit", reason="reaching per-host PAT port "
                             "block limit of 4"), "DNY117", CERTAIN, HARMFUL),
    ("late DNS answer", denial(msg_id="106007", kind="policy", proto="udp", flags=None, src_p=53,
                               dst_p=49152, reason="DNS Response"), "DNY118", LIKELY, DEPENDS),
    ("DNS query", denial(msg_id="106007", kind="policy", proto="udp", flags=None, src_p=49152,
                         dst_p=53, reason="DNS Query"), "DNY102", CERTAIN, DEPENDS),
    ("fragments, too many", denial(msg_id="209005", kind="other", flags=None), "DNY119", CERTAIN,
     DEPENDS),
    ("fragments, database", denial(msg_id="209003", kind="other", flags=None), "DNY119", CERTAIN,
     DEPENDS),
    *(
        (f"710005 to {address}",
         denial(msg_id="710005", kind="state", proto="UDP", flags=None, dst_h=address, dst_p=138),
         "DNY120", LIKELY, HARMLESS)
        for address in ("255.255.255.255", "10.1.1.255", "224.0.0.251", "239.255.255.250")
    ),
    ("teardrop", denial(msg_id="106020", kind="other", flags=None), "DNY112", CERTAIN, DEPENDS),
    ("embryonic", denial(msg_id="201012", kind="limit", flags=None), "DNY114", CERTAIN, HARMFUL),
    ("limit", denial(msg_id="201011", kind="limit", flags=None), "DNY104", CERTAIN, HARMFUL),
    ("limit drop", asp("tcp-conn-limit", flags="SYN"), "DNY104", CERTAIN, HARMFUL),
    ("rpf", denial(msg_id="106021", kind="spoof", flags=None), "DNY105", CERTAIN, DEPENDS),
    ("rpf drop", asp("rpf-violated", flags="SYN"), "DNY105", CERTAIN, DEPENDS),
    ("nat", denial(msg_id="305013", kind="policy", flags=None), "DNY106", CERTAIN, HARMFUL),
    ("xlate", denial(msg_id="305005", kind="other", flags=None), "DNY107", CERTAIN, DEPENDS),
    ("xlate late", after(FINS, msg_id="106011", kind="state"), "DNY107", CERTAIN, DEPENDS),
    (
        "icmp error",
        denial(msg_id="313005", kind="state", proto="icmp", flags=None),
        "DNY108", CERTAIN, DEPENDS,
    ),
    ("MTU report, acl",
     denial(msg_id="106023", kind="policy", proto="icmp", flags="ICMP 3/4", acl="OUT"),
     "DNY115", CERTAIN, HARMFUL),
    ("MTU report of an open connection",
     denial(msg_id="313005", kind="icmp", proto="icmp", flags="ICMP 3/4", pending_syn=True),
     "DNY115", CERTAIN, HARMFUL),
    ("MTU report of an unknown connection",
     never(msg_id="313005", kind="icmp", proto="icmp", flags="ICMP 2/0"),
     "DNY115", CERTAIN, DEPENDS),
    ("MTU report to the box", denial(msg_id="313001", kind="policy", flags="ICMP 3/4"),
     "DNY115", CERTAIN, DEPENDS),
    ("MTU report, kernel log",
     denial(msg_id="LOG", kind="icmp", proto="icmp", flags="ICMP 3/4", acl="DROP"),
     "DNY115", CERTAIN, DEPENDS),
    ("ICMP error, kernel log",
     denial(msg_id="LOG", kind="icmp", proto="icmp", flags="ICMP 3/1", acl="DROP"),
     "DNY101", CERTAIN, DEPENDS),
    ("echo reply", denial(msg_id="313004", kind="icmp", proto="icmp", flags="ICMP 0"),
     "DNY116", CERTAIN, DEPENDS),
    ("shun", denial(msg_id="401004", kind="policy", flags=None), "DNY109", CERTAIN, DEPENDS),
    ("shun drop", asp("shunned"), "DNY109", CERTAIN, DEPENDS),
    ("ips", denial(msg_id="420002", kind="other", flags=None), "DNY110", CERTAIN, DEPENDS),
    ("ips down", asp("ips-fail-close"), "DNY110", CERTAIN, HARMFUL),
    # --- late after a close of the hosts
    ("last ACK", after(FINS), "DNY201", LIKELY, HARMLESS),
    ("last ACK, teardown logged later", after(FINS, -2.0), "DNY201", LIKELY, HARMLESS),
    ("ACK minutes later", after(FINS, 100.0), "DNY201", POSSIBLE, HARMLESS),
    ("ACK crossing a reset", after(Teardown.RESET_ORIG), "DNY201", LIKELY, HARMLESS),
    ("retransmitted FIN", after(FINS, 3.0, flags="FIN ACK"), "DNY202", LIKELY, HARMLESS),
    ("FIN with data", after(FINS, 3.0, flags="FIN PSH ACK"), "DNY202", LIKELY, DEPENDS),
    ("FIN, other order", after(FINS, 3.0, flags="PSH FIN ACK"), "DNY202", LIKELY, DEPENDS),
    ("data after FINs", after(FINS, 1.0, flags="PSH ACK"), "DNY203", LIKELY, DEPENDS),
    (
        "data after a reset",
        after(Teardown.RESET_RESP, 1.0, flags="PSH ACK"), "DNY203", LIKELY, DEPENDS,
    ),
    (
        "data again and again",
        after(FINS, 9.0, flags="PSH ACK", repeats=4), "DNY203", LIKELY, HARMFUL,
    ),
    ("RST later", after(FINS, 20.0, flags="RST"), "DNY204", LIKELY, HARMLESS),
    ("bare RST after a reset", after(Teardown.RESET_ORIG, flags="RST"), "DNY204", LIKELY, HARMLESS),
    ("host without state, log", after(FINS, flags="RST"), "DNY205", LIKELY, HARMLESS),
    ("… initiator not stated", after(FINS, flags="RST", teardown_by=None), "DNY205", LIKELY,
     HARMLESS),
    ("… last closer", after(FINS, flags="RST", from_side="orig"), "DNY205", POSSIBLE, HARMLESS),
    (
        "host without state, packet",
        after(FINS, flags="RST", segment_rst_class="no-state", segment_answers="fin"),
        "DNY205", CERTAIN, HARMLESS,
    ),
    (
        "… packet, but the capture had just begun: it may answer what was sent before",
        after(FINS, flags="RST", segment_rst_class="no-state", segment_answers="fin",
              segment_near_start=True),
        "DNY205", LIKELY, HARMLESS,
    ),
    (
        "… packet, later",
        after(FINS, 30.0, flags="RST", segment_rst_class="no-state", segment_answers="fin"),
        "DNY205", CERTAIN, HARMLESS,
    ),
    (
        "… packet, the log begins late",
        denial(
            seen_before="unknown",
            flags="RST",
            segment_rst_class="no-state",
            segment_answers="fin",
        ),
        "DNY205",
        CERTAIN,
        HARMLESS,
    ),
    (
        "… packet of a drop capture",
        asp("tcp-not-syn", flags="RST", segment_rst_class="no-state", segment_answers="fin"),
        "DNY205",
        CERTAIN,
        HARMLESS,
    ),
    (
        "… what it answers was not captured",
        after(FINS, flags="RST", segment_rst_class="no-state", segment_answers="unseen"),
        "DNY205", LIKELY, HARMLESS,
    ),
    (
        "… lwIP sets ACK",
        after(FINS, flags="RST ACK", segment_rst_class="no-state-ack", segment_answers="fin"),
        "DNY205", LIKELY, HARMLESS,
    ),
    (
        "no state, answering data",
        after(FINS, flags="RST", segment_rst_class="no-state", segment_answers="data"),
        "DNY206",
        CERTAIN,
        DEPENDS,
    ),
    (
        "answer to late data",
        after(FINS, flags="RST", segment_rst_class="data-after-close", segment_answers="data"),
        "DNY206", CERTAIN, DEPENDS,
    ),
    ("abort, log", after(FINS, flags="RST ACK", teardown_by="orig"), "DNY207", LIKELY, HARMLESS),
    ("RST ACK of who closed first", after(FINS, flags="RST ACK"), "DNY207", POSSIBLE, HARMLESS),
    ("abort after reset", after(Teardown.RESET_RESP, flags="RST ACK"), "DNY207", POSSIBLE,
     HARMLESS),
    (
        "abort, packet (bare in the log's words)",
        after(FINS, flags="RST", segment_rst_class="abort", segment_answers="none"),
        "DNY207", LIKELY, HARMLESS,
    ),
    (
        "SYN ACK for a cancelled attempt",
        after(Teardown.RESET_ORIG, flags="SYN ACK", conn_bytes=0), "DNY208", LIKELY, DEPENDS,
    ),
    ("held, data", after(FINS, 900.0, flags="PSH ACK"), "DNY209", LIKELY, HARMFUL),
    ("sent after its own reset",
     after(Teardown.RESET_RESP, 2.0, flags="PSH ACK"), "DNY210", LIKELY, DEPENDS),
    ("an ACK of the client after its own reset, minutes later",
     after(Teardown.RESET_ORIG, 900.0, flags="ACK", from_side="orig"), "DNY210", LIKELY, DEPENDS),
    ("held, keep-alive", after(Teardown.RESET_ORIG, 900.0), "DNY209", LIKELY, DEPENDS),
    # --- the firewall gave up first
    ("data after idle", after(IDLE, 3600.0, flags="PSH ACK"), "DNY301", CERTAIN, HARMFUL),
    ("data in the same second", after(IDLE, 0.0, flags="PSH ACK"), "DNY301", CERTAIN, HARMFUL),
    ("ACK after idle", after(IDLE, 3600.0), "DNY301", LIKELY, HARMFUL),
    ("FIN after idle", after(IDLE, 60.0, flags="FIN ACK"), "DNY302", CERTAIN, DEPENDS),
    ("RST after idle", after(IDLE, 60.0, flags="RST ACK"), "DNY302", CERTAIN, DEPENDS),
    (
        "data after half-close",
        after(Teardown.FIN_TIMEOUT, 60.0, flags="PSH ACK"), "DNY303", LIKELY, HARMFUL,
    ),
    (
        "FIN with data after half-close",
        after(Teardown.FIN_TIMEOUT, 60.0, flags="FIN PSH ACK"), "DNY303", LIKELY, HARMFUL,
    ),
    (
        "data though only the last ACK was missing",
        after(Teardown.LAST_ACK_TIMEOUT, 60.0, flags="PSH ACK"), "DNY303", LIKELY, HARMFUL,
    ),
    ("the last ACK, too late", after(Teardown.LAST_ACK_TIMEOUT), "DNY201", LIKELY, HARMLESS),
    (
        "FIN whose ACK was missing",
        after(Teardown.LAST_ACK_TIMEOUT, 3.0, flags="FIN ACK"), "DNY202", LIKELY, HARMLESS,
    ),
    (
        "data after an unacknowledged segment",
        after(Teardown.UNACKED_TIMEOUT, 60.0, flags="PSH ACK"), "DNY316", POSSIBLE, DEPENDS,
    ),
    ("ACK after half-close", after(Teardown.FIN_TIMEOUT, 60.0), "DNY303", LIKELY, DEPENDS),
    (
        "RST after half-close",
        after(Teardown.FIN_TIMEOUT, 0.0, flags="RST"), "DNY303", LIKELY, HARMLESS,
    ),
    (
        "slow server",
        after(Teardown.SYN_TIMEOUT, 2.0, flags="SYN ACK", conn_bytes=0),
        "DNY304", LIKELY, HARMFUL,
    ),
    (
        "repeated SYN ACK",
        after(Teardown.SYN_ACK_TIMEOUT, 2.0, flags="SYN ACK", conn_bytes=0),
        "DNY304", LIKELY, DEPENDS,
    ),
    ("handshake past us", after(Teardown.SYN_TIMEOUT, 2.0, flags="PSH ACK", from_side="orig"),
     "DNY305", LIKELY, HARMFUL),
    (
        "late refusal", after(Teardown.SYN_TIMEOUT, 2.0, flags="RST ACK"), "DNY306", CERTAIN,
        DEPENDS,
    ),
    ("firewall reset", after(Teardown.RESET_DEVICE), "DNY311", CERTAIN, DEPENDS),
    (
        "firewall reset not taken",
        after(Teardown.IDLE_TIMEOUT_RESET, 5.0, flags="PSH ACK", repeats=5),
        "DNY311", CERTAIN, HARMFUL,
    ),
    ("inspection", after(Teardown.INSPECTION), "DNY312", CERTAIN, DEPENDS),
    ("ips", after(Teardown.IPS_RESET, flags="RST"), "DNY312", CERTAIN, DEPENDS),
    ("normaliser", after(Teardown.NORMALIZER, flags="PSH ACK"), "DNY312", CERTAIN, DEPENDS),
    ("module down", after(Teardown.IPS_DOWN, flags="PSH ACK"), "DNY312", CERTAIN, HARMFUL),
    ("module down, then a RST", after(Teardown.IPS_DOWN, flags="RST"), "DNY312", CERTAIN, DEPENDS),
    ("cleared", after(Teardown.ADMIN, flags="PSH ACK"), "DNY313", CERTAIN, HARMFUL),
    ("route", after(Teardown.ROUTE, flags="PSH ACK"), "DNY314", CERTAIN, HARMFUL),
    ("tunnel", after(Teardown.TUNNEL, flags="PSH ACK"), "DNY317", CERTAIN, HARMFUL),
    ("tunnel, then a FIN", after(Teardown.TUNNEL, flags="FIN ACK"), "DNY317", CERTAIN, DEPENDS),
    ("next hop", after(Teardown.NO_NEXT_HOP), "DNY317", CERTAIN, HARMFUL),
    ("zone", after(Teardown.ZONE), "DNY317", CERTAIN, HARMFUL),
    ("parent, then data", after(Teardown.PARENT, flags="PSH ACK"), "DNY318", LIKELY, HARMFUL),
    ("parent, last data", after(Teardown.PARENT, flags="FIN PSH ACK"), "DNY318", LIKELY, HARMFUL),
    ("the standby unit dropped its copy", after(Teardown.FAILOVER), "DNY316", POSSIBLE, DEPENDS),
    ("failover just before", never(failover_s=4.0), "DNY315", LIKELY, HARMFUL),
    ("failover, the log of the other unit shows it open",
     denial(failover_s=4.0, flags="PSH ACK", seen_before="yes", pending_syn=True), "DNY315",
     POSSIBLE, HARMFUL),
    (
        "failover before, log cannot show",
        denial(seen_before="unknown", failover_s=900.0, flags="PSH ACK"),
        "DNY315", POSSIBLE, HARMFUL,
    ),
    ("other reason", after(Teardown.PARENT), "DNY316", POSSIBLE, DEPENDS),
    ("flags unreadable", after(FINS, flags=None), "DNY316", POSSIBLE, DEPENDS),
    # --- never known here
    ("SYN ACK alone", never(flags="SYN ACK"), "DNY401", LIKELY, HARMFUL),
    ("SYN ACK long after", after(FINS, 600.0, flags="SYN ACK"), "DNY401", POSSIBLE, DEPENDS),
    ("mid-stream", never(flags="PSH ACK"), "DNY402", LIKELY, HARMFUL),
    ("mid-stream ACK", never(), "DNY402", LIKELY, HARMFUL),
    ("mid-stream FIN", never(flags="FIN ACK"), "DNY402", LIKELY, DEPENDS),
    ("stray RST", never(flags="RST"), "DNY403", POSSIBLE, DEPENDS),
    (
        "tuple reused",
        after(FINS, 30.0, flags="RST", syn_after_s=1.0), "DNY404", POSSIBLE, DEPENDS,
    ),
    # --- the connection is open
    ("open", denial(pending_syn=True), "DNY501", POSSIBLE, DEPENDS),
    ("open, but no Teardown is ever logged",
     denial(pending_syn=True, torn_logged=False, seen_before="yes"), "DNY901", POSSIBLE, DEPENDS),
    ("late, tuple open again", after(FINS, pending_syn=True), "DNY201", LIKELY, HARMLESS),
    (
        "challenge ACK: the client's RST",
        after(
            Teardown.RESET_ORIG, flags="RST", from_side="orig", conn_bytes=0, syn_after_s=1.0
        ),
        "DNY502", LIKELY, HARMFUL,
    ),
    (
        "challenge ACK: the server's ACK",
        after(Teardown.RESET_ORIG, 3.0, conn_bytes=0, syn_after_s=7.0), "DNY502", LIKELY, HARMFUL,
    ),
    (
        "challenge ACK drop, and the connection shows it",
        asp("tcp-rstfin-ooo", flags="RST", conn_cause="END107"),
        "DNY502",
        LIKELY,
        HARMFUL,
    ),
    ("challenge ACK drop", asp("tcp-rstfin-ooo", flags="RST"), "DNY502", POSSIBLE, DEPENDS),
    ("check", asp("tcp-seq-past-win", flags="PSH ACK"), "DNY503", CERTAIN, HARMFUL),
    ("check, harmless", asp("tcp-acked", flags="PSH ACK"), "DNY503", CERTAIN, HARMLESS),
    ("check, underscores", asp("tcp_xmit_partial", flags="ACK"), "DNY503", CERTAIN, DEPENDS),
    ("drop without connection", asp("tcp-not-syn", seen_before="no"), "DNY402", LIKELY, HARMFUL),
    # --- hostile
    ("FIN scan", never(flags="FIN"), "DNY601", LIKELY, DEPENDS),
    ("XMAS scan", denial(flags="FIN PSH URG", seen_before="unknown"), "DNY601", LIKELY, DEPENDS),
    ("NULL scan", never(flags=""), "DNY601", LIKELY, DEPENDS),
    ("SYN FIN", never(flags="SYN FIN"), "DNY601", LIKELY, DEPENDS),
    ("SYN RST", denial(flags="SYN RST", seen_before="unknown"), "DNY601", LIKELY, DEPENDS),
    ("SYN FIN ACK is no SYN ACK", never(flags="SYN FIN ACK"), "DNY601", LIKELY, DEPENDS),
    (
        "SYN scan",
        denial(
            msg_id="106023", kind="policy", flags=None, acl="OUT", src_p=40000, dst_p=445,
            src_fanout=500, src_refused=500,
        ),
        "DNY602", LIKELY, DEPENDS,
    ),
    (
        "ACK scan",
        never(src_p=40000, dst_p=80, src_fanout=30, src_refused=30), "DNY602", POSSIBLE, DEPENDS,
    ),
    (
        "backscatter",
        never(flags="SYN ACK", src_fanout=12, dst_opened=0), "DNY603", LIKELY, HARMLESS,
    ),
    (
        "a SYN ACK to the own PAT address",
        never(flags="SYN ACK", src_fanout=1, dst_opened=0, dst_mapped=True),
        "DNY603", LIKELY, HARMLESS,
    ),
    (
        "data to the own PAT address",
        never(flags="PSH ACK", dst_opened=0, dst_mapped=True), "DNY901", POSSIBLE, DEPENDS,
    ),
    (
        "backscatter, destinations unknown",
        never(flags="RST ACK", src_fanout=90), "DNY603", POSSIBLE, DEPENDS,
    ),
    (
        "injected",
        after(FINS, 5.0, flags="RST ACK", segment_rst_class="suspect"), "DNY604", LIKELY, DEPENDS,
    ),
    (
        "injected, open connection",
        asp("tcp-rst-syn-in-win", flags="RST", segment_rst_class="suspect"),
        "DNY604", LIKELY, DEPENDS,
    ),
    # --- undetermined
    ("log late", denial(seen_before="unknown", unknown_why="late"), "DNY901", POSSIBLE, DEPENDS),
    ("nothing known", denial(seen_before=None, flags="RST"), "DNY901", POSSIBLE, DEPENDS),
    ("other", denial(msg_id="999999", kind="other"), "DNY999", POSSIBLE, DEPENDS),
    ("no route", denial(msg_id="110003", kind="other"), "DNY111", CERTAIN, HARMFUL),
    ("no route, drop", asp("no-adjacency", flags="ACK"), "DNY111", CERTAIN, HARMFUL),
    ("port 0", denial(msg_id="500004", kind="other"), "DNY112", CERTAIN, DEPENDS),
    ("XMAS by drop", asp("bad-tcp-flags", flags="FIN PSH URG"), "DNY112", CERTAIN, DEPENDS),
    ("replicated", asp("tcp-fo-drop", flags="ACK"), "DNY503", CERTAIN, DEPENDS),
    ("MSS", denial(msg_id="419001", kind="other"), "DNY504", CERTAIN, HARMFUL),
    ("module down", denial(msg_id="420001", kind="other"), "DNY110", CERTAIN, HARMFUL),
    ("SYN without state", never(flags="SYN"), "DNY999", POSSIBLE, DEPENDS),
    ("MSS by drop", asp("tcp-mss-exceeded", flags="ACK"), "DNY504", CERTAIN, HARMFUL),
    ("unknown drop", asp("some-new-reason", flags="ACK"), "DNY999", POSSIBLE, DEPENDS),
]  # fmt: skip

# Look-alikes: (what differs from a case above, row, id it must not be, id it is)
QUIET: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "a connection the firewall never had: not explained by the host's state",
        never(flags="RST", segment_rst_class="no-state", segment_answers="fin"),
        "DNY205",
        "DNY403",
    ),
    (
        "what the RST answers is unseen, and so is the connection's end",
        denial(seen_before="unknown", flags="RST", segment_rst_class="no-state"),
        "DNY205",
        "DNY901",
    ),
    ("an ACL hit of an established tuple stays policy",
     after(FINS, msg_id="106023", kind="policy", flags=None, acl="OUT"), "DNY201", "DNY101"),
    ("udp denied for lack of state is no TCP story",
     after(FINS, proto="udp"), "DNY201", "DNY999"),
    ("a SYN ACK after FINs belongs to no attempt given up",
     after(FINS, flags="SYN ACK"), "DNY208", "DNY316"),
    ("a SYN ACK after an established connection was reset",
     after(Teardown.RESET_ORIG, flags="SYN ACK", conn_bytes=900), "DNY208", "DNY316"),
    ("a client sends no SYN ACK",
     after(Teardown.RESET_ORIG, flags="SYN ACK", conn_bytes=0, from_side="orig"),
     "DNY208", "DNY316"),
    ("a busy client in a log that begins late is no scanner",
     denial(seen_before="unknown", src_p=50000, dst_p=443, src_fanout=300, src_refused=300),
     "DNY602", "DNY901"),
    ("FIN ACK is not a FIN scan", never(flags="FIN ACK"), "DNY601", "DNY402"),
    ("a bare FIN of a known connection is no scan", after(FINS, flags="FIN"), "DNY601", "DNY316"),
    ("RST ACK is no host without state", after(FINS, flags="RST ACK"), "DNY205", "DNY207"),
    ("two seconds later the log alone proves nothing",
     after(FINS, 2.0, flags="RST"), "DNY205", "DNY204"),
    ("a packet that proves an abort beats the log's guess",
     after(FINS, flags="RST", segment_rst_class="abort"), "DNY205", "DNY207"),
    ("a repeated RST is generic",
     after(FINS, flags="RST", segment_rst_class="repeat"), "DNY205", "DNY204"),
    ("data after a reset at idle expiry is not silent",
     after(Teardown.IDLE_TIMEOUT_RESET, 10.0, flags="PSH ACK"), "DNY301", "DNY311"),
    ("data after FINs is no idle timeout",
     after(FINS, 100.0, flags="PSH ACK"), "DNY301", "DNY203"),
    ("a new Built of the tuple: not the idle timeout",
     denial(flags="PSH ACK", pending_syn=True), "DNY301", "DNY501"),
    ("a late start proves no asymmetry",
     denial(flags="SYN ACK", seen_before="unknown"), "DNY401", "DNY901"),
    ("a SYN ACK after SYN Timeout came late, not another way",
     after(Teardown.SYN_TIMEOUT, 600.0, flags="SYN ACK"), "DNY401", "DNY304"),
    ("a refused port is no blocked challenge ACK",
     after(Teardown.RESET_RESP, flags="RST", from_side="resp", conn_bytes=0, syn_after_s=1.0),
     "DNY502", "DNY204"),
    ("a connection with bytes is no blocked challenge ACK",
     after(Teardown.RESET_ORIG, flags="RST", from_side="orig", syn_after_s=1.0),
     "DNY502", "DNY204"),
    ("crossing segments are not tuple reuse", after(FINS, 1.0, syn_after_s=2.0),
     "DNY404", "DNY201"),
    ("a new connection a minute later is not reuse",
     after(FINS, 30.0, flags="RST", syn_after_s=60.0), "DNY404", "DNY204"),
    ("few refusals are no scan",
     denial(msg_id="106023", kind="policy", acl="OUT", flags=None, src_p=40000, src_fanout=5,
            src_refused=5), "DNY602", "DNY101"),
    ("a server answering many clients is no scan",
     never(src_p=443, dst_p=50000, src_fanout=300, src_refused=300), "DNY602", "DNY402"),
    ("destinations in use: asymmetric routing, not backscatter",
     never(flags="SYN ACK", src_fanout=300, dst_opened=40), "DNY603", "DNY401"),
    ("data to a host of its own", never(flags="PSH ACK", dst_opened=0, dst_mapped=False),
     "DNY901", "DNY402"),
    ("a RST to the own PAT address", never(flags="RST", dst_opened=0, dst_mapped=True),
     "DNY901", "DNY403"),
    ("one answer is no backscatter",
     never(flags="SYN ACK", src_fanout=1, dst_opened=0), "DNY603", "DNY401"),
    ("the RST that ended the connection had passed: another was refused",
     after(Teardown.RESET_ORIG, flags="RST ACK", segment_rst_class="abort", from_side="orig",
           teardown_by="orig"), "DNY207", "DNY204"),
    ("the server challenges a SYN with other numbers",
     after(Teardown.SYN_TIMEOUT, 2.0, from_side="resp"), "DNY305", "DNY316"),
    ("open, and the failover long ago",
     denial(failover_s=900.0, flags="PSH ACK", seen_before="yes", pending_syn=True), "DNY315",
     "DNY501"),
    ("an old failover explains nothing", never(failover_s=9000.0), "DNY315", "DNY402"),
    ("a SYN ACK is no connection lost in a failover",
     never(flags="SYN ACK", failover_s=5.0), "DNY315", "DNY401"),
    ("a RST with a sound form was not injected",
     never(flags="RST", segment_rst_class="no-state"), "DNY604", "DNY403"),
    ("a limit of connections leaves ports", denial(msg_id="201011", kind="limit", flags=None),
     "DNY113", "DNY104"),
    ("a port that cannot be reached is no MTU report",
     denial(msg_id="106023", kind="policy", proto="icmp", flags="ICMP 3/3", acl="OUT"),
     "DNY115", "DNY101"),
    ("an error is no answer",
     denial(msg_id="313004", kind="icmp", proto="icmp", flags="ICMP 3/1"), "DNY116", "DNY108"),
    ("… and handshakes", denial(msg_id="201013", kind="limit", flags=None), "DNY114", "DNY104"),
    *(
        (f"710005 to {address}",
         denial(msg_id="710005", kind="state", proto=proto, flags=None, dst_h=address, dst_p=138),
         "DNY120", "DNY103")
        for address, proto in (
            ("10.1.1.254", "UDP"), ("10.1.255.1", "UDP"), ("240.0.0.1", "UDP"), (None, "UDP"),
            ("223.0.0.1", "udp"), ("10.1.1.255", "TCP"), ("host.255", "UDP"),
        )
    ),
    ("a rule refused the broadcast",
     denial(msg_id="106023", kind="policy", acl="OUT", flags=None, proto="udp",
            dst_h="255.255.255.255"), "DNY120", "DNY101"),
    ("the pool is empty", denial(msg_id="305016", kind="limit", reason="port block exhaustion in "
                                 "PAT pool P"), "DNY117", "DNY113"),
    ("a query, no answer", denial(msg_id="106007", kind="policy", flags=None, reason="DNS Query"),
     "DNY118", "DNY102"),
    ("a fragment beyond any packet", denial(msg_id="209004", kind="other", flags=None),
     "DNY119", "DNY112"),
    ("a scan of a known tuple is judged with it", after(FINS, 1.0, flags="SYN FIN"),
     "DNY601", "DNY316"),
    ("overlapping fragments", denial(msg_id="106020", kind="other", flags=None),
     "DNY105", "DNY112"),
    ("beyond the window, not beyond the MSS", asp("tcp-seq-past-win"), "DNY504", "DNY503"),
    ("no access list is named", denial(msg_id="106001", kind="policy", flags="SYN"),
     "DNY101", "DNY102"),
    ("a rule refused it, not its absence",
     denial(msg_id="106023", kind="policy", flags=None, acl="OUT"), "DNY102", "DNY101"),
    ("to a host behind the firewall", denial(msg_id="106023", kind="policy", flags=None, acl="OUT"),
     "DNY103", "DNY101"),
    ("a private source that a rule refuses is not spoofed",
     denial(msg_id="106023", kind="policy", flags=None, acl="OUT", src_h="192.168.1.1"),
     "DNY105", "DNY101"),
    ("no rule at all", denial(msg_id="305005", kind="other", flags=None), "DNY106", "DNY107"),
    ("two rules that differ", denial(msg_id="305013", kind="policy", flags=None),
     "DNY107", "DNY106"),
    ("an echo request refused by a rule is no ICMP error",
     denial(msg_id="106023", kind="policy", flags=None, acl="OUT", proto="icmp"),
     "DNY108", "DNY101"),
    ("refused by a rule, not shunned", asp("acl-drop", flags="SYN"), "DNY109", "DNY101"),
    ("the firewall's own check, not the module's", asp("tcp-seq-past-win"), "DNY110", "DNY503"),
    ("a route, but the wrong one", asp("rpf-violated", flags="SYN"), "DNY111", "DNY105"),
    ("sound, but out of the window", asp("tcp-seq-past-win", flags="ACK"), "DNY112", "DNY503"),
    ("within two segment lifetimes", after(FINS, 100.0, flags="FIN ACK"), "DNY209", "DNY202"),
    ("the other side sent it",
     after(Teardown.RESET_RESP, 2.0, flags="PSH ACK", from_side="orig"), "DNY210", "DNY203"),
    ("under way before the reset",
     after(Teardown.RESET_RESP, 1.0, flags="PSH ACK"), "DNY210", "DNY203"),
    ("a host that has reset may reset again",
     after(Teardown.RESET_RESP, 2.0, flags="RST"), "DNY210", "DNY204"),
    ("in the handshake a host may reset and go on",
     after(Teardown.RESET_RESP, 2.0, conn_bytes=0), "DNY210", "DNY201"),
    ("it sent a FIN, no reset", after(FINS, 2.0, flags="PSH ACK"), "DNY210", "DNY203"),
    ("data, no FIN", after(FINS, 1.0, flags="PSH ACK"), "DNY202", "DNY203"),
    ("data after the idle timer", after(IDLE, 900.0, flags="PSH ACK"), "DNY203", "DNY301"),
    ("no connection before this RST", never(flags="RST"), "DNY204", "DNY403"),
    ("the RST answers a FIN",
     after(FINS, flags="RST", segment_rst_class="no-state", segment_answers="fin"),
     "DNY206", "DNY205"),
    ("a bare RST twenty seconds later", after(FINS, 20.0, flags="RST"), "DNY207", "DNY204"),
    ("data after the idle timer is no close", after(IDLE, 900.0, flags="PSH ACK"),
     "DNY302", "DNY301"),
    ("a FIN after two FINs",
     after(Teardown.LAST_ACK_TIMEOUT, 1.0, flags="FIN ACK"), "DNY303", "DNY202"),
    ("data, and the idle timer had not run out",
     after(Teardown.UNACKED_TIMEOUT, 1.0, flags="PSH ACK"), "DNY301", "DNY316"),
    ("data after two FINs", after(FINS, 1.0, flags="PSH ACK"), "DNY303", "DNY203"),
    ("a RST, no SYN ACK", after(Teardown.SYN_TIMEOUT, 1.0, flags="RST"), "DNY304", "DNY306"),
    ("a SYN ACK, no data of a finished handshake", never(flags="SYN ACK"), "DNY305", "DNY401"),
    ("a SYN ACK, no RST", after(Teardown.SYN_TIMEOUT, 40.0, flags="SYN ACK"), "DNY306", "DNY304"),
    ("the inspection ended it", after(Teardown.INSPECTION), "DNY311", "DNY312"),
    ("the firewall reset it", after(Teardown.RESET_DEVICE), "DNY312", "DNY311"),
    ("the route changed", after(Teardown.ROUTE), "DNY313", "DNY314"),
    ("the route changed", after(Teardown.ROUTE), "DNY317", "DNY314"),
    ("the tunnel went", after(Teardown.TUNNEL), "DNY314", "DNY317"),
    ("no data after the parent", after(Teardown.PARENT, flags="FIN ACK"), "DNY318", "DNY316"),
    ("somebody cleared it", after(Teardown.ADMIN), "DNY314", "DNY313"),
    ("a reason with a cause of its own", after(FINS), "DNY316", "DNY201"),
    ("the log begins too late to say never", denial(seen_before="unknown"), "DNY402", "DNY901"),
    ("the same for a RST", denial(seen_before="unknown", flags="RST"), "DNY403", "DNY901"),
    ("the connection was removed before", after(FINS), "DNY501", "DNY201"),
    ("the MSS has an entry of its own", asp("tcp-mss-exceeded"), "DNY503", "DNY504"),
    ("the log would have shown it", never(), "DNY901", "DNY402"),
    ("to the firewall with a limit in mind", denial(msg_id="710005", kind="limit", flags=None),
     "DNY104", "DNY103"),
]  # fmt: skip


def test_cases(causes: dict[str, type]) -> None:
    result = judged([row for _, row, *_ in CASES], causes)
    got = [
        (case, cause, sure, harm)
        for (case, *_), cause, sure, harm in zip(
            CASES, result["cause"], result["confidence"], result["harm"], strict=True
        )
    ]
    assert got == [(case, cause, word(sure), word(harm)) for case, _, cause, sure, harm in CASES]


def test_look_alikes(causes: dict[str, type]) -> None:
    result = judged([row for _, row, *_ in QUIET], causes)
    for (case, _, wrong, right), cause in zip(QUIET, result["cause"], strict=True):
        assert wrong != right
        assert cause == right, case


def test_every_cause_has_a_case_and_a_name_of_its_own(causes: dict[str, type]) -> None:
    assert {case[2] for case in CASES} == set(causes)
    assert len({cause.title for cause in causes.values()}) == len(causes)


def test_refused_data_is_never_called_harmless(causes: dict[str, type]) -> None:
    rows = [
        after(reason, lag, flags=flags, repeats=repeats)
        for reason in Teardown
        for lag in (None, -1.0, 0.0, 1.0, 60.0, 5000.0)
        for flags in ("PSH ACK", "FIN PSH ACK")
        for repeats in (1, 5)
    ]
    result = judged(rows, causes)
    assert set(result["harm"]) == {"depends", "harmful"}


ANYTHING: dict[str, list[Any]] = {
    "msg_id": [
        *("106001", "106023", "305013", "305005", "313004", "313005", "710003", "500004"),
        *("110003", "999999", "202010", "201012", "201011", "419001"),
        *("305016", "106007", "209005", "106020", "710005"),
        *_drops.DROPS,
    ],
    "kind": [None, "policy", "state", "limit", "spoof", "icmp", "other"],
    "proto": [None, "tcp", "TCP", "udp", "icmp"],
    "flags": [None, "", "SYN", "SYN ACK", "ACK", "PSH ACK", "FIN ACK", "FIN", "RST", "RST ACK",
         "FIN PSH URG", "FIN PSH ACK", "RST PSH ACK", "SYN RST", "SYN FIN ACK RST", "junk \x1b",
         "ICMP 3/4", "ICMP 0"],
    "acl": [None, "A"],
    "dst_h": [None, "10.1.1.1", "10.1.1.255", "fe80::1"],
    "reason": [None, "DNS Response", "DNS Query", "reaching per-host PAT port block limit of 4"],
    "teardown": [None, "no such word", *map(word, Teardown)],
    "teardown_by": [None, "orig", "resp", "device", "unknown"],
    "from_side": [None, "orig", "resp"],
    "lag_s": [None, -5.0, 0.0, 1.0, 2.0, 128.0, 240.0, 241.0, 1e6, float("nan")],
    "seen_before": [None, "yes", "no", "unknown"],
    "pending_syn": [None, True, False],
    "torn_logged": [None, True, False],
    "repeats": [None, 1, 3],
    "conn_bytes": [None, 0, 10],
    "syn_after_s": [None, 0.0, 3.0, 11.0],
    "failover_s": [None, 0.0, 61.0, 1e5],
    "src_fanout": [None, 1, 8, 20, 100],
    "src_refused": [None, 1, 20],
    "dst_opened": [None, 0, 3],
    "dst_mapped": [None, False, True],
    "src_p": [None, 0, 80, 40000],
    "dst_p": [None, 0, 80, 40000],
    "segment_rst_class": [None, *map(word, RstClass)],
    "segment_answers": [None, *map(word, Answers)],
}  # fmt: skip


def test_exactly_one_cause_remains_without_a_tie(causes: dict[str, type]) -> None:
    """Whatever the facts, what beats what is declared: confidence never has to decide."""
    rng = np.random.default_rng(4)
    size = 100_000
    drawn = {
        name: pl.Series(name, values, dtype=DENIAL[name]).gather(
            rng.integers(len(values), size=size)
        )
        for name, values in ANYTHING.items()
    }
    # Half of the rows are what most denials are, so that the rarer facts meet them.
    usual = pl.Series(rng.random(size) < 0.5)
    frame = pl.DataFrame(drawn).with_columns(
        pl.when(usual).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)
        for name, value in (("msg_id", "106015"), ("kind", "state"), ("proto", "tcp"))
    )
    result, holds = engine.judge_table(frame, "denials", causes)
    assert result["cause"].null_count() == 0
    assert result["cause"].n_unique() == len(causes)
    beaten_by = engine._beaters(causes)
    left = holds.select(
        (pl.col(key) & ~pl.any_horizontal(pl.lit(False), *beaten_by[key])).alias(key)
        for key in causes
    )
    ties = left.filter(left.sum_horizontal() != 1)
    assert ties.is_empty(), [[k for k, v in row.items() if v] for row in ties.head(5).to_dicts()]


def test_words_of_every_case_carry_a_proof(causes: dict[str, type]) -> None:
    for case, row, key, *_ in CASES:
        proof = Proof("asa.log", 7, "line")
        before = Proof("asa.log", 6, "line") if row["teardown_line"] else None
        refusal = Refusal(row, proof, None, before, None)
        claims = causes[key].claims(refusal)
        assert claims, case
        assert all(claim.text and claim.proofs for claim in claims), case
        assert any(proof in claim.proofs for claim in claims), case
        if row["teardown"] and key.startswith("DNY2"):
            assert any(before in claim.proofs for claim in claims), case
        for alternative in causes[key].alternatives(refusal):
            assert alternative.text and alternative.decide, case
        for command in causes[key].missing(refusal):
            assert "None" not in command and "\n" not in command, case


def test_reference_case_from_the_log_alone(causes: dict[str, type]) -> None:
    """106015 `flags RST` in the second of `TCP FINs from INSIDE`: harmless, likely, and the
    captures that would prove it name both hosts."""
    row = after(
        FINS, 0.0, flags="RST", interface="INSIDE", src_h="172.17.77.250", dst_h="203.0.113.147",
        dst_p=43918, teardown_reason="TCP FINs from INSIDE",
    )  # fmt: skip
    [verdict] = judged([row], causes).select("cause", "confidence", "harm").rows()
    assert verdict == ("DNY205", "likely", "harmless")
    refusal = Refusal(row, Proof("asa.log", 3, "line"), None, Proof("asa.log", 2, "line"), None)
    commands = "\n".join(causes["DNY205"].missing(refusal))
    assert "interface INSIDE" in commands and "asp-drop tcp-not-syn" in commands
    assert "host 172.17.77.250" in commands and "host 203.0.113.147" in commands
    names = " ".join(a.text for a in causes["DNY205"].alternatives(refusal))
    assert "FIN-WAIT-2" in names and "overtook" in names


def test_commands_name_both_sides_as_the_connection_tells_them(causes: dict[str, type]) -> None:
    """The Built names interfaces and mapped addresses; what is dropped, the denial itself."""
    row = after(
        FINS, flags="PSH ACK", interface="dmz", src_h="10.1.1.5", src_p=443, dst_h="203.0.113.9",
        dst_p=51000,
    )  # fmt: skip
    known = {
        "orig_h": "203.0.113.9", "orig_p": 51000, "orig_if": "outside", "resp_h": "10.1.1.5",
        "resp_p": 443, "resp_if": "dmz", "resp_mapped_h": "198.51.100.5", "resp_mapped_p": 443,
    }  # fmt: skip
    proof = Proof("asa.log", 3, "line")
    client, server, drops, tcpdump = causes["DNY203"].missing(Refusal(row, proof, Story(known)))
    assert "interface outside" in client
    assert client.endswith("host 203.0.113.9 host 198.51.100.5 eq 443")
    assert "interface dmz" in server and server.endswith("host 203.0.113.9 host 10.1.1.5 eq 443")
    assert drops.endswith("host 203.0.113.9 host 10.1.1.5 eq 443")
    assert "host 10.1.1.5 and port 443'" in tcpdump
    alone = causes["DNY203"].missing(Refusal(row, proof))
    assert "interface CLIENT_IF" in alone[0] and "interface dmz" in alone[1]


def test_commands_never_carry_what_a_log_invented(causes: dict[str, type]) -> None:
    row = after(FINS, flags="RST", src_h="x';reboot;'", interface="in side$(id)")
    refusal = Refusal(row, Proof("asa.log", 3, "line"), None, None, None)
    for cause in causes.values():
        commands = [*cause.missing(refusal), *(a.decide for a in cause.alternatives(refusal))]
        assert not any("reboot" in c or "$(" in c for c in commands), cause.id


def test_drop_names_are_sorted_into_groups() -> None:
    groups = {drop.group for drop in _drops.DROPS.values()}
    assert groups == {
        "state",
        "check",
        "policy",
        "spoof",
        "limit",
        "shun",
        "ips",
        "route",
        "malformed",
    }
    assert all(name == name.lower() and "_" not in name for name in _drops.DROPS)
    found = _drops.find("TCP_not-syn")
    assert found is not None and found.group == "state"
    assert _drops.find("no-such-drop") is None
    assert _drops.find(None) is None


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"flags": "RST", "proto": None}, "The firewall refused RST from "),
        ({"flags": None, "proto": "udp"}, "The firewall refused a UDP packet from "),
        ({"flags": None, "proto": "icmp"}, "The firewall refused an ICMP packet from "),
        (
            {"flags": "ICMP 3/4", "proto": "icmp", "reason": "ICMP type 3, code 4 from 192.0.2.1"},
            "The firewall refused ICMP “fragmentation needed” (type 3 code 4) from 192.0.2.1 about "
            "a packet from ",
        ),
        (
            {"flags": "ICMP 3/3", "reason": "type=3, code=3"},
            "ICMP “port unreachable” (type 3 code 3) from ",
        ),
        ({"flags": "ICMP 0", "src_h": "2001:db8::1"}, "refused ICMP type 0 from [2001:db8::1]"),
        ({"flags": "ICMP ABCD"}, "refused ICMP ABCD from "),
        ({"flags": "ICMP 3/x"}, "refused ICMP 3/x from "),
        ({"flags": "ICMP 8"}, "refused ICMP “echo request” (type 8) from "),
        ({"dst_h": None, "dst_p": None, "msg_id": "313001"}, " to the firewall itself "),
        ({"flags": "", "proto": None}, "The firewall refused a packet from "),
        ({"src_h": None}, " from an unreadable address to 198.51.100.7:50000 "),
        ({"dst_h": "2001:db8::1", "dst_p": 80}, " to [2001:db8::1]:80 "),
        ({"count": 7}, ", 7 packets (message 106015)."),
        ({"acl": "OUT"}, " by access list “OUT”"),
        ({"acl": "R 1", "msg_id": "430002"}, " by access control rule “R 1”"),
        ({"interface": None}, "198.51.100.7:50000 (message 106015)."),
        ({"unit": "frame", "interface": "drop"}, "198.51.100.7:50000 (106015)."),
    ],
)
def test_denial_in_words(causes: dict[str, type], values: dict[str, Any], text: str) -> None:
    refusal = Refusal(denial(**values), Proof("asa.log", 7, "line"))
    assert text in causes["DNY999"].claims(refusal)[0].text


@pytest.mark.parametrize(
    ("cause", "values", "words"),
    [
        (
            "DNY117",
            {"msg_id": "305016", "reason": "reaching per-host PAT port block limit of 4"},
            "reaching per-host PAT port block limit of 4",
        ),
        ("DNY112", {"msg_id": "106020", "reason": "size = 24, offset = 0"}, "size = 24, offset"),
        ("DNY504", {"msg_id": "419001", "reason": "MSS exceeded, MSS 1380, data 1460"}, "MSS 1380"),
        ("DNY999", {"msg_id": "507003", "reason": "inspector drop"}, "inspector drop"),
        ("DNY999", {"reason": None}, None),
        ("DNY999", {"kind": "icmp", "reason": "type=3, code=3"}, None),
    ],
)
def test_the_firewalls_words_are_quoted(
    causes: dict[str, type], cause: str, values: dict[str, Any], words: str | None
) -> None:
    proof = Proof("asa.log", 7, "line")
    said = [c for c in causes[cause].claims(Refusal(denial(**values), proof)) if "words" in c.text]
    assert [c.proofs for c in said] == ([] if words is None else [(proof,)])
    assert words is None or words in said[0].text


def test_an_access_list_that_permitted_the_packet_is_named(causes: dict[str, type]) -> None:
    row = never(permitted_by="IN", permitted_file="asa.log", permitted_line=5, reach_s=7200.0)
    claims = causes["DNY402"].claims(Refusal(row, Proof("asa.log", 7, "line")))
    assert any(
        "“IN” had permitted it" in c.text and str(c.proofs[0]) == "asa.log:5" for c in claims
    )
    assert "within the 2 h before" in claims[-1].text


@pytest.mark.parametrize(
    ("lag_s", "when"),
    [
        (-3.0, "in a line stamped 3 s later"),
        (-1.0, "in a line stamped 1 s later"),
        (0.0, "in the same second"),
        (0.4, "in the same second"),
        (1.0, "1 s before"),
        (None, "before"),
    ],
)
def test_when_the_teardown_was_logged(lag_s: float | None, when: str) -> None:
    before = Proof("asa.log", 8, "line")
    refusal = Refusal(after(FINS, lag_s), Proof("asa.log", 7, "line"), None, before, None)
    assert f"as “fins” {when}, after 2 min 5 s" in _words.removed(refusal).text


def test_why_never_contradicts_the_harm_of_a_case(causes: dict[str, type]) -> None:
    """A finding prints one reason per cause: it must fit every level of harm it can come with."""
    for case, _, key, _, harm in CASES:
        claimed = re.match(r"(harmless|harmful)\b(?! (if|once|unless|for|with|after|where))",
                           causes[key].harm_why)  # fmt: skip
        assert claimed is None or claimed[1] == word(harm), (case, key)


@pytest.mark.parametrize(
    ("lived", "product", "text"),
    [
        (302.0, "ASA", "Its idle timer is 5 min 2 s at most"),
        (3600.0, "ASA", None),  # the default
        (90_000.0, "ASA", None),
        (None, "ASA", None),
        (7200.0, "netfilter", "Its idle timer is 2 h at most"),
    ],
)
def test_a_short_life_bounds_the_idle_timer(
    causes: dict[str, type], lived: float | None, product: str, text: str | None
) -> None:
    row = after(IDLE, 900.0, flags="PSH ACK", conn_duration_s=lived, product=product)
    before = Proof("asa.log", 6, "line")
    claims = causes["DNY301"].claims(Refusal(row, Proof("asa.log", 7, "line"), None, before, None))
    found = [claim for claim in claims if "idle timer" in claim.text]
    assert [claim.proofs for claim in found] == ([(before,)] if text else [])
    assert text is None or found[0].text.startswith(text)


def test_a_drop_capture_is_not_taken_for_an_interface(causes: dict[str, type]) -> None:
    refusal = Refusal(asp("tcp-not-syn", interface="drop"), Proof("drop.txt", 2, "frame"))
    assert not any("interface drop" in command for command in causes["DNY901"].missing(refusal))
