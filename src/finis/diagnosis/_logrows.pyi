import numpy as np

from finis.diagnosis.logrows import Columns

Array = np.ndarray

def fill(rows: Array, named: Array, reasons: Array, hows: Array, out: Columns) -> None: ...
