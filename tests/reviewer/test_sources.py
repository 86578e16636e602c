"""Reading files: encodings, sizes, links."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz_reviewer.sources import MAX_BYTES, UnreadableError, decode, expand, read, walk


def test_latin_1_is_read_by_its_coding_line() -> None:
    source = decode("# -*- coding: latin-1 -*-\nname = 'café'\n".encode("latin-1"))
    assert "café" in source.text
    assert source.encode(source.text) == "# -*- coding: latin-1 -*-\nname = 'café'\n".encode("latin-1")


def test_latin_1_without_a_coding_line_is_refused_with_a_hint() -> None:
    with pytest.raises(UnreadableError, match="coding line"):
        decode("name = 'café'\n".encode("latin-1"))


def test_a_bom_and_crlf_survive_a_round_trip() -> None:
    content = b"\xef\xbb\xbfx = 1\r\n"
    source = decode(content)
    assert source.text == "x = 1\r\n"
    assert source.encode(source.text) == content


@pytest.mark.parametrize(
    "content", [b"x = '\0'\n", b"# coding: no-such-codec\n", b"# coding: rot13\n", b"\xff\xfe\x00"]
)
def test_what_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableError):
        decode(content)


def test_a_huge_file_is_skipped_by_its_size(tmp_path: Path) -> None:
    big = tmp_path / "big.py"
    big.write_bytes(b"x = 1\n" * (MAX_BYTES // 6 + 1))
    with pytest.raises(UnreadableError, match="over the limit"):
        read(big)


def test_walk_passes_over_hidden_folders_and_environments(tmp_path: Path) -> None:
    for name in ("a.py", ".git/b.py", "__pycache__/c.py", "env/d.py", "pkg/e.py", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    assert [path.name for path, _ in walk(tmp_path)] == ["a.py", "e.py"]


def test_a_link_out_of_the_tree_is_left_out_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text("x = 1\n")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "real.py").write_text("")
    (tree / "inside.py").symlink_to(tree / "real.py")
    (tree / "outside.py").symlink_to(tmp_path / "secret.py")
    (tree / "nowhere.py").symlink_to(tmp_path / "gone.py")
    reasons = {path.name: reason for path, reason in walk(tree)}
    assert reasons["real.py"] is None
    assert reasons["inside.py"] is None
    assert "out of the tree" in (reasons["outside.py"] or "")
    assert "nowhere" in (reasons["nowhere.py"] or "")


def test_expand_names_each_file_once(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("")
    assert [path for path, _ in expand([file, tmp_path])] == [file]
