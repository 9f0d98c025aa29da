"""Captures taken with a filter for SYN, FIN and RST: what they leave out is held against nobody."""

import polars as pl
import pytest

from finis.correlation.correlate import correlate
from finis.correlation.stories import Stories
from finis.diagnosis import engine
from tests.correlation.world import denials, log, point
from tests.script import segments

OPEN = "+0 C > S S 0:0(0)\n+.01 S > C S. 0:0(0) ack 1\n"
# Another connection: 300 and 1000 bytes that the filter left out were acknowledged.
WITNESS = (
    "name C 192.0.2.9:50000\n" + OPEN
    + "+1 S > C F. 1001:1001(0) ack 301\n+.01 C > S F. 301:301(0) ack 1002\n"
)  # fmt: skip
PLAIN = "+.01 S > C . 1002:1002(0) ack 302\n"  # passes no such filter
REFUSED = "name C 192.0.2.9:50000\n+0 C > S S 0:0(0)\n+.01 S > C R. 0:0(0) ack 1 win 0\n"
MINE = "name C 192.0.2.1:40000\n" + OPEN

# What is shown of a connection: what is said of it, and what would be with the witness's last ACK.
SHOWN = {
    "no more than the handshake": ("", ("END902", "possible", "depends"), "END103"),
    "SYN ACK in vain": (
        "+1 S > C S. 0:0(0) ack 1\n+2 S > C S. 0:0(0) ack 1\n",
        ("END103", "likely", "depends"), "END103"),
    "client aborts after data": (
        "+1 C > S R. 301:301(0) ack 1001 win 0\n", ("END305", "likely", "depends"), "END391"),
    "client aborts before any": (
        "+1 C > S R. 1:1(0) ack 1 win 0\n", ("END391", "likely", "depends"), "END104"),
    "server aborts after data": (
        "+1 S > C R. 1001:1001(0) ack 301 win 0\n", ("END306", "likely", "depends"), "END391"),
    "a RST that answers data": (
        "+1 S > C R 1001:1001(0) win 0\n", ("END311", "likely", "depends"), "END391"),
    "a RST beyond any window": (
        "+1 S > C R. 1500000001:1500000001(0) ack 301 win 0\n",
        ("END902", "possible", "depends"), "END902"),
    "half-open probe": ("+.01 C > S R 1:1(0) win 0\n", ("END104", "likely", "harmless"), "END104"),
    "server closed, client aborts": (
        "+1 S > C F. 1001:1001(0) ack 301\n+.1 C > S R. 301:301(0) ack 1002 win 0\n",
        ("END305", "likely", "harmless"), "END305"),
    "closed, then an answer without state": (
        "+1 C > S F. 301:301(0) ack 1001\n+.1 C > S R 302:302(0) win 0\n",
        ("END311", "likely", "depends"), "END311"),
    "a FIN in vain": (
        "".join(f"+{wait} C > S F. 301:301(0) ack 1001\n" for wait in (1, 0.3, 0.6, 1.2)),
        ("END410", "possible", "depends"), "END407"),
}  # fmt: skip


def judged(traffic: str) -> Stories:
    shown = point("inside", segments(traffic), margin_s=60.0)
    return engine.judge(correlate([shown], log(), denials())).stories


def mine(stories: Stories) -> dict[str, object]:
    return stories.table.filter(pl.col("orig_p") == 40000).row(0, named=True)


@pytest.mark.parametrize("name", SHOWN)
def test_what_a_filtered_capture_shows(name: str) -> None:
    traffic, expected, unfiltered = SHOWN[name]
    stories = judged(WITNESS + MINE + traffic)
    row = mine(stories)
    assert (row["cause"], row["confidence"], row["harm"]) == expected
    assert [note.startswith("inside shows SYN, FIN and RST only") for note in stories.unmatched]
    # One segment that no such filter lets through, and what is missing was missing.
    stories = judged(WITNESS + PLAIN + MINE + traffic)
    assert mine(stories)["cause"] == unfiltered
    assert stories.unmatched == []


def test_a_scan_is_no_filter() -> None:
    """SYNs and RSTs alone, and nothing missing."""
    stories = judged(REFUSED + MINE + "+1 C > S R. 1:1(0) ack 1 win 0\n")
    assert stories.table["flags_only"].to_list() == [False, False]
    assert (mine(stories)["cause"], stories.unmatched) == ("END104", [])


def test_the_filter_of_one_point_is_told_of_that_point() -> None:
    whole = WITNESS + PLAIN
    points = [point("inside", segments(WITNESS)), point("outside", segments(whole), file=1)]
    stories = correlate(points, log(), denials())
    assert stories.table["flags_only"].to_list() == [True]
    (note,) = stories.unmatched
    assert note.startswith("inside shows")
