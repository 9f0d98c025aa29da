"""A RST's TTL and IP ID are compared with those of the host in whose name it came."""

from typing import Any

import pytest

from finis.diagnosis import engine
from tests.diagnosis.test_traffic import TALK, judged

CLOSED_EARLY = (
    TALK
    + "+.1 S > C F. 1001:1001(0) ack 301 id=30003\n+.01 C > S . 301:301(0) ack 1002\n"
    + "+75 C > S F. 301:301(0) ack 1002\n"
)


def told(rst: str) -> tuple[list[str], list[Any]]:
    """Evidence and alternatives where the server answers the late FIN with this RST."""
    got = judged(CLOSED_EARLY + f"+.02 S > C R 1002:1002(0) win 0 {rst}\n")
    assert got.connections["cause"].to_list() == ["END311"]
    cause, story = engine.catalogue()["END311"], got.stories.story(0)
    return [claim.text for claim in cause.claims(story)], cause.alternatives(story)


def test_another_ttl_is_evidence_and_a_device_in_front_comes_first() -> None:
    claims, others = told("ttl=251 id=0")
    assert (
        "That RST has TTL 251, the server's other segments 64; its IP ID is 0, theirs 30003: "
        "another device sent it, or a stack that begins such RSTs with another TTL."
    ) in claims
    assert others[0].text.startswith("C (leading): a device in front of the server")
    assert "TTL 251 beside 64" in others[0].decide
    assert sum("(leading)" in one.text for one in others) == 1


@pytest.mark.parametrize("rst", ["ttl=64 id=0", "ttl=62"])
def test_the_same_ttl_speaks_against_a_device_elsewhere(rst: str) -> None:
    """An IP ID of 0 alone says nothing: Linux sends it so."""
    claims, others = told(rst)
    assert not any("TTL" in text for text in claims)
    assert others[0].text.startswith("A (leading)")
    assert any("speaks against a device" in one.decide for one in others)
