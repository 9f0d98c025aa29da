"""Every cause of an ending: cases where it is the verdict, and look-alikes where it is not."""

import polars as pl
import pytest

from finis.correlation.stories import Story
from finis.diagnosis import engine
from finis.diagnosis.cause import Cause
from finis.terms import Confidence, Harm, Teardown, word
from tests.diagnosis.endings import (
    REFERENCE,
    Row,
    both,
    embryonic,
    fin_rst,
    fins,
    frame,
    logged,
    row,
    rst,
    seen,
    stories,
)

SURE, LIKELY, POSSIBLE = "certain", "likely", "possible"
NO, MAYBE, YES = "harmless", "depends", "harmful"

STUCK: Row = {
    "r_unacked": 2896, "r_rexmit": 4, "r_stuck_bytes": 1448, "r_stuck_ip_bytes": 1500,
    "r_stuck_df": True, "r_stuck_alive": False,
}  # fmt: skip

# (primary cause, confidence, harm, what it is, the row)
CASES: list[tuple[str, str, str, str, Row]] = [
    # --- the handshake
    ("END101", SURE, MAYBE, "RST to the SYN",
     embryonic("refused", resp_pkts=1)
     | rst("resp", "refusal", "syn", ended="refused") | {"resp_pkts": 1}),
    ("END101", LIKELY, MAYBE, "reset at once without a byte, by the log",
     logged("reset-resp", log_bytes=0, log_duration_s=0.0)),
    ("END102", LIKELY, MAYBE, "two SYNs, no answer", embryonic(o_syns=2, orig_pkts=2)),
    ("END102", POSSIBLE, MAYBE, "one SYN only", embryonic()),
    ("END102", LIKELY, MAYBE, "SYN Timeout in the log",
     logged("syn-timeout", log_bytes=0, log_duration_s=30.0)),
    ("END103", SURE, MAYBE, "SYN ACK repeated", embryonic(r_syns=3, resp_pkts=3)),
    ("END103", LIKELY, MAYBE, "one SYN ACK", embryonic(r_syns=1, resp_pkts=1)),
    ("END104", SURE, NO, "half-open health check",
     embryonic(r_syns=1, resp_pkts=1, orig_pkts=2)
     | rst("orig", "no-state", "syn-ack", o_rst_s=0.02)),
    ("END104", SURE, MAYBE, "RST three seconds later",
     embryonic(r_syns=1, resp_pkts=1, o_syns=2) | rst("orig", "no-state", "syn-ack", o_rst_s=3.0)),
    ("END113", LIKELY, MAYBE, "three SYNs, the SYN ACK six seconds after the first",
     embryonic(r_syns=1, resp_pkts=1, o_syns=3)
     | rst("orig", "no-state", "syn-ack", o_rst_s=6.0001, o_rst_lag_s=0.0001)),
    ("END104", SURE, MAYBE, "answered at once, reset three seconds later",
     embryonic(r_syns=1, resp_pkts=1)
     | rst("orig", "no-state", "syn-ack", o_rst_s=3.02, o_rst_lag_s=3.0)),
    ("END104", POSSIBLE, MAYBE, "client reset without a byte, by the log",
     logged("reset-orig", log_bytes=0, log_duration_s=0.0)),
    ("END105", LIKELY, YES, "SYN ACK and never a SYN",
     embryonic(o_syns=0, r_syns=2, orig_pkts=0, resp_pkts=2, midstream=True)),
    ("END105", POSSIBLE, MAYBE, "the same right after the capture began",
     embryonic(o_syns=0, r_syns=1, orig_pkts=0, resp_pkts=1, midstream=True, near_start=True)),
    ("END106", LIKELY, MAYBE, "backscatter reset by its receiver",
     embryonic(o_syns=0, r_syns=1, resp_pkts=1) | rst("orig", "bad-ack", "syn-ack")),
    ("END107", SURE, YES, "RST to the challenge ACK eaten by the firewall",
     embryonic(o_syns=3, o_dropped_rst=True, o_dropped=3, paired=True, r_challenge=3)
     | rst("orig", "no-state", "challenge-ack", o_rsts=3, ended="unanswered", reset_by="none")),
    ("END107", LIKELY, YES, "the exchange repeats without success",
     embryonic(o_syns=4, r_challenge=4)
     | rst("orig", "no-state", "challenge-ack", o_rsts=4, ended="unanswered", reset_by="none")),
    ("END108", LIKELY, MAYBE, "SYN, old ACK, RST, once",
     embryonic(o_syns=1, r_challenge=1)
     | rst("orig", "no-state", "challenge-ack", ended="unanswered", reset_by="none")),
    ("END108", POSSIBLE, MAYBE, "unanswered within a minute of the last use",
     embryonic(o_syns=2, reuse_gap_s=30.0, reuse_unanswered=False)),
    ("END109", SURE, MAYBE, "administratively prohibited",
     embryonic(icmp_errors=1, icmp_type=3, icmp_code=13, icmp_to="orig", icmp_by="203.0.113.1")),
    ("END109", LIKELY, MAYBE, "host unreachable to one SYN of three",
     embryonic(o_syns=3, icmp_errors=1, icmp_type=3, icmp_code=1, icmp_to="orig",
               icmp_by="203.0.113.1")),
    ("END110", LIKELY, YES, "SYN ACKs repeated, data unanswered",
     seen(r_syns=4, resp_pkts=4, orig_pkts=7, orig_bytes=100, resp_bytes=0, o_unacked=100,
          o_rexmit=3)),
    ("END110", POSSIBLE, YES, "SYN ACKs repeated, no data: perhaps a listener that waits for it",
     seen(r_syns=3, resp_pkts=3, orig_pkts=4, orig_bytes=0, resp_bytes=0)),
    ("END110", POSSIBLE, YES, "RST to the ACK of the handshake",
     seen(**rst("resp", "no-state", "ack", r_rst_lag_s=0.0001), resp_pkts=2, orig_pkts=2,
          orig_bytes=0, resp_bytes=0, idle_s=0.02)),
    ("END111", POSSIBLE, MAYBE, "another ISN five seconds later",
     embryonic(o_syns=2, reuse_gap_s=5.0, reuse_unanswered=True)),
    # --- orderly
    ("END201", SURE, NO, "client first", seen(**fins("orig"))),
    ("END201", SURE, NO, "client first, farewell after its FIN: the control",
     both("fins", **fins("orig"), r_data_after_fin=31, resp_close_notify="likely",
          midstream=True, teardown_by="orig")),
    ("END201", SURE, NO, "a RST after everything was acknowledged",
     seen(**(rst("orig", "abort") | fins("orig")))),
    ("END202", SURE, NO, "server first", seen(**fins("resp"))),
    ("END203", SURE, NO, "crossed FINs", seen(**fins("orig", simultaneous_close=True))),
    ("END204", SURE, NO, "40 kB after the client's FIN",
     seen(**fins("orig", r_data_after_fin=40_000))),
    # What was not captured may have been a RST.
    ("END205", LIKELY, NO, "FIN repeated and never acknowledged",
     seen(**fins("orig", ended="closing", r_fin_acked=False, r_fins=4))),
    ("END205", LIKELY, NO, "last ACK not seen",
     seen(**fins("orig", ended="closing", r_fin_acked=False))),
    ("END205", LIKELY, MAYBE, "and data with it",
     seen(**fins("orig", ended="closing", r_fin_acked=False, r_fins=4, r_unacked=1448))),
    ("END207", LIKELY, NO, "TCP FINs", logged("fins", teardown_by="resp")),
    ("END207", LIKELY, NO, "the capture stops before the FINs the log tells of",
     both("fins", cut_end=True)),
    ("END211", LIKELY, NO, "one FIN seen, the number of the other acknowledged",
     seen(**fins("resp", ended="half-closed", o_fin=False, o_fins=0), o_fin_missed=True,
          capture_loss=True)),
    # --- reset
    ("END302", LIKELY, NO, "the capture began after the server's FIN, of which the log tells",
     both("fins", **fin_rst("orig", "orig", r_fin=False, r_fins=0), midstream=True,
          teardown_by="resp")),
    ("END301", LIKELY, MAYBE, "data 10 ms before FIN and RST",
     seen(**fin_rst("orig", "orig", r_fin=False, r_fins=0, o_fin_after_data_s=0.01,
                    o_rst_after_data_s=0.011))),
    ("END301", LIKELY, NO, "only the farewell unread",
     seen(**fin_rst("orig", "orig", o_fin_after_data_s=-0.01, o_rst_after_data_s=0.001,
                    r_data_after_fin=31, resp_close_notify="likely"))),
    ("END302", SURE, NO, "the reference case", REFERENCE),
    ("END302", SURE, NO, "server first, client FIN and RST", seen(**fin_rst("orig", "resp"))),
    ("END302", SURE, MAYBE, "with data of the client open",
     seen(**fin_rst("orig", "resp", o_unacked=100))),
    ("END303", SURE, NO, "client first, server FIN and RST", seen(**fin_rst("resp", "orig"))),
    ("END304", SURE, MAYBE, "FIN and RST while the server still talks",
     seen(**fin_rst("orig", "orig", r_fin=False, r_fins=0, fin_by="orig"))),
    ("END305", LIKELY, MAYBE, "client RST without FIN", seen(**rst("orig"))),
    ("END305", LIKELY, NO, "connect and reset, no data",
     seen(**rst("orig"), orig_bytes=0, resp_bytes=0)),
    ("END305", LIKELY, NO, "client RST after the server's FIN",
     seen(**(fins("resp", o_fin=False, o_fins=0) | rst("orig")))),
    ("END306", LIKELY, MAYBE, "server RST after its response", seen(**rst("resp"))),
    ("END306", SURE, MAYBE, "the same, on both sides of the firewall",
     seen(**rst("resp"), n_points=2)),
    ("END305", SURE, MAYBE, "client RST, on both sides", seen(**rst("orig"), n_points=2)),
    ("END305", LIKELY, MAYBE, "without ACK bit", seen(**rst("orig"), n_points=2, o_rst_bare=True)),
    ("END306", LIKELY, YES, "a request that only the RST acknowledged",
     seen(**rst("resp"), o_rst_acked=50)),
    ("END306", LIKELY, MAYBE, "a farewell that only the RST acknowledged, and the client's FIN",
     seen(**rst("resp"), o_rst_acked=5, o_fin=True)),
    ("END306", LIKELY, YES, "server RST to a request", seen(**rst("resp"), resp_bytes=0)),
    ("END306", LIKELY, MAYBE, "the same, but a byte of an answer was acknowledged, not captured",
     seen(**rst("resp"), resp_bytes=0, r_gap=True, capture_loss=True)),
    ("END202", LIKELY, NO, "server first, its answer acknowledged, not captured",
     seen(**fins("resp"), resp_bytes=0, r_gap=True, capture_loss=True)),
    ("END202", SURE, MAYBE, "a request answered with an alert that cannot be read",
     seen(**fins("resp"), resp_close_notify="likely", r_alert_alone=True, o_proto="tls",
          r_proto="tls")),
    ("END202", SURE, NO, "the server's farewell answers the client's",
     seen(**fins("resp"), resp_close_notify="likely", r_alert_alone=True, o_proto="tls",
          r_proto="tls", orig_close_notify="likely")),
    ("END202", SURE, MAYBE, "server first, without an answer", seen(**fins("resp"), resp_bytes=0)),
    ("END305", LIKELY, MAYBE, "connect and reset, the data of which was not captured",
     seen(**rst("orig"), orig_bytes=0, resp_bytes=0, o_gap=True, capture_loss=True)),
    ("END306", LIKELY, YES, "response not acknowledged", seen(**rst("resp"), r_unacked=1448)),
    ("END310", SURE, YES, "request after the server's FIN",
     seen(**fins("resp", ended="reset", o_fin=False, o_fins=0) | rst(
         "resp", "data-after-close", "data", r_rst_after_own_fin_s=9.0, o_data_after_fin=300))),
    ("END310", SURE, NO, "only a TLS farewell after the server's FIN",
     seen(**fins("resp", ended="reset", o_fin=False, o_fins=0) | rst(
         "resp", "data-after-close", "data", r_rst_after_own_fin_s=0.02, o_data_after_fin=31,
         orig_close_notify="likely", o_proto="tls"))),
    ("END310", SURE, MAYBE, "a farewell by its size, of what protocol was not captured",
     seen(**fins("resp", ended="reset", o_fin=False, o_fins=0) | rst(
         "resp", "data-after-close", "data", r_rst_after_own_fin_s=0.02, o_data_after_fin=31,
         orig_close_notify="likely", o_proto=None))),
    ("END310", SURE, NO, "a farewell that can be read",
     seen(**fins("resp", ended="reset", o_fin=False, o_fins=0) | rst(
         "resp", "data-after-close", "data", r_rst_after_own_fin_s=0.02, o_data_after_fin=31,
         orig_close_notify="yes", o_proto=None))),
    ("END310", SURE, NO, "a TLS farewell that crossed the server's FIN",
     seen(**fins("resp", ended="reset", o_fin=False, o_fins=0) | rst(
         "resp", "data-after-close", "data", r_rst_after_own_fin_s=0.02, o_unacked=24,
         orig_close_notify="likely", o_proto="tls"))),
    ("END310", SURE, YES, "a request that crossed the server's FIN, and a farewell",
     seen(**fins("resp", ended="reset", o_fin=False, o_fins=0) | rst(
         "resp", "data-after-close", "data", r_rst_after_own_fin_s=0.02, o_unacked=324,
         orig_close_notify="likely"))),
    ("END310", SURE, YES, "as few bytes that crossed it, but no farewell",
     seen(**fins("resp", ended="reset", o_fin=False, o_fins=0) | rst(
         "resp", "data-after-close", "data", r_rst_after_own_fin_s=0.02, o_unacked=24))),
    ("END310", SURE, YES, "how many bytes crossed it is not known",
     seen(**fins("resp", ended="reset", o_fin=False, o_fins=0) | rst(
         "resp", "data-after-close", "data", r_rst_after_own_fin_s=0.02, o_unacked=None,
         orig_close_notify="likely"))),
    ("END310", LIKELY, YES, "a request, and a RST with the ACK bit: perhaps an abort",
     seen(**fins("resp", ended="reset", o_fin=False, o_fins=0) | rst(
         "resp", "no-state-ack", "data", r_rst_after_own_fin_s=9.0, o_data_after_fin=300))),
    ("END310", SURE, MAYBE, "a few bytes and the client's FIN at once, after the server's FIN",
     seen(**fins("resp", ended="reset") | rst(
         "resp", "data-after-close", "data", r_rst_after_own_fin_s=0.02, o_data_after_fin=57,
         o_data_s=1.0, o_fin_s=1.001))),
    ("END310", SURE, MAYBE, "as many bytes as the JDK says farewell with in TLS 1.3",
     seen(**fins("resp", ended="reset", o_fin=False, o_fins=0) | rst(
         "resp", "data-after-close", "data", r_rst_after_own_fin_s=0.02, o_data_after_fin=80,
         o_proto="tls"))),
    ("END310", SURE, YES, "as many bytes, but no TLS",
     seen(**fins("resp", ended="reset", o_fin=False, o_fins=0) | rst(
         "resp", "data-after-close", "data", r_rst_after_own_fin_s=0.02, o_data_after_fin=80))),
    ("END310", SURE, YES, "a small request after the server's FIN; the client waits",
     seen(**fins("resp", ended="reset") | rst(
         "resp", "data-after-close", "data", r_rst_after_own_fin_s=0.02, o_data_after_fin=57,
         o_data_s=1.0, o_fin_s=1.2))),
    ("END310", LIKELY, MAYBE, "the sender aborted, too",
     seen(**fins("orig", ended="reset", r_fin=False, r_fins=0) | rst(
         "orig", "data-after-close", "data", o_rst_after_own_fin_s=0.2, r_data_after_fin=9000)
         | {"r_rsts": 1, "r_rst_s": 126.0, "resp_rst_class": "abort"})),
    ("END310", SURE, MAYBE, "response after the client left",
     seen(**fins("orig", ended="reset", r_fin=False, r_fins=0) | rst(
         "orig", "data-after-close", "data", o_rst_after_own_fin_s=0.2, r_data_after_fin=9000))),
    ("END311", SURE, NO, "FIN answered by a host that had freed the connection, at two points",
     seen(**fins("resp", ended="reset", o_fin_acked=False) | rst(
         "resp", "no-state", "fin", r_rst_after_own_fin_s=70.0)
         | {"paired": True, "n_points": 2})),
    # An abort of that host may have been lost before it came to the only point.
    ("END311", LIKELY, NO, "the same, the beginning not captured",
     seen(**fins("resp", ended="reset", o_fin_acked=False) | rst(
         "resp", "no-state", "fin", r_rst_after_own_fin_s=70.0)
         | {"paired": True, "n_points": 2, "midstream": True})),
    ("END311", LIKELY, NO, "the same, but another RST in its name on the far side",
     seen(**fins("resp", ended="reset", o_fin_acked=False) | rst(
         "resp", "no-state", "fin", r_rst_after_own_fin_s=70.0)
         | {"paired": True, "n_points": 2, "created_rst": "to-orig", "r_dropped": 1,
            "r_dropped_rst": True})),
    ("END311", LIKELY, MAYBE, "the same, what it answered perhaps not captured",
     seen(**fins("resp", ended="reset", o_fin_acked=False) | rst(
         "resp", "no-state", "fin", r_rst_after_own_fin_s=70.0)
         | {"paired": True, "n_points": 2, "capture_loss": True})),
    ("END311", LIKELY, NO, "FIN answered by a host that had freed the connection, at one point",
     seen(**fins("resp", ended="reset", o_fin_acked=False) | rst(
         "resp", "no-state", "fin", r_rst_after_own_fin_s=70.0))),
    ("END311", SURE, NO, "an ACK after the FIN answered by a host without state, seen from its SYN",
     seen(**fins("resp", ended="reset", o_fin=False, o_fins=0) | rst(
         "resp", "no-state", "ack", r_rst_after_own_fin_s=70.0)
         | {"paired": True, "n_points": 2})),
    # It may have a SYN out that no capture shows, and answer a challenge ACK to that.
    ("END311", LIKELY, NO, "the same, the beginning not seen",
     seen(**fins("resp", ended="reset", o_fin=False, o_fins=0) | rst(
         "resp", "no-state", "ack", r_rst_after_own_fin_s=70.0)
         | {"paired": True, "n_points": 2, "midstream": True})),
    ("END311", LIKELY, MAYBE, "stateless form, answered segment not captured",
     seen(**rst("resp", "no-state", "unseen"))),
    ("END312", LIKELY, YES, "data after an hour's silence, bare RST",
     seen(**rst("resp", "no-state", "data"), closing_gap_s=3700.0)),
    ("END313", LIKELY, YES, "request crosses the idle close",
     seen(**fins("resp", ended="reset", o_fin=False, o_fins=0) | rst(
         "resp", "data-after-close", "data", r_rst_after_own_fin_s=0.02, o_data_after_fin=300,
         r_fin_after_data_s=-0.004, closing_gap_s=60.0))),
    ("END316", LIKELY, MAYBE, "stale number and another TTL",
     seen(**rst("resp", "suspect", r_rst_ttl=250))),
    ("END316", POSSIBLE, MAYBE, "another TTL only", seen(**rst("resp", "abort", r_rst_ttl=119))),
    ("END316", POSSIBLE, MAYBE, "three RSTs, each further ahead",
     seen(**rst("resp", r_rsts=3, r_rst_ahead=True, r_rst_form="R.,R."))),
    ("END316", LIKELY, MAYBE, "an ACK ahead and another TTL",
     seen(**rst("resp", r_rsts=2, r_rst_acks_ahead=True, r_rst_ttl=119))),
    ("END316", LIKELY, MAYBE, "made between the points, with guessed numbers",
     seen(**rst("orig"), paired=True, n_points=2, created_rst="both") | {
         "o_rsts": 0, "o_rst_ahead": True, "rst_by": "device"}),
    ("END320", SURE, YES, "handshake_failure, then FINs",
     seen(**fins("resp", r_alert="fatal", r_alert_desc=40, o_proto="tls", r_proto="tls"))),
    ("END320", SURE, YES, "unknown_ca from the client, then RST",
     seen(**rst("orig"), o_alert="fatal", o_alert_desc=48, o_proto="tls", r_proto="tls")),
    ("END321", LIKELY, YES, "HTTP to a TLS server",
     seen(**fins("resp", o_proto="http", r_proto="tls", r_alert="fatal", r_alert_desc=10))),
    ("END322", LIKELY, YES, "TLS to an HTTP server",
     seen(**fins("resp", o_proto="tls", r_proto="http"))),
    ("END323", LIKELY, YES, "ClientHello reset",
     seen(**rst("resp"), o_proto="tls", r_proto="none", resp_bytes=0)),
    ("END323", LIKELY, YES, "the same; what was acknowledged unseen is the client's",
     seen(**rst("resp"), o_proto="tls", r_proto="none", resp_bytes=0, o_gap=True, gap=True,
          capture_loss=True)),
    ("END323", LIKELY, YES, "ClientHello answered with close_notify in clear and FIN",
     seen(**fins("resp"), o_proto="tls", r_proto="tls", resp_bytes=7, r_alert="close-notify",
          resp_close_notify="yes")),
    ("END324", SURE, YES, "an encrypted alert instead of the Finished",
     seen(**fins("orig"), o_after_hello=30, orig_close_notify="likely", o_proto="tls",
          r_proto="tls")),
    ("END324", SURE, YES, "an alert and a RST",
     seen(**rst("orig"), o_after_hello=24, orig_close_notify="likely", o_proto="tls",
          r_proto="tls")),
    ("END324", SURE, MAYBE, "a close_notify in clear is no refusal",
     seen(**fins("orig"), o_after_hello=7, orig_close_notify="yes", o_alert="close-notify")),
    ("END324", SURE, MAYBE, "closed after the ServerHello without a word",
     seen(**fins("orig"), o_after_hello=0, o_proto="tls", r_proto="tls")),
    ("END324", SURE, MAYBE, "the server closed on a client that did not go on",
     seen(**fins("resp"), o_after_hello=0, o_proto="tls", r_proto="tls")),
    ("END320", SURE, YES, "an alert instead of the Finished that can be read",
     seen(**fins("orig"), o_after_hello=7, o_alert="fatal", o_alert_desc=48)),
    ("END316", LIKELY, MAYBE, "a forged RST before the client's Finished",
     seen(**rst("orig", "suspect", o_rst_ttl=100), o_after_hello=0)),
    ("END325", LIKELY, YES, "the server's FIN within a record",
     seen(**fins("resp"), r_record_cut=11_625, resp_close_notify="no", o_proto="tls",
          r_proto="tls")),
    ("END325", LIKELY, MAYBE, "the client's", seen(**fins("orig"), o_record_cut=5)),
    ("END323", LIKELY, YES, "ClientHello answered with FIN",
     seen(**fins("resp"), o_proto="tls", r_proto="none", resp_bytes=0)),
    ("END331", LIKELY, MAYBE, "TCP Reset-O after some data",
     logged("reset-resp", teardown_by="resp")),
    ("END391", LIKELY, MAYBE, "a reset of unknown kind",
     seen(**rst("resp", "unknown", "unseen", r_rst_accept="unknown"))),
    # --- silence
    ("END401", SURE, MAYBE, "idle timeout", logged("idle-timeout", log_duration_s=3700.0)),
    ("END401", SURE, YES, "idle timeout, then the application spoke",
     logged("idle-timeout", denials_after=5, data_denied=5, first_denial_lag_s=900.0)),
    ("END401", SURE, MAYBE, "idle timeout, then a RST",
     logged("idle-timeout", denials_after=1, data_denied=0, acks_denied=0)),
    ("END207", LIKELY, MAYBE, "closed per the log, then data refused",
     logged("fins", denials_after=1, data_denied=1)),
    ("END402", SURE, MAYBE, "idle timeout with reset", logged("idle-timeout-reset")),
    ("END403", SURE, MAYBE, "one FIN and the FIN timer",
     both("fin-timeout", **fins("orig", ended="half-closed", r_fin=False, r_fins=0))),
    ("END404", LIKELY, MAYBE, "FIN timer by the log alone", logged("fin-timeout")),
    ("END103", LIKELY, MAYBE, "removed in SYN_RECV", logged("syn-ack-timeout")),
    ("END104", POSSIBLE, MAYBE, "RST in SYN_RECV", logged("handshake-reset")),
    ("END412", LIKELY, NO, "removed in LAST_ACK", logged("last-ack-timeout")),
    ("END412", LIKELY, MAYBE, "removed in LAST_ACK, data refused",
     logged("last-ack-timeout", denials_after=1, data_denied=1)),
    ("END413", LIKELY, MAYBE, "before its idle timer", logged("unacked-timeout")),
    ("END413", LIKELY, YES, "before its idle timer, still used",
     logged("unacked-timeout", denials_after=1, data_denied=1)),
    ("END405", LIKELY, MAYBE, "one FIN, then a long silence",
     seen(**fins("orig", ended="half-closed", r_fin=False, r_fins=0))),
    ("END406", LIKELY, YES, "window closed for good",
     seen(r_last_win0=True, r_zero_windows=6, o_unacked=1)),
    ("END406", LIKELY, YES, "window closed, then the sender gave up",
     seen(**rst("orig"), r_last_win0=True, r_zero_windows=6)),
    ("END407", LIKELY, YES, "data repeated into silence",
     seen(o_rexmit=7, o_unacked=2896, r_last_seg_s=25.0)),
    ("END409", LIKELY, YES, "too big for the next hop, says a router",
     seen(**STUCK, mtu_errors=2, mtu_bytes=1400, mtu_to="resp", mtu_by="203.0.113.1")),
    ("END409", LIKELY, YES, "small segments still arrive, then the client gives up",
     seen(**(rst("orig") | STUCK | {"r_stuck_alive": True}))),
    ("END409", LIKELY, YES, "all that is large is dropped at the firewall",
     seen(**(rst("orig") | STUCK | {"r_stuck_alive": True}), r_stuck_after=400, paired=True,
          n_points=2, r_dropped=4, r_dropped_data=True)),
    ("END409", POSSIBLE, YES, "the first large segment, into silence",
     seen(**STUCK, r_stuck_after=200)),
    ("END410", LIKELY, MAYBE, "FIN sent four times into silence",
     seen(ended="half-closed", first_fin="orig", fin_by="orig", o_fin=True, o_fins=4,
          o_fin_acked=False, r_last_seg_s=20.0)),
    ("END411", LIKELY, YES, "gave up on data, later answered as a stranger",
     seen(**rst("orig", "no-state", "data"), o_unacked=300, o_rexmit=4)),
    ("END411", POSSIBLE, YES, "after two tries",
     seen(**rst("orig", "no-state", "data"), o_unacked=300, o_rexmit=2)),
    ("END408", LIKELY, YES, "probes unanswered",
     seen(**rst("orig"), o_keep_alives=9, r_last_seg_s=680.0)),
    # --- the firewall
    ("END501", SURE, MAYBE, "TCP Reset-APPLIANCE", logged("reset-device")),
    # Captures lose packets: what one of them lacks makes nothing certain (END501, END603 to 606).
    ("END501", LIKELY, YES, "a RST leaves the firewall that never entered",
     seen(**rst("resp"), paired=True, n_points=2, created_rst="to-orig")),
    ("END501", LIKELY, YES, "the same, though the log names a host: perhaps another device",
     seen(**rst("resp"), paired=True, n_points=2, created_rst="to-orig", teardown="reset-resp")),
    ("END502", SURE, MAYBE, "inspection", logged("inspection")),
    ("END503", SURE, MAYBE, "IPS", logged("ips-reset")),
    ("END504", SURE, MAYBE, "intercept", logged("tcp-intercept")),
    ("END505", SURE, YES, "normaliser", logged("normalizer")),
    ("END506", SURE, MAYBE, "URL filter", logged("policy")),
    ("END507", SURE, NO, "the standby unit's copy", logged("failover")),
    ("END508", SURE, MAYBE, "clear xlate", logged("admin")),
    ("END509", SURE, YES, "limit", logged("limit")),
    ("END510", SURE, MAYBE, "SYN control", logged("syn-control")),
    ("END511", SURE, MAYBE, "parent closed", logged("parent")),
    ("END511", SURE, NO, "parent closed, nothing was transferred", logged("parent", log_bytes=0)),
    ("END511", LIKELY, YES, "parent closed, and its data refused", logged("parent", data_denied=2)),
    ("END511", SURE, MAYBE, "parent closed, and a late ACK", logged("parent", acks_denied=1)),
    ("END512", SURE, NO, "packet-tracer", logged("injected")),
    ("END513", SURE, NO, "cluster stub", logged("cluster")),
    ("END514", SURE, YES, "loop", logged("loopback")),
    ("END515", SURE, YES, "inspection module down", logged("ips-down")),
    ("END516", SURE, MAYBE, "tunnel down", logged("tunnel")),
    ("END516", SURE, YES, "tunnel down under a connection in use", logged("tunnel", data_denied=1)),
    ("END517", SURE, MAYBE, "no next hop", logged("no-next-hop")),
    ("END518", SURE, MAYBE, "zone without interface", logged("zone")),
    ("END519", SURE, NO, "state bypass", logged("bypass-idle")),
    ("END519", SURE, YES, "state bypass, and data refused", logged("bypass-idle", data_denied=1)),
    ("END520", SURE, MAYBE, "pinhole", logged("pinhole")),
    ("END901", LIKELY, MAYBE, "silent with data open", seen(o_unacked=100)),
    # --- the path
    ("END601", POSSIBLE, MAYBE, "one direction only",
     seen(midstream=True, o_syns=0, r_syns=0, resp_pkts=0, resp_bytes=None, established=False)),
    ("END601", POSSIBLE, MAYBE, "the SYN too, and ACKs of what was not seen",
     seen(r_syns=0, resp_pkts=0, resp_bytes=0, established=False, ended="half-closed",
          first_fin="orig", o_fin=True, o_fins=1)),
    ("END606", LIKELY, YES, "data dropped to the end",
     seen(paired=True, n_points=2, o_dropped=3, o_dropped_data=True, o_unacked=300)),
    ("END606", SURE, YES, "the same, and the log names one of the segments",
     seen(paired=True, n_points=2, o_dropped=3, o_dropped_data=True, o_unacked=300,
          o_denied=True)),
    ("END606", LIKELY, YES, "the same, to the end of the capture, and the peer was silent",
     seen(paired=True, n_points=2, o_dropped=3, o_dropped_data=True, o_unacked=300,
          cut_end=True, r_last_seg_s=4.0)),
    ("END606", LIKELY, YES, "… or it was repeated again and again",
     seen(paired=True, n_points=2, o_dropped=4, o_dropped_data=True, o_unacked=300, o_rexmit=3,
          cut_end=True, r_last_seg_s=0.04)),
    ("END606", LIKELY, YES, "what the log names is of the other side",
     seen(paired=True, n_points=2, o_dropped=3, o_dropped_data=True, o_unacked=300,
          r_denied=True)),
    ("END606", LIKELY, YES, "data dropped once, nothing after it",
     seen(paired=True, n_points=2, r_dropped=1, r_dropped_data=True, r_unacked=300)),
    ("END606", LIKELY, MAYBE, "every FIN dropped",
     seen(paired=True, n_points=2, ended="half-closed", first_fin="orig", o_fin=True, o_fins=2,
          o_fin_acked=False, o_dropped=2, o_dropped_fin=True)),
    ("END602", SURE, MAYBE, "route change", logged("route")),
    ("END602", SURE, YES, "route change under a connection in use",
     logged("route", denials_after=2, data_denied=2)),
    ("END603", LIKELY, YES, "SYN in, nothing out",
     embryonic(o_syns=3, paired=True, n_points=2, o_dropped=3, o_dropped_syns=3)),
    ("END603", SURE, YES, "the same, and the log names it",
     embryonic(o_syns=3, paired=True, n_points=2, o_dropped=3, o_dropped_syns=3, o_denied=True)),
    ("END603", LIKELY, YES, "the same, but what the log names may be what followed it",
     embryonic(o_syns=1, paired=True, n_points=2, o_dropped=3, o_dropped_syns=1, o_denied=True)),
    ("END603", LIKELY, YES, "the other point shows nothing, but several ports of that server",
     embryonic(o_syns=3, absent_at="inside", absent_alike=9, absent_ports=3)),
    ("END603", POSSIBLE, YES, "the other point shows nothing, and one port of that server",
     embryonic("refused", absent_at="inside", absent_alike=9, absent_ports=1)
     | rst("resp", "refusal", "syn", ended="refused")),
    ("END605", LIKELY, MAYBE, "RST in, nothing out",
     seen(paired=True, n_points=2, r_rsts=1, r_dropped=1, r_dropped_rst=True, rst_by="resp",
          resp_rst_class="abort")),
    ("END605", SURE, MAYBE, "the same, and the log names it",
     seen(paired=True, n_points=2, r_rsts=1, r_dropped=1, r_dropped_rst=True, rst_by="resp",
          resp_rst_class="abort", r_denied=True, r_denied_rst=True)),
    ("END605", LIKELY, MAYBE, "the same, after a reset that the log tells of",
     seen(paired=True, n_points=2, r_rsts=1, r_dropped=1, r_dropped_rst=True, rst_by="resp",
          resp_rst_class="abort", r_denied=True, r_denied_rst=True, teardown="reset-resp")),
    ("END605", LIKELY, MAYBE, "the same, and the log names another segment",
     seen(paired=True, n_points=2, r_rsts=1, r_dropped=2, r_dropped_rst=True, rst_by="resp",
          resp_rst_class="abort", r_denied=True)),
    ("END605", LIKELY, MAYBE, "the same, captured from the middle: the other side may have closed",
     seen(paired=True, n_points=2, r_rsts=1, r_dropped=1, r_dropped_rst=True, rst_by="resp",
          resp_rst_class="abort", midstream=True)),
    # --- not determined
    ("END901", LIKELY, NO, "nothing ends it", seen()),
    ("END901", LIKELY, NO, "Built and no Teardown", logged()),
    ("END902", POSSIBLE, MAYBE, "the firewall says Unknown", logged("unknown")),
    ("END902", POSSIBLE, MAYBE, "nothing known at all", row()),
    ("END903", LIKELY, NO, "the capture stops", seen(cut_end=True)),
    ("END903", LIKELY, NO, "the capture stops after one FIN",
     seen(**fins("orig", ended="half-closed", r_fin=False, r_fins=0, cut_end=True))),
]  # fmt: skip

