"""A log whose connections captures show in part, judged a part at a time: what captures may show is
joined to them, the rest is judged packed, and all of it says what the whole log joined says."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finis import intake as intake_module
from finis import pipeline
from finis.correlation import captured as captured_module
from finis.correlation import selection
from finis.correlation.captured import Captured
from finis.correlation.evidence import Firewalls, PointData
from finis.correlation.naming import LENGTH
from finis.diagnosis import listed, logparts, population, spill
from finis.diagnosis.cutting import Cut
from finis.diagnosis.engine import Judged, judge
from finis.diagnosis.verdicts import Verdicts
from finis.diagnosis.whatif import Device, table, whatif
from finis.errors import UsageError
from finis.intake import Intake
from finis.pipeline import Options
from finis.records import replace
from finis.report.diagnosis import document, facts
from finis.report.explanation import document as explained
from finis.tracking import events as module
from finis.tracking._api import Observations
from finis.tracking.events import LogTracker
from finis.tracking.parts import LogPart
from tests.builders import packet, pcap
from tests.diagnosis.test_logparts import give_parts, lines, said
from tests.diagnosis.test_sought import names, refused, told
from tests.tracking.eventlist import START, Line, batches, built, deny, torn, track
from tests.tracking.test_follow import event, placed

pytestmark = [
    pytest.mark.skipif(module._kernel() is None, reason="no kernel is built"),
    pytest.mark.repeats,
]

NS = 1_000_000_000
Frame = tuple[int, bytes]


@cache
def logged(seed: int) -> list[Line]:
    """The lines, some of IPv6, and a tuple that is used again and again."""
    six = []
    for n in range(20):
        a, b = f"outside:2001:db8::{n % 3 + 1:x}/{4000 + n}", "inside:2001:db8:1::5/443"
        six += [built(50 * n, 30_000 + n, a, b), torn(50 * n + 9, 30_000 + n, a, b)]
        six += [deny(50 * n + 9 + n % 3, b, a, flags="RST ACK")]
    again = []
    for n in range(12):
        again += [built(100 * n, 31_000 + n, "outside:192.0.2.9/5555"),
                  torn(100 * n + 40, 31_000 + n, "outside:192.0.2.9/5555")]  # fmt: skip
    return sorted([*lines(seed), *six, *again], key=lambda line: line["ts"])


def captured(events: list[Line], seed: int) -> dict[str, list[Frame]]:
    """What two points show of some of these connections and of some that the firewall never saw.
    One of them translates addresses, and its clock is a little off."""
    rnd = random.Random(seed)
    frames: dict[str, list[Frame]] = {"outside": [], "inside": []}
    for line in events:
        if line["kind"] != "built" or line["proto"] != "tcp" or rnd.random() < 0.6:
            continue
        ends = [(line[f"{end}_h"], line[f"{end}_p"]) for end in "ab"]
        mapped = [(line.get(f"{end}_mapped_h", host), line.get(f"{end}_mapped_p", port))
                  for end, (host, port) in zip("ab", ends, strict=True)]  # fmt: skip
        if "host" in (host for host, _ in ends) or len({":" in host for host, _ in ends}) > 1:
            continue
        if line["direction"] == "outbound":
            ends, mapped = ends[::-1], mapped[::-1]
        begin = int(line["ts"]) + rnd.randrange(NS)
        talk = list(_talk(rnd, begin))
        where = rnd.choice(("outside", "inside", "both", "both"))
        shift = rnd.randrange(1 << 32)
        if where != "inside":
            frames["outside"] += _frames(talk, ends[0], mapped[1], 0, 0)
        if where != "outside":
            kept = [one for one in talk if rnd.random() < 0.97]
            frames["inside"] += _frames(kept, mapped[0], ends[1], shift, 37_000_000)
    for n in range(30):  # a scan that no log tells of
        frames["outside"].append((
            int(events[0]["ts"]) + n * NS // 3,
            packet("192.0.2.99:40000", f"10.9.0.{n}:23", "S", seq=n),
        ))  # fmt: skip
    return {name: sorted(some) for name, some in frames.items()}


Said = tuple[int, bool, str, int, int, bytes]  # ns, by orig, flags, seq, ack, payload


def _talk(rnd: random.Random, ns: int) -> Iterator[Said]:
    step = 20_000_000
    one, two = rnd.randrange(1 << 31), rnd.randrange(1 << 31)
    yield ns, True, "S", one, 0, b""
    kind = rnd.choice(("fins", "abort", "refused", "silent", "open", "late", "half"))
    if kind == "silent":
        yield ns + NS, True, "S", one, 0, b""
        return
    if kind == "refused":
        yield ns + step, False, "RA", 0, one + 1, b""
        return
    yield ns + step, False, "SA", two, one + 1, b""
    yield ns + 2 * step, True, "A", one + 1, two + 1, b""
    yield ns + 3 * step, True, "PA", one + 1, two + 1, b"question"
    yield ns + 4 * step, False, "PA", two + 1, one + 9, b"answer"
    yield ns + 5 * step, True, "A", one + 9, two + 7, b""
    end = ns + rnd.choice((1, 5, 30)) * NS
    if kind == "abort":
        yield end, rnd.random() < 0.5, "RA", one + 9, two + 7, b""
        return
    if kind == "open":
        return
    yield end, False, "FA", two + 7, one + 9, b""
    yield end + step, True, "A", one + 9, two + 8, b""
    if kind == "half":
        return
    yield end + 2 * step, True, "FA", one + 9, two + 8, b""
    if kind == "late":
        yield end + 3 * step, False, "R", two + 8, 0, b""
        return
    yield end + 3 * step, False, "A", two + 8, one + 10, b""


def _frames(
    talk: list[Said], orig: tuple[str, int], resp: tuple[str, int], shift: int, off_ns: int
) -> list[Frame]:
    names = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in (orig, resp)]
    out = []
    for ns, by_orig, flags, seq, ack, payload in talk:
        src, dst = names if by_orig else names[::-1]
        own, other = (shift, 0) if by_orig else (0, shift)
        frame = packet(src, dst, flags, seq=(seq + own) % (1 << 32), payload=payload,
                       ack=(ack + other) % (1 << 32) if "A" in flags else 0)  # fmt: skip
        out.append((ns + off_ns, frame))
    return out


@cache
def points(seed: int, folder: Path) -> list[PointData]:
    paths = []
    for name, frames in captured(logged(seed), seed).items():
        path = folder / f"{name}{seed}.pcap"
        path.write_bytes(pcap(frames))
        paths.append(str(path))
    taken = Intake(Options())
    taken.open(paths)
    return taken.captures()


def tracked(events: list[Line]) -> tuple[pl.DataFrame, pl.DataFrame]:
    tables = track(events, size=1000)
    return tables.connections, tables.denials


def whole(events: list[Line], seen: list[PointData], options: Options) -> Verdicts:
    """The log as frames, all of it joined."""
    verdicts = Verdicts(keep=not options.first, first=options.first)
    log = tracked(events)
    verdicts.add(pipeline._cut(judge(pipeline._correlate(seen, log, None, options)), options))
    return verdicts


def parted(
    events: list[Line], seen: list[PointData], options: Options, seed: int,
    wanted: Sequence[str] = (),
) -> Verdicts:  # fmt: skip
    cut = Cut(options.since, options.until, options.hosts, options.ports)
    verdicts = Verdicts(keep=bool(options.only), first=options.first, cut=cut, wanted=wanted,
                        timers=options.timers, only=options.only,
                        captured=Captured(seen))  # fmt: skip

    def joined(connections: pl.DataFrame, denials: pl.DataFrame, firewalls: Firewalls) -> Judged:
        stories = pipeline._correlate(seen, (connections, denials), firewalls, options)
        return pipeline._cut(judge(stories), options)

    verdicts.end_of_log(give_parts(verdicts, events, seed), joined)
    return verdicts


def same(seed: int, seen: list[PointData], options: Options) -> None:
    one = whole(logged(seed), seen, options)
    other = parted(logged(seed), seen, options, seed)
    for expected, found in zip(said(one), said(other), strict=True):
        assert found == expected
    for name in ("connections", "denials") if options.first else ():
        expected, found = one.head(name, options.first), other.head(name, options.first)
        assert found.rows() == expected.rows()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("points")


@pytest.mark.parametrize("seed", range(4))
def test_parts_say_what_the_whole_says(seed: int, folder: Path) -> None:
    seen = points(seed, folder)
    assert sum(len(point.observations.rows) for point in seen) > 100
    same(seed, seen, Options(first=40))


def test_what_is_compared_is_much(folder: Path) -> None:
    """Every way in which a story comes about is there, and what rests on many of them."""
    verdicts = parted(logged(1), points(1, folder), Options(), 1)
    assert verdicts.log is not None and verdicts.log.shared is not None
    table = verdicts.log.kept.joined
    assert verdicts.stories is not None
    told = verdicts.stories.table
    ways = set(told.select("has_packets", "has_log", "n_points").rows())
    assert ways >= {(True, True, 1), (True, True, 2), (True, False, 1), (False, True, 0)}
    assert told["orig_h"].str.contains(":").any()
    assert told["denials_after"].sum() > 0
    assert 0 < len(table) < verdicts.n_connections / 2
    frames = verdicts.stories.denials.filter(pl.col("segment_frame").is_not_null())
    assert len(frames) >= 3
    patterns = {one.id for one in verdicts.patterns}
    assert patterns >= {"PAT205", "PAT301", "PAT303"}, patterns


WHEN = datetime.fromtimestamp(START + 1000, UTC)


@pytest.mark.parametrize(
    "options",
    [
        Options(since=WHEN, first=40),
        Options(until=WHEN),
        Options(hosts=("192.0.2.1", "203.0.113.5", "nobody", "192.0.2.99")),
        Options(ports=(443, 25), since=WHEN),
        Options(hosts=("198.18.0.1",)),
    ],
)
def test_what_is_asked_for_is_the_same(options: Options, folder: Path) -> None:
    same(2, points(2, folder), options)


def test_what_goes_on_in_threads_is_the_same(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    for held in (logparts, population, spill):
        monkeypatch.setattr(held, "CHUNK", 80)
    same(3, points(3, folder), Options())


def test_what_ran_into_one_slot_is_looked_up(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(captured_module, "SLOT_BITS", 1)
    same(3, points(3, folder), Options())


@pytest.mark.parametrize("other", [0, 1])
def test_captures_of_something_else_are_told_beside_the_log(other: int, folder: Path) -> None:
    """None of the captured connections stands in the log; one point of them, and two."""
    seen = points(4, folder)[other:]
    strangers = [replace(point, observations=_elsewhere(point)) for point in seen]
    assert not Captured(strangers).rows(_part(4))[0].any()
    same(4, strangers, Options(first=40))


def _elsewhere(point: PointData) -> Observations:
    rows = point.observations.rows.copy()
    rows["orig_lo"] += 1 << 20  # other clients
    return Observations(rows, point.observations.tail)


def _part(seed: int) -> LogPart:
    tracker = LogTracker()
    for batch in batches(logged(seed), 1000):
        tracker.feed(batch)
    return next(tracker.rest(100_000))


def test_copies_in_a_log_are_told_as_their_firsts(folder: Path) -> None:
    """The lines of a second file, which only repeats the first."""
    seen = points(5, folder)
    events = [line for line in logged(5) for _ in range(2)]
    one = whole(events, seen, Options(first=200))
    other = parted(events, seen, Options(first=200), 5)
    assert said(other) == said(one)
    assert other.head("denials", 200).rows() == one.head("denials", 200).rows()


def test_the_reference_case_is_told_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    example = str(Path(__file__).parents[2] / "examples" / "too-many-resets")
    options = Options(keep=False, first=10)
    usual = pipeline.read(example, options)
    monkeypatch.setattr(intake_module, "LARGE_BYTES", 0)
    large = pipeline.read(example, options)
    assert usual.stories is not None and large.stories is None
    assert facts(large) == facts(usual)
    assert repr(document(large)) == repr(document(usual))
    (dirty,) = usual.stories.table.filter(pl.col("ended") == "reset")["conn_id"]
    assert repr(explained(large.explain(dirty))) == repr(explained(usual.explain(dirty)))


def test_what_a_capture_says_was_dropped_needs_the_whole_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Such packets are denials that are no lines."""
    monkeypatch.setattr(intake_module, "LARGE_BYTES", 0)
    root = Path(__file__).parents[2]
    drops = root / "tests" / "data" / "captures" / "asa_text" / "asp-drop.txt"
    case = pipeline.read(
        [drops, root / "examples" / "too-many-resets" / "asa.log"], Options(keep=False)
    )
    assert case.stories is not None


