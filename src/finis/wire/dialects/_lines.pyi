from collections.abc import Sequence

from finis.wire.dialects._events import Reader
from finis.wire.dialects._packed import Packed

class Lines:
    count: int
    def __init__(self, reader: Reader, columns: Sequence[str], batch: int) -> None: ...
    def take(self) -> Packed: ...
    def feed(self, data: bytes, at: int, stop: int, number: int) -> tuple[int, int]: ...