# (cause that must not hold at all, why, the row)
LOOK_ALIKES: list[tuple[str, str, Row]] = [
    ("END101", "SYN ACK came first",
     embryonic(r_syns=1, resp_pkts=1) | rst("orig", "no-state", "syn-ack", o_rst_s=0.02)),
    ("END101", "the firewall itself refused",
     embryonic("refused") | rst("resp", "refusal", "syn", ended="refused", created_rst="to-orig")),
    ("END101", "bytes had passed", logged("reset-resp", log_bytes=10, log_duration_s=0.0)),
    ("END102", "the server answered", embryonic(r_syns=1, resp_pkts=1)),
    ("END102", "the capture ended right after the SYN", embryonic(watched_s=0.001)),
    ("END103", "the capture ended right after the SYN ACK",
     embryonic(r_syns=1, resp_pkts=1, watched_s=0.001)),
    ("END103", "the client reset it",
     embryonic(r_syns=1, resp_pkts=1) | rst("orig", "no-state", "syn-ack")),
    ("END113", "answered and reset within the round trip",
     embryonic(r_syns=1, resp_pkts=1)
     | rst("orig", "no-state", "syn-ack", o_rst_s=0.0201, o_rst_lag_s=0.0001)),
    ("END113", "the RST of a socket that was still there",
     embryonic(r_syns=1, resp_pkts=1, o_syns=3)
     | rst("orig", "abort", "syn-ack", o_rst_s=6.0, o_rst_lag_s=0.0001)),
    ("END104", "established", seen(**rst("orig"))),
    ("END104", "no SYN was seen",
     embryonic(o_syns=0, r_syns=1, resp_pkts=1) | rst("orig", "bad-ack", "syn-ack")),
    ("END105", "the other direction is there", seen(o_syns=0, midstream=True)),
    ("END106", "the SYN was seen",
     embryonic(r_syns=1, resp_pkts=1) | rst("orig", "no-state", "syn-ack")),
    ("END107", "healed at the next SYN", seen(o_syns=2, r_challenge=1)),
    ("END107", "RST not dropped, no second try",
     embryonic(r_challenge=1) | rst("orig", "no-state", "challenge-ack", ended="unanswered")),
    ("END108", "the last use is an hour ago", embryonic(o_syns=2, reuse_gap_s=3600.0)),
    ("END109", "the server answered all the same",
     embryonic(r_syns=1, resp_pkts=1, icmp_errors=1, icmp_type=3, icmp_to="orig")),
    ("END109", "about a segment of the server", embryonic(icmp_errors=1, icmp_to="resp")),
    ("END109", "path MTU discovery", embryonic(icmp_errors=0, mtu_errors=1, mtu_to="orig")),
    ("END110", "the server answered data after its second SYN ACK",
     seen(r_syns=2, resp_pkts=3, orig_pkts=3, resp_bytes=0)),
    ("END110", "the client reset the SYN ACK",
     embryonic(r_syns=2, resp_pkts=2, orig_pkts=2) | rst("orig", "no-state", "syn-ack")),
    ("END110", "reset after an hour: forgotten, not refused",
     seen(**rst("resp", "no-state", "ack", r_rst_lag_s=0.0001), resp_pkts=2, orig_pkts=3,
          resp_bytes=0, idle_s=3600.0)),
    ("END111", "the earlier one had lived",
     embryonic(o_syns=2, reuse_gap_s=5.0, reuse_unanswered=False)),
    ("END111", "five minutes later",
     embryonic(o_syns=2, reuse_gap_s=300.0, reuse_unanswered=True)),
    ("END112", "one SYN, one SYN ACK", seen()),
    ("END201", "the server was first", seen(**fins("resp"))),
    ("END201", "one FIN never acknowledged", seen(**fins("orig", ended="closing"))),
    ("END202", "the client was first", seen(**fins("orig"))),
    ("END203", "one after the other", seen(**fins("orig"))),
    ("END204", "only a farewell after the FIN",
     seen(**fins("orig", r_data_after_fin=31, resp_close_notify="likely"))),
    ("END204", "the data was refused", seen(**fins("orig", ended="reset", r_data_after_fin=9000))),
    ("END205", "a RST came", seen(**fins("orig", ended="closing", r_rsts=1))),
    ("END205", "the capture ends there", seen(**fins("orig", ended="closing", cut_end=True))),
    ("END206", "the RST ended it", seen(**fin_rst("orig", "resp"))),
    ("END206", "the RST came before the close and was ignored",
     seen(**fins("orig", r_rsts=1, r_rst_s=3.0, r_rst_accept="outside"))),
    ("END210", "the RST answers data, not the ACK of a TIME-WAIT",
     seen(**(rst("resp", "no-state", "data", r_rst_s=130.0) | fins("orig")))),
    ("END210", "the side in TIME-WAIT itself reset",
     seen(**(rst("orig", "no-state", "ack", o_rst_s=130.0) | fins("orig")))),
    ("END207", "the packets show a reset", both("fins", **fin_rst("orig", "resp"))),
    ("END208", "no alert", seen(**fins("orig", resp_close_notify="no"))),
    ("END209", "no TLS", seen(**fins("orig", orig_close_notify="no"))),
    ("END209", "the farewell was sent",
     seen(**fins("orig", orig_close_notify="yes", o_proto="tls", r_proto="tls"))),
    ("END301", "no data near the close", seen(**fin_rst("orig", "resp", o_fin_after_data_s=9.0))),
    ("END301", "data not observable", REFERENCE),
    ("END211", "a half-close", seen(**fins("resp", ended="half-closed", o_fin=False, o_fins=0))),
    ("END211", "it was reset", seen(**fins("resp", ended="half-closed", o_fin=False, o_fins=0),
                                    o_fin_missed=True, o_rsts=1)),
    ("END302", "the log ascribes the FINs to the client",
     both("fins", **fin_rst("orig", "orig", r_fin=False, r_fins=0), midstream=True,
          teardown_by="orig")),
    ("END302", "the client was first", seen(**fin_rst("orig", "orig"))),
    ("END302", "all acknowledged before the RST", seen(**(rst("orig") | fins("resp")))),
    ("END302", "the RST was out of window",
     seen(**fin_rst("orig", "resp", o_rst_accept="outside", ended="closing"))),
    ("END303", "the server was first", seen(**fin_rst("resp", "resp"))),
    ("END304", "no FIN before the RST", seen(**rst("orig"))),
    ("END305", "FIN before the RST", seen(**fin_rst("orig", "orig"))),
    ("END305", "stateless RST", seen(**rst("orig", "no-state", "data"))),
    ("END305", "the firewall made it",
     seen(**rst("orig"), paired=True, created_rst="to-resp")),
    ("END306", "the client did", seen(**rst("orig"))),
    ("END306", "RST before the handshake ended",
     embryonic("refused") | rst("resp", "refusal", "syn", ended="refused")),
    ("END307", "the other side had sent data: perhaps unread", seen(**rst("orig"))),
    ("END307", "its retransmissions were unanswered",
     seen(**rst("orig"), resp_bytes=0, o_rexmit=5)),
    ("END307", "the beginning is missing", seen(**rst("orig"), resp_bytes=0, midstream=True)),
    ("END310", "the side had not closed", seen(**rst("resp", "no-state", "data"))),
    ("END310", "its own abort", seen(**fin_rst("orig", "orig", r_data_after_fin=50))),
    ("END311", "an abort", seen(**rst("resp"))),
    ("END311", "answer to a SYN ACK",
     embryonic(r_syns=1, resp_pkts=1) | rst("orig", "no-state", "syn-ack")),
    ("END312", "after its own FIN", seen(**fins("resp", ended="reset")
                                         | rst("resp", "no-state", "fin"))),
    ("END312", "a stale RST, which is ignored",
     seen(**rst("resp", "no-state", "ack", r_rst_accept="outside", ended="open"))),
    ("END313", "seconds after the FIN",
     seen(**fins("resp", ended="reset") | rst(
         "resp", "data-after-close", "data", o_data_after_fin=300, r_fin_after_data_s=-5.0,
         closing_gap_s=60.0))),
    ("END313", "a farewell, no request",
     seen(**fins("resp", ended="reset") | rst(
         "resp", "data-after-close", "data", o_data_after_fin=31, orig_close_notify="likely",
         r_fin_after_data_s=-0.004, closing_gap_s=60.0))),
    ("END313", "a farewell that crosses the idle close",
     seen(**fins("resp", ended="reset") | rst(
         "resp", "data-after-close", "data", o_unacked=24, orig_close_notify="likely",
         r_fin_after_data_s=-0.004, closing_gap_s=60.0))),
    ("END314", "the silence fits no timer",
     seen(**rst("resp"), closing_gap_s=100.0, idle_s=100.0)),
    ("END314", "the client's own program aborted", seen(**rst("orig"), closing_gap_s=350.0)),
    ("END314", "answered data half a minute after the silence",
     seen(**rst("resp", "no-state", "data"), idle_s=400.0, o_last_data_s=30.0)),
    ("END315", "the RST was exact", seen(**rst("resp"))),
    ("END316", "stateless RST with a TTL of its own",
     seen(**rst("resp", "no-state", "data", r_rst_ttl=255))),
    ("END316", "TTL within a hop or two", seen(**rst("resp", r_rst_ttl=62))),
    ("END316", "several RSTs to late data, one number",
     seen(**rst("resp", r_rsts=5, r_rst_ahead=False, r_rst_acks_ahead=False, r_rst_form="R=R"))),
    ("END316", "the capture misses segments: ahead of it only",
     seen(**rst("resp", r_rsts=2, r_rst_ahead=True), capture_loss=True)),
    ("END318", "no sign of forgery beside the shape",
     seen(**rst("orig"), o_rst_form="R.,R.", resp_bytes=0)),
    ("END318", "the server's RST", seen(**rst("resp", "suspect"))),
    ("END318", "late in a long connection", seen(**rst("orig", "suspect"), orig_pkts=500)),
    ("END319", "twelve RSTs, one number", seen(**rst("resp", r_rsts=12, r_rst_seqs=1))),
    ("END319", "a few RSTs", seen(**rst("resp", r_rsts=4, r_rst_seqs=4))),
    ("END320", "a warning", seen(**fins("orig", o_alert="warning", o_alert_desc=112))),
    ("END320", "encrypted", seen(**fins("orig", o_alert="record"))),
    ("END321", "HTTP both ways", seen(**fins("orig", o_proto="http", r_proto="http"))),
    ("END322", "TLS both ways", seen(**fins("orig", o_proto="tls", r_proto="tls"))),
    ("END321", "the answer was acknowledged, not captured",
     seen(**fins("resp"), o_proto="http", resp_bytes=0, r_gap=True, capture_loss=True)),
    ("END323", "the answer was acknowledged, not captured",
     seen(**rst("resp"), o_proto="tls", resp_bytes=0, r_gap=True, capture_loss=True)),
    ("END323", "the server spoke", seen(**rst("resp"), o_proto="tls", r_proto="tls")),
    ("END323", "the client left", seen(**rst("orig"), o_proto="tls", resp_bytes=0)),
    ("END323", "a farewell after use",
     seen(**fins("resp"), o_proto="tls", r_proto="tls", r_alert="close-notify",
          resp_close_notify="yes")),
    ("END324", "a Finished may have been sent",
     seen(**fins("orig"), o_after_hello=37, orig_close_notify="likely", o_proto="tls",
          r_proto="tls")),
    ("END324", "what came after the ClientHello was not captured",
     seen(**fins("orig"), o_after_hello=0, o_gap=True, gap=True, capture_loss=True)),
    ("END324", "no end was seen", seen(o_after_hello=0)),
    ("END325", "the FIN came at the record's end",
     seen(**fins("resp"), r_record_cut=0, resp_close_notify="no", o_proto="tls", r_proto="tls")),
    ("END331", "packets show the end", both("reset-orig", **rst("orig"))),
    ("END391", "no reset", seen(**fins("orig"))),
    ("END401", "closed in good order before", both("idle-timeout", **fins("orig"))),
    ("END402", "silent removal", logged("idle-timeout")),
    ("END515", "the module objected", logged("ips")),
    ("END516", "the route changed", logged("route")),
    ("END517", "the tunnel went", logged("tunnel")),
    ("END518", "the next hop went", logged("no-next-hop")),
    ("END519", "its state was followed", logged("idle-timeout")),
    ("END519", "packets show the close", both("bypass-idle", **fins("orig"))),
    ("END520", "its parent closed", logged("parent")),
    ("END403", "both FINs", both("fin-timeout", **fins("orig", ended="closing"))),
    ("END404", "idle timer", logged("idle-timeout")),
    ("END404", "the last ACK alone is missing", logged("last-ack-timeout")),
    ("END102", "the SYN ACK had passed", logged("syn-ack-timeout")),
    ("END103", "the SYN ACK had not passed", logged("syn-timeout")),
    ("END412", "a FIN may be missing", logged("fin-timeout")),
    ("END413", "the idle timer ran out", logged("idle-timeout")),
    ("END401", "it cannot have run out", logged("unacked-timeout")),
    ("END405", "the capture stops there",
     seen(**fins("orig", ended="half-closed", cut_end=True))),
    ("END406", "the window opened again", seen(r_last_win0=False, r_zero_windows=6, o_unacked=1)),
    ("END406", "closed in good order", seen(**fins("orig", r_last_win0=True, o_unacked=1))),
    ("END407", "acknowledged in the end", seen(o_rexmit=7, o_unacked=0, r_last_seg_s=25.0)),
    ("END407", "the peer's window is closed",
     seen(o_rexmit=7, o_unacked=1, r_last_seg_s=25.0, r_last_win0=True)),
    ("END407", "the peer went on until the capture ended",
     seen(o_rexmit=7, o_unacked=2896, r_last_seg_s=0.02)),
    ("END407", "the FIN alone was repeated, as far as a filter shows",
     seen(o_rexmit=7, o_unacked=2896, r_last_seg_s=25.0, flags_only=True)),
    ("END408", "probes answered", seen(**rst("orig"), o_keep_alives=9, r_last_seg_s=0.01)),
    ("END409", "path MTU discovery did its work",
     seen(mtu_errors=1, mtu_bytes=1400, mtu_to="resp", r_rexmit=1)),
    ("END409", "a small segment",
     seen(**(STUCK | {"r_stuck_bytes": 300, "r_stuck_alive": True}))),
    ("END409", "large ones had got through, now nothing does",
     seen(**STUCK, r_stuck_after=1_000_000)),
    ("END409", "a firewall dropped it, though large ones had passed",
     seen(**(STUCK | {"r_stuck_alive": True}), r_stuck_after=90_000, paired=True, n_points=2,
          r_dropped=4, r_dropped_data=True)),
    ("END409", "it might have been fragmented",
     seen(**(STUCK | {"r_stuck_df": False, "r_stuck_alive": True}))),
    ("END409", "the MTU told is large enough",
     seen(**STUCK, mtu_errors=1, mtu_bytes=1500, mtu_to="resp")),
    ("END410", "acknowledged: a half-close",
     seen(ended="half-closed", first_fin="orig", o_fin=True, o_fins=3, o_fin_acked=True)),
    ("END410", "the peer went on talking until the capture ended",
     seen(ended="half-closed", first_fin="orig", o_fin=True, o_fins=3, o_fin_acked=False,
          r_last_seg_s=0.1)),
    ("END410", "sent twice only",
     seen(ended="half-closed", first_fin="orig", o_fin=True, o_fins=2, o_fin_acked=False)),
    ("END411", "nothing was unacknowledged",
     seen(**rst("orig", "no-state", "data"), o_unacked=0, o_rexmit=4)),
    ("END411", "an abort", seen(**rst("orig"), o_unacked=300, o_rexmit=4)),
    ("END501", "the RST is on both sides", seen(**rst("resp"), paired=True, created_rst="none")),
    ("END501", "several, with guessed numbers: a box that only looks on",
     seen(**rst("orig"), paired=True, created_rst="to-resp") | {"o_rsts": 0, "o_rst_ahead": True}),
    ("END316", "made between the points, with the right number",
     seen(**rst("orig"), paired=True, created_rst="to-resp") | {"o_rsts": 0}),
    ("END501", "one point only", seen(**rst("resp"), created_rst="to-orig")),
    ("END601", "unanswered SYN", embryonic()),
    ("END601", "both directions", seen(midstream=True, o_syns=0, r_syns=0)),
    ("END603", "the SYN left the firewall", embryonic(paired=True, o_dropped=0)),
    ("END603", "the SYN left the firewall, what followed it did not",
     embryonic(paired=True, o_dropped=2, o_dropped_syns=0)),
    ("END603", "the other point shows nothing, but nor does it of others", embryonic(o_syns=3)),
    ("END606", "after a reset that the log tells of and no capture shows",
     seen(paired=True, n_points=2, o_dropped=3, o_dropped_data=True, o_unacked=300,
          o_denied=True, teardown="reset-resp")),
    ("END606", "repetitions that passed, in part",
     seen(paired=True, n_points=2, o_dropped=3, o_dropped_data=True, o_unacked=300, o_rexmit=4,
          cut_end=True, r_last_seg_s=0.04)),
    ("END606", "the capture ended amid repetitions, the peer still talking",
     seen(paired=True, n_points=2, o_dropped=3, o_dropped_data=True, o_unacked=300,
          cut_end=True, r_last_seg_s=0.01)),
    ("END606", "dropped once, acknowledged later",
     seen(paired=True, o_dropped=1, o_dropped_data=True, o_unacked=0)),
    ("END606", "the FIN got through at the next try",
     seen(paired=True, o_fin=True, o_fins=2, o_dropped=1, o_dropped_fin=True, o_fin_acked=True)),
    ("END604", "nothing was dropped", seen(paired=True, o_dropped=0, r_dropped=0)),
    ("END605", "both had closed", REFERENCE),
    ("END605", "the log tells an orderly end, after the captures",
     seen(paired=True, n_points=2, r_rsts=1, r_dropped=1, r_dropped_rst=True, rst_by="resp",
          resp_rst_class="abort", r_denied=True, r_denied_rst=True, teardown="fins")),
    ("END605", "the other side had reset the connection itself",
     seen(**rst("resp") | rst("orig", o_rst_s=126.0) | {
         "ended": "open", "reset_by": "none", "paired": True, "n_points": 2,
         "r_dropped_rst": True, "r_dropped": 1})),
    ("END310", "the sender aborted; the answer to its data was dropped",
     seen(**fins("orig", ended="half-closed", r_fin=False, r_fins=0) | rst(
         "orig", "data-after-close", "data", o_rst_after_own_fin_s=0.2, r_data_after_fin=31,
         ended="half-closed", o_dropped_rst=True)
         | {"r_rsts": 1, "r_rst_s": 126.0, "resp_rst_class": "abort"})),
    ("END901", "closed", seen(**fins("orig"))),
    ("END903", "the capture goes on", seen()),
    ("END903", "closed before", seen(**fins("orig", cut_end=True))),
    ("END904", "the SYN was seen", seen()),
    *((f"END{number}", "closed in good order before", both(reason, **fins("orig")))
      for number, reason in (
          (502, "inspection"), (503, "ips"), (504, "tcp-intercept"), (505, "normalizer"),
          (506, "policy"), (507, "failover"), (508, "admin"), (509, "limit"),
          (510, "syn-control"), (511, "parent"), (512, "probe"), (513, "cluster"),
          (514, "loopback"), (602, "route"))),
]  # fmt: skip

