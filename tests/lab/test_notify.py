"""The experiment on close_notify: its light cells for real, its witness on made-up bytes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from finis.lab import runner, score, spaces, witness
from finis.lab.notify import text
from finis.lab.scenario import catalogue
from finis.lab.scenarios import _matrix, close_notify

SERIES = "close-notify"
LEFT_UNREAD = "close-notify-python-close-server-expires"
READ = "close-notify-python-close-server-expires-read"
SAID_TWICE = "close-notify-python-notify-client-first"
LIGHT = (LEFT_UNREAD, READ, SAID_TWICE, "close-notify-curl-server-expires",
         "close-notify-gnutls-server-expires", "close-notify-python-close-write-only")  # fmt: skip

REASON = spaces.why_not() or ", ".join(
    {name for one in LIGHT for name in catalogue()[one].lacking()}
)
real = pytest.mark.skipif(bool(REASON), reason=REASON)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("notify")
    _, done = runner.run(runner.choose(LIGHT), folder, ("asa",), at_once=3)
    assert [one.problem for one in done] == [""] * len(LIGHT)
    return folder


def fates(folder: Path, name: str) -> Counter[tuple[str, str, str]]:
    place = folder / f"{name}.asa"
    return Counter(
        (one.fate("client"), one.fate("server"), one.first_reset)
        for one in _matrix.witnessed(place)
    )


@real
def test_left_unread_resets_and_read_does_not(played: Path) -> None:
    """The same client, server and silence; only the reading differs."""
    assert set(fates(played, LEFT_UNREAD)) == {("-", "unread", "client")}
    assert set(fates(played, READ)) == {("-", "taken", "none")}


@real
def test_the_kernels_count_what_was_captured(played: Path) -> None:
    for name in (LEFT_UNREAD, READ):
        kernel = json.loads((played / f"{name}.asa" / _matrix.KERNEL).read_text())
        reset = sum(n for key, n in fates(played, name).items() if key[2] == "client")
        assert kernel["counters"]["client"]["TCPAbortOnClose"] == reset


@real
def test_verdicts_are_true(played: Path) -> None:
    found = score.score(played, ("full", "no log", "log"))
    assert [one for one in found.verdicts if one.evidence == "full" and one.mark == "wrong"] == []
    assert found.forbidden == []


@real
def test_the_table_names_every_cell(played: Path) -> None:
    lines = text(played)
    for name in LIGHT:
        program, situation = next(
            (program, name.removeprefix(f"{SERIES}-{program}-"))
            for program in _matrix.PROGRAMS
            if name.startswith(f"{SERIES}-{program}-")
        )
        assert any(line.split()[:2] == [program, situation] for line in lines), name


# --- without root --------------------------------------------------------------------------------


def test_of_the_series_only_a_sample_is_played_with_all() -> None:
    sampled = [one.name for one in runner.choose([]) if one.series]
    assert sampled and set(sampled) == {f"{SERIES}-{name}" for name in close_notify.SAMPLE}
    assert len(runner.choose([SERIES])) >= 80
    assert [one.name for one in runner.choose([READ])] == [READ]


def record(kind: int, size: int) -> bytes:
    return bytes([kind, 3, 3]) + size.to_bytes(2) + b"x" * size


@pytest.mark.parametrize(
    ("stream", "found"),
    [
        (record(22, 90) + record(20, 1) + record(23, 85) + record(23, 19), True),  # TLS 1.3
        (record(22, 90) + record(20, 1) + record(23, 85) + record(23, 35), True),  # JDK
        (record(22, 90) + record(20, 1) + record(22, 40) + record(21, 26), True),  # TLS 1.2
        (record(22, 90) + record(20, 1) + record(23, 85) + record(23, 20), False),
        (record(22, 90) + record(21, 2), False),  # in the clear: a handshake that failed
        (record(22, 90) + record(20, 1) + record(21, 26)[:-1], True),  # its end comes later
        (b"GET / HTTP/1.1\r\n\r\n", False),
        (b"", False),
    ],
)
def test_closing_alert(stream: bytes, found: bool) -> None:
    assert (witness._closing_alert(stream) is not None) is found


def half(**values: object) -> witness.Half:
    quiet = dict.fromkeys(("fin", "fin_acks", "notify", "notify_came", "last_data"))
    return witness.Half(**{**quiet, "fin_end": 0, "resets": (), **values})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("client", "server", "cause", "fate"),
    [
        (half(fin=2.0, fin_acks=9, fin_end=5),
         half(fin=1.0, fin_acks=4, fin_end=9, notify=0.9, notify_came=0.9),
         "server-closed-first", "taken"),
        (half(resets=((2.0, True, ""),)),
         half(fin=1.0, notify=0.9, notify_came=0.9, last_data=0.9), "client-aborted", "unread"),
        (half(fin=1.0, resets=((2.0, False, ""),)),
         half(notify=1.9, notify_came=1.9, last_data=1.9), "data-after-close", "after close"),
        (half(fin=1.0, resets=((1.5, False, ""),)),
         half(notify=1.9, notify_came=1.9, last_data=1.9), "data-after-close", "after RST"),
        (half(fin=2.0, resets=((2.1, True, ""),)),
         half(fin=1.0, notify=0.9, notify_came=0.9), "fin-then-rst-unread-data", "unread"),
    ],
)  # fmt: skip
def test_what_is_true(client: witness.Half, server: witness.Half, cause: str, fate: str) -> None:
    one = witness.Connection(40000, 443, client, server)
    assert _matrix._causes(one)[0] == cause
    assert one.fate("server") == fate
