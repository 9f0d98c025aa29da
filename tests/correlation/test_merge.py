"""Ids, and rows in order of time."""

from __future__ import annotations

import numpy as np

from finis.correlation.correlate import correlate
from finis.correlation.naming import _told_apart, ids
from tests.correlation.test_joining import plain
from tests.correlation.world import denials, log, logged, point


def test_ids_are_short_and_told_apart_in_order() -> None:
    same = ids(np.array([7, 7, 8, 7], np.uint64)).to_list()
    assert len(same[0]) == 9 and len(set(same)) == 4
    assert same[1:2] + same[3:] == [same[0] + "2", same[0] + "3"]


def test_an_id_does_not_depend_on_what_else_was_read() -> None:
    alone = correlate([point("p", plain())], log(), denials())
    crowd = plain("10.0.0.9:1", start="2024-05-01T11:59:00") + plain()
    among = correlate([point("p", crowd)], log(), denials())
    assert alone.table["conn_id"][0] == among.table["conn_id"][1]


def test_rows_stand_in_order_of_time_whatever_shows_them() -> None:
    rows = [
        logged(orig="10.5.5.5:1", resp="10.6.6.6:2", built_at=f"2024-05-01T{h}:00:00", fw_conn_id=n)
        for n, h in ((1, 13), (2, 11))
    ]
    case = correlate([point("p", plain())], log(*rows), denials())
    assert case.table["fw_conn_id"].to_list() == [2, None, 1]
    assert case.table["first_ts"].is_sorted()
    assert case.table["has_packets"].to_list() == [False, True, False]


def test_ids_in_bulk_are_those_told_apart() -> None:
    some = np.random.default_rng(7).integers(0, 2**64, 500, np.uint64)
    assert ids(some).to_list() == _told_apart(some)
