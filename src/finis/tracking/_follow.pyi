from typing import Any

import numpy as np

from finis.wire.dialects._packed import Book

class Follower:
    out: Any
    def __init__(self, tracker: Any) -> None: ...
    def device(self, name: str, options: Any, budget: Any, shared: bool) -> Any: ...
    def feed(self, rows: np.ndarray, book: Book) -> None: ...
