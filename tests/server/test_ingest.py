"""Every decoder against what the network brings: right bytes, and all the wrong ones."""

from __future__ import annotations

import contextlib
import gzip
import json
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.recordings import Recording

from kibitz_agent import wire
from kibitz_agent.exporters import pprof as pprof_writer
from kibitz_agent.exporters import speedscope as speedscope_writer
from kibitz_agent.profile import Frame, Header, ProfileBuilder
from kibitz_server.ingest import (
    MAX_SUM,
    IngestError,
    TooLargeError,
    UnsupportedTypeError,
    aws,
    bounded,
    collapsed,
    decoder_for,
    inflate,
    jfr,
    json_tree,
    kibitz,
    leaves,
    pprof,
    speedscope,
)
from kibitz_server.ingest.deflate import fastest


def sample_profile():
    builder = ProfileBuilder()
    builder.add_stack([Frame("m:a", "a.py", 1), Frame("m:b", "b.py", 7)], (3, 30, 20), {"thread": "Main"})
    builder.add_stack([Frame("m:a", "a.py", 1)], (1, 10, 0), {"state": "waiting"})
    return builder.build(Header(group="g", start_ns=10**18, end_ns=10**18 + 10**9, interval_ns=10**7))


def aws_body(**changes):
    tree = {"children": {"m:a": {"counts": {"WALL_TIME": 4}, "file": "a.py", "line": [3, 9]}}}
    document = {"start": 1000, "end": 11_000, "agentMetadata": {}, "callgraph": tree, **changes}
    return json.dumps(document).encode()


def recorded():
    recording = Recording()
    recording.sample(recording.stack("m/Main.main", "m/Main.run"))
    return recording.build()


BODIES = {
    "kibitz": (kibitz.decode, wire.encode(sample_profile())),
    "pprof": (pprof.decode, pprof_writer.encode(sample_profile())),
    "aws": (aws.decode, aws_body()),
    "speedscope": (speedscope.decode, speedscope_writer.encode(sample_profile())),
    "jfr": (jfr.decode, recorded()),
}


@pytest.mark.parametrize("name", BODIES)
def test_body_is_decoded(name):
    decode, body = BODIES[name]
    assert len(decode(body).sample_node) >= 1


@pytest.mark.parametrize("name", BODIES)
def test_every_truncation_is_refused(name):
    decode, body = BODIES[name]
    for end in range(len(body)):
        with pytest.raises(IngestError):
            decode(body[:end])


@pytest.mark.parametrize("name", BODIES)
@given(data=st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_garbage_is_refused_or_harmless(name, data):
    decode, _ = BODIES[name]
    for body in (data, gzip.compress(data)):
        with contextlib.suppress(IngestError):
            decode(body)


@pytest.mark.parametrize("name", BODIES)
@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_altered_byte_is_refused_or_harmless(name, position, value):
    decode, body = BODIES[name]
    altered = bytearray(gzip.decompress(body) if name == "pprof" else body)
    altered[position % len(altered)] = value
    with contextlib.suppress(IngestError):
        decode(bytes(altered))


@pytest.mark.parametrize("name", BODIES)
def test_no_altered_body_takes_much_memory(name):
    decode, whole = BODIES[name]
    inner = zlib.decompress(whole, wbits=31) if whole.startswith(b"\x1f\x8b") else whole

    @given(
        changes=st.dictionaries(st.integers(0, len(inner) - 1), st.integers(0, 255), min_size=1, max_size=6)
    )
    @settings(max_examples=150, deadline=None)
    def altered(changes):
        body = bytearray(inner)
        for place, value in changes.items():
            body[place] = value
        tracemalloc.reset_peak()
        with contextlib.suppress(IngestError):
            decode(gzip.compress(body) if inner is not whole else bytes(body))
        assert tracemalloc.get_traced_memory()[1] < 16 << 20

    decode(whole)  # what it imports and keeps is not the body's doing
    tracemalloc.start()
    try:
        altered()
    finally:
        tracemalloc.stop()


def test_pprof_gives_back_what_was_written():
    profile = pprof.decode(BODIES["pprof"][1])
    stacks = {
        (tuple(frame.name for frame in frames), dict(labels).get("thread"), values)
        for frames, labels, values in profile.stacks()
    }
    assert stacks == {(("m:a", "m:b"), "Main", (3, 30, 20)), (("m:a",), None, (1, 10, 0))}
    assert profile.header.end_ns - profile.header.start_ns == 10**9
    assert [kind.name for kind in profile.value_types] == ["samples", "wall", "cpu"]


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def field(number, content):
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (field(6, b"") + field(1, field(1, 9)), "string 9 is out of range"),
        (field(6, b"") + field(1, b"") + field(2, field(1, 5) + field(2, 1)), "location 5"),
        (field(6, b"") + field(1, b"") + field(4, field(1, 1) + field(4, field(1, 8))) + field(2, field(1, 1) + field(2, 1)), "function 8"),
        (field(6, b"") + field(1, b"") + field(2, field(2, 1) + field(2, 1)), "2 values for 1 types"),
        (field(6, b"") + b"\x0b", "wire type 3"),
        (b"\x08" + b"\xff" * 11, "longer than 64 bits"),
        (field(6, b""), "sample types"),
    ],
)  # fmt: skip
def test_pprof_that_lies_is_told_where(message, complaint):
    with pytest.raises(IngestError, match=complaint):
        pprof.decode(message)


