from typing import Any

from finis.tracking.events import LogTracker
from finis.wire.dialects._api import Events

def feed(tracker: LogTracker, events: Events, columns: list[list[Any]]) -> None: ...