# (row, ids that must be named beside the primary cause)
BESIDE: list[tuple[Row, set[str]]] = [
    (REFERENCE, {"END311", "END604"}),
    (seen(**(rst("orig") | fins("orig"))), {"END206"}),
    (seen(**fins("orig", o_alert="close-notify", orig_close_notify="yes")), {"END208"}),
    (seen(**fins("orig", orig_close_notify="no", o_proto="tls", r_proto="tls")), {"END209"}),
    (seen(**fins("orig", orig_close_notify="likely")), {"END208"}),
    (seen(**fins("orig", orig_close_notify="likely", o_alert_again=True)), set()),
    (seen(**fins("orig", orig_close_notify="likely", o_data_s=122.0)), set()),
    (seen(**fins("orig", orig_close_notify="likely", o_after_hello=24)), set()),
    (seen(r_rsts=1, r_rst_accept="in-window", rst_by="resp"), {"END315"}),
    (seen(paired=True, n_points=2, o_dropped=1, o_dropped_data=True), {"END604"}),
    (seen(midstream=True), {"END904"}),
    (seen(**rst("orig"), o_alert="fatal", o_alert_desc=48), set()),
    (seen(simultaneous_open=True), {"END112"}),
    (seen(**(rst("resp", "no-state", "ack", r_rst_s=130.0) | fins("orig"))), {"END206", "END210"}),
    (seen(**rst("orig"), resp_bytes=0), {"END307"}),
    (seen(**rst("orig", "suspect"), resp_bytes=0), {"END318"}),
    (seen(r_rsts=14, r_rst_seqs=5, rst_by="resp", r_rst_accept="in-window"), {"END315", "END319"}),
    (seen(**rst("resp"), closing_gap_s=350.4), {"END314"}),
    (
        seen(**rst("resp", "no-state", "data"), idle_s=400.0, o_last_data_s=0.1),
        {"END311", "END314"},
    ),
]


