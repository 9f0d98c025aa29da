"""Chooses the decoder of frames and the reader of lines: the compiled kernel, or the readable
reference where there is none or ``FINIS_PURE=1`` asks for it."""

from __future__ import annotations

from typing import Any

from finis.compiled import kernel
from finis.wire.captures._api import Arrays
from finis.wire.walk import Decoder, FrameDecoder


def _kernel() -> type[FrameDecoder] | None:
    found = kernel("finis.wire._walk")
    return None if found is None else found.Decoder


def compiled() -> bool:
    """Does `decoder` give the compiled one?"""
    return _kernel() is not None


def decoder(file: int, arrays: Arrays) -> FrameDecoder:
    """A new decoder for the source numbered `file`, whose rows are collected in `arrays`."""
    return (_kernel() or Decoder)(file, arrays)


def line_kernel() -> Any:
    """The class `finis.wire.dialects._lines.Lines`, None where the reference is to be used."""
    found = kernel("finis.wire.dialects._lines")
    return None if found is None else found.Lines


def text_kernel() -> Any:
    """The class `finis.wire.dialects._texts.Hosts`, None where the reference is to be used."""
    found = kernel("finis.wire.dialects._texts")
    return None if found is None else found.Hosts
