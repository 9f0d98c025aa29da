"""What each step means, in words."""

from __future__ import annotations

import pytest

from finis.report import meaning
from finis.report.meaning import tell
from finis.report.steps import steps
from finis.terms import Alert, Answers, RstClass
from tests.correlation.world import point
from tests.report.told import ABORTED, CLOSED, HANDSHAKE, story


def meanings(traffic: str) -> list[str]:
    some = story(point("lan", traffic))
    return [told.text for told in tell(some, steps(some))]


def test_peaceful() -> None:
    assert meanings(CLOSED) == [
        "orig asks for a connection",
        "resp accepts",
        "handshake complete",
        "orig sends 100 bytes",
        "resp closes first: it will send no more",
        "orig acknowledges the FIN",
        "orig closes too, 510 ms after resp",
        "resp acknowledges the FIN",
    ]


@pytest.mark.parametrize(
    ("more", "last"),
    [
        ("+1 C > S S 0:0(0)", "orig asks again: no answer yet"),
        ("", "orig asks for a connection"),
        ("+.01 S > C R. 0 ack 1 win 0",
         "resp: refuses: nobody listens on the port, or it is rejected; "
         "answers the SYN 10 ms later"),
    ],
)  # fmt: skip
def test_openings(more: str, last: str) -> None:
    assert meanings("+0 C > S S 0:0(0)\n" + more)[-1] == last


@pytest.mark.parametrize(
    ("more", "last"),
    [
        ("+1 C > S P. 1:101(100) ack 1\n+1 C > S P. 1:101(100) ack 1", "100 bytes again"),
        ("+1 C > S P. 1:32(31) ack 1 alert=close-notify", "31 bytes: TLS close_notify"),
        ("+1 C > S P. 1:32(31) ack 1 alert=fatal", "31 bytes: TLS alert (fatal)"),
        ("+1 C > S F. 1:1(0) ack 1\n+1 C > S F. 1:1(0) ack 1",
         "FIN again: resp has not acknowledged it"),
        ("+1 C > S F. 1:4(3) ack 1", "last 3 bytes, and orig closes first: it will send no more"),
        ("+1 C > S R. 1 ack 1 win 0\n+1 C > S R. 1 ack 1 win 0", "orig resets again"),
    ],
)  # fmt: skip
def test_after_the_handshake(more: str, last: str) -> None:
    assert meanings(HANDSHAKE + more)[-1] == last


def test_abort() -> None:
    assert meanings(ABORTED)[-1].startswith("orig: aborts: a stack that still had the connection")


def test_dropped_by_the_firewall() -> None:
    outside = ABORTED.replace("+.5    C > S  R. 101:101(0) ack 2 win 0 id=7", "")
    some = story(
        point("inside", ABORTED, margin_s=5), point("outside", outside, file=1, margin_s=5)
    )
    last = tell(some, steps(some))[-1]
    told = "dropped by the firewall, or missed beyond: seen at inside and nowhere after"
    assert last.text.endswith(told)
    assert last.style == "harmful"


@pytest.mark.parametrize(
    ("enum", "table"),
    [(RstClass, meaning.RESETS), (Answers, meaning.ANSWERED), (Alert, meaning.ALERTS)],
)
def test_every_member_has_words(enum: type, table: dict[object, str]) -> None:
    assert [member.name for member in enum if member not in table] == ["NONE"]  # type: ignore[attr-defined]
