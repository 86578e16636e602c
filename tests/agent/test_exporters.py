"""Choosing an exporter by a file's ending."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz_agent import exporters
from kibitz_agent.profile import Frame, Profile, ProfileBuilder


def one_sample() -> Profile:
    builder = ProfileBuilder()
    builder.add_stack([Frame("app:main", "/srv/app.py", 1)], (1, 10, 5))
    return builder.build()


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("p.html", b"<!DOCTYPE html>"),
        ("P.PB.GZ", b"\x1f\x8b"),
        ("a.b.txt", b"app:main 1\n"),
        ("p.json", b'{"$schema"'),
    ],
)
def test_the_ending_chooses_the_format(tmp_path: Path, name: str, begins: bytes) -> None:
    exporters.write(one_sample(), tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(begins)


@pytest.mark.parametrize("name", ["profile", "profile.svg", "profile.gz", "html"])
def test_another_ending_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(exporters.ExportError) as refused:
        exporters.by_suffix(name)
    assert repr(name) in str(refused.value)
    assert all(suffix in str(refused.value) for suffix in exporters.SUFFIXES)


def test_a_refused_name_writes_no_file(tmp_path: Path) -> None:
    with pytest.raises(exporters.ExportError):
        exporters.write(one_sample(), tmp_path / "profile.svg")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", exporters.SUFFIXES)
def test_an_empty_profile_is_written_too(tmp_path: Path, suffix: str) -> None:
    exporters.write(ProfileBuilder().build(), tmp_path / f"empty{suffix}")
    assert (tmp_path / f"empty{suffix}").exists()
