"""The states of a half-connection as an observer can know them, and the one table that moves them.

A tap does not see sockets.  It sees what one side sent and what the other acknowledged, so these
are the observer's states, one per direction; RFC 9293 §3.3.2 has the endpoint's.  `TRANSITIONS`
is everything there is: the compiled kernel reads the same table through `dense()`, and the
diagram in the documentation is drawn from it.  A pair that is missing leaves the state alone.
"""

from __future__ import annotations

from enum import IntEnum


class State(IntEnum):
    """What is known of the side that sends on this half of the connection."""

    SILENT = 0  # nothing accepted from this side yet
    SYN_SENT = 1
    SYN_ACK_SENT = 2
    PARTIAL = 3  # sent segments, but its SYN was not seen: midstream
    OPEN = 4  # its SYN was acknowledged, or it acknowledged the peer's
    FIN_SENT = 5
    FIN_ACKED = 6
    RESET = 7  # sent a RST (whether it ended anything: OBSERVATION.reset_by)
    FIN_RESET = 8  # sent a FIN, then a RST, before the peer's FIN


class Stimulus(IntEnum):
    """What happened to this half: a segment of its own, or one of the peer's that concerns it."""

    SYN = 0  # sent SYN without ACK
    SYN_ACK = 1
    ACK = 2  # sent an acceptable segment without SYN, FIN, RST
    HANDSHAKE_ACK = 3  # the same, acknowledging the peer's SYN ACK
    FIN = 4
    RST = 5  # unless both sides had sent their FIN
    SYN_ACKED = 6  # the peer acknowledged its SYN
    FIN_ACKED_BY_PEER = 7
    PEER_FIN = 8  # the peer sent its first FIN


TRANSITIONS: dict[State, dict[Stimulus, State]] = {
    State.SILENT: {
        Stimulus.SYN: State.SYN_SENT,
        Stimulus.SYN_ACK: State.SYN_ACK_SENT,
        Stimulus.ACK: State.PARTIAL,
        Stimulus.HANDSHAKE_ACK: State.OPEN,
        Stimulus.FIN: State.FIN_SENT,
        Stimulus.RST: State.RESET,
    },
    State.SYN_SENT: {
        Stimulus.SYN_ACK: State.SYN_ACK_SENT,  # simultaneous open, RFC 9293 §3.5 figure 7
        Stimulus.ACK: State.OPEN,  # it must have seen a SYN ACK that was not captured
        Stimulus.HANDSHAKE_ACK: State.OPEN,
        Stimulus.SYN_ACKED: State.OPEN,
        Stimulus.FIN: State.FIN_SENT,
        Stimulus.RST: State.RESET,
    },
    State.SYN_ACK_SENT: {
        Stimulus.ACK: State.OPEN,
        Stimulus.HANDSHAKE_ACK: State.OPEN,
        Stimulus.SYN_ACKED: State.OPEN,
        Stimulus.FIN: State.FIN_SENT,
        Stimulus.RST: State.RESET,
    },
    State.PARTIAL: {
        Stimulus.FIN: State.FIN_SENT,
        Stimulus.RST: State.RESET,
    },
    State.OPEN: {
        Stimulus.FIN: State.FIN_SENT,
        Stimulus.RST: State.RESET,
    },
    State.FIN_SENT: {
        Stimulus.FIN_ACKED_BY_PEER: State.FIN_ACKED,
        Stimulus.RST: State.FIN_RESET,
    },
    State.FIN_ACKED: {
        Stimulus.RST: State.FIN_RESET,
    },
    State.RESET: {},
    State.FIN_RESET: {
        # the peer closes all the same: Zeek calls this a normal termination, and so does conn_state
        Stimulus.PEER_FIN: State.FIN_SENT,
    },
}

CLOSING = frozenset({State.FIN_SENT, State.FIN_ACKED})


def dense() -> bytes:
    """`TRANSITIONS` as bytes, indexed ``state * len(Stimulus) + stimulus``."""
    return bytes(
        TRANSITIONS[state].get(stimulus, state) for state in State for stimulus in Stimulus
    )


TABLE = dense()


def after(state: int, stimulus: Stimulus) -> int:
    """The state that follows."""
    return TABLE[state * len(Stimulus) + stimulus]