@pytest.fixture(scope="module")
def causes() -> dict[str, type[Cause]]:
    return {key: cause for key, cause in engine.catalogue().items() if cause.table == "connections"}


def judged(rows: list[Row]) -> pl.DataFrame:
    return engine.judge(stories(rows)).connections


def test_cases() -> None:
    got = judged([case[-1] for case in CASES]).select("cause", "confidence", "harm").rows()
    said = [(what, *verdict) for (*_, what, _row), verdict in zip(CASES, got, strict=True)]
    assert said == [(what, key, sure, harm) for key, sure, harm, what, _ in CASES]


def test_look_alikes(causes: dict[str, type[Cause]]) -> None:
    table, holds = engine.judge_table(
        frame([row for *_, row in LOOK_ALIKES]), "connections", causes
    )
    wrong = [
        (key, why, table["cause"][at])
        for at, (key, why, _) in enumerate(LOOK_ALIKES)
        if holds[key][at]
    ]
    assert wrong == []


def test_contributing() -> None:
    got = judged([row for row, _ in BESIDE])["contributing"].to_list()
    assert [set(filter(None, text.split(","))) for text in got] == [ids for _, ids in BESIDE]


def test_every_cause_has_a_case_and_a_look_alike(causes: dict[str, type[Cause]]) -> None:
    proven = {case[0] for case in CASES} | {key for _, ids in BESIDE for key in ids}
    assert proven == set(causes)
    assert {key for key, *_ in LOOK_ALIKES} == set(causes) - {"END902"}  # which always holds


