"""The kernel's structs (`_state.pxd`) as NumPy sees them: fields in the same order, aligned as a C
compiler aligns them.  The kernel compares sizes when it is imported, tests compare contents.
Fields named `private…` are of no use outside.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def _dtype(text: str, **nested: np.dtype[Any]) -> np.dtype[Any]:
    """A C struct as NumPy sees it: ``name type [count]`` per field, in order."""
    fields: list[Any] = []
    for line in text.split("\n"):
        words = line.split()
        if not words:
            continue
        kind = nested.get(words[1], words[1])
        fields.append((words[0], kind, int(words[2])) if len(words) == 3 else (words[0], kind))
    return np.dtype(fields, align=True)


HALF = _dtype("""
bytes u8
ip_bytes u8
after_fin u8
after_own_fin u8
first_seg_ns i8
last_seg_ns i8
first_data_ns i8
last_data_ns i8
fin_ns i8
fin_acked_ns i8
rst_ns i8
rst_lag_ns i8
head u8
pkts u4
rexmit_pkts u4
rexmit_bytes u4
keep_alives u4
probes u4
challenge u4
out_of_window u4
zero_windows u4
dup_acks u4
isn u4
una u4
nxt u4
fin_seq u4
rst_seq u4
rst_ack u4
private u4 22
syns u2
fins u2
rsts u2
mss u2
private2 u2 2
isn_known u1
nxt_known u1
wscale u1
rst_class u1
rst_answers u1
rst_accept u1
notify u1
alert u1
alert_desc u1
head_len u1
ttl_min u1
ttl_max u1
rst_ttl u1
last_win0 u1
private3 u1 17
""")
UNDO = _dtype("times i8 5\nnumbers u4 3\nshorts u2 2\nbytes u1 6")
CONN = _dtype(
    """
orig_hi u8
orig_lo u8
resp_hi u8
resp_lo u8
conn u8
first_ns i8
last_ns i8
max_gap_ns i8
max_gap_at_ns i8
closing_gap_ns i8
established_ns i8
reuse_gap_ns i8
touched_ns i8
halves HALF 2
undo UNDO
first_frame u4
last_frame u4
pending_seq u4
relative u4
hash u4
before u4
after u4
kept u4 32
kept_role u2 32
ending u2 16
orig_p u2
resp_p u2
point u2
vlan u2
file u2
last_file u2
kept_side u1 32
kept_sym u1 32
history u1 24
orientation u1
established u1
midstream u1
simultaneous u1
ended u1
first_fin u1
first_rst u1
conn_state u1
reset_by u1
n_kept u1
n_ending u1
n_history u1
answered u1
closing u1
refused u1
doubtful u1
pending u1
waiting u1
""",
    HALF=HALF,
    UNDO=UNDO,
)
