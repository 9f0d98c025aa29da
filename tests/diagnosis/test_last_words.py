"""What passed last decides: pairs of traffic that differ in one segment, and in the verdict."""

from typing import Any

import pytest

from finis.diagnosis import engine
from tests.diagnosis.test_traffic import OPEN, REQUESTS, SYN_ACK_AGAIN, TALK, judged

HTTP = TALK.replace("1:301(300) ack 1\n", "1:301(300) ack 1 head=474554202f204854\n")  # "GET / HT"
AGAIN = "+5 C > S P. 301:601(300) ack 1001\n"
TAKEN = "+.02 S > C . 1001:1001(0) ack 601\n"
UNTAKEN = "".join(SYN_ACK_AGAIN.format(wait, 101) for wait in (0.7, 2, 4))
QUIET = "+10 C > S S 9:9(0) sport=50999\n"  # the capture goes on
SERVER_CLOSES = (
    "+{wait} S > C F. 1001:1001(0) ack {ack}\n+.0001 C > S F. {last}:{last}(0) ack 1002\n"
    "+.02 S > C . 1002:1002(0) ack {after}\n"
)


def closes(wait: float, ack: int, last: int) -> str:
    return SERVER_CLOSES.format(wait=wait, ack=ack, last=last, after=last + 1)


# what it shows → (traffic, id, confidence, harm)
CASES: dict[str, tuple[str, str, str, str]] = {
    # --- what a RST without ACK bit answers
    "bare RST to data": (TALK + AGAIN + "+.02 S > C R 1001:1001(0) win 0\n",
                         "END312", "likely", "harmful"),
    "bare RST after the data was taken": (
        TALK + AGAIN + TAKEN + "+.4 S > C R 1001:1001(0) win 0\n", "END306", "likely", "depends"),
    "… and after older data that met no state": (
        TALK + "+.4 C > S P. 301:601(300) ack 1001\n+.02 S > C R 1001:1001(0) win 0\n",
        "END312", "likely", "harmful"),
    "bare RST to a repetition, after the first was taken": (
        TALK + AGAIN + TAKEN + "+.2 C > S P. 301:601(300) ack 1001\n"
        "+.02 S > C R 1001:1001(0) win 0\n", "END312", "likely", "harmful"),
    "bare RST to a FIN that was taken": (
        TALK + "+1 S > C F. 1001:1001(0) ack 301\n+.0001 C > S . 301:301(0) ack 1002\n"
        "+2.9 C > S R 301:301(0) win 0\n", "END305", "likely", "harmless"),
    # --- what only a RST acknowledges
    "a response that only the RST acknowledges": (
        TALK + AGAIN + "+.02 S > C P. 1001:2001(1000) ack 601\n"
        "+.001 C > S R. 601:601(0) ack 2001 win 0\n", "END305", "likely", "depends"),
    "a FIN that only the RST acknowledges": (
        TALK + "+1 S > C F. 1001:1001(0) ack 301\n+.001 C > S R. 301:301(0) ack 1002 win 0\n",
        "END305", "likely", "harmless"),
    "a FIN that it does not": (
        TALK + "+1 S > C F. 1001:1001(0) ack 301\n+.001 C > S R. 301:301(0) ack 1001 win 0\n",
        "END305", "likely", "depends"),
    "a request that only the RST acknowledges": (
        TALK + AGAIN + "+.02 S > C R. 1001:1001(0) ack 601 win 0\n",
        "END306", "likely", "harmful"),
    "a farewell with FIN that only the RST acknowledges": (
        TALK + "+5 C > S P. 301:306(5) ack 1001\n+0 C > S F. 306:306(0) ack 1001\n"
        "+.02 S > C R. 1001:1001(0) ack 307 win 0\n", "END306", "likely", "depends"),
    # --- a RST beyond what was seen
    "challenged and confirmed": (
        TALK + "+1 S > C R. 2461:2461(0) ack 301\n+.0001 C > S . 301:301(0) ack 1001\n"
        "+.02 S > C R 1001:1001(0) win 0\n", "END306", "likely", "depends"),
    "guessed, and never confirmed": (
        TALK + "+1 S > C R. 2461:2461(0) ack 301\n+.0001 C > S . 301:301(0) ack 1001\n" + QUIET,
        "END901", "likely", "depends"),
    "in the window, and silence": (
        TALK + "+1 S > C R. 2461:2461(0) ack 301\n" + QUIET, "END391", "likely", "depends"),
    "in the window, and the receiver goes on": (
        TALK + "+1 S > C R. 2461:2461(0) ack 301\n+1 C > S P. 301:401(100) ack 1001\n"
        "+.01 S > C . 1001:1001(0) ack 401\n" + QUIET, "END901", "likely", "depends"),
    # --- half-open discovery
    "a new SYN, challenged": (
        TALK + "+100 C > S S 900000:900000(0)\n+.01 S > C . 1001:1001(0) ack 301\n"
        "+.0001 C > S R 301:301(0) win 0\n", "END312", "likely", "depends"),
    # --- the client spoke last
    "a request that got a FIN": (
        HTTP + AGAIN + closes(0.02, 601, 601), "END202", "certain", "depends"),
    "a request that got its response": (
        HTTP + AGAIN + "+.02 S > C P. 1001:1001(0) ack 601\n"
        + "+.02 S > C P. 1001:1501(500) ack 601\n+.01 C > S . 601:601(0) ack 1501\n"
        "+60 S > C F. 1501:1501(0) ack 601\n+.0001 C > S F. 601:601(0) ack 1502\n"
        "+.02 S > C . 1502:1502(0) ack 602\n", "END202", "certain", "harmless"),
    "a last message of another protocol, long before the close": (
        TALK + AGAIN + TAKEN + closes(60, 601, 601), "END202", "certain", "harmless"),
    "… and right before it": (
        TALK + AGAIN + closes(0.02, 601, 601), "END202", "certain", "depends"),
    "a request that crossed the FIN, and was drained": (
        HTTP + AGAIN + closes(0.001, 301, 601), "END202", "certain", "depends"),
    "a request that crossed the FIN, seen at the client": (
        HTTP + "+60 C > S P. 301:601(300) ack 1001\n+.005 S > C F. 1001:1001(0) ack 301\n"
        "+.0001 C > S . 601:601(0) ack 1002\n+.02 S > C R 1001:1001(0) win 0\n",
        "END313", "likely", "harmful"),
    # --- a listener that never took the handshake
    "SYN ACKs again and again, then a RST to data": (
        OPEN + REQUESTS + UNTAKEN + "+60 C > S P. 1:101(100) ack 1\n+.02 S > C R 1:1(0) win 0\n",
        "END110", "likely", "harmful"),
    "… or a RST by itself": (
        OPEN + REQUESTS + UNTAKEN + "+30 S > C R 1:1(0) win 0\n", "END110", "likely", "harmful"),
    "the same, but the data was taken": (
        OPEN + REQUESTS + UNTAKEN + "+.01 S > C . 1:1(0) ack 101\n+60 C > S P. 101:201(100) ack 1\n"
        "+.02 S > C R 1:1(0) win 0\n", "END312", "likely", "harmful"),
}  # fmt: skip