STRINGS = b"".join(field(6, text) for text in (b"", b"samples", b"count", b"f", b"lib.so", b"inner", b"key"))
TYPES = field(1, field(1, 1) + field(2, 2))


def of_pprof(*messages):
    return [
        (tuple((frame.name, frame.file) for frame in frames), dict(labels), values)
        for frames, labels, values in pprof.decode(STRINGS + TYPES + b"".join(messages)).stacks()
    ]


def test_pprof_location_of_several_lines_is_a_call_and_what_was_inlined_in_it():
    functions = field(5, field(1, 1) + field(2, 3)) + field(5, field(1, 2) + field(3, 5))
    location = field(4, field(1, 9) + field(4, field(1, 2) + field(2, 7)) + field(4, field(1, 1)))
    assert of_pprof(functions, location, field(2, field(1, 9) + field(2, 4))) == [
        ((("f", ""), ("inner", "")), {}, (4,))
    ]


@pytest.mark.parametrize("lines", [b"", field(4, field(2, 5)), field(4, field(1, 1))])
def test_pprof_location_without_a_name_is_its_address_in_its_mappings_file(lines):
    mapping, nameless = field(3, field(1, 2) + field(5, 4)), field(5, field(1, 1))
    location = field(4, field(1, 9) + field(2, 2) + field(3, 0x1234) + lines)
    [(frames, _, _)] = of_pprof(mapping, nameless, location, field(2, field(1, 9) + field(2, 4)))
    assert frames == (("0x1234", "lib.so"),)


def test_pprof_sample_without_a_stack_stays_part_of_the_whole():
    assert of_pprof(field(2, field(2, 4)) + field(2, field(2, 3))) == [((("(no stack)", ""),), {}, (7,))]


def test_pprof_numeric_labels_do_no_harm_and_the_others_are_kept():
    numeric = field(3, field(1, 6) + field(3, 77) + field(4, 2))
    textual = field(3, field(1, 6) + field(2, 3))
    for label, kept in ((numeric, {}), (textual, {"key": "f"}), (numeric + textual, {"key": "f"})):
        [(_, labels, _)] = of_pprof(field(2, field(2, 4) + label))
        assert labels == kept


def test_pprof_without_any_string_is_read():
    assert pprof.decode(field(1, b"") + field(2, field(2, 4))).values[0].tolist() == [4]


def test_pprof_before_its_strings_or_with_unpacked_numbers_is_the_same():
    location = field(4, field(1, 9) + field(4, field(1, 1)))
    function = field(5, field(1, 1) + field(2, 3))
    packed = field(2, field(1, b"\x09\x09") + field(2, b"\x04"))
    unpacked = field(2, field(1, 9) + field(1, 9) + field(2, 4))
    for sample in (packed, unpacked):
        profile = pprof.decode(sample + location + function + TYPES + STRINGS)
        [(frames, _, values)] = profile.stacks()
        assert ([frame.name for frame in frames], values) == (["f", "f"], (4,))


