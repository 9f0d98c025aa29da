"""Kinds of denials: rules tell no difference between rows of one kind, whatever their numbers."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from finis.diagnosis import kinds
from finis.diagnosis.denials import _facts
from finis.diagnosis.engine import catalogue, complete, judge_table
from finis.tracking.parts import CONNECTION, DENIAL, LogPart
from finis.wire.dialects._packed import BIT, NAMED, V4, WORDS, Book, ipv4

MESSAGES = (
    *("106015",) * 12,
    "106023",
    "106001",
    "106016",
    "305013",
    "313005",
    "305016",
    "106007",
    "710005",
    "201010",
    "419001",
    None,
)
FLAGS = ("RST", "RST ACK", "ACK", "FIN ACK", "PSH ACK", "SYN", "SYN ACK", "FIN", "", None)
HOWS = ("fins", "reset-resp", "idle-timeout", "syn-timeout", "fin-timeout", "failover",
        "reset-device", "ips-reset", "unknown", "cleared")  # fmt: skip
ROWS = 30_000


def twins(rnd: np.random.Generator, thresholds: tuple[float, ...]) -> list[np.ndarray]:
    """Numbers of which each has a twin that is on the same side of every threshold."""
    edges = [-1e4, *thresholds, 1e6]
    slot = rnd.integers(0, 2 * len(thresholds) + 2, ROWS)
    low, high = (np.array([edges[n] for n in range(len(edges) - 1)]),
                 np.array([edges[n + 1] for n in range(len(edges) - 1)]))  # fmt: skip
    gap = slot // 2
    out = []
    for _ in range(2):
        near = rnd.choice((1e-9, 1e-3, 0.5, 1 - 1e-3, 1 - 1e-9), ROWS)
        between = low[gap] + (high - low)[gap] * near
        on = np.array([*thresholds, np.nan])[gap]
        out.append(np.where(slot % 2 == 0, between, on))
    return out


def whole_twins(rnd: np.random.Generator, thresholds: tuple[int, ...]) -> list[np.ndarray]:
    """The same of whole numbers that are compared with “at least”."""
    edges = np.array([1, *thresholds, 10**6])
    gap = rnd.integers(0, len(edges) - 1, ROWS)
    low, high = edges[gap], edges[gap + 1] - 1
    return [np.where(rnd.random(ROWS) < 0.5, low, high) for _ in range(2)]


def part(rnd: np.random.Generator) -> LogPart:
    count = ROWS
    book = Book()
    book.origin("fw", "asa.log")
    for _ in range(400):
        said = dict.fromkeys(WORDS) | {
            "msg_id": rnd.choice(MESSAGES), "kind": rnd.choice(("deny", "icmp")),
            "proto": rnd.choice((*("tcp",) * 6, "udp", "icmp", None)), "flags": rnd.choice(FLAGS),
            "denial_kind": rnd.choice(("state", "state", "policy", "limit", "spoof", None)),
            "acl": rnd.choice(("in", None)),
            "reason": rnd.choice((None, "DNS Response", "DNS Query", "a per-host limit", "other")),
        }  # fmt: skip
        book.word(tuple(said[name] for name in WORDS))
    connections = np.zeros(40, CONNECTION)
    connections["start"]["row"] = np.arange(40)
    connections["ended"] = rnd.random(40) < 0.8
    connections["end"]["how"] = rnd.integers(0, len(HOWS), 40)
    connections["end"]["by"] = rnd.integers(0, 4, 40)
    connections["end"]["bytes"] = rnd.choice((0, 0, 1, 999), 40)
    connections["end"]["has"] = rnd.choice((0, BIT["bytes"], BIT["bytes"] | BIT["ts"]), 40)
    out = np.zeros(count, DENIAL)
    row = out["refusal"]
    row["row"] = np.arange(count)
    row["copy_row"] = row["permit_line"] = -1
    row["permit_words"] = row["permit_origin"] = 0xFFFFFFFF
    row["reach_s"] = np.nan
    out["at"] = rnd.integers(-20, 40, count).clip(-1)
    row["log_row"] = out["at"]
    row["seen"], row["side"] = rnd.integers(0, 3, count), rnd.integers(0, 3, count)
    row["pending"] = rnd.random(count) < 0.2
    event = row["event"]
    event["words"] = rnd.integers(0, len(book.words), count)
    for end in "ab":
        hosts = [(1 << 32) + 7, (1 << 32) + (10 << 24 | 255), (1 << 32) + (224 << 24 | 5), 0]
        event[f"{end}_h"] = rnd.choice(np.array(hosts, np.uint64), count)
        event[f"{end}_p"] = rnd.choice((0, 80, 1023, 1024, 40_000), count)
    event["has"] = rnd.choice((0, BIT["a_p"], BIT["b_p"], BIT["a_p"] | BIT["b_p"]), count)
    return LogPart(connections, out, book, ["fw"], list(HOWS), [None], {"fw": "ASA"})


@pytest.mark.parametrize("seed", range(3))
def test_rules_tell_no_difference_within_a_kind(seed: int) -> None:
    rnd = np.random.default_rng(seed)
    some = part(rnd)
    causes = rnd.integers(0, 3, len(some.connections))
    at = some.denials["at"]
    of = pl.Series(["END107", "END201", "END999"]).gather(causes[np.maximum(at, 0)].astype("u4"))
    of = of.set(pl.Series(at < 0), None)
    lag, again, failover = (
        twins(rnd, thresholds) for thresholds in (kinds.LAG_S, kinds.SYN_AFTER_S, kinds.FAILOVER_S)
    )
    counts = {
        "repeats": whole_twins(rnd, kinds.REPEATS),
        "src_fanout": whole_twins(rnd, kinds.FANOUT),
        "src_refused": whole_twins(rnd, kinds.REFUSED),
        "dst_opened": rnd.choice(np.array(((-1, -1), (0, 0), (1, 50), (7, 1))), ROWS).T,
        "torn_logged": np.ones((2, ROWS), int),
    }
    unlogged = (counts["dst_opened"] < 0).all(0) & (rnd.random(ROWS) < 0.5)
    counts["torn_logged"][:, unlogged] = 0
    mapped = (counts["dst_opened"] == 0).all(0) & (rnd.random(ROWS) < 0.5)
    counts["dst_mapped"] = np.stack([mapped, mapped]).astype(int)
    told = []
    for n in range(2):
        some.denials["refusal"]["lag_s"] = lag[n]
        some.denials["refusal"]["failover_s"] = failover[n]
        some.denials["syn_after_s"] = again[n]
        whole = kinds.Population(**{name: values[n] for name, values in counts.items()})
        frame = (
            some.denial_frame()
            .with_columns(
                *(
                    pl.Series(name, values[n]).replace({-1: None})
                    for name, values in counts.items()
                ),
            )
            .with_columns(
                torn_logged=pl.Series(whole.torn_logged == 1),
                dst_mapped=pl.Series(whole.dst_mapped == 1),
                conn_cause=of,
            )
        )
        judged, _ = judge_table(complete(frame, "denials"), "denials", catalogue())
        codes = kinds.DenialKinds().codes(some)
        keys = kinds.denial_keys(some.denials, some.connections, *codes, causes)
        keys = kinds.with_whole(keys, whole)
        told.append((keys, judged))
    (one, judged), (other, again_judged) = told
    assert np.array_equal(one, other)
    verdict = ("cause", "confidence", "harm")
    assert judged.select(verdict).equals(again_judged.select(verdict))
    assert judged["cause"].n_unique() > 20


def test_numbers_and_texts_of_hosts_tell_the_same_of_many() -> None:
    rnd = np.random.default_rng(5)
    edges = rnd.choice(np.array([0, 1, 9, 10, 99, 100, 199, 200, 223, 224, 239, 240, 254, 255]),
                       (5000, 4))  # fmt: skip
    texts = [".".join(map(str, row)) for row in edges.tolist()]
    words = np.array([V4 + ipv4(text) for text in texts], np.uint64)
    said = pl.DataFrame({"dst_h": texts}).select(_facts.to_many).to_series().to_numpy()
    assert np.array_equal(kinds.to_many(words), said)
    odd = ["10.1.1.0255", "300.1.1.255", "1.2.255", "a.1.1.255", "224.0.0.5.1", "::ffff:10.1.1.255"]
    assert all(ipv4(text) < 0 for text in odd)
    assert not pl.DataFrame({"dst_h": odd}).select(_facts.to_many).to_series().any()
    assert not kinds.to_many(np.array([0, NAMED + 255], np.uint64)).any()


def test_too_many_words_begin_anew() -> None:
    some = kinds.ConnectionKinds()
    some.words.all(range(10))
    book = Book()
    book.word((None,) * len(WORDS))
    assert some.reasons.codes(book).tolist() == [10]
    some.bound(some.words, 5, some.reasons)
    assert not some.words.of
    assert some.reasons.codes(book).tolist() == [0]


def test_every_word_is_looked_at_once() -> None:
    met: list[object] = []

    def number(told: object) -> int:
        met.append(told)
        return len(met)

    words, book = kinds.ByWord(number), Book()
    assert words.codes(book).tolist() == [0]  # nothing yet
    one, other = ((name,) * len(WORDS) for name in "ab")
    book.word(one)
    assert words.codes(book).tolist() == [1]
    met.clear()
    another = Book()
    another.word(one)
    assert words.codes(another).tolist() == [1]
    another.word(other)
    assert words.codes(another).tolist() == [1, 2]
    assert words.codes(another).tolist() == [1, 2] and met == [one, other]
