"""A story: one connection with everything that shows it.  The bulk of the facts stands in one
table, a row per story; the objects here are built for the few rows that are put into words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from finis.records import dataclass, field
from finis.terms import Role, Side

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from finis.correlation.columns import Facts

# Columns of `Stories.placed`: what rows are sorted by, and one place that shows a row.
PLACE = ("begin", "tie")
PLACED = (*PLACE, "proof_file", "proof_number", "proof_is_line")


@dataclass(frozen=True, slots=True)
class Proof:
    """Where a claim can be checked: a file and the line (logs) or frame (captures) in it."""

    file: str
    number: int
    unit: Literal["line", "frame"]

    def __str__(self) -> str:
        return f"{self.file}:{self.number}" if self.unit == "line" else f"{self.file}#{self.number}"


@dataclass(frozen=True, slots=True)
class Seen:
    """A connection as one point saw it."""

    point: str
    files: list[str]  # source paths by number (SEGMENT.file)
    record: np.void  # a row of tables.OBSERVATION
    tail: np.ndarray  # rows of tables.SEGMENT, in capture order
    shift_ns: int = 0  # add to the capture's stamps to get the reference clock
    flipped: bool = False  # orig and resp of the record are swapped against the story's
    dated: bool = True

    def side(self, side: Side) -> int:
        """Index of the story's side in the record's pairs."""
        return 1 - side if self.flipped else int(side)

    def find(self, role: Role, side: Side) -> np.void | None:
        """The first segment kept for this role and sent by this side of the story."""
        at = self.side(side)
        for segment in self.tail:
            if segment["side"] == at and segment["role"] & role:
                return segment  # type: ignore[no-any-return]
        return None

    def proof(self, segment: np.void) -> Proof:
        return Proof(self.files[int(segment["file"])], int(segment["frame"]), "frame")


@dataclass(frozen=True, slots=True)
class Pairing:
    """The same connection at two points, segment by segment.  `near` lies nearer to orig."""

    near: int  # index into Story.seen
    far: int
    offset: tuple[int, int]  # far SEQ = near SEQ + offset[side] mod 2^32
    clock_ns: int  # far clock minus near clock, as this connection shows it
    clock_slack_ns: int  # transit and clock cannot be separated below this
    pairs: list[tuple[int, int]]  # rows of the near tail, rows of the far tail
    vanished: list[tuple[int, int]]  # (index into seen, tail row): entered, never left
    created: list[tuple[int, int]]  # (index into seen, tail row): left, never entered
    unjudged: list[tuple[int, int]] = field(default_factory=list)  # the twin could not be seen
    changed: list[str] = field(default_factory=list)  # what the firewall changed, in words
    basis: str = ""  # what identified the two as one: tuple, log mapping, payload, IP ID, TSval


@dataclass(frozen=True, slots=True)
class Story:
    """One connection: its row (tables.CONNECTIONS + STORY_FACTS), observations and log lines."""

    row: dict[str, Any]
    seen: list[Seen] = field(default_factory=list)  # nearest to orig first
    pairings: list[Pairing] = field(default_factory=list)
    built: Proof | None = None
    teardown: Proof | None = None
    denials: list[dict[str, Any]] = field(default_factory=list)  # rows of the denials table
    name: Callable[[], str] | None = None  # makes the `conn_id` that the row lacks

    @property
    def conn_id(self) -> str:
        return str(self.row["conn_id"] if self.name is None else self.name())

    def refusing(self, *seen: Proof) -> Proof | None:
        """The line or dropped frame that says one of these segments was refused."""
        places = {(proof.file, proof.number) for proof in seen}
        for row in self.denials:
            if (row["segment_file"], row["segment_frame"]) in places:
                return Proof(row["file"], row["line"], row["unit"])
        return None

    def find(self, role: Role, side: Side, *, nearest: Side | None = None) -> Found | None:
        """The segment kept for a role, at the point nearest to `nearest` (default: its sender)."""
        toward = side if nearest is None else nearest
        for seen in self.seen if toward == Side.ORIG else reversed(self.seen):
            segment = seen.find(role, side)
            if segment is not None:
                return Found(seen, segment)
        return None

    def find_all(self, role: Role, side: Side) -> Iterator[Found]:
        """The segment kept for a role at every point, nearest to orig first."""
        for seen in self.seen:
            segment = seen.find(role, side)
            if segment is not None:
                yield Found(seen, segment)


@dataclass(frozen=True, slots=True)
class Found:
    """A segment and where it was seen."""

    seen: Seen
    segment: np.void

    @property
    def proof(self) -> Proof:
        return self.seen.proof(self.segment)

    @property
    def ts_ns(self) -> int:
        """On the reference clock."""
        return int(self.segment["ts_ns"]) + self.seen.shift_ns


@dataclass(frozen=True, slots=True)
class Refusal:
    """One denial: its row (tables.DENIALS + DENIAL_FACTS) and the story it belongs to."""

    row: dict[str, Any]
    proof: Proof
    story: Story | None = None
    teardown: Proof | None = None
    built: Proof | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """How a point's or log's clock was brought to the reference clock."""

    name: str  # point or log
    shift_ns: int
    why: str  # one sentence for the report
    slack_ns: int = 0


@dataclass(slots=True)
class Stories:
    """What correlation hands to diagnosis."""

    table: pl.DataFrame  # tables.CONNECTIONS (cause columns null) + STORY_FACTS
    denials: pl.DataFrame  # tables.DENIALS (cause columns null) + DENIAL_FACTS
    clocks: list[Clock]
    seen: Mapping[int, list[Seen]]  # story row → observations, nearest to orig first
    pairings: Mapping[int, list[Pairing]]
    proofs: Mapping[int, tuple[Proof | None, Proof | None]]  # story row → built, teardown
    unmatched: list[str] = field(default_factory=list)  # ambiguous matches, in words
    # Per row of `table`, on its own: what it is sorted by (`begin`, ns on the reference clock, and
    # `tie`), and one place that shows it (`proof_…`).
    placed: pl.DataFrame | None = None
    name: Callable[[int], Callable[[], str]] | None = None  # where the table lacks `conn_id`
    origin: np.ndarray | None = None  # per row the first observation of it, -1 for none
    facts: Facts | None = None  # where nothing but one point's packets tells of the rows

    def with_places(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Some rows of `table` with what `placed` says of each, if it is there."""
        return rows if self.placed is None else rows.hstack(self.placed[rows["row"]])

    def row(self, row: int) -> dict[str, Any]:
        """Every fact of one connection; `table` may lack some that nobody reads in bulk."""
        told = self.table.row(row, named=True)
        return told if self.facts is None else self.facts.row(row, told)

    def story(self, row: int) -> Story:
        """One connection with all that shows it."""
        built, teardown = self.proofs.get(row, (None, None))
        return Story(
            row=self.row(row),
            name=None if self.name is None else self.name(row),
            seen=self.seen.get(row, []),
            pairings=self.pairings.get(row, []),
            built=built,
            teardown=teardown,
            denials=self._refused(row),
        )

    def _refused(self, row: int) -> list[dict[str, Any]]:
        if self.denials.is_empty():
            return []
        return self.denials.filter(self.denials["story"] == row).to_dicts()

    def refusal(self, row: int) -> Refusal:
        """One denial, by its number (`row`), with the story it belongs to."""
        (facts,) = self.denials.filter(self.denials["row"] == row).to_dicts()

        def line(what: str) -> Proof | None:
            if facts[f"{what}_file"] is None:
                return None
            return Proof(facts[f"{what}_file"], facts[f"{what}_line"], "line")

        return Refusal(
            row=facts,
            proof=Proof(facts["file"], facts["line"], facts["unit"]),
            story=None if facts["story"] is None else self.story(facts["story"]),
            teardown=line("teardown"),
            built=line("built"),
        )
