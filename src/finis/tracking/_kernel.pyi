from collections.abc import Iterator
from typing import Any

import numpy as np

from finis.tracking._api import Observations

class KernelTracker:
    def __init__(
        self,
        *,
        max_connections: int = ...,
        max_embryonic: int = ...,
        max_kept: int = ...,
        linger_ns: int = ...,
        embryonic_ns: int = ...,
        idle_ns: int = ...,
        reuse_ns: int = ...,
        shares: int = ...,
        awake: int = ...,
        parts: bool = ...,
        beside: int = ...,
    ) -> None: ...
    @property
    def evicted(self) -> int: ...
    @property
    def finished(self) -> int: ...
    @property
    def held_bytes(self) -> int: ...
    def feed(self, batch: np.ndarray[Any, Any]) -> None: ...
    def take(self) -> Observations: ...
    def drain(self, *, most: int = ...) -> Iterator[Observations]: ...
    def finish(self) -> Observations: ...
