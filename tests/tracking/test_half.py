"""Which numbers a side has sent, as a point saw them."""

from hypothesis import given
from hypothesis import strategies as st

from finis.tracking.half import NO_SCALE, UNKNOWN, Half

START = (1 << 32) - 50  # close to the wrap


def half(**fields: int) -> Half:
    return Half(nxt=START, low=START, nxt_known=1, **fields)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=4))
def test_new_numbers_are_counted_once(pieces: list[tuple[int, int]]) -> None:
    """Against a plain set; four pieces cannot leave more holes than the four remembered."""
    one, seen = half(), set()
    for at, length in pieces:
        numbers = set(range(at, at + length))
        assert one.mark((START + at) & 0xFFFFFFFF, length) == len(numbers - seen)
        seen |= numbers
    first_missing = next(n for n in range(200) if n not in seen)
    assert one.rcv_nxt() == (START + first_missing) & 0xFFFFFFFF


def test_more_holes_than_fit_give_up_the_lowest() -> None:
    one = half()
    for at in range(10, 60, 10):
        one.mark((START + at) & 0xFFFFFFFF, 5)
    assert len(one.holes) == 4
    assert one.mark(START, 10) == 0
    assert one.mark((START + 15) & 0xFFFFFFFF, 5) == 5


def test_acknowledged_holes_are_closed_and_reported() -> None:
    one = half()
    one.mark((START + 10) & 0xFFFFFFFF, 10)
    assert one.acknowledge((START + 5) & 0xFFFFFFFF)
    assert one.rcv_nxt() == (START + 5) & 0xFFFFFFFF
    assert one.acknowledge((START + 20) & 0xFFFFFFFF)
    assert not one.acknowledge((START + 20) & 0xFFFFFFFF)
    assert one.rcv_nxt() == (START + 20) & 0xFFFFFFFF
    assert one.acknowledge((START + 30) & 0xFFFFFFFF)
    assert one.nxt == (START + 30) & 0xFFFFFFFF


def test_window_scale_needs_both_syns() -> None:
    both = Half(scaling=1, wscale=7)
    assert both.scale(Half(scaling=1, wscale=2)) == 7
    assert both.scale(Half(scaling=1, wscale=NO_SCALE)) == 0
    assert both.scale(Half()) == UNKNOWN
    assert Half().scale(Half(scaling=1, wscale=NO_SCALE)) == 0
