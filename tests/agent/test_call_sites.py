"""The bytecode says what a place does in C: of CPython 3.11 also what it calls, as far as that has a global name."""

from __future__ import annotations

import datetime as dt
import dis
import json
import math
import pickle
import re
import sys
import textwrap
import time
import types
import zlib
from functools import partial
from time import sleep as pause

import pytest

from kibitz_agent.call_sites import IMPORT, LOCK, CallSites, called_at, callee_at, done_at

by_bytecode = pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="later versions tell themselves what is called"
)

PATTERN = re.compile("x")
USED = (dt, json, math, pickle, re, time, zlib, partial, pause)


class Table:
    """Written in Python."""

    def row(self):
        return 1


def calls(code):
    """The offsets of a function's calls, in their order."""
    return [one.offset for one in dis.get_instructions(code) if one.opname == "CALL"]


def compiled(source):
    names = {}
    exec(compile("def function(x, y=None, *z):\n" + textwrap.indent(source, "    "), "<test>", "exec"), names)
    return names["function"].__code__


@by_bytecode
@pytest.mark.parametrize(
    ("source", "called"),
    [
        ("time.sleep(1)", ["time:sleep"]),
        ("pause(0.1 if y else 1)", [""]),
        ("pause(x.y + 1)", ["time:sleep"]),
        ("zlib.compress(x, level=9)", ["zlib:compress"]),
        ("sorted(x, key=len)", ["builtins:sorted"]),
        ("math.floor(max(x, y) + len(z))", ["builtins:max", "builtins:len", "math:floor"]),
        ("int(x)", ["builtins:int"]),
        ("dt.datetime.now()", ["datetime:datetime.now"]),
        ("dt.datetime.strptime(x, y)", ["datetime:datetime.strptime"]),
        ("re.compile(x)", [""]),  # written in Python: it has a frame of its own
        ("json.loads(x)", [""]),
        ("Table().row()", ["", ""]),
        ("PATTERN.search(x)", ["re:Pattern.search"]),
        ("x.read(1)", [""]),
        ("pickle.Unpickler(x).load()", ["_pickle:Unpickler", "_pickle:Unpickler.load"]),
        ("Table(x).row()", ["", ""]),
        ("unknown(x).row()", ["", ""]),
        ("zlib.compress(x).hex()", ["zlib:compress", ""]),
        ("unknown(x)", [""]),
        ("time.unknown(x)", [""]),
        ("(x or time).sleep(1)", [""]),
        ("(x if y else time).sleep(1)", [""]),
        ("(time if y else x).sleep(1)", [""]),
        ("if x:\n    pause(1)\nelse:\n    pause(2)", ["time:sleep", "time:sleep"]),
        ("x and pause(1)", ["time:sleep"]),
        ("len([n for n in range(3)])", ["builtins:range", "", "builtins:len"]),
        ("f'{len(x)}'", ["builtins:len"]),
        ("'a'.join(map(str, x))", ["builtins:map", ""]),
        ("partial(len, x)()", ["functools:partial", ""]),
    ],
)
def test_calls_of_global_names_are_told(source, called):
    code = compiled(source)
    assert [called_at(code, offset, __name__) for offset in calls(code)] == called


@by_bytecode
def test_call_that_the_interpreter_made_quick_is_told_where_it_stands():
    code = compiled("time.sleep(1)")
    (before,) = [one.offset for one in dis.get_instructions(code) if one.opname == "PRECALL"]
    assert callee_at(code, before) == ["time", "sleep"]
    assert callee_at(code, before + 2) == []
    assert callee_at(code, 10_000) == []


@by_bytecode
def test_names_beyond_the_256th_are_read_whole():
    many = "\n".join(f"name_{number}" for number in range(300))
    code = compiled(f"{many}\ntime.sleep(1)")
    assert called_at(code, calls(code)[-1], __name__) == "time:sleep"


@by_bytecode
def test_code_of_the_host_is_never_run_to_find_a_name():
    class Module(types.ModuleType):
        def __getattr__(self, name):
            raise AssertionError(name)

    class Meta(type):
        def __getattribute__(cls, name):
            raise AssertionError(name)

    class Odd(metaclass=Meta):
        pass

    module = types.ModuleType("odd_names")
    module.lazy, module.odd = Module("lazy"), Odd
    sys.modules["odd_names"] = module
    try:
        for source in ("lazy.thing(1)", "odd.thing(1)", "odd(1)"):
            code = compiled(source)
            assert called_at(code, calls(code)[-1], "odd_names") == ""
    finally:
        del sys.modules["odd_names"]
    assert called_at(compiled("len(x)"), 0, "no.such.module") == ""


@by_bytecode
def test_sites_of_a_tree_are_known_by_their_address():
    code = compiled("time.sleep(1)\njson.loads(x)")
    sites = CallSites({id(code): (code, __name__)})
    first, second = calls(code)
    names = [sites.name(id(code) + offset, True) for offset in (first, second, first)]
    assert names == ["time:sleep", "", "time:sleep"]


def test_what_the_interpreter_told_comes_first():
    code = compiled("time.sleep(1)")
    sites = CallSites({id(code): (code, __name__)}, {id(code) + 4: "zlib:compress"})
    assert sites.name(id(code) + 4, True) == "zlib:compress"
    assert sites.name(id(code) + 2, True) == ""


def test_import_of_what_is_there_is_told():
    code = compiled("import json.decoder as d")
    (offset,) = [one.offset for one in dis.get_instructions(code) if one.opname == "IMPORT_NAME"]
    assert done_at(code, offset, running=True) == IMPORT
    assert done_at(code, offset + 2, running=True) == ""
    assert done_at(code, 10_000, running=True) == ""


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="the interpreter tells of the call")
def test_who_waits_at_the_head_of_a_with_block_waits_for_a_lock():
    code = compiled("with x.lock:\n    pass")
    (offset,) = [one.offset for one in dis.get_instructions(code) if one.opname == "BEFORE_WITH"]
    assert done_at(code, offset, running=False) == LOCK
    assert done_at(code, offset, running=True) == ""


@by_bytecode
def test_every_call_of_large_modules_is_read_without_a_mistake():
    read = told = 0
    for module in (dt, json.decoder, re, textwrap, dis, types):
        for value in vars(module).values():
            if isinstance(value, types.FunctionType):
                for offset in calls(value.__code__):
                    read += 1
                    path = callee_at(value.__code__, offset)
                    told += bool(path)
                    assert all(isinstance(name, str) for name in path)
    assert told > read / 4 > 5