def test_two_primaries_never_stand_unordered(causes: dict[str, type[Cause]]) -> None:
    """Whatever holds together is ordered by `beats`, over all rows here and their unions with
    every reason a firewall can log."""
    rows = [case[-1] for case in CASES] + [row for *_, row in LOOK_ALIKES]
    packets = [row for row in rows if row["has_packets"] and not row["has_log"]]
    reasons = [word(reason) for reason in Teardown]
    told = [
        row | {"has_log": True, "teardown": reason, "teardown_ts": row["last_ts"]}
        for row in packets
        for reason in reasons
    ]
    rows += told
    table, holds = engine.judge_table(frame(rows), "connections", causes)
    beaten_by = engine._beaters(causes)
    able = [key for key, cause in causes.items() if not cause.only_contributes]
    ties = set()
    for at, (primary, *flags) in enumerate(
        zip(table["cause"], *(holds[k] for k in able), strict=True)
    ):
        standing = {key for key, flag in zip(able, flags, strict=True) if flag}
        left = {key for key in standing if not beaten_by[key] & standing}
        assert primary in left
        if len(left) > 1:
            ties.add((tuple(sorted(left)), rows[at]["teardown"]))
    assert ties == set()


def test_log_alone_is_certain_only_of_what_the_log_states(causes: dict[str, type[Cause]]) -> None:
    rows = [logged(word(reason)) for reason in Teardown]
    stated = {
        "idle-timeout", "idle-timeout-reset", "reset-device", "inspection", "ips",
        "ips-reset", "tcp-intercept", "policy", "failover", "admin", "route", "normalizer",
        "syn-control", "invalid-syn", "probe", "cluster", "parent", "loopback", "injected", "limit",
        "ips-down", "tunnel", "no-next-hop", "zone", "pinhole", "bypass-idle",
    }  # fmt: skip
    table = judged(rows)
    sure = table.filter(pl.col("confidence") == word(Confidence.CERTAIN))["teardown"].to_list()
    assert set(sure) == stated


def test_lost_data_is_never_called_harmless() -> None:
    """Unacknowledged data at the end of a connection that was not closed in good order."""
    rows = [
        case[-1] | {"o_unacked": 1000, "r_unacked": 1000}
        for case in CASES
        if case[-1]["has_packets"] and case[-1]["ended"] not in ("closed", "refused")
        and case[-1]["established"]
    ]  # fmt: skip
    table = judged(rows)
    harmless = table.filter(pl.col("harm") == word(Harm.HARMLESS))
    assert harmless.select("cause", "ending").rows() == []


@pytest.mark.parametrize(
    ("told", "alternatives"),
    [
        (logged("reset-resp", log_bytes=0, log_duration_s=0.0), 3),  # bytes are payload only
        (logged("refused"), 2),  # a firewall that follows states saw no SYN ACK
    ],
)
def test_a_reset_at_once_may_have_ended_a_finished_handshake(told: Row, alternatives: int) -> None:
    case = stories([told])
    judged, _ = engine.judge_table(case.table, "connections", engine.catalogue())
    assert judged["cause"].to_list() == ["END101"]
    story = Story(case.table.row(0, named=True))
    assert len(engine.catalogue()["END101"].alternatives(story)) == alternatives
