"""The firewall in user space, packet by packet, without a network."""

from __future__ import annotations

import re

from finis.lab.admission import INSIDE, OUTSIDE, Policy
from finis.lab.asa import Asa
from finis.lab.injector import Injector
from finis.lab.packet import ACK, FIN, MASK, PSH, RST, SYN, Packet, build, parse

CLIENT, SERVER, PUBLIC = ("203.0.113.9", 50000), ("172.17.0.1", 443), ("198.51.100.1", 443)
START = 1_700_000_000.0


class Talk:
    """Two hosts and the firewall; every number is the one its sender uses."""

    def __init__(self, policy: Policy, server: tuple[str, int] = SERVER) -> None:
        self.lines: list[str] = []
        self.asa = Asa(policy, self.lines.append, seed=7)
        self.server = server  # as the client knows it
        self.now = START

    def send(self, side: int, flags: int, seq: int, ack: int = 0, payload: bytes = b"") -> Packet:
        """What leaves on the other side; fails if nothing does."""
        out = self.try_send(side, flags, seq, ack, payload)
        assert out is not None
        return out

    def try_send(
        self, side: int, flags: int, seq: int, ack: int = 0, payload: bytes = b""
    ) -> Packet | None:
        self.now += 0.001
        src, dst = (CLIENT, self.server) if side == OUTSIDE else (SERVER, CLIENT)
        raw = build(src, dst, flags, seq, ack, 1000, payload)
        out = self.asa.receive(side, raw, self.now)
        if not out:
            return None
        ((left_by, raw),) = out
        assert left_by == 1 - side
        return parse(raw)

    def open(self) -> tuple[int, int]:
        """Handshake; the server's first number as the client sees it, and the other way round."""
        syn = self.send(OUTSIDE, SYN, 1000)
        answer = self.send(INSIDE, SYN | ACK, 9000, syn.next_seq)
        assert answer.ack == 1001
        self.send(OUTSIDE, ACK, 1001, answer.next_seq)
        return answer.next_seq, syn.next_seq

    @property
    def messages(self) -> list[str]:
        return [re.sub(r".*%ASA-\d-(\d+): ", r"\1 ", line) for line in self.lines]


def test_offsets_are_constant_per_direction() -> None:
    talk = Talk(Policy())
    server_seen, client_seen = talk.open()
    assert server_seen != 9001 and client_seen != 1001
    one = talk.send(OUTSIDE, PSH | ACK, 1001, server_seen, b"ask")
    assert (one.seq, one.ack) == (client_seen, 9001)
    two = talk.send(INSIDE, PSH | ACK, 9001, (client_seen + 3) & MASK, b"answer")
    assert (two.seq, two.ack) == (server_seen, 1004)


def test_orderly_close_is_logged_with_who_began_and_frees_at_once() -> None:
    talk = Talk(Policy())
    server_seen, client_seen = talk.open()
    talk.send(INSIDE, FIN | ACK, 9001, client_seen)
    talk.send(OUTSIDE, FIN | ACK, 1001, server_seen + 1)
    talk.send(INSIDE, ACK, 9002, client_seen + 1)
    assert talk.messages[-1].endswith("duration 0:00:00 bytes 0 TCP FINs from INSIDE")
    assert not talk.asa.flows
    assert talk.try_send(OUTSIDE, FIN | ACK, 1001, server_seen + 1) is None
    assert talk.messages[-1] == (
        "106015 Deny TCP (no connection) from 203.0.113.9/50000 to 172.17.0.1/443 "
        "flags FIN ACK  on interface OUTSIDE"
    )


def test_fin_then_rst_after_both_fins_is_still_tcp_fins() -> None:
    """As the reference case shows: the reason names the first FIN, not the RST."""
    talk = Talk(Policy())
    server_seen, client_seen = talk.open()
    talk.send(INSIDE, FIN | ACK, 9001, client_seen)
    talk.send(OUTSIDE, FIN | ACK, 1001, server_seen + 1)
    talk.send(OUTSIDE, RST | ACK, 1002, server_seen + 1)
    assert talk.messages[-1].endswith("TCP FINs from INSIDE")
    assert talk.try_send(INSIDE, RST, 9002) is None
    assert "flags RST  on interface INSIDE" in talk.messages[-1]