@pytest.mark.parametrize("what", CASES)
def test_verdict(what: str) -> None:
    traffic, *expected = CASES[what]
    got = judged(traffic)
    row: dict[str, Any] = got.connections.row(0, named=True)
    assert [row["cause"], row["confidence"], row["harm"]] == expected, row["ending"]
    story = got.stories.story(0)
    claims = engine.catalogue()[row["cause"]].claims(story)
    assert claims and all(claim.text for claim in claims)


WORDS = {
    "a response that only the RST acknowledges": "acknowledged by the RST alone",
    "a FIN that only the RST acknowledges": "it was acknowledged by the RST itself",
    "bare RST after the data was taken": "without ACK bit, but with the next number of its own",
    "challenged and confirmed": "a second RST came with the number asked for",
    "in the window, and silence": "no challenge ACK of the client answered it",
    "a request that got a FIN": "The client's last data came",
    "a request that crossed the FIN, and was drained": "does not acknowledge 300 bytes",
    "a request that crossed the FIN, seen at the client": "passed here 5 ms before it: they cross",
    "a new SYN, challenged": "The longest silence before it was 1 min 40 s",
}


@pytest.mark.parametrize("what", WORDS)
def test_words(what: str) -> None:
    story = judged(CASES[what][0]).stories.story(0)
    claims = engine.catalogue()[CASES[what][1]].claims(story)
    assert any(WORDS[what] in claim.text for claim in claims), [c.text for c in claims]
