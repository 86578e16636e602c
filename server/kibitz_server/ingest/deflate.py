"""Reading deflate streams: with ISA-L where it is installed, which takes little more than half the time that zlib does."""

from __future__ import annotations

import zlib
from importlib import import_module
from typing import cast

from kibitz_agent import wire


def _fastest() -> wire.Deflate:
    try:
        return cast("wire.Deflate", import_module("isal.isal_zlib"))
    except ImportError:  # no wheel for this machine
        return zlib


fastest = _fastest()
