"""The words: the reference case in full, and no claim without what it stands on."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finis.correlation.stories import Story
from finis.diagnosis import engine, telling
from finis.diagnosis.findings import Example
from finis.diagnosis.tally import findings
from finis.terms import Accept, Alert, Answers, Ended, Notify, RstClass, Teardown, word
from tests.correlation.test_correlate import reference
from tests.diagnosis.endings import SCHEMA, frame, row, stories
from tests.diagnosis.test_endings import CASES, LOOK_ALIKES


@pytest.fixture(scope="module")
def dirty() -> Example:
    """The reference case's dirty close, told."""
    found = findings(engine.judge(reference()))
    (example,) = next(item for item in found if item.id == "END302").examples
    return example


def claim(example: Example, part: str) -> Any:
    fits = [item for item in example.claims if part in item.text]
    assert len(fits) == 1, [item.text for item in example.claims]
    return fits[0]


def test_server_closed_first(dirty: Example) -> None:
    said = claim(dirty, "closed first")
    assert "The server 172.17.77.250:443 closed first: FIN (SEQ 2320205170)" in said.text
    assert "about 2 min 2 s after the firewall built the connection" in said.text
    assert "it was acknowledged 45.2 ms later" in said.text
    assert len(said.proofs) == 4  # both points, the Built, the ACK


def test_client_followed_with_fin_and_rst(dirty: Example) -> None:
    said = claim(dirty, "sent its own FIN")
    assert "2.49 s after it had acknowledged it" in said.text
    said = claim(dirty, "followed its FIN at once with a RST")
    assert "window 0" in said.text
    assert "991843172 = 991843171 + 1" in said.text
    assert said.rule == "RFC 9293 §3.10.5"


def test_close_notify_cannot_reset_and_unread_data_is_only_possible(dirty: Example) -> None:
    said = claim(dirty, "missing close_notify")
    assert "cannot make a TCP stack send a RST" in said.text
    assert "what a close with unread bytes looks like" in said.text
    assert "Only possible here: the capture shows no data" in said.text
    assert any("unread (possible)" in item.text for item in dirty.alternatives)


def test_the_servers_rst_answers_the_fin(dirty: Example) -> None:
    said = claim(dirty, "no ACK bit")
    assert "Its SEQ is the ACK of the client's FIN 61 µs before" in said.text
    assert said.rule == "RFC 9293 §3.10.7.1"
    said = claim(dirty, "A RST is never answered with a RST")
    assert "answers the client's FIN, not the client's RST" in said.text
    assert len(said.proofs) == 3


def test_both_explanations_of_the_servers_state(dirty: Example) -> None:
    texts = [item.text for item in dirty.alternatives]
    leading, overtaken = texts[:2]
    assert leading.startswith(
        "A (leading): the server's side had freed the connection 2.54 s after"
    )
    assert overtaken.startswith("B: the client's RST overtook its FIN")
    assert all(item.decide for item in dirty.alternatives[:4])


def test_the_firewall_ate_the_rst(dirty: Example) -> None:
    said = claim(dirty, "log says that it refused it")
    assert "The server's RST was seen at inside and has no twin at outside" in said.text
    assert [str(proof)[:6] for proof in said.proofs] == ["inside", "asa.lo"]


def test_harmless_and_why(dirty: Example) -> None:
    said = claim(dirty, "Both sides had sent FIN before the first RST")
    assert "addressed to a socket that had already reset itself" in said.text


def test_the_control_is_peaceful_with_its_farewell() -> None:
    found = findings(engine.judge(reference()))
    (example,) = next(item for item in found if item.id == "END201").examples
    said = claim(example, "close_notify, likely")
    assert "31 bytes, the size of a TLS 1.2 alert under AES-GCM" in said.text
    assert claim(example, "closed its sending half only").proofs


def test_every_case_can_be_told_without_segments() -> None:
    """A row whose segments are gone is told with fewer claims, never with an error."""
    rows = [case[-1] for case in CASES] + [row for *_, row in LOOK_ALIKES]
    got = engine.judge(stories(rows))
    _, holds = engine.judge_table(got.stories.table, "connections", engine.catalogue())
    for at in range(len(rows)):
        story = got.stories.story(at)
        for cause in engine.catalogue().values():
            if cause.table == "connections" and holds[cause.id][at]:
                said = cause.claims(story)
                assert all(item.text.endswith((".", "”")) for item in said), cause.id
                assert all(item.text for item in cause.alternatives(story))
                assert all(command.isprintable() for command in cause.missing(story))


WORDS = {
    "ended": [word(item) for item in Ended],
    "teardown": [word(item) for item in Teardown],
    **{f"{s}_rst_class": [word(item) for item in RstClass] for s in ("orig", "resp")},
    **{f"{s}_rst_answers": [word(item) for item in Answers] for s in ("orig", "resp")},
    **{f"{s}_rst_accept": [word(item) for item in Accept] for s in "or"},
    **{f"{s}_alert": [word(item) for item in Alert] for s in "or"},
    **{f"{s}_close_notify": [word(item) for item in Notify] for s in ("orig", "resp")},
    **{name: ["orig", "resp", "none", "device"] for name in ("first_fin", "reset_by")},
    "teardown_by": ["orig", "resp", "device", "unknown"],
    "created_rst": ["none", "to-orig", "to-resp", "both"],
    **{f"{s}_proto": ["tls", "http", "ssh", "other", "none"] for s in "or"},
}


def _values(name: str) -> st.SearchStrategy[Any]:
    kind = str(SCHEMA[name])
    if name in WORDS:
        return st.sampled_from(WORDS[name])
    if kind == "Boolean":
        return st.booleans()
    if kind == "Int64":
        return st.integers(-1, 1 << 33)
    return st.floats(-10.0, 1e5)


FACTS = [
    name
    for name, kind in SCHEMA.items()
    if name in WORDS or (str(kind) in ("Boolean", "Int64", "Float64") and name != "row")
]


@settings(max_examples=60)
@given(st.lists(st.sampled_from(FACTS), max_size=40, unique=True), st.data())
def test_any_facts_give_one_verdict_that_can_be_told(names: list[str], data: st.DataObject) -> None:
    values = {name: data.draw(_values(name), name) for name in names}
    table, _ = engine.judge_table(frame([row(**values)]), "connections", engine.catalogue())
    verdict = table.row(0, named=True)
    cause = engine.catalogue()[verdict["cause"]]
    assert None not in (verdict["confidence"], verdict["harm"], verdict["contributing"])
    story = Story(row=verdict)
    assert all(item.text for item in cause.claims(story))
    cause.alternatives(story)
    cause.missing(story)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(61e-6, "61 µs"), (0.0452, "45.2 ms"), (2.491, "2.49 s"), (125, "2 min 5 s"),
     (3780, "1 h 3 min")],
)  # fmt: skip
def test_spans_of_time(seconds: float, text: str) -> None:
    assert telling.span(seconds) == text
