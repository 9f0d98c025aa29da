import numpy as np

from finis.diagnosis.logrows import Columns
from finis.diagnosis.refused import Codes

Array = np.ndarray

def fill(rows: Array, named: Array, reasons: Array, hows: Array, out: Columns) -> None: ...
def fill_denials(
    denials: Array, connections: Array, codes: Codes, out: Array, said: Array
) -> None: ...

ROW_BYTES: int
