"""The traffic language of the tests says what it seems to say."""

import pytest

from finis.terms import Alert, Flag, Quirk
from tests.script import segments


def test_handshake_numbers_and_options() -> None:
    rows = segments("""
        isn C 4294967295
        isn S 1000
        +0     C > S S  0:0(0) win 100 <mss 1460,sackOK,TS 1 0,wscale 7>
        +.020  S > C S. 0:0(0) ack 1
        =      C > S .  ack 1
        @1.5   C > S P. 1:101(100) ack 1 id=7 ttl=63 alert=close-notify head=150303
    """)
    assert rows["seq"].tolist() == [4294967295, 1000, 0, 0]
    assert rows["ack"].tolist() == [0, 0, 1001, 1001]
    assert (rows["ts_ns"] - rows["ts_ns"][0]).tolist() == [0, 20_000_000, 20_000_000, 1_500_000_000]
    assert rows["flags"].tolist() == [
        Flag.SYN, Flag.SYN | Flag.ACK, Flag.ACK, Flag.PSH | Flag.ACK,
    ]  # fmt: skip
    assert (rows["mss"][0], rows["wscale"][0], rows["win"][0]) == (1460, 7, 100)
    assert (rows["ip_id"][3], rows["ttl"][3], rows["alert"][3]) == (7, 63, Alert.CLOSE_NOTIFY)
    assert rows["head"][3] == 0x1503030000000000 and rows["head_len"][3] == 3
    assert [bool(q & Quirk.NO_IP_ID) for q in rows["quirks"].tolist()] == [True, True, True, False]
    assert rows["frame"].tolist() == [1, 2, 3, 4]


def test_a_line_that_is_no_segment_is_refused() -> None:
    with pytest.raises(ValueError, match="line 2"):
        segments("+0 C > S S 0\n+0 C ! S")
