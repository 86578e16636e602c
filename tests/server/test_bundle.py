"""Archives from strangers: nothing outside the folder, nothing without an end, nothing that is no source."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from kibitz_server.reviews import bundle
from kibitz_server.reviews.bundle import BundleError, unpack


def archive(place: Path, entries: list[tuple[zipfile.ZipInfo | str, str]]) -> Path:
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in entries:
            made.writestr(name, text)
    return place


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_sources_are_unpacked_where_they_belong(tmp_path: Path) -> None:
    made = archive(tmp_path / "a.zip", [("a.py", "x = 1\n"), ("b/c.py", "y = 2\n"), ("d.png", "no")])
    assert unpack(made, tmp_path / "out") == 2
    assert files(tmp_path / "out") == {"a.py", "b/c.py"}


@pytest.mark.parametrize(
    "name", ["../evil.py", "/tmp/evil.py", "a/../../evil.py", "..\\evil.py", "C:evil.py"]
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "out").mkdir()
    assert unpack(archive(tmp_path / "a.zip", [(name, "x"), ("ok.py", "x")]), tmp_path / "out") == 1
    assert files(tmp_path) == {"a.zip", "out/ok.py"}


def test_links_are_left_out(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.py")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    (tmp_path / "out").mkdir()
    assert unpack(archive(tmp_path / "a.zip", [(link, "/etc/passwd")]), tmp_path / "out") == 0


def test_a_bomb_is_refused_whatever_it_says_of_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "MAX_TOTAL_BYTES", 3_000_000)
    made = archive(tmp_path / "a.zip", [(f"{n}.py", "0" * 1_000_000) for n in range(5)])
    with pytest.raises(BundleError, match="unpacked"):
        unpack(made, tmp_path / "out")


def test_a_huge_file_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MAX_FILE_BYTES", 1_000)
    made = archive(tmp_path / "a.zip", [("big.py", "0" * 5_000), ("small.py", "0")])
    assert unpack(made, tmp_path / "out") == 1
    assert files(tmp_path / "out") == {"small.py"}


def test_too_many_entries_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MAX_ENTRIES", 3)
    with pytest.raises(BundleError, match="at most 3 entries"):
        unpack(archive(tmp_path / "a.zip", [(f"{n}.py", "") for n in range(4)]), tmp_path / "out")


def test_what_is_no_archive_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(BundleError, match="zip archive"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
