"""The ladder: what the arrows say, and how it fits the width."""

from __future__ import annotations

import pytest

from finis.report import ladder as module
from finis.report.document import Document, Pre, spans
from finis.report.ladder import draw, ladder
from finis.report.steps import Step, steps
from finis.report.text import render
from finis.terms import Side
from tests.correlation.world import denials, denied, log, logged, point
from tests.report.told import ABORTED, CLOSED, HANDSHAKE, story, told

TWO = (point("inside", HANDSHAKE), point("outside", HANDSHAKE, file=1))


@pytest.mark.parametrize(
    ("side", "at", "fate", "arrow"),
    [
        (Side.ORIG, [0, 1], "", "│───────────●───────────●──────────▶│"),
        (Side.RESP, [0, 1], "", "│◀──────────●───────────●───────────│"),
        (Side.ORIG, [0], "vanished", "│───────────●─────✕     │           │"),
        (Side.RESP, [1], "vanished", "│           │     ✕─────●───────────│"),
        (Side.ORIG, [1], "created", "│           │     +─────●──────────▶│"),
        (Side.RESP, [0], "created", "│◀──────────●─────+     │           │"),
        (Side.ORIG, [0], "unjudged", "│───────────●───────────?──────────▶│"),
        (Side.ORIG, [0], "", "│───────────●───────────┼──────────▶│"),
    ],
)
def test_arrows(side: Side, at: list[int], fate: str, arrow: str) -> None:
    some = story(*TWO)
    segment = some.seen[0].tail[0]
    assert draw(some, Step(side, dict.fromkeys(at, segment), fate)) == arrow


def text(block: Pre, width: int) -> list[str]:
    return render(Document("", [block]), width=width).splitlines()


def test_wide() -> None:
    lines = text(ladder(story(*TWO)), 1000)
    assert lines[0].split() == ["time", "(UTC)", "orig", "inside", "outside", "resp", "segment",
                                "proof", "what", "it", "means"]  # fmt: skip
    assert len(lines) == 4
    assert lines[1].endswith("orig asks for a connection")
    assert "inside0.pcap#1" in lines[1]
    starts = {line.index("│") for line in lines[1:]}
    assert len(starts) == 1


@pytest.mark.parametrize("width", [80, 100])
def test_narrow_says_the_same_within_the_width(width: int) -> None:
    block = ladder(story(point("inside", ABORTED), point("outside", ABORTED, file=1)))
    wide, narrow = text(block, 1000), text(block, width)
    assert max(map(len, wide)) > width
    assert max(map(len, narrow)) <= width
    words = " ".join(" ".join(narrow).split())
    for line in block.lines[1:]:
        for span in spans(line)[1:]:
            assert " ".join(span.text.split()) in words


def test_log_lines_stand_where_they_belong() -> None:
    lines = text(
        ladder(
            told(
                point("inside", CLOSED.replace("+0 ", "+.5 ", 1)),
                log=log(logged(
                    fw_conn_id=7, orig="192.0.2.1:40000", resp="198.51.100.1:443",
                    built_at="2024-05-01T12:00:00", teardown_at="2024-05-01T12:00:02",
                    teardown="fins", reason="TCP FINs", duration_s=1.0, bytes=100,
                )),
                denials=denials(denied(
                    at="2024-05-01T12:00:02", src="198.51.100.1:443", dst="192.0.2.1:40000",
                    flags="RST", log_row=0, line=3, msg_id="106015",
                )),
            ).story
        ),
        1000,
    )  # fmt: skip
    marks = [line.split("log: ")[1].split()[0] for line in lines if "log: " in line]
    assert marks == ["Built", "Teardown", "106015"]
    assert "log: Built" in lines[1]
    assert "the firewall opens connection 7" in lines[1]
    assert "the firewall forgets the connection: TCP FINs" in lines[-2]
    assert "the firewall refuses RST" in lines[-1]


def test_long_walks_are_folded_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHOWN", 4)
    some = story(point("lan", CLOSED))
    assert len(steps(some)) == 8
    lines = text(ladder(some), 1000)
    assert len(lines) == 1 + 4 + 1
    assert "… 4 segments not drawn …" in lines[3]


def test_folder_is_left_out_of_proofs() -> None:
    some = story(*TWO)
    assert "inside0.pcap#1" in "".join(text(ladder(some), 1000))
    for files in {id(seen.files): seen.files for seen in some.seen}.values():  # points share them
        files[:] = ["case/" + path for path in files]
    assert "case/inside0.pcap#1" in "".join(text(ladder(some), 1000))
    assert "case/" not in "".join(text(ladder(some, "case"), 1000))
