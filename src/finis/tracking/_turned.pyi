from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

def turn(rows: Array, bytes: int, begin: Array, size: Array, out: Array) -> None: ...
