"""Chooses the decoder of frames and the reader of lines: the compiled kernel, or the readable
reference where there is none or ``FINIS_PURE=1`` asks for it."""

from __future__ import annotations

import os
from typing import Any

from finis.wire.walk import Decoder, FrameDecoder


def _kernel() -> type[FrameDecoder] | None:
    if os.environ.get("FINIS_PURE") == "1":
        return None
    try:
        from finis.wire import _walk
    except ImportError:
        return None
    return _walk.Decoder


def compiled() -> bool:
    """Does `decoder` give the compiled one?"""
    return _kernel() is not None


def decoder(file: int) -> FrameDecoder:
    """A new decoder for the source numbered `file`."""
    return (_kernel() or Decoder)(file)


def line_kernel() -> Any:
    """The class `finis.wire.dialects._lines.Lines`, None where the reference is to be used."""
    if os.environ.get("FINIS_PURE") == "1":
        return None
    try:
        from finis.wire.dialects import _lines
    except ImportError:
        return None
    return _lines.Lines


def text_kernel() -> Any:
    """The class `finis.wire.dialects._texts.Hosts`, None where the reference is to be used."""
    if os.environ.get("FINIS_PURE") == "1":
        return None
    try:
        from finis.wire.dialects import _texts
    except ImportError:
        return None
    return _texts.Hosts