@pytest.mark.parametrize("seed", [1, 4])
def test_single_connections_are_told_either_way(seed: int, folder: Path) -> None:
    """Those that captures show, those that only the log does, and what names several."""
    seen = points(seed, folder)
    tables = tracked(logged(seed))
    options = Options()
    table = judge(pipeline._correlate(seen, tables, None, options)).stories
    texts = ["nobody", "10.0.0.5", *random.Random(seed).sample(names(table), 60)]
    other = parted(logged(seed), seen, options, seed, wanted=texts)
    assert other.sought is not None and other.clocks == table.clocks
    kinds = set()
    for text in texts:
        try:
            want = table.story(selection.select(table.table, text))
        except UsageError as error:
            with pytest.raises(UsageError) as raised:
                other.sought.story(text)
            assert refused(raised.value) == refused(error)
            kinds.add("none" if "no connection" in str(error) else "several")
        else:
            found = other.sought.story(text)
            assert told(found) == told(want)
            assert [repr(one) for one in found.seen] == [repr(one) for one in want.seen]
            kinds.add((len(want.seen), bool(want.teardown or want.built)))
    assert kinds >= {"none", "several", (0, True), (1, True), (2, True), (1, False)}


@pytest.mark.parametrize("seed", [2, 5])
def test_tables_are_the_same(seed: int, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A few rows at a time; ids but for what tells equal ones apart."""
    monkeypatch.setattr(listed.Listing, "chunks", lambda of: of._runs.chunks(16))
    seen = points(seed, folder)
    events = [*logged(seed), *logged(seed)[::3]]
    for options in (Options(), Options(hosts=("192.0.2.1",), ports=(443, 80))):
        one = whole(events, seen, options)
        for name in ("connections", "denials"):
            other = parted(events, seen, replace(options, only=name), seed)
            frames = list(other.frames(name))
            assert rows_of(pl.concat(frames)) == rows_of(one.table(name))
            assert len(frames) > 5 or name == "denials"


def rows_of(table: pl.DataFrame) -> list[tuple[object, ...]]:
    if table["conn_id"].dtype == pl.String:
        table = table.with_columns(pl.col("conn_id").str.slice(0, LENGTH))
    return table.rows()


@pytest.mark.parametrize("seed", [0, 3])
def test_what_if_answers_the_same(seed: int, folder: Path) -> None:
    seen = points(seed, folder)
    for options in (Options(timers=True), Options(timers=True, hosts=("192.0.2.1",))):
        one = judge(pipeline._correlate(seen, tracked(logged(seed)), None, options))
        cut = pipeline._cut(one, options)
        shown = cut.connections["row"], cut.denials["row"]
        other = parted(logged(seed), seen, options, seed)
        assert other.entries is not None
        expected = whatif(one.stories.table, one.stories.denials, None, None, shown)
        found = other.entries.answers(None, None)
        assert answered(found) == answered(expected)
        assert other.clocks == one.stories.clocks
        assert sum(device.denials for device in expected) > 20


def answered(devices: list[Device]) -> list[object]:
    simple = [
        {name: value for name, value in asdict(device).items() if name != "outcomes"}
        for device in devices
    ]
    return [simple, table(devices).rows()]


def test_what_was_not_kept_is_read_again_to_explain(folder: Path) -> None:
    """Of a log alone and of a capture alone, too."""
    example = Path(__file__).parents[2] / "examples" / "too-many-resets"
    for paths in ([example], [example / "asa.log"], [example / "outside.txt"]):
        kept = pipeline.read(paths, Options())
        lean = pipeline.read(paths, Options(keep=False))
        for conn_id in kept.connections["conn_id"]:
            assert repr(explained(lean.explain(conn_id))) == repr(explained(kept.explain(conn_id)))


@settings(max_examples=8)
@given(hostile=st.lists(event(), max_size=40).map(placed), seed=st.integers(0, 99))
def test_hostile_lines_among_them_change_nothing(
    hostile: list[Line], seed: int, folder: Path
) -> None:
    events = [*logged(1)[:200], *hostile, *logged(1)[200:300]]
    seen = points(1, folder)
    one, other = (
        whole(events, seen, Options(first=40)),
        parted(events, seen, Options(first=40), seed),
    )
    assert said(other) == said(one)
    for name in ("connections", "denials"):
        assert rows_of(other.head(name, 40)) == rows_of(one.head(name, 40))
