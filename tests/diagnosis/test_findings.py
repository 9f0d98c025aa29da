"""Findings: grouping, order, examples, remedies."""

import polars as pl

from finis import tables
from finis.correlation.stories import Proof
from finis.diagnosis import engine
from finis.diagnosis.findings import filled
from finis.diagnosis.missing import Where
from finis.diagnosis.tally import findings
from finis.terms import Confidence, Harm
from tests.diagnosis.endings import DENIALS, Row, both, fins, logged, rst, seen, stories


def found(rows: list[Row], denials: list[Row] | None = None) -> list:  # type: ignore[type-arg]
    told = stories(rows)
    told.proofs = {at: (Proof("a.log", at, "line"), None) for at in range(len(rows))}
    if denials:
        numbered = [{"row": at} | values for at, values in enumerate(denials)]
        told.denials = pl.DataFrame(numbered, schema=DENIALS)
    return findings(engine.judge(told))


def test_harmful_first_then_by_count() -> None:
    rows = [seen(**fins("orig"))] * 5 + [seen(**fins("resp"))] * 9 + [logged("normalizer")]
    got = found(rows)
    assert [(item.id, item.connections) for item in got] == [
        ("END505", 1), ("END202", 9), ("END201", 5),
    ]  # fmt: skip
    assert [round(item.share, 3) for item in got] == [0.067, 0.6, 0.333]


def test_one_finding_per_harm() -> None:
    rows = [logged("idle-timeout")] * 3 + [logged("idle-timeout", denials_after=2, acks_denied=2)]
    got = found(rows)
    assert [(item.id, item.harm, item.connections) for item in got] == [
        ("END401", Harm.HARMFUL, 1),
        ("END401", Harm.DEPENDS, 3),
    ]


def test_confidence_is_the_lowest_of_the_members() -> None:
    rows = [logged("syn-timeout"), seen(**_unanswered(1)), seen(**_unanswered(2))]
    (got,) = found(rows)
    assert (got.id, got.confidence) == ("END102", Confidence.POSSIBLE)
    assert got.examples[0].confidence == Confidence.LIKELY


def _unanswered(syns: int) -> Row:
    return {"ended": "unanswered", "o_syns": syns, "r_syns": 0, "established": False}


def test_examples_are_the_most_telling_and_of_different_hosts() -> None:
    plain = seen(**fins("orig"))
    rows = [plain | {"orig_h": "192.0.2.1"}] * 5
    rows += [both("fins", **fins("orig"), n_points=2, orig_h="192.0.2.2")]
    rows += [plain | {"orig_h": "192.0.2.3"}]
    (got,) = found(rows)
    assert [example.row for example in got.examples] == [5, 0, 6]
    (alone,) = found([plain] * 5)
    assert [example.row for example in alone.examples] == [0, 1, 2]


def test_hosts_are_the_most_frequent_and_bounded() -> None:
    rows = [seen(**fins("orig"), orig_h=f"192.0.2.{at}") for at in range(100)]
    (got,) = found(rows)
    assert got.hosts[0] == ("172.17.77.250", 100)
    assert len(got.hosts) == 20


def test_remedies_carry_the_hosts_and_nothing_else() -> None:
    (got,) = found([seen(**rst("resp"), resp_bytes=0, orig_h="192.0.2.7")])
    assert "172.17.77.250" in got.remedy["server"]
    (many,) = found([seen(**rst("orig"), orig_h=f"192.0.2.{at}") for at in range(3)])
    assert "if CLIENT is a health check" in many.remedy["load balancer"]
    hostile = seen(**rst("resp"), resp_bytes=0, resp_h="x; rm -rf $(id)", resp_p=None)
    (bad,) = found([hostile])
    assert "rm -rf" not in str(bad.remedy) + str(bad.commands)
    assert "SERVER" in bad.remedy["server"]


def test_placeholders_only() -> None:
    where = Where(client="192.0.2.1", server="198.51.100.1", server_p="443")
    text = "https://$host$request_uri {server}:{server_p} {client_if} {other}"
    assert filled(text, where) == ("https://$host$request_uri 198.51.100.1:443 CLIENT_IF {other}")


def test_copies_of_denials_are_counted_once() -> None:
    line = {"src_h": "a", "dst_h": "b", "file": "x.log", "line": 1, "unit": "line", "count": 3,
            "msg_id": "106023", "kind": "policy"}  # fmt: skip
    got = found([seen()], [line, line | {"line": 2, "duplicate_of": 0}])
    denied = [item for item in got if item.table == "denials"]
    assert [(item.denials, item.of_denials, item.packets) for item in denied] == [(1, 1, 3)]


def test_rows_fit_the_table() -> None:
    rows = [item.row() for item in found([seen(), seen(**fins("orig")), logged("fins")])]
    table = pl.DataFrame(rows, schema=tables.polars_schema(tables.FINDINGS), strict=True)
    assert table.height == 3
    assert table["evidence"].list.len().min() > 0


def test_nothing_found_in_nothing() -> None:
    assert found([]) == []


AFTER_CLOSE = seen(**(rst("resp", "no-state", "ack", r_rst_s=130.0) | fins("orig")))


def test_what_is_graver_than_the_verdict_it_stands_beside_is_a_finding() -> None:
    got = found([AFTER_CLOSE, seen(**fins("orig"))])
    told = [(one.id, one.harm, one.connections, one.contributing, one.share) for one in got]
    assert told == [("END210", Harm.DEPENDS, 0, 1, 0.5), ("END201", Harm.HARMLESS, 2, 0, 1.0)]
    assert [one.beside for one in got] == [True, False]
    assert [example.row for example in got[0].examples] == [0]


def test_what_is_no_graver_is_only_named_beside() -> None:
    """END307 depends, and so does what it stands beside; END206 is harmless."""
    rows = [seen(**rst("orig"), resp_bytes=0), seen(**(rst("orig") | fins("orig")))]
    assert [(one.id, one.beside) for one in found(rows)] == [("END305", False), ("END201", False)]