def test_reset_names_the_side() -> None:
    for side, reason in (
        (OUTSIDE, "TCP Reset-O from OUTSIDE"),
        (INSIDE, "TCP Reset-I from INSIDE"),
    ):
        talk = Talk(Policy())
        server_seen, client_seen = talk.open()
        seq, ack = (1001, server_seen) if side == OUTSIDE else (9001, client_seen)
        talk.send(side, RST | ACK, seq, ack)
        assert talk.messages[-1].endswith(reason)


def test_rst_outside_the_window_is_dropped_in_silence() -> None:
    talk = Talk(Policy())
    server_seen, _ = talk.open()
    lines = list(talk.lines)
    assert talk.try_send(OUTSIDE, RST | ACK, 1001 + (1 << 30), server_seen) is None
    assert talk.lines == lines and talk.asa.flows
    assert [why for *_, why in talk.asa.dropped] == ["tcp-rstfin-ooo"]


def test_refusal_passes_and_keeps_its_zero() -> None:
    talk = Talk(Policy())
    syn = talk.send(OUTSIDE, SYN, 1000)
    rst = talk.send(INSIDE, RST | ACK, 0, syn.next_seq)
    assert (rst.seq, rst.ack) == (0, 1001)
    assert talk.messages[-1].endswith("TCP Reset-I from INSIDE")


def test_nat() -> None:
    talk = Talk(Policy(nat={PUBLIC[0]: SERVER[0]}), PUBLIC)
    syn = talk.send(OUTSIDE, SYN, 1000)
    assert syn.dst == SERVER
    answer = talk.send(INSIDE, SYN | ACK, 9000, syn.next_seq)
    assert (answer.src, answer.dst) == (PUBLIC, CLIENT)
    assert "to INSIDE:172.17.0.1/443 (198.51.100.1/443)" in talk.messages[0]


def test_access_list() -> None:
    talk = Talk(Policy(deny=(443,)))
    assert talk.try_send(OUTSIDE, SYN, 1000) is None
    assert talk.messages == [
        "106023 Deny tcp src OUTSIDE:203.0.113.9/50000 dst INSIDE:172.17.0.1/443 by access-group "
        '"OUTSIDE_IN" [0x0, 0x0]'
    ]


def test_rejecting_answers_the_syn() -> None:
    talk = Talk(Policy(reject=(443,)))
    ((side, raw),) = talk.asa.receive(OUTSIDE, build(CLIENT, SERVER, SYN, 1000), START)
    answer = parse(raw)
    assert side == OUTSIDE and answer is not None
    assert (answer.src, answer.dst, answer.seq, answer.ack) == (SERVER, CLIENT, 0, 1001)
    assert answer.flags == RST | ACK


def test_timers() -> None:
    for policy, close, after, reason in (
        (Policy(idle=2), False, 2.1, "Connection timeout"),
        (Policy(half_closed=3), True, 3.1, "FIN Timeout"),
    ):
        talk = Talk(policy)
        server_seen, _ = talk.open()
        if close:
            talk.send(OUTSIDE, FIN | ACK, 1001, server_seen)
        assert talk.asa.tick(talk.now + after - 0.2) == [] and talk.asa.flows
        assert talk.asa.tick(talk.now + after) == [] and not talk.asa.flows
        assert talk.messages[-1].endswith(reason)
    talk = Talk(Policy(embryonic=4))
    talk.send(OUTSIDE, SYN, 1000)
    talk.asa.tick(talk.now + 4.1)
    assert talk.messages[-1].endswith("duration 0:00:04 bytes 0 SYN Timeout")


def test_resets_of_the_firewall_carry_the_numbers_their_receivers_expect() -> None:
    talk = Talk(Policy(idle=1, idle_reset=True))
    server_seen, client_seen = talk.open()
    talk.send(OUTSIDE, PSH | ACK, 1001, server_seen, b"ask")
    talk.send(INSIDE, PSH | ACK, 9001, client_seen + 3, b"answer")
    talk.send(OUTSIDE, ACK, 1004, server_seen + 6)
    out = dict(talk.asa.tick(talk.now + 1.5))
    to_client, to_server = parse(out[OUTSIDE]), parse(out[INSIDE])
    assert to_client is not None and to_server is not None
    assert (to_client.seq, to_client.ack) == ((server_seen + 6) & MASK, 1004)
    assert (to_server.seq, to_server.ack) == ((client_seen + 3) & MASK, 9007)
    assert (to_client.src, to_server.src) == (SERVER, CLIENT)


