"""The table of messages: its notation and its mistakes."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finis.terms import EventKind
from finis.wire import kernel
from finis.wire.dialects import _events, _packed


def test_notation() -> None:
    table = _events.messages(
        """
101,103-105  deny:limit  tcp       Too many from {a:socket} to
    {b:socket}[ on {a_if:tail_if}]
106          permit      tcp-only  ok {proto}
106          permit      -         fine {proto}
""",
        {},
    )
    assert list(table) == ["101", "103", "104", "105", "106"]
    message = table["104"]
    assert (message.kind, message.denial_kind, message.proto) == (EventKind.DENY, "limit", "tcp")
    template = message.templates()[0]
    assert template.text == "Too many from {a:socket} to {b:socket}[ on {a_if:tail_if}]"
    assert template.pattern.fullmatch("Too many from 10.0.0.1/5 to 10.0.0.2/6 on dmz")
    assert template.pattern.fullmatch("Too many from 10.0.0.1/5 to 10.0.0.2/6")
    assert table["106"].texts == ("ok {proto}", "fine {proto}")
    assert table["106"].denial_kind is None


@pytest.mark.parametrize(
    ("table", "error"),
    [
        ("1 denny tcp x", KeyError),
        ("1 deny tcp {nothing}", ValueError),
        ("1 deny tcp {a_h:nothing}", KeyError),
        ("1 deny tcp", ValueError),
        ("one deny tcp x", ValueError),
    ],
)
def test_mistakes(table: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        _events.messages(table, {})


def test_a_finish_without_message_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="not in the table"):
        _events.messages("1 deny tcp x", {"2": lambda row, fields: None})


@pytest.mark.skipif(kernel.text_kernel() is None, reason="no kernel is built")
@given(st.lists(st.one_of(st.none(), st.ip_addresses().map(str), st.text(max_size=20))))
def test_hosts_as_text(hosts: list[str | None]) -> None:
    hosts = [None if host is None else host.encode("utf-8", "replace").decode() for host in hosts]
    book = _packed.Book()
    rows = np.zeros(len(hosts), _packed.EVENT)
    rows["b_h"] = [book.host(host) for host in hosts]
    texts = _packed.host_texts("b_h", rows["b_h"], book)
    assert (texts.name, texts.dtype, texts.to_list()) == ("b_h", pl.String, hosts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINIS_PURE", "1")
        assert _packed.host_texts("b_h", rows["b_h"], book).equals(texts, null_equal=True)
