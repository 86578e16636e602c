"""Symbols of shared objects: those the dynamic loader itself finds, and errors for files that are none."""

from __future__ import annotations

import ctypes
import struct
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_agent.attach.elf import symbols
from kibitz_agent.attach.errors import AttachError
from kibitz_agent.attach.target import Target

if not sys.platform.startswith("linux"):
    pytest.skip("ELF files are Linux's", allow_module_level=True)


def test_addresses_are_those_that_the_dynamic_loader_has():
    import os

    found = Target(os.getpid()).resolve(["Py_AddPendingCall", "PyRun_SimpleString"])
    for name in ("Py_AddPendingCall", "PyRun_SimpleString", "Py_IsInitialized"):
        assert found[name] == ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value


def test_symbols_that_a_file_only_uses_are_not_found(tmp_path):
    import _ctypes
    from pathlib import Path

    assert symbols(Path(_ctypes.__file__), ["PyErr_SetString"]).addresses == {}


@pytest.mark.parametrize(
    "content", [b"", b"\x7fELF", b"#!/bin/sh\n", b"\x7fELF\x01" + bytes(200), b"MZ" + bytes(100)]
)
def test_what_is_no_64_bit_elf_file_is_an_error(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(AttachError, match="not a 64-bit ELF file"):
        symbols(path, ["main"])


def test_table_larger_than_any_interpreters_is_refused(tmp_path):
    path = tmp_path / "file"
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02", 3, 62, 1, 0, 64, 64, 0, 64, 56, 0, 64, 1, 0)
    section = struct.pack("<IIQQQQIIQQ", 0, 11, 0, 0, 0, 1 << 40, 0, 0, 8, 24)
    path.write_bytes(header + section)
    with pytest.raises(AttachError, match="larger than any"):
        symbols(path, ["main"])


@given(st.binary(max_size=400))
def test_file_of_any_bytes_gives_no_symbols_or_a_clear_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("elf") / "file"
    path.write_bytes(b"\x7fELF\x02" + content)
    with suppress(AttachError):
        assert symbols(path, ["main"]).addresses == {}
