"""No renderer lets input speak for itself: escapes, markup and layout stay ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finis.report import html, markdown, text
from finis.report.document import (
    Bullets,
    Code,
    Document,
    Heading,
    Para,
    Pre,
    Span,
    Table,
    clean,
    common_folder,
)

HOSTILE = "\x1b]0;owned\x07<script>alert(1)</script> **x** `y` |z| \u202ereversed\r\nnext"


def everywhere(value: str) -> Document:
    return Document(
        value,
        [
            Heading(value),
            Para((value, Span(value, "harmful"))),
            Bullets([value, (Span(value, "proof"),)], 2, "label"),
            Table(["a", "b"], [[value, Span(value, "code")]], "lr"),
            Pre([value]),
            Code([value]),
        ],
    )


@pytest.mark.parametrize("render", [text.render, markdown.render, html.render])
def test_controls_are_made_visible(render) -> None:  # type: ignore[no-untyped-def]
    out = render(everywhere(HOSTILE))
    assert not any(char in out for char in "\x1b\x07\r\u202e")
    assert "\\x1b" in out


def test_html_is_escaped() -> None:
    out = html.render(everywhere(HOSTILE))
    assert "<script>" not in out
    assert "&lt;script&gt;" in out


def test_markdown_is_escaped() -> None:
    out = markdown.render(Document("", [Para(HOSTILE), Table(["h"], [[HOSTILE]])]))
    assert "\\<script\\>" in out
    assert "\\*\\*x\\*\\*" in out
    assert "\\|z\\|" in out


def test_code_fence_outlasts_backticks() -> None:
    out = markdown.render(Document("", [Code(["a ```` b"])]))
    assert out.startswith("`````\n")


@given(st.text(max_size=200))
def test_clean_leaves_no_control(value: str) -> None:
    shown = clean(value)
    assert all(char.isprintable() or char == " " or ord(char) > 0x9F for char in shown)
    assert "\x1b" not in shown


@given(st.lists(st.text(max_size=60), max_size=5), st.integers(20, 200))
def test_text_wraps_anything(lines: list[str], width: int) -> None:
    out = text.render(
        Document("", [Bullets(list(lines), 2, "x"), Para("".join(lines))]), width=width
    )
    assert "\x1b" not in out


def test_text_has_colour_only_when_asked() -> None:
    document = Document("", [Para(Span("bad", "harmful"))])
    assert text.render(document) == "bad\n"
    assert "\x1b[" in text.render(document, colour=True)


def test_columns_align() -> None:
    table = Table(["name", "n"], [["a", "1"], ["long name", "12345"]], "lr")
    assert text.render(Document("", [table])) == (
        "name           n\na              1\nlong name  12345\n"
    )


@pytest.mark.parametrize(
    ("paths", "folder"),
    [
        (["case/a.log", "case/b.pcap"], "case"),
        (["/tmp/a.log", "/var/b.log"], ""),  # "/" would be taken out of every path
        (["/tmp/x/a.log", "/tmp/y/b.log", "-"], "/tmp"),
        (["a.log", "case/b.log"], ""),
        (["/tmp/a.log", "case/b.log"], ""),
        (["-"], ""),
    ],
)
def test_the_folder_that_paths_share(paths: list[str], folder: str) -> None:
    assert common_folder(paths) == folder


def test_a_folder_is_left_out_where_paths_begin() -> None:
    line = (
        Span("a/ba/x.log, a/a/y.log and 1 more", "proof"),
        " in a/ ",
        Span(" [a/x.log:7]", "proof"),
    )
    (block,) = Document("", [Para(line)]).shortened("a").blocks
    assert isinstance(block, Para)
    assert "".join(str(getattr(part, "text", part)) for part in block.line) == (
        "ba/x.log, a/y.log and 1 more in a/  [x.log:7]"
    )
