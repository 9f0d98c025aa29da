import numpy as np

from finis.diagnosis.listed import Codes

Array = np.ndarray

def fill(rows: Array, codes: Codes, out: Array) -> None: ...
def plain_ids(names: Array, again: Array) -> bytes: ...
