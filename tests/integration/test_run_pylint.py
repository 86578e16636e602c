"""`kibitz run` over a real program, pylint on a real package, and its files opened by what people open them with."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# What of pprof's profile.proto a reader needs; see github.com/google/pprof.
_FIELDS = {
    "ValueType": [("type", 1, "int64"), ("unit", 2, "int64")],
    "Sample": [("location_id", 1, "*uint64"), ("value", 2, "*int64")],
    "Line": [("function_id", 1, "uint64"), ("line", 2, "int64")],
    "Location": [("id", 1, "uint64"), ("line", 4, "*Line")],
    "Function": [("id", 1, "uint64"), ("name", 2, "int64"), ("filename", 4, "int64")],
    "Profile": [
        ("sample_type", 1, "*ValueType"),
        ("sample", 2, "*Sample"),
        ("location", 4, "*Location"),
        ("function", 5, "*Function"),
        ("string_table", 6, "*string"),
        ("duration_nanos", 10, "int64"),
    ],
}
_SCALARS = {"int64": 3, "uint64": 4, "string": 9}


def pprof_message():
    file = descriptor_pb2.FileDescriptorProto(name="pprof_reader.proto", package="reader", syntax="proto3")
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            bare = kind.removeprefix("*")
            added = message.field.add(name=field, number=number, label=3 if kind.startswith("*") else 1)
            if bare in _SCALARS:
                added.type = _SCALARS[bare]
            else:
                added.type, added.type_name = 11, f".reader.{bare}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("reader.Profile"))


@pytest.fixture(scope="module")
def package():
    """A small real package to lint."""
    spec = importlib.util.find_spec("mccabe") or importlib.util.find_spec("tomlkit")
    assert spec is not None
    assert spec.origin is not None
    return spec.origin


def run_pylint(kibitz, package, output):
    done = kibitz("run", "--output", str(output), "-m", "pylint", "--disable=all", "--enable=E", package)
    assert done.returncode in range(32), done.stderr
    assert f"see {output}" in done.stderr


def test_page_draws_and_finds_pylints_functions(kibitz, package, browser, tmp_path):
    run_pylint(kibitz, package, tmp_path / "p.html")
    page = browser.new_page()
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto((tmp_path / "p.html").as_uri())
    page.wait_for_selector(".kb-canvas")
    page.evaluate("globalThis.flameGraph.search('pylint')")
    assert page.evaluate("globalThis.flameGraph.matchCount") > 5
    assert page.evaluate("globalThis.flameGraph.visibleFrames().length") > 20
    assert complaints == []
    page.close()


def test_pprof_reader_finds_pylints_functions(kibitz, package, tmp_path):
    run_pylint(kibitz, package, tmp_path / "p.pb.gz")
    profile = pprof_message()()
    profile.ParseFromString(gzip.decompress((tmp_path / "p.pb.gz").read_bytes()))
    text = profile.string_table
    types = [(text[kind.type], text[kind.unit]) for kind in profile.sample_type]
    assert types == [("samples", "count"), ("wall", "nanoseconds"), ("cpu", "nanoseconds")]
    functions = {function.id: text[function.name] for function in profile.function}
    files = {Path(text[function.filename]).name for function in profile.function}
    assert any(name.startswith("pylint.lint.pylinter:PyLinter.") for name in functions.values())
    assert "pylinter.py" in files
    locations = {
        location.id: [functions[line.function_id] for line in location.line] for location in profile.location
    }
    assert all(locations[place] for sample in profile.sample for place in sample.location_id)
    wall = sum(sample.value[1] for sample in profile.sample)
    assert 0.2 < wall / profile.duration_nanos < 4
