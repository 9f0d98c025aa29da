"""Templates compile to anchored patterns that stay linear."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from finis.wire.dialects import cisco_asa
from finis.wire.dialects._template import check_template, compile_template


def groups(text: str, line: str) -> dict[str, str | None] | None:
    m = compile_template(text).pattern.fullmatch(line)
    return m.groupdict() if m else None


def test_blanks_of_any_kind_and_number() -> None:
    for line in (
        "flags RST on interface a",
        "flags RST\u00a0 on interface a",
        "flags\tRST on  interface a",
    ):
        assert groups("flags {flags} on interface {a_if:tail_if}", line) == {
            "flags": "RST", "a_if": "a",
        }  # fmt: skip


def test_optional_parts_and_escapes() -> None:
    text = "bytes {bytes}[ {tail}]"
    assert groups(text, "bytes 12") == {"bytes": "12", "tail": None}
    assert groups(text, "bytes 12 TCP FINs") == {"bytes": "12", "tail": "TCP FINs"}
    assert groups("a\\[b\\]", "a[b]") == {}
    assert groups("a (b).", "a (b).") == {}
    assert groups("a (b).", "a (b)x") is None


@pytest.mark.parametrize(
    ("line", "interface", "host", "port"),
    [
        ("outside:10.0.0.1/80", "outside", "10.0.0.1", "80"),
        ("v1:outside:10.0.0.1/80", "v1:outside", "10.0.0.1", "80"),
        ("dmz:2001:db8::5/443", "dmz", "2001:db8::5", "443"),
        ("v1:dmz:2001:db8::5/443", "v1:dmz", "2001:db8::5", "443"),
        ("NP Identity Ifc:10.0.0.1/0", "NP Identity Ifc", "10.0.0.1", "0"),
        ("in-side.7:web_1/8080", "in-side.7", "web_1", "8080"),
        ("inside:www.example.org/443", "inside", "www.example.org", "443"),
    ],
)
def test_endpoint(line: str, interface: str, host: str, port: str) -> None:
    found = groups("for {a:endpoint} end", f"for {line} end")
    assert found == {"a_if": interface, "a_h": host, "a_p": port, "a_who": None}


def test_endpoint_without_its_address_is_no_endpoint() -> None:
    text = "for {a:endpoint} to {b:endpoint} duration {duration_s}"
    assert groups(text, "for OUTSIDE: to INSIDE: duration 0:02:05") is None
    assert groups("src {a:place} dst {b:place} by", "src outside: dst inside: by") is None


def test_who_may_hold_brackets_and_unicode() -> None:
    line = "src in:10.0.0.1/5(LOCAL\\a b (ext) é, 7:Tag) dst out:10.0.0.2/6 x"
    found = groups("src {a:place} dst {b:place} x", line)
    assert found is not None
    assert found["a_who"] == "(LOCAL\\a b (ext) é, 7:Tag)"


@pytest.mark.parametrize("read", [check_template, compile_template])
def test_mistakes_in_a_table_are_found_at_once(read: Callable[[str], object]) -> None:
    with pytest.raises(ValueError, match="no token known"):
        read("{what}")
    with pytest.raises(KeyError):
        read("{a_h:hosst}")


def test_every_template_of_the_asa_compiles() -> None:
    for message in cisco_asa.MESSAGES.values():
        assert message.templates()


@pytest.mark.parametrize("piece", ["a:", "a ", "(", "a:a/1", "1:", "flags ", "((", "x/", ":::"])
def test_hostile_repetition_stays_linear(piece: str) -> None:
    text = "for {a:endpoint}{a:mapped} to {b:endpoint}{b:mapped}[~{user}]"
    pattern = compile_template(text).pattern
    line = "for " + piece * (65_000 // len(piece))
    started = time.perf_counter()
    pattern.fullmatch(line)
    assert time.perf_counter() - started < 0.5
