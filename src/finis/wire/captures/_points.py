"""Names of points that a capture file itself tells: its interfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finis.wire.walk import SIDE

if TYPE_CHECKING:
    from finis.wire.source import Points, Source
    from finis.wire.walk import FrameDecoder

MAX_POINTS = 256  # per file; what comes after is put to the file's own point
MAX_NAME = 48  # characters


def clean(raw: bytes) -> str:
    """A name from a file, fit to be shown: printable, one line, bounded."""
    text = raw.rstrip(b"\0").decode("utf-8", "replace")
    return "".join(c for c in text if c.isprintable()).strip()[:MAX_NAME]


class InterfacePoints:
    """Points of pcapng interfaces."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.names: set[str] = set()

    def name(self, name: str, description: str) -> str:
        """The interface's name; its description where there is none, or where the name is a
        Windows device path."""
        if description and (not name or name.startswith("\\Device\\")):
            return description
        return name

    def id(self, name: str) -> int:
        source = self.source
        if not name or (name not in self.names and len(self.names) >= MAX_POINTS):
            return source.points.id(source.point)
        self.names.add(name)
        if source.point_given:
            return source.points.id(f"{source.point}/{name}")
        return source.points.of_interface(name, source.point)


class CookedPoints:
    """Points of the interfaces inside a cooked capture (``tcpdump -i any``): ``<point>/if<N>``,
    plain ``<point>`` while the capture shows only one; and of sides (`_sides`): ``<point>/<N>``."""

    def __init__(self, points: Points) -> None:
        self.points = points
        self.added = 0

    def add(self, decoder: FrameDecoder, point: str, *, several: bool) -> None:
        """Give the point that `decoder` wants; `several`: more interfaces are in sight."""
        interface, ifindex = decoder.wanted
        if ifindex >= SIDE:
            point = f"{point}/{ifindex - SIDE + 1}"
        elif (self.added or several) and self.added < MAX_POINTS:
            point = f"{point}/if{ifindex}"
        self.added += 1
        decoder.add_point(interface, ifindex, self.points.id(point))
