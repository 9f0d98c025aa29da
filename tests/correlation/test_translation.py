"""Offsets of sequence numbers, mod 2^32."""

from __future__ import annotations

import numpy as np
import pytest

from finis.correlation.translation import Segment, segments, signed, solve
from finis.terms import Quirk
from tests.script import segments as script

TRAFFIC = """
isn C {c}
isn S {s}
+1 C > S P. 1:1461(1460) ack 1
+1 C > S P. 1461:2921(1460) ack 1
+1 C > S P. 2921:4381(1460) ack 1
+1 S > C .  1:1(0) ack 4381
+1 S > C F. 1:1(0) ack 4381
"""


def tail(c: int, s: int, drop: int | None = None, *, late_ms: int = 0) -> list[Segment]:
    rows = script(TRAFFIC.format(c=c, s=s))
    rows["side"] = rows["src_p"] == 443
    rows["ts_ns"] += late_ms * 1_000_000
    return [segment for segment in segments(rows, False) if segment.at != drop]


@pytest.mark.parametrize("c", [0, 5, 2**32 - 3000])
@pytest.mark.parametrize("s", [0, 2**31])
def test_offsets_wrap(c: int, s: int) -> None:
    assert solve(tail(7, 9), tail(c, s)) == ((c - 7) % 2**32, (s - 9) % 2**32)


@pytest.mark.parametrize("drop", [0, 1, 2])
def test_a_series_of_equal_lengths_does_not_slip(drop: int) -> None:
    """With one of three lost, a shift by one segment fits as often; the delays do not."""
    found = solve(tail(0, 0), tail(1000, 77, drop, late_ms=2))
    assert found == (1000, 77)


def long_transfer(
    numbers: range, acked: int, c: int, s: int, *, ids: bool, told: bool
) -> list[Segment]:
    """What is kept of a download that its client breaks off: an ACK, some of its data, all of one
    length, an alert, a RST."""
    sent = "".join(f"+.002 S > C . {1 + 1368 * n}:{1369 + 1368 * n}(1368) ack {acked}\n"
                   for n in numbers)  # fmt: skip
    rows = script(
        f"isn C {c}\nisn S {s}\n+0 S > C . 1:1(0) ack 300\n+.1 C > S P. 318:349(31) ack 99000\n"
        + "+.001 C > S . 349:349(0) ack 99000\n" + sent + "+.2 C > S R. 349:349(0) ack 99000"
    )  # fmt: skip
    data = rows["payload_len"] == 1368
    rows["side"] = rows["src_p"] == 443
    rows["ip_id"][~data] = 1 + np.arange(4) if ids else 0
    rows["ip_id"][data] = 100 + np.array(numbers) if ids else 0
    rows["quirks"] &= ~np.uint32(Quirk.NO_IP_ID * ids)
    rows["payload_hash"][data] = (500 + np.array(numbers)) << 32 if told else 0
    rows["payload_hash"][rows["payload_len"] == 31] = 400 << 32 if told else 0
    return segments(rows, False)


@pytest.mark.parametrize(("ids", "told"), [(True, True), (True, False), (False, True)])
def test_a_transfer_whose_kept_segments_are_others_does_not_slip(ids: bool, told: bool) -> None:
    """Of its data either point kept some that the other did not: of one length, they fit each
    other in many ways, the few that both kept in one."""
    near = long_transfer(range(80, 87), 349, 0, 0, ids=ids, told=told)
    far = long_transfer(range(70, 74), 318, 1000, 77, ids=ids, told=told)
    assert solve(near, far, clock_ns=0) == (1000, 77)


def test_one_direction_carries_the_offset_of_the_other() -> None:
    near = [s for s in tail(0, 0) if s.side == 0]
    far = [s for s in tail(11, 22) if s.side == 0]
    assert solve(near, far) == (11, 22)


def test_nothing_in_common_solves_nothing() -> None:
    assert solve(tail(0, 0)[:3], tail(0, 0)[3:]) == (None, None)


def test_signed() -> None:
    assert [signed(n) for n in (0, 1, 2**32 - 1, 2**31)] == [0, 1, -1, -(2**31)]