@pytest.mark.parametrize(
    ("decode", "body"),
    [
        (pprof.decode, STRINGS + TYPES + field(2, field(2, (1 << 62) - 1)) * 4),
        (collapsed.decode, b"a 999999999999\n"),
        (
            aws.decode,
            aws_body(
                start=0,
                end=(1 << 43) - 1,
                agentMetadata={"metrics": {"numThreads": 900_000}},
                callgraph={"children": {"a": {"counts": {"WALL_TIME": 1 << 39}}}},
            ),
        ),
    ],
)
def test_values_beyond_64_bits_are_refused(decode, body):
    with pytest.raises(IngestError, match="beyond 64 bits"):
        decode(body)


def test_values_that_add_up_to_too_much_are_refused_with_their_name():
    builder = ProfileBuilder()
    builder.add_stack([Frame("a")], (1, MAX_SUM, 0))
    assert bounded(builder.build()).total() == 1
    builder.add_stack([Frame("b")], (1, 8, 0))
    with pytest.raises(IngestError, match="wall"):
        bounded(builder.build())


def test_values_less_than_nothing_are_refused_with_their_name():
    builder = ProfileBuilder()
    builder.add_stack([Frame("a")], (5, 0, -1))
    with pytest.raises(IngestError, match="'cpu' is less than nothing"):
        bounded(builder.build())


def test_all_members_of_a_gzip_body_are_read_within_the_limit():
    members = gzip.compress(b"one ") + gzip.compress(b"two")
    assert inflate(members) == b"one two"
    assert inflate(members + b"\0\0") == b"one two"
    assert inflate(members, limit=7) == b"one two"
    with pytest.raises(TooLargeError):
        inflate(members, limit=6)
    with pytest.raises(IngestError, match="truncated"):
        inflate(members[:-3])
    with pytest.raises(TooLargeError, match="members"):
        inflate(gzip.compress(b"") * 300)


def test_official_agents_tree_keeps_names_files_lines_and_counts():
    profile = aws.decode(aws_body())
    [(frames, labels, values)] = list(profile.stacks())
    assert frames[0].name == "m:a"
    assert frames[0].file == "a.py"
    assert profile.node_line[0] == 3
    assert dict(labels) == {"state": "running", "state_source": "leaf"}
    # Four samples of one thread over ten seconds: 2.5 s each.
    assert values == (4, 10_000_000_000)


def test_frozen_metadata_is_not_believed():
    """The official agent repeats its first report's metadata for ever: here it claims 900 ticks in 4 samples."""
    frozen = {"numTimesSampled": 900, "durationInMs": 5, "metrics": {"numThreads": 2.0}}
    profile = aws.decode(aws_body(agentMetadata=frozen))
    assert sum(profile.values[1]) == 10_000_000_000


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"start": "yesterday"}, "start"),
        ({"end": 5}, "earlier"),
        ({"callgraph": []}, "callgraph"),
        ({"callgraph": {"children": []}}, "children"),
        ({"callgraph": {"children": {"a": 5}}}, "no object"),
        ({"callgraph": {"children": {"a": {"counts": {"WALL_TIME": -1}}}}}, "whole number"),
        ({"callgraph": {"children": {"a": {"counts": {"WALL_TIME": "1"}}}}}, "whole number"),
        ({"callgraph": {"children": {"a": {"counts": 1}}}}, "counts"),
    ],
)
def test_official_agents_json_that_lies_is_told_where(changes, complaint):
    with pytest.raises(IngestError, match=complaint):
        aws.decode(aws_body(**changes))


def nested(levels):
    inner = '{"counts":{"WALL_TIME":1}}'
    for _ in range(levels):
        inner = '{"children":{"m:f":' + inner + "}}"
    return ('{"start":1000,"end":2000,"callgraph":' + inner + "}").encode()


