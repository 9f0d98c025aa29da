"""Each segment once, in the order of time, with every point that saw it."""

import pytest

from finis.report.steps import ending_start, flag_words, numbers, steps
from tests.correlation.world import point
from tests.report.told import ABORTED, CLOSED, HANDSHAKE, story


def names(*points: object) -> list[tuple[str, list[int]]]:
    return [(flag_words(step), sorted(step.at)) for step in steps(story(*points))]  # type: ignore[arg-type]


def test_one_point() -> None:
    assert names(point("lan", HANDSHAKE)) == [
        ("SYN", [0]),
        ("SYN ACK", [0]),
        ("ACK", [0]),
    ]


def test_two_points_pair_into_one_step_each() -> None:
    shifted = "start 2024-05-01T12:00:00.0001" + CLOSED
    walk = steps(story(point("inside", CLOSED), point("outside", shifted, file=1)))
    assert len(walk) == 8
    assert all(len(step.at) == len(step.proofs) == 2 for step in walk)
    assert [step.fate for step in walk] == [""] * 8
    stamps = [step.ts_ns for step in walk]
    assert stamps == sorted(stamps)


def test_what_vanished_is_marked() -> None:
    outside = ABORTED.replace("+.5    C > S  R. 101:101(0) ack 2 win 0 id=7", "")
    walk = steps(story(point("inside", ABORTED, margin_s=5),
                       point("outside", outside, file=1, margin_s=5)))  # fmt: skip
    assert [flag_words(step) for step in walk if step.fate == "vanished"] == ["RST ACK"]


def test_ending_starts_at_the_first_fin_or_rst() -> None:
    assert flag_words(steps(story(point("lan", CLOSED)))[4]) == "FIN ACK"
    assert ending_start(steps(story(point("lan", CLOSED)))) == 4
    assert ending_start(steps(story(point("lan", HANDSHAKE)))) == 0


@pytest.mark.parametrize(
    ("line", "flags", "values"),
    [
        ("+0 C > S S 5:5(0) win 100", "SYN", "seq 5  win 100"),
        ("+0 C > S P. 5:8(3) ack 7 win 100", "PSH ACK", "seq 5  ack 7  len 3  win 100"),
        ("+0 C > S . 5:8(3) ack 7 win 100", "data ACK", "seq 5  ack 7  len 3  win 100"),
        ("+0 C > S R 5 win 0", "RST", "seq 5  win 0"),
        ("+0 C > S . ack 7 noseq", "ACK", "ack 7  win 65535"),
        ("+0 C > S - 5:5(0) win 1", "no flags", "seq 5  win 1"),
    ],
)
def test_words_and_numbers(line: str, flags: str, values: str) -> None:
    (step,) = steps(story(point("lan", line)))
    assert flag_words(step) == flags
    assert numbers(step) == values
