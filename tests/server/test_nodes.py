"""Whole call trees are interned at once, with the same ids that a node-by-node dictionary would give."""

from __future__ import annotations

from array import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kibitz_server.store import nodes as module
from kibitz_server.store.nodes import NodeTable, path_keys

PATHS = st.lists(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=6), min_size=1, max_size=12
)


@pytest.fixture(params=["numpy", "native"], scope="module", autouse=True)
def twin(request, lacking):
    """Everything here holds with the extension and without it."""
    if request.param == "native" and module._tree is None:
        lacking("the extension kibitz_server._native._tree")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "numpy":
            patch.setattr(module, "_tree", None)
        yield


@pytest.fixture
def native(lacking):
    try:
        from kibitz_server._native import _tree
    except ImportError:
        lacking("the extension kibitz_server._native._tree")
    return _tree


def tree_of(paths):
    """Columns of a call tree that holds the paths, and the node of each."""
    nodes: dict[tuple[int, int, int], int] = {}
    leaves = []
    for path in paths:
        node = -1
        for frame, line in path:
            node = nodes.setdefault((node, frame, line), len(nodes))
        leaves.append(node)
    return np.array(list(nodes), np.int64).T, np.array(leaves)


def path_of(table, node):
    parent, frame, line, _ = table.columns()
    path = []
    while node >= 0:
        path.append((int(frame[node]), int(line[node])))
        node = parent[node]
    return path[::-1]


@given(st.lists(PATHS, min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_every_path_has_one_id_that_leads_back_to_it(batches):
    table, ids = NodeTable(), {}
    for paths in batches:
        (parent, frame, line), leaves = tree_of(paths)
        found = table.intern(parent, frame, line, leaves)
        for path, node in zip(paths, found.tolist(), strict=True):
            assert path_of(table, node) == path
            assert ids.setdefault(tuple(path), node) == node
    parent, _, _, depth = table.columns()
    assert (parent < np.arange(len(parent))).all()
    inner = parent >= 0
    assert (depth[inner] == depth[parent[inner]] + 1).all()
    assert (depth[~inner] == 0).all()
    assert len(set(zip(*(column.tolist() for column in table.columns()[:3]), strict=True))) == len(table)


@given(PATHS, st.integers(0, 20))
@settings(max_examples=50, deadline=None)
def test_loaded_in_pieces_it_finds_what_it_held(paths, cut):
    (parent, frame, line), leaves = tree_of(paths)
    table = NodeTable()
    for piece in (slice(None, cut), slice(cut, None)):
        table.load(parent[piece], frame[piece], line[piece])
    assert table.intern(parent, frame, line, leaves).tolist() == leaves.tolist()
    assert len(table) == len(parent)


def test_profile_that_names_a_path_twice_gets_one_node():
    table = NodeTable()
    columns = [np.array(column) for column in ([-1, -1, 0, 1], [0, 0, 1, 1], [0, 0, 0, 0])]
    found = table.intern(*columns, np.array([2, 3]))
    assert found[0] == found[1]
    assert len(table) == 2


def test_keys_differ_by_order_frame_and_line():
    parent = np.array([-1, 0, -1, 2, -1, -1])
    frame = np.array([1, 2, 2, 1, 1, 2])
    line = np.array([0, 0, 0, 0, 1, 1])
    assert len(set(path_keys(parent, frame, line).tolist())) == 6


def test_many_nodes_are_found_again():
    count = 200_000
    parent = np.maximum(np.arange(count) // 3 - 1, -1)
    frame, line = np.arange(count) % 1000, np.arange(count) % 7
    table = NodeTable()
    wanted = np.arange(count)
    first = table.intern(parent, frame, line, wanted)
    size = len(table)
    assert (table.intern(parent, frame, line, wanted) == first).all()
    assert len(table) == size


@given(PATHS, PATHS)
@settings(max_examples=50, deadline=None)
def test_nodes_that_were_cut_are_as_if_they_had_never_been(kept, cut):
    tables = [NodeTable(), NodeTable()]
    for table in tables:
        (parent, frame, line), leaves = tree_of(kept)
        table.intern(parent, frame, line, leaves)
    size = len(tables[0])
    (parent, frame, line), leaves = tree_of(cut)
    tables[0].intern(parent, frame, line, leaves)
    tables[0].cut(size)
    assert len(tables[0]) == size
    found = [table.intern(parent, frame, line, leaves).tolist() for table in tables]
    assert found[0] == found[1]
    assert all(
        (one == other).all() for one, other in zip(*(table.columns() for table in tables), strict=True)
    )


def test_both_twins_give_the_same_keys_and_ids(native, monkeypatch):
    rng = np.random.default_rng(1)
    count = 5000
    parent = rng.integers(-1, np.arange(count))
    frame, line = rng.integers(0, 9, count), rng.integers(0, 3, count)
    unknown = np.arange(1, 1000, dtype=np.uint64)
    answers = []
    for twin in (None, native):
        monkeypatch.setattr(module, "_tree", twin)
        keys, table = path_keys(parent, frame, line), NodeTable()
        ids = table.intern(parent, frame, line, np.arange(count))
        answers.append(
            (keys.tolist(), ids.tolist(), table.find(keys[::-1]).tolist(), table.find(unknown).tolist())
        )
    assert answers[0] == answers[1]
    assert set(answers[0][3]) == {-1}


def test_extension_refuses_what_is_no_tree_and_no_table(native):
    one, keys = array("q", [0]), array("Q", [0])
    with pytest.raises(ValueError, match="node 0: its parent does not stand before it"):
        native.path_keys(one, one, one, 0, keys)
    with pytest.raises(ValueError, match="of one length"):
        native.path_keys(one, array("q"), one, 0, keys)
    with pytest.raises(ValueError, match="power of two"):
        native.find(keys, keys, array("q", [0, 0, 0]), one)
    with pytest.raises(ValueError, match="full"):
        native.find(array("Q", [7]), keys, one, array("q", [0]))
    with pytest.raises(ValueError, match="ids that it does not have"):
        native.find(keys, keys, array("q", [1]), array("q", [0]))