def test_tree_of_two_thousand_frames_is_read_and_ten_thousand_deep_json_does_no_harm():
    assert len(aws.decode(nested(2000)).node_parent) == 2000
    with pytest.raises(IngestError, match="nested deeper"):
        aws.decode(nested(15_000))
    with pytest.raises(IngestError):
        aws.decode(b"[" * 1_000_000)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(JSON, st.sampled_from([None, 1]))
@settings(deadline=None)
def test_json_is_read_as_the_standard_library_reads_it(value, indent):
    assert json_tree.loads(json.dumps(value, indent=indent)) == value


@given(st.text(max_size=40))
@settings(deadline=None)
def test_what_the_standard_library_refuses_is_refused(text):
    try:
        expected = json.loads(text, parse_constant=lambda name: 1 / 0)
    except (ValueError, ZeroDivisionError):
        with pytest.raises(json_tree.JsonError):
            json_tree.loads(text)
    else:
        assert json_tree.loads(text) == expected


def test_gzip_bomb_is_stopped_before_it_is_inflated():
    bomb = gzip.compress(bytes(200 << 20), 9)
    assert len(bomb) < 300_000
    for decode, _ in (BODIES["pprof"], BODIES["aws"]):
        with pytest.raises(TooLargeError):
            decode(bomb)


def test_bomb_in_our_own_form_is_stopped():
    body = zlib.compress(bytes(300 << 20), 9)
    head = wire._PREAMBLE.pack(wire._MAGIC, wire.VERSION, 300 << 20, 0, 10)
    with pytest.raises(IngestError, match="at most"):
        kibitz.decode(head + body)


@pytest.mark.parametrize("deflate", [zlib, fastest], ids=["zlib", "fastest"])
def test_streams_are_read_alike_by_either_inflater(deflate):
    _, body = BODIES["kibitz"]
    header, columns = wire.unpack(body, deflate=deflate)
    assert (header, columns) == wire.unpack(body)
    damaged = body[:40] + bytes([body[40] ^ 0xFF]) + body[41:]
    for wrong in (damaged, body[:-1], body + b"x", body[:20] + b"no stream"):
        with pytest.raises(wire.WireError):
            wire.unpack(wrong, deflate=deflate)


def test_other_version_of_our_form_is_named():
    body = bytearray(wire.encode(sample_profile()))
    body[7] = 9
    with pytest.raises(IngestError, match="version: 9"):
        kibitz.decode(bytes(body))


def test_body_that_is_not_gzip_stays_as_it_is():
    assert inflate(b"plain") == b"plain"


@pytest.mark.parametrize(
    ("content_type", "body", "name"),
    [
        ("application/x-kibitz-profile", b"", "kibitz"),
        ("application/json; charset=utf-8", b"", "aws"),
        ("application/x-protobuf", b"", "pprof"),
        ("application/octet-stream", b"\x1f\x8b", "pprof"),
        ("", b"\x1f\x8b", "pprof"),
        ("application/octet-stream", b"\n\x04", "pprof"),
    ],
)
def test_content_type_picks_the_decoder(content_type, body, name):
    assert decoder_for(content_type, body).name == name


def test_other_content_types_are_refused_with_those_that_are_not():
    with pytest.raises(UnsupportedTypeError, match=r"text/plain.*application/json"):
        decoder_for("text/plain", b"x")


@pytest.mark.parametrize("name", ["<Sleep>", "threading:Condition:wait", "selectors:EpollSelector:select"])
def test_leaves_that_block_are_waiting(name):
    assert leaves.state_of(name) == "waiting"


@pytest.mark.parametrize(
    "name", ["app:work", "json.decoder:JSONDecoder:decode", "asyncio.events:Handle:_run"]
)
def test_leaves_that_work_are_running(name):
    assert leaves.state_of(name) == "running"


def test_names_that_are_no_unicode_are_made_readable():
    tree = {"children": {"m:\udc80ü": {"counts": {"WALL_TIME": 4}, "file": "/\udc80.py"}}}
    [(frames, _, _)] = list(aws.decode(aws_body(callgraph=tree)).stacks())
    assert (frames[0].name, frames[0].file) == ("m:?ü", "/?.py")
