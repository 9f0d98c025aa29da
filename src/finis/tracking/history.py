"""Zeek's `history`: one letter per kind of segment in order of appearance, upper case from orig.

S SYN, H SYN ACK, A pure ACK, D payload, F FIN, R RST, I FIN+RST, Q SYN with FIN or RST; C bad
checksum, T retransmitted payload, W zero window, G content gap; ``^`` in front: the first segment
came from resp.  A, D, I, Q appear once per direction; S, H, F, R again when their number differs
from the last; C, T, W, G at the 1st, 10th, 100th … time (Zeek documentation, base/protocols/conn).
"""

from __future__ import annotations

from finis.terms import Flag

MAX_HISTORY = 24

LETTERS = b"SHADFRIQCTWG"
(S, H, A, D, F, R, I, Q, C, T, W, G) = (1 << bit for bit in range(len(LETTERS)))  # noqa: E741


def letter_of(flags: int, payload_len: int) -> int:
    """The letter (as bit) of a segment's control bits; 0: none."""
    syn, fin, rst = bool(flags & Flag.SYN), bool(flags & Flag.FIN), bool(flags & Flag.RST)
    if syn + fin + rst > 1:
        return I if fin and rst and not syn else Q
    if syn:
        return H if flags & Flag.ACK else S
    if fin:
        return F
    if rst:
        return R
    if payload_len:
        return D
    return A if flags & Flag.ACK else 0


def is_power_of_ten(count: int) -> bool:
    """1, 10, 100, … below 2³²."""
    power = 1
    while power < count:
        power *= 10
    return count == power
