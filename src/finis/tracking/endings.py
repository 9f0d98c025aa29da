"""The final exchange as a short word, and Zeek's `conn_state`.

A symbol is a 16-bit code: the direction, what the segment carries, and marks.  ``>`` is sent by
orig, ``<`` by resp; ``S F R . D`` for SYN, FIN, RST, pure ACK, data (``FD``, ``FR`` combined);
``a`` data that is a TLS alert, known or likely by its size; ``'`` seen before; ``?`` out of
window; ``!`` entered the firewall and never left, ``^`` left it without entering (both added by
correlation, through SEGMENT.sym).

The word starts at the first FIN or RST, or at the SYN where the connection was refused or never
answered.  Runs of the same symbol collapse into one.  One segment always begins a symbol of its
own, though the one before may look the same: the first pure ACK that acknowledges a FIN, because
an ACK of the last data and an ACK of the FIN are different answers.  So a peaceful close reads
``>F <Da <F >. >.``.  After `MAX_SYMBOLS` the rest is not recorded.
"""

from __future__ import annotations

from collections.abc import Iterable

from finis.tracking.states import State

MAX_SYMBOLS = 16

FROM_RESP = 1
SYN = 2
FIN = 4
RST = 8
ACK = 16  # pure ACK
DATA = 32
ALERT = 64
REPEAT = 128
OUTSIDE = 256
VANISHED = 512
CREATED = 1024

_LETTERS = ((SYN, "S"), (FIN, "F"), (RST, "R"), (ACK, "."), (DATA, "D"))
_MARKS = ((ALERT, "a"), (REPEAT, "'"), (OUTSIDE, "?"), (VANISHED, "!"), (CREATED, "^"))
_BITS = {text: bit for bit, text in _LETTERS + _MARKS}


def symbol(code: int) -> str:
    """One symbol as text; the empty string for 0."""
    if not code:
        return ""
    text = "<" if code & FROM_RESP else ">"
    return text + "".join(letter for bit, letter in _LETTERS + _MARKS if code & bit)


def text(codes: Iterable[int]) -> str:
    """OBSERVATION.ending as people read it."""
    return " ".join(symbol(int(code)) for code in codes if code)


def parse(word: str) -> list[int]:
    """The reverse of `text`; ValueError for anything else."""
    codes = []
    for part in word.split():
        if part[0] not in "<>" or len(part) == 1:
            raise ValueError(f"not a symbol: {part}")
        code = FROM_RESP if part[0] == "<" else 0
        for letter in part[1:]:
            if letter not in _BITS:
                raise ValueError(f"not a symbol: {part}")
            code |= _BITS[letter]
        codes.append(code)
    return codes


def flipped(codes: Iterable[int]) -> list[int]:
    """The same word with orig and resp exchanged."""
    return [int(code) ^ FROM_RESP if code else 0 for code in codes]


# --- Zeek --------------------------------------------------------------------------------------

CONN_STATES = (
    "OTH",  # no SYN seen, midstream traffic
    "S0",  # attempt, no reply
    "S1",  # established, not terminated
    "SF",  # normal establishment and termination
    "REJ",  # attempt rejected
    "S2",  # established, close by orig only
    "S3",  # established, close by resp only
    "RSTO",  # established, orig aborted
    "RSTR",  # resp aborted
    "RSTOS0",  # SYN then RST by orig, no SYN ACK seen
    "RSTRH",  # SYN ACK then RST by resp, no SYN seen
    "SH",  # SYN then FIN by orig, no SYN ACK seen
    "SHR",  # SYN ACK then FIN by resp, no SYN seen
)
(
    OTH, S0, S1, SF, REJ, S2, S3, RSTO, RSTR, RSTOS0, RSTRH, SH, SHR,
) = range(len(CONN_STATES))  # fmt: skip

# Zeek's endpoint states
INACTIVE, Z_SYN_SENT, Z_SYN_ACK_SENT, Z_PARTIAL, ESTABLISHED, CLOSED, Z_RESET = range(7)


def zeek_endpoint(state: int, side: int, isn_known: int, peer_isn_known: int) -> int:
    """What Zeek calls the state of one endpoint; it takes any SYN from the peer as the answer."""
    if state == State.SILENT:
        return INACTIVE
    if state == State.PARTIAL:
        return Z_PARTIAL
    if state in (State.FIN_SENT, State.FIN_ACKED):
        return CLOSED
    if state in (State.RESET, State.FIN_RESET):
        return Z_RESET
    if state == State.SYN_ACK_SENT and side == 0 and not peer_isn_known:
        return Z_SYN_ACK_SENT
    if state != State.SYN_ACK_SENT and isn_known and not peer_isn_known:
        return Z_SYN_SENT
    return ESTABLISHED


def syn_then_rst(history: bytes) -> bool:
    """Did orig send a RST after its SYN with nothing between but SYNs (Zeek's RSTOS0)?"""
    for at, letter in enumerate(history):
        if at == 0 and letter == ord("^"):
            continue
        if letter == ord("R"):
            return at > 0 and history.lstrip(b"^")[:1] == b"S"
        if letter in b"HAFGIQ":
            return False
    return False


def conn_state(orig: int, resp: int, payload: bool, history: bytes) -> int:
    """Index into CONN_STATES from both endpoint states, whether any payload was sent, and the
    history (Zeek documentation, base/protocols/conn)."""
    orig_away = orig in (INACTIVE, Z_PARTIAL)
    resp_away = resp in (INACTIVE, Z_PARTIAL)
    if resp == Z_RESET:
        if orig in (Z_SYN_SENT, Z_SYN_ACK_SENT) or (orig == Z_RESET and not payload):
            return REJ
        return RSTRH if orig_away else RSTR
    if orig == Z_RESET:
        if resp_away:
            return RSTOS0 if syn_then_rst(history) else OTH
        return RSTO
    if orig == CLOSED and resp == CLOSED:
        return SF
    if orig == CLOSED:
        return SH if resp_away else S2
    if resp == CLOSED:
        return SHR if orig_away else S3
    if orig == Z_SYN_SENT and resp == INACTIVE:
        return S0
    if orig == ESTABLISHED and resp == ESTABLISHED:
        return S1
    return OTH
