"""The wire form: what goes in comes out, and whatever else comes in is a `WireError`, soon and cheaply."""

from __future__ import annotations

import json
import struct
import time
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kibitz_agent.profile import Frame, Header, Overhead, Profile, ProfileBuilder
from kibitz_agent.wire import CONTENT_TYPE, VERSION, Limits, WireError, decode, encode, unpack

int64 = st.integers(-(2**63), 2**63 - 1)
texts = st.text(max_size=8)
headers = st.builds(
    Header,
    group=texts, instance=texts, process_id=st.integers(0, 2**31), revision=texts, start_ns=int64, end_ns=int64,
    interval_ns=int64, runtime=texts, sampler=texts, token=texts, process_cpu_ns=int64,
    overhead=st.builds(Overhead, int64, int64, int64, int64, int64),
    host=st.dictionaries(texts, texts | int64 | st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    limits=st.lists(texts, max_size=3).map(tuple),
    blobs=st.dictionaries(texts, st.from_regex("[0-9a-f]{40}", fullmatch=True), max_size=2),
)  # fmt: skip
frames = st.builds(Frame, texts, texts, st.integers(0, 2**32 - 1))
stacks = st.tuples(
    st.lists(frames, min_size=1, max_size=5),
    st.tuples(int64, int64, int64),
    st.dictionaries(texts, texts, max_size=3),
)


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    builder = ProfileBuilder()
    for path, values, labels in {
        tuple(path): (path, values, labels) for path, values, labels in draw(st.lists(stacks, max_size=8))
    }.values():
        node = -1
        for frame in path:
            node = builder.node(
                node, builder.frame(frame.name, frame.file, frame.line), draw(st.integers(0, 2**32 - 1))
            )
        if (node, builder.label_set(labels)) not in builder._samples:
            builder.add(node, values, builder.label_set(labels))
    return builder.build(draw(headers))


def simple() -> Profile:
    builder = ProfileBuilder()
    builder.add_stack([Frame("m:a", "/a.py", 3), Frame("m:B.c", "/a.py", 9)], (1, 2, 3), {"thread": "main"})
    builder.add_stack([Frame("m:a", "/a.py", 3)], (4, 5, 6), {"thread": "main", "state": "running"})
    return builder.build(
        Header(group="shop", start_ns=1, end_ns=2, host={"name": "box", "cpus": 4}, limits=("A",))
    )


def message(header: Any, body: bytes = b"", /, **wrong: Any) -> bytes:
    """A well-formed envelope around any header and columns; ``wrong`` alters its preamble."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    whole = text + body
    fields = {
        "magic": b"KIBITZ\x1a",
        "version": VERSION,
        "size": len(whole),
        "crc": zlib.crc32(whole),
        "header": len(text),
        **wrong,
    }
    return struct.pack("<7sBIII", *fields.values()) + zlib.compress(whole)


def parts(profile: Profile) -> tuple[dict[str, Any], dict[str, bytes]]:
    header, columns = unpack(encode(profile))
    return header, {name: bytes(column) for name, column in columns.items()}


def reassembled(header: dict[str, Any], columns: dict[str, bytes]) -> bytes:
    return message(header, b"".join(columns.values()))


@given(profiles())
def test_decoding_what_was_encoded_gives_the_same_profile(profile: Profile):
    again = decode(encode(profile))
    assert again.header == profile.header
    assert list(again.stacks()) == list(profile.stacks())
    for column in (
        "frame_name",
        "frame_line",
        "node_parent",
        "node_line",
        "sample_node",
        "sample_labels",
        "values",
        "label_sets",
    ):
        assert getattr(again, column) == getattr(profile, column)
    assert encode(again) == encode(profile)


def test_undecodable_file_name_survives_as_an_escape():
    builder = ProfileBuilder()
    builder.add_stack([Frame("m:a", "/caf\udce9.py")], (1, 1, 1))
    assert decode(encode(builder.build())).strings[2] == "/caf\\udce9.py"


def test_lone_surrogate_in_header_and_labels_is_no_error():
    builder = ProfileBuilder()
    builder.add_stack([Frame("m:a")], (1, 1, 1), {"thread": "\udcff"})
    profile = builder.build(Header(group="\udcff", host={"name": "\ud800"}))
    assert decode(encode(profile)).label_sets[1] == (("thread", "\\udcff"),)


def test_very_deep_stack_is_no_problem():
    builder = ProfileBuilder()
    builder.add_stack([Frame(f"m:f{index}") for index in range(20_000)], (1, 1, 1))
    ((path, _, _),) = decode(encode(builder.build())).stacks()
    assert len(path) == 20_000


@pytest.mark.parametrize("profile", [Profile(), simple()])
def test_every_truncation_is_refused(profile: Profile):
    data = encode(profile)
    for size in range(len(data)):
        with pytest.raises(WireError):
            decode(data[:size])


def test_every_flipped_byte_is_refused():
    data = encode(simple())
    for index in range(len(data)):
        for bit in (1, 128):
            altered = bytearray(data)
            altered[index] ^= bit
            # zlib's header has bits that mean nothing (dictionary hints): the same profile is the only other outcome.
            try:
                assert decode(bytes(altered)) == decode(data)
            except WireError:
                continue


@given(st.binary(max_size=200))
def test_garbage_is_refused(data: bytes):
    for prefix in (b"", encode(simple())[:8], encode(simple())[:20]):
        with pytest.raises(WireError):
            decode(prefix + data)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"magic": b"KIBITZ\n"}, "magic: not a Kibitz profile"),
        ({"version": 2}, "version: 2 is not understood, only 1; upgrade the older side"),
        ({"version": 0}, "version: 0 is not understood"),
        ({"crc": 0}, "crc: the body was altered"),
        ({"size": 1}, "header size"),
        ({"size": 2**32 - 1}, r"body size: 4294967295 bytes, at most \d+ are accepted"),
        ({"header": 2**32 - 1}, "header size"),
        ({"header": 5}, "header: not JSON"),
    ],
)
def test_wrong_preamble_is_refused_by_field(wrong: dict[str, Any], expected: str):
    header, columns = parts(simple())
    with pytest.raises(WireError, match=expected):
        decode(message(header, b"".join(columns.values()), **wrong))


def test_something_after_the_stream_is_refused():
    with pytest.raises(WireError, match="something follows it"):
        decode(encode(simple()) + b"x")


def test_bomb_is_refused_without_being_inflated():
    bomb = struct.pack("<7sBIII", b"KIBITZ\x1a", VERSION, 1000, 0, 10) + zlib.compress(bytes(200 << 20), 9)
    tracemalloc.start()
    try:
        with pytest.raises(WireError, match="body: expected 1000 bytes, found more"):
            decode(bomb)
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


def test_message_body_and_rows_beyond_the_limits_are_refused():
    data = encode(simple())
    with pytest.raises(WireError, match=r"message: .* at most 10 are accepted"):
        decode(data, Limits(compressed_bytes=10))
    with pytest.raises(WireError, match="body size"):
        decode(data, Limits(body_bytes=10))
    with pytest.raises(WireError, match="header size"):
        decode(data, Limits(header_bytes=10))
    with pytest.raises(WireError, match="rows, at most 1 are accepted"):
        decode(data, Limits(rows=1))


@pytest.mark.parametrize("header", [[], 1, "x", None, {}, {"columns": 5}, {"columns": {}}])
def test_header_that_is_no_header_is_refused(header: object):
    with pytest.raises(WireError, match=r"header|columns"):
        decode(message(header))


@pytest.mark.parametrize(
    "nested", [b"[" * 10_000 + b"]" * 10_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b"[" * 100_000]
)
def test_header_nested_10000_deep_is_refused(nested: bytes):
    with pytest.raises(WireError, match="header"):
        decode(message(nested))


def test_header_number_of_a_million_digits_is_refused_quickly():
    start = time.process_time()
    with pytest.raises(WireError):
        decode(message(b'{"columns":[],"start_ns":' + b"9" * 900_000 + b"}"))
    assert time.process_time() - start < 60


@pytest.mark.parametrize(
    "row",
    [5, [], ["a"], ["a", "I"], ["a", "Z", 1], ["a", "I", -1], ["a", "I", 1.5], ["a", "I", True], ["a", "I", "1"], ["a", "I", 2**70], [1, "I", 1], ["a", "I", 1, 1], ["a", "I", 10**6], None],
)  # fmt: skip
def test_column_row_that_is_none_is_refused(row: object):
    header, columns = parts(simple())
    header["columns"].append(row)
    with pytest.raises(WireError, match="columns"):
        decode(reassembled(header, columns))


def test_column_named_twice_missing_or_of_odd_size_is_refused():
    header, columns = parts(simple())
    with pytest.raises(WireError, match="named twice"):
        decode(reassembled({**header, "columns": [*header["columns"], ["frame_name", "I", 0]]}, columns))
    for missing in columns:
        rest = [row for row in header["columns"] if row[0] != missing]
        with pytest.raises(WireError, match=f"columns.{missing}: missing"):
            decode(
                reassembled({**header, "columns": rest}, {k: v for k, v in columns.items() if k != missing})
            )
    odd = [["frame_name", "B", 5] if row[0] == "frame_name" else row for row in header["columns"]]
    with pytest.raises(WireError, match="frame_name"):
        decode(reassembled({**header, "columns": odd}, {**columns, "frame_name": bytes(5)}))


def test_column_of_another_type_than_the_documented_one_is_refused():
    header, columns = parts(simple())
    rows = {row[0]: row[2] for row in header["columns"]}["node_parent"]
    other = [["node_parent", "I", rows] if row[0] == "node_parent" else row for row in header["columns"]]
    with pytest.raises(WireError, match=r"columns.node_parent: expected type i, found I"):
        decode(reassembled({**header, "columns": other}, columns))


def test_unknown_columns_and_header_fields_are_ignored():
    header, columns = parts(simple())
    header["columns"].append(["colour", "q", 1])
    header["mood"] = {"deep": [1, 2]}
    again = decode(reassembled(header, {**columns, "colour": bytes(8)}))
    assert list(again.stacks()) == list(simple().stacks())


@pytest.mark.parametrize(
    "column",
    ["frame_name", "frame_file", "node_frame", "sample_node", "sample_labels", "label_key", "label_value"],
)
def test_index_out_of_range_is_refused_by_column(column: str):
    header, columns = parts(simple())
    columns[column] = struct.pack("<I", 2**32 - 1) + columns[column][4:]
    with pytest.raises(
        WireError,
        match=column.replace("_", ".")
        .replace("label.", "label_")
        .replace("frame.", "frames.")
        .replace("node.", "nodes.")
        .replace("sample.", "samples."),
    ):
        decode(reassembled(header, columns))


@pytest.mark.parametrize("parent", [-2, 0, 1, 2**31 - 1, -(2**31)])
def test_parent_that_does_not_precede_its_child_is_refused(parent: int):
    header, columns = parts(simple())
    columns["node_parent"] = struct.pack("<i", parent) + columns["node_parent"][4:]
    with pytest.raises(WireError, match=r"nodes.parent\[0\]"):
        decode(reassembled(header, columns))


def test_sizes_that_do_not_add_up_are_refused():
    header, columns = parts(simple())
    for column in ("string_size", "label_set_size"):
        wrong = {**columns, column: struct.pack("<I", 4_000_000_000) + columns[column][4:]}
        with pytest.raises(WireError, match=column):
            decode(reassembled(header, wrong))


def test_strings_that_are_not_utf8_are_refused():
    header, columns = parts(simple())
    columns["string_bytes"] = b"\xff" * len(columns["string_bytes"])
    with pytest.raises(WireError, match="string_bytes: not UTF-8"):
        decode(reassembled(header, columns))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("group", 5), ("group", None), ("start_ns", "1"), ("start_ns", 1.5), ("start_ns", True), ("end_ns", 2**63),
        ("process_id", []), ("overhead", []), ("overhead", {"cpu_ns": "x"}), ("host", "box"), ("limits", "A"), ("limits", [1]),
        ("value_types", []), ("value_types", [["a"]]), ("value_types", [["a", 1]]), ("value_types", "x"),
        ("value_types", [["a", "b"]] * 65), ("value_types", None), ("value_types", [["a", "b"]] * 4),
    ],
)  # fmt: skip
def test_header_field_of_a_wrong_type_is_refused_by_name(field: str, value: object):
    header, columns = parts(simple())
    with pytest.raises(WireError, match=field if value != [["a", "b"]] * 4 else "value_3"):
        decode(reassembled({**header, field: value}, columns))


@given(
    st.sampled_from(
        ["string_size", "frame_name", "node_parent", "sample_node", "label_set_size", "label_key", "value_0"]
    ),
    st.binary(max_size=24),
)
@settings(max_examples=200)
def test_altered_column_is_refused_or_gives_a_profile_that_can_be_walked(column: str, start: bytes):
    header, columns = parts(simple())
    columns[column] = (start + columns[column][len(start) :])[: len(columns[column])]
    try:
        profile = decode(reassembled(header, columns))
    except WireError:
        return
    assert len(list(profile.stacks())) == 2


def test_content_type_is_the_documented_one():
    assert CONTENT_TYPE == "application/x-kibitz-profile"


def test_texts_of_the_header_that_no_page_could_show_are_made_readable():
    told = {"host": {"name": "\ud800x", "emoji": "\U0001f600"}, "blobs": {"src/\udcff.py": "0" * 40}}
    header = decode(encode(simple().with_header(Header(**told)))).header
    assert header.host == {"name": "?x", "emoji": "\U0001f600"}
    assert header.blobs == {"src/?.py": "0" * 40}
