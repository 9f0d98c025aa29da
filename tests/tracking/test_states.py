"""The transition table, read off RFC 9293 §3.3.2 as far as an observer can follow it."""

import pytest

from finis.tracking.states import TABLE, TRANSITIONS, State, Stimulus, after, dense


def walk(*stimuli: Stimulus) -> State:
    state = int(State.SILENT)
    for stimulus in stimuli:
        state = after(state, stimulus)
    return State(state)


LIVES = [
    ((Stimulus.SYN, Stimulus.SYN_ACKED), State.OPEN),
    ((Stimulus.SYN_ACK, Stimulus.SYN_ACKED), State.OPEN),
    ((Stimulus.SYN, Stimulus.SYN_ACK, Stimulus.SYN_ACKED), State.OPEN),  # simultaneous open
    ((Stimulus.SYN, Stimulus.ACK), State.OPEN),  # the SYN ACK was not captured
    ((Stimulus.ACK,), State.PARTIAL),
    ((Stimulus.ACK, Stimulus.ACK), State.PARTIAL),
    ((Stimulus.ACK, Stimulus.FIN, Stimulus.FIN_ACKED_BY_PEER), State.FIN_ACKED),
    ((Stimulus.SYN, Stimulus.RST), State.RESET),
    ((Stimulus.SYN, Stimulus.SYN_ACKED, Stimulus.FIN, Stimulus.RST), State.FIN_RESET),
    ((Stimulus.ACK, Stimulus.FIN, Stimulus.RST, Stimulus.PEER_FIN), State.FIN_SENT),
    ((Stimulus.FIN_ACKED_BY_PEER,), State.SILENT),  # nothing to acknowledge
    ((Stimulus.ACK, Stimulus.SYN_ACKED), State.PARTIAL),
]


@pytest.mark.parametrize(("stimuli", "state"), LIVES)
def test_lives(stimuli: tuple[Stimulus, ...], state: State) -> None:
    assert walk(*stimuli) == state


def test_the_dense_table_is_the_readable_one() -> None:
    assert dense() == TABLE
    assert len(TABLE) == len(State) * len(Stimulus)
    for state in State:
        for stimulus in Stimulus:
            assert after(state, stimulus) == TRANSITIONS[state].get(stimulus, state)


def test_every_state_can_be_reached_and_reset_is_final() -> None:
    reached = {State.SILENT}
    while more := {new for state in reached for new in TRANSITIONS[state].values()} - reached:
        reached |= more
    assert reached == set(State)
    assert TRANSITIONS[State.RESET] == {}