def test_inspection_drops_and_resets() -> None:
    talk = Talk(Policy(forbidden=b"DELETE"))
    server_seen, _ = talk.open()
    raw = build(CLIENT, SERVER, PSH | ACK, 1001, server_seen, 1000, b"DELETE /")
    out = talk.asa.receive(OUTSIDE, raw, talk.now)
    assert [side for side, _ in out] == [OUTSIDE, INSIDE]
    assert talk.messages[-1].endswith("Flow closed by inspection")


def test_dynamic_translation_of_those_inside() -> None:
    """Two hosts that use the same port share one public address, and both hear their answers."""
    lines: list[str] = []
    asa = Asa(Policy(pat="198.51.100.1", randomise=False), lines.append, seed=3)
    web = ("203.0.113.9", 443)
    outer = set()
    for number in (1, 2):
        inner = (f"172.17.0.{number}", 40000)
        ((side, raw),) = asa.receive(INSIDE, build(inner, web, SYN, 1000), START)
        syn = parse(raw)
        assert side == OUTSIDE and syn is not None
        assert syn.src[0] == "198.51.100.1"
        outer.add(syn.src)
        ((side, raw),) = asa.receive(OUTSIDE, build(web, syn.src, SYN | ACK, 7, 1001), START)
        answer = parse(raw)
        assert side == INSIDE and answer is not None
        assert answer.dst == inner
        mapped = f"198.51.100.1/{syn.src[1]}"
        assert f"INSIDE:{inner[0]}/40000 to OUTSIDE:{mapped}" in lines[-2]
        assert lines[-1].endswith(
            f"for OUTSIDE:203.0.113.9/443 (203.0.113.9/443) to INSIDE:{inner[0]}/40000 ({mapped})"
        )
    assert len(outer) == 2
    stray = (next(iter(outer))[0], 1)  # a port that nobody was given
    assert asa.receive(OUTSIDE, build(web, stray, ACK, 1, 1), START) == []
    assert "106015" in lines[-1]


def test_an_injector_passes_on_and_speaks_in_both_names() -> None:
    told: list[str] = []
    box = Injector(Policy(inject=b"forbidden"), told.append)
    fine = build(CLIENT, SERVER, PSH | ACK, 5, 6, payload=b"fine")
    assert box.receive(OUTSIDE, fine, START) == [(INSIDE, fine)]
    bad = build(CLIENT, SERVER, PSH | ACK, 5, 6, payload=b"forbidden")
    out = box.receive(OUTSIDE, bad, START)
    assert out[0] == (INSIDE, bad)
    resets = [(side, parse(raw)) for side, raw in out[1:]]
    first, second = resets[0][1], resets[1][1]
    assert first is not None and second is not None
    assert (resets[0][0], first.src, first.seq) == (INSIDE, CLIENT, 5 + 9)
    assert (resets[1][0], second.src, second.seq) == (OUTSIDE, SERVER, 6)
    assert all(packet is not None and packet.flags & RST for _, packet in resets)
    assert len(told) == 1


def test_a_linger_absorbs_and_gives_way() -> None:
    talk = Talk(Policy(linger=2.0, exact=True))
    server_seen, _ = talk.open()
    talk.send(OUTSIDE, RST | ACK, 1001, server_seen)
    assert len(talk.asa.flows) == 1
    said = len(talk.lines)
    assert talk.try_send(INSIDE, RST, 9001) is None
    assert len(talk.lines) == said  # no denial
    talk.send(OUTSIDE, SYN, 2000)  # a new connection of the tuple takes its place
    assert len(talk.asa.flows) == 1
    assert talk.messages[-1].startswith("302013 Built inbound")
    assert " 22:13:20.005 fw-lab : " in talk.lines[-1]


def test_a_linger_ends() -> None:
    talk = Talk(Policy(linger=2.0))
    server_seen, _ = talk.open()
    talk.send(OUTSIDE, RST | ACK, 1001, server_seen)
    talk.asa.tick(talk.now + 1.9)
    assert talk.asa.flows
    talk.asa.tick(talk.now + 2.0)
    assert not talk.asa.flows
    assert talk.try_send(INSIDE, RST, 9001) is None
    assert talk.messages[-1].startswith("106015 ")
    assert sum(message.startswith("302014") for message in talk.messages) == 1
