"""The pprof exporter against protobuf's own reader."""

from __future__ import annotations

import gzip
from collections import Counter
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from kibitz_agent.exporters import pprof, protobuf
from kibitz_agent.profile import Frame, Header, Profile, ProfileBuilder

Field = descriptor_pb2.FieldDescriptorProto
MESSAGES = {
    "ValueType": "type:1:int64 unit:2:int64",
    "Label": "key:1:int64 str:2:int64 num:3:int64 num_unit:4:int64",
    "Sample": "location_id:1:uint64* value:2:int64* label:3:Label*",
    "Line": "function_id:1:uint64 line:2:int64",
    "Location": "id:1:uint64 mapping_id:2:uint64 address:3:uint64 line:4:Line* is_folded:5:bool",
    "Function": "id:1:uint64 name:2:int64 system_name:3:int64 filename:4:int64 start_line:5:int64",
    "Profile": (
        "sample_type:1:ValueType* sample:2:Sample* location:4:Location* function:5:Function* string_table:6:string* "
        "time_nanos:9:int64 duration_nanos:10:int64 period_type:11:ValueType period:12:int64 comment:13:int64* "
        "default_sample_type:14:int64"
    ),
}
SCALARS = {
    "int64": Field.TYPE_INT64,
    "uint64": Field.TYPE_UINT64,
    "bool": Field.TYPE_BOOL,
    "string": Field.TYPE_STRING,
}


def reader() -> Any:
    """profile.proto, as far as it is used, compiled by protobuf."""
    file = descriptor_pb2.FileDescriptorProto(name="profile.proto", package="pprof", syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field in fields.split():
            label, number, kind = field.rstrip("*").split(":")
            many = Field.LABEL_REPEATED if field.endswith("*") else Field.LABEL_OPTIONAL
            added = message.field.add(name=label, number=int(number), label=many)
            if kind in SCALARS:
                added.type = SCALARS[kind]
            else:
                added.type, added.type_name = Field.TYPE_MESSAGE, f".pprof.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("pprof.Profile"))


READER = reader()


def parse(profile: Profile) -> Any:
    return READER.FromString(gzip.decompress(pprof.encode(profile)))


def stacks(read: Any) -> Counter[tuple[object, ...]]:
    """Samples as text: root-first (name, file, first line), labels, values."""
    text = read.string_table
    functions = {f.id: (text[f.name], text[f.filename], f.start_line) for f in read.function}
    places = {location.id: functions[location.line[0].function_id] for location in read.location}
    return Counter(
        (
            tuple(places[at] for at in reversed(sample.location_id)),
            tuple((text[label.key], text[label.str]) for label in sample.label),
            tuple(sample.value),
        )
        for sample in read.sample
    )


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
frames = st.builds(Frame, names, names, st.integers(0, 2**31))
values = st.tuples(*[st.integers(0, 2**62)] * 3)
samples = st.lists(
    st.tuples(st.lists(frames, min_size=1, max_size=5), values, st.dictionaries(names, names, max_size=2)),
    max_size=6,
)


@given(samples)
def test_every_stack_label_and_value_survives_the_round_trip(given_samples: Any) -> None:
    builder = ProfileBuilder()
    for stack, amounts, labels in given_samples:
        builder.add_stack(stack, tuple(amount // 6 for amount in amounts), labels)
    profile = builder.build()
    expected = Counter(
        (tuple((f.name, f.file, f.line) for f in stack), labels, amounts)
        for stack, labels, amounts in profile.stacks()
    )
    assert stacks(parse(profile)) == expected


def small_profile(header: Header | None = None) -> Profile:
    builder = ProfileBuilder()
    above = builder.node(-1, builder.frame("app:main", "/srv/app.py", 3), 9)
    leaf = builder.node(above, builder.frame("app:work", "/srv/app.py", 20), 25)
    builder.add(
        leaf, (2, 20_000_000, 15_000_000), builder.label_set({"thread": "MainThread", "state": "running"})
    )
    return builder.build(header)


def test_pprof_says_types_period_times_and_comments() -> None:
    header = Header(
        group="shop", start_ns=5_000, end_ns=9_000, interval_ns=10_000_000, limits=("MaxStackDepth",)
    )
    read = parse(small_profile(header))
    text = read.string_table
    kinds = [(text[kind.type], text[kind.unit]) for kind in read.sample_type]
    assert kinds == [("samples", "count"), ("wall", "nanoseconds"), ("cpu", "nanoseconds")]
    assert (text[read.period_type.type], read.period) == ("wall", 10_000_000)
    assert (read.time_nanos, read.duration_nanos) == (5_000, 4_000)
    assert text[read.default_sample_type] == "wall"
    assert [text[comment] for comment in read.comment] == ["group: shop", "limit: MaxStackDepth"]
    assert text[0] == ""


def test_pprof_locations_carry_the_executed_line_and_stand_leaf_first() -> None:
    read = parse(small_profile())
    lines = {location.id: location.line[0].line for location in read.location}
    assert [lines[at] for at in read.sample[0].location_id] == [25, 9]


def test_pprof_is_deterministic() -> None:
    assert pprof.encode(small_profile()) == pprof.encode(small_profile())


def test_pprof_writes_a_lone_surrogate_by_number() -> None:
    builder = ProfileBuilder()
    builder.add_stack([Frame("bad:\udc80name")], (1, 1, 1))
    assert "bad:\\udc80name" in parse(builder.build()).string_table


@pytest.mark.parametrize(
    ("value", "encoded"), [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02"), (-1, "ff" * 9 + "01")]
)
def test_varint_is_seven_bits_a_byte(value: int, encoded: str) -> None:
    assert protobuf.varint(value).hex() == encoded
