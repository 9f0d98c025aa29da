"""The ending notation, both ways, and Zeek's conn_state."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finis.tracking import endings as e
from finis.tracking.endings import CONN_STATES


@pytest.mark.parametrize(
    "word",
    ["", ">S <R", "<F >. >F >R <R!", ">F <Da <F >. >.", ">FD <F' >R?", "<FR >R^", ">S >S' <S"],
)
def test_words_are_read_back(word: str) -> None:
    assert e.text(e.parse(word)) == word


@given(st.lists(st.integers(2, 2047).filter(lambda code: code & 0b111110), max_size=16))
def test_every_code_is_read_back(codes: list[int]) -> None:
    assert e.parse(e.text(codes)) == codes
    assert e.flipped(e.flipped(codes)) == codes


@pytest.mark.parametrize("word", ["F", ">", ">X", "=F", ">F <"])
def test_what_is_no_word_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="not a symbol"):
        e.parse(word)


def test_unused_places_print_nothing() -> None:
    assert e.text([e.FIN, 0, 0]) == ">F"


# Zeek documentation, base/protocols/conn: orig's state, resp's state, payload, history
ZEEK = [
    (e.Z_SYN_SENT, e.INACTIVE, False, b"S", "S0"),
    (e.ESTABLISHED, e.ESTABLISHED, True, b"ShADad", "S1"),
    (e.CLOSED, e.CLOSED, True, b"ShADadFf", "SF"),
    (e.Z_SYN_SENT, e.Z_RESET, False, b"Sr", "REJ"),
    (e.Z_RESET, e.Z_RESET, False, b"SrR", "REJ"),
    (e.Z_RESET, e.Z_RESET, True, b"ShADrR", "RSTR"),
    (e.CLOSED, e.ESTABLISHED, True, b"ShAF", "S2"),
    (e.ESTABLISHED, e.CLOSED, True, b"ShAf", "S3"),
    (e.Z_RESET, e.ESTABLISHED, True, b"ShAR", "RSTO"),
    (e.ESTABLISHED, e.Z_RESET, True, b"ShAr", "RSTR"),
    (e.Z_RESET, e.INACTIVE, False, b"SR", "RSTOS0"),
    (e.Z_RESET, e.INACTIVE, False, b"^SR", "RSTOS0"),
    (e.Z_RESET, e.INACTIVE, False, b"SAR", "OTH"),
    (e.Z_RESET, e.INACTIVE, False, b"R", "OTH"),
    (e.INACTIVE, e.Z_RESET, False, b"^hr", "RSTRH"),
    (e.CLOSED, e.INACTIVE, False, b"SF", "SH"),
    (e.INACTIVE, e.CLOSED, False, b"^hf", "SHR"),
    (e.Z_PARTIAL, e.Z_PARTIAL, True, b"Dd", "OTH"),
]


@pytest.mark.parametrize("case", ZEEK, ids=lambda case: case[3].decode())
def test_conn_state(case: tuple[int, int, bool, bytes, str]) -> None:
    orig, resp, payload, history, expected = case
    assert CONN_STATES[e.conn_state(orig, resp, payload, history)] == expected
