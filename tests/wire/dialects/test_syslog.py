"""Framing: lines out of bytes, times and devices out of headers."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from finis.wire.dialects import _syslog
from finis.wire.source import Points, Reading, Source


def source() -> Source:
    return Source(0, "logs/fw.log", Points(), "fw")


def reading(**values: Any) -> Reading:
    return Reading(**{"tz": UTC, **values})


def header(prefix: str, **values: Any) -> tuple[datetime | None, str, Source]:
    src = source()
    ns, device = _syslog.Headers(src, reading(**values)).read(prefix, 1)
    return (None if ns is None else datetime.fromtimestamp(ns / 1e9, UTC)), device, src


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


HEADERS = [
    # Cisco's own, with and without host, zone, fraction
    ("<166>Jun 20 2018 11:58:45 fw1 : ", "2018-06-20T11:58:45", "fw1"),
    ("<166>Jun 20 2018 11:58:45: ", "2018-06-20T11:58:45", "fw.log"),
    ("<166>Jun  5 2018 01:02:03 : ", "2018-06-05T01:02:03", "fw.log"),
    ("<166>Jun 20 2018 11:58:45 10.9.9.1 ", "2018-06-20T11:58:45", "10.9.9.1"),
    ("<166>Jun 20 2018 11:58:45.250 fw1 : ", "2018-06-20T11:58:45.250", "fw1"),
    ("Apr 15 2014 09:34:34 EDT: ", "2014-04-15T13:34:34", "fw.log"),
    ("Apr 15 2014 09:34:34 CEST edge-1 : ", "2014-04-15T07:34:34", "edge-1"),
    ("Apr 15 2014 09:34:34 +0200 edge-1 : ", "2014-04-15T07:34:34", "edge-1"),
    ("Apr 15 2014 09:34:34 FWA : ", "2014-04-15T09:34:34", "FWA"),
    ("2014 Apr 15 09:34:34 UTC c0ffee-42 : ", "2014-04-15T09:34:34", "c0ffee-42"),
    ("<166>: 2014 Apr 15 09:34:34 UTC dev : ", "2014-04-15T09:34:34", "dev"),
    ("<166>:Feb 26 2020 11:26:52 UTC: ", "2020-02-26T11:26:52", "fw.log"),
    ("*Jul 14 2023 08:23:43.398 UTC: ", "2023-07-14T08:23:43.398", "fw.log"),
    # RFC 3339
    ("<166>2024-06-26T01:35:42Z: ", "2024-06-26T01:35:42", "fw.log"),
    ("2024-06-26T01:35:42+02:00 fw2 : ", "2024-06-25T23:35:42", "fw2"),
    ("2024-06-26T01:35:42.5-0530 fw2 ", "2024-06-26T07:05:42.5", "fw2"),
    ("2024-06-26 01:35:42\tLocal4.Info\t10.9.9.1\t", "2024-06-26T01:35:42", "10.9.9.1"),
    # RFC 5424, structured data that holds a stamp of its own, octet counting
    ("<166>1 2023-05-09T15:50:47.123Z fw3 ASA 12 ID7 - ", "2023-05-09T15:50:47.123", "fw3"),
    (
        '<166>1 2023-05-09T15:50:47Z fw3 ASA - - [o@9 t="2001-01-01T00:00:00Z" x="\\]"] ',
        "2023-05-09T15:50:47",
        "fw3",
    ),
    ("118 <134>1 2023-05-09T15:50:47Z fw3 - - - - ", "2023-05-09T15:50:47", "fw3"),
    ("<134>1 2023-05-09T15:50:47Z - app - - - ", "2023-05-09T15:50:47", "fw.log"),
    # relays in front: the nearest stamp is the device's
    (
        "Wed Jun 20 11:58:46 2018;10.9.9.1; <167>Jun 20 2018 11:58:45 10.9.9.2 : ",
        "2018-06-20T11:58:45",
        "10.9.9.2",
    ),
    (
        "Wed Jun 20 11:58:46 2018;10.9.9.1; <167>Jun 20 2018 11:58:45 : ",
        "2018-06-20T11:58:45",
        "10.9.9.1",
    ),
    ("Wed Jun 20 11:58:46 2018;; <167>Jun 20 2018 11:58:45 : ", "2018-06-20T11:58:45", "fw.log"),
    (
        "Sep 25 15:47:07 gate.example.org : Sep 25 2021 15:47:07 EDT: ",
        "2021-09-25T19:47:07",
        "gate.example.org",
    ),
    ("2021-09-25T10:00:00Z relay Sep 25 12:00:01 fw4 : ", "2021-09-25T12:00:01", "fw4"),
    ("2021-01-01T00:00:02Z relay Dec 31 23:59:59 fw4 : ", "2020-12-31T23:59:59", "fw4"),
    (
        "<166>1 2023-05-09T15:50:47Z relay asa - - - <166>May 09 2023 15:50:40: ",
        "2023-05-09T15:50:40",
        "relay",
    ),
    # tags of programs, sequence numbers, facilities
    ("Oct 10 2018 12:34:56 edge CiscoASA[999]: ", "2018-10-10T12:34:56", "edge"),
    ("<190>3132517: sw01: 3132513: Jul 14 2023 08:23:43 UTC: ", "2023-07-14T08:23:43", "sw01"),
    ("Jul 14 2023 08:23:43 local4.error fw5 : ", "2023-07-14T08:23:43", "fw5"),
    ("Jul 14 2023 08:23:43 fw5/context-a : ", "2023-07-14T08:23:43", "fw5/context-a"),
    ("Jul 14 2023 08:23:43 2001:db8::1 : ", "2023-07-14T08:23:43", "2001:db8::1"),
    ("Jul 14 2023 23:59:60 fw5 : ", "2023-07-15T00:00:00", "fw5"),
    # nothing to go by
    ("<166>:: ", None, "fw.log"),
    ("<166>", None, "fw.log"),
    ("", None, "fw.log"),
    ("LOCAL4.WARNING: fw-1 ", None, "fw-1"),
    ("<166>fw-6 ", None, "fw-6"),
    ("Feb 30 2023 08:23:43 fw5 : ", None, "fw5"),
    ("Jul 14 2023 25:23:43 fw5 : ", None, "fw5"),
]


@pytest.mark.parametrize(("prefix", "time", "device"), HEADERS)
def test_headers(prefix: str, time: str | None, device: str) -> None:
    when, name, src = header(prefix)
    assert (when, name) == (at(time) if time else None, device)
    assert bool(src.problems) == (time is None)


def test_a_stamp_without_zone_is_read_in_the_users() -> None:
    when, _, src = header("Jul 14 2023 08:00:00 fw : ", tz=ZoneInfo("Europe/Berlin"))
    assert when == at("2023-07-14T06:00:00")
    assert src.zone_assumed
    when, _, src = header("Jul 14 2023 08:00:00 UTC fw : ", tz=ZoneInfo("Europe/Berlin"))
    assert when == at("2023-07-14T08:00:00")
    assert not src.zone_assumed


@pytest.mark.parametrize(
    ("prefix", "device"),
    [
        ("Apr 15 2014 09:34:34 XYZT fw7 : ", "fw7"),
        ("Apr 15 2014 09:34:34 IST: ", "fw.log"),
        ("Apr 15 2014 09:34:34 IST fw7 : ", "fw7"),
        ("Apr 15 09:34:35 gate : Apr 15 2014 09:34:34 XYZT: ", "gate"),
    ],
)
def test_an_unknown_zone_is_counted(prefix: str, device: str) -> None:
    when, name, src = header(prefix)
    assert (when, name) == (at("2014-04-15T09:34:34"), device)
    assert src.zone_assumed
    assert src.problems.counts == {"unknown time zone: read as assumed": 1}


def test_resolution_is_the_coarsest_seen() -> None:
    src = source()
    headers = _syslog.Headers(src, reading())
    headers.read("Jul 14 2023 08:00:00.123456 fw : ", 1)
    assert src.resolution_ns == 1000
    headers.read("Jul 14 2023 08:00:00 fw : ", 2)
    assert src.resolution_ns == 1_000_000_000


def test_fractions_keep_nanoseconds() -> None:
    src = source()
    ns, _ = _syslog.Headers(src, reading()).read("Apr 29 2020 12:59:50.138340591: ", 1)
    assert ns is not None
    assert ns % 1_000_000_000 == 138_340_591


class TestYears:
    def years(self, prefixes: list[str], **values: Any) -> tuple[list[int], Source]:
        src = source()
        headers = _syslog.Headers(src, reading(**values))
        headers.learn(prefixes)
        out = []
        for i, prefix in enumerate(prefixes, 1):
            ns, _ = headers.read(prefix, i)
            assert ns is not None
            out.append(datetime.fromtimestamp(ns // 1_000_000_000, UTC).year)
        return out, src

    def test_the_users_year_and_the_turn_of_the_year(self) -> None:
        stamps = ["Dec 31 23:59:59 fw : ", "Jan  1 00:00:01 fw : ", "Dec 31 23:59:59 fw : "]
        years, src = self.years(stamps, year=2021)
        assert years == [2021, 2022, 2021]
        assert src.dated

    def test_a_dated_line_of_the_file(self) -> None:
        years, src = self.years(["Dec 31 23:00:00 fw : ", "Jan 01 2020 00:00:01 fw : "])
        assert years == [2019, 2020]
        assert src.dated

    def test_unknown(self) -> None:
        years, src = self.years(["Dec 31 23:00:00 fw : ", "Jan  1 00:00:01 fw : "])
        assert years == [1970, 1971]
        assert not src.dated

    def test_29_february_of_an_unknown_year(self) -> None:
        years, src = self.years(["Feb 28 23:00:00 fw : ", "Feb 29 00:00:01 fw : "])
        assert years == [1970, 1970]
        assert not src.dated

    def test_one_wrong_year_does_not_carry_the_others_away(self) -> None:
        stamps = ["Jun 20 2018 01:00:00 fw : ", "Jun 20 01:00:01 fw : ",
                  "Jun 20 2099 01:00:02 fw : ", "Jun 20 01:00:03 fw : "]  # fmt: skip
        assert self.years(stamps)[0] == [2018, 2018, 2099, 2018]


class Trickle(io.RawIOBase):
    """A stream that gives a few bytes at a time."""

    def __init__(self, data: bytes, step: int) -> None:
        self.data, self.step = data, step

    def read(self, size: int = -1, /) -> bytes:
        piece, self.data = self.data[: self.step], self.data[self.step :]
        return piece


def lines(data: bytes, step: int = 1 << 20) -> tuple[list[tuple[int, str]], Source]:
    src = source()
    return list(_syslog.lines(Trickle(data, step), src)), src


@pytest.mark.parametrize("step", [1, 3, 7, 4096])
def test_lines_are_numbered_whatever_the_reads(step: int) -> None:
    data = "\ufeffone\r\n\n  two é\x00\n\x0bthree\u2028still three\nlast".encode()
    found, src = lines(data, step)
    assert found == [(1, "one"), (3, "two é"), (4, "\x0bthree\u2028still three"), (5, "last")]
    assert not src.problems


def test_other_encodings() -> None:
    found, src = lines("grün\nok\n".encode("latin-1"))
    assert found == [(1, "grün"), (2, "ok")]
    assert src.problems.counts == {"not UTF-8, read as Latin-1": 1}
    assert lines("eins\nzwei ü\n".encode("utf-16"), step=3)[0] == [(1, "eins"), (2, "zwei ü")]


def test_long_lines_are_cut_and_counted() -> None:
    found, src = lines(b"a" * 70_000 + b"\nnext\n")
    assert [len(text) for _, text in found] == [_syslog.LONGEST, 4]
    assert list(src.problems) == [("line longer than 65536 characters, cut", 1, ["line 1"])]


@pytest.mark.parametrize("step", [1000, 1 << 20])
def test_a_line_without_end_stays_bounded(step: int) -> None:
    found, src = lines(b"x" * 3_000_000 + b"\nafter\n", step)
    assert [(n, len(text)) for n, text in found] == [(1, _syslog.LONGEST), (2, 5)]
    assert src.problems.counts == {"line longer than 65536 characters, cut": 1}
