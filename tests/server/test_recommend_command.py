"""kibitz recommend: profiles of every kind, patterns of one's own, exit codes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from kibitz_agent import wire
from kibitz_agent.exporters import write
from kibitz_agent.profile import Frame, Profile, ProfileBuilder
from kibitz_server.commands import recommend


def profile() -> Profile:
    builder = ProfileBuilder()
    for names, count in ((("app:main", "shop:view", "copy:deepcopy"), 60), (("app:main", "shop:view"), 40)):
        values = (count, count * 10_000_000, count * 10_000_000)
        builder.add_stack([Frame(name, "shop.py", 3) for name in names], values, {"state": "running"})
    return builder.build()


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    recommend.add_arguments(parser)
    return recommend.run(parser.parse_args(words))


@pytest.mark.parametrize("ending", [".pb.gz", ".kibitz", ".txt"])
def test_a_profile_of_any_kind_is_read_and_judged(
    ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"p{ending}"
    if ending == ".kibitz":
        path.write_bytes(wire.encode(profile()))
    else:
        write(profile(), path)
    assert run(str(path), "--format", "json") == recommend.FOUND
    (only,) = json.loads(capsys.readouterr().out)["recommendations"]
    assert (only["id"], only["share"]) == ("deepcopy", 0.6)
    assert only["matches"][0]["path"][-2:] == ["shop:view", "copy:deepcopy"]


def test_patterns_of_ones_own_speak_and_replace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, mine = tmp_path / "p.pb.gz", tmp_path / "mine.toml"
    write(profile(), path)
    mine.write_text(
        '[[pattern]]\nid = "views"\nsteps = ["Cache it."]\nframes = [["app:*", "shop:v*"]]\n'
        '[[pattern]]\nid = "deepcopy"\nframes = [["nowhere:f"]]\n'
    )
    assert run(str(path), "--patterns", str(mine)) == recommend.FOUND
    text = capsys.readouterr().out
    assert "(views)" in text
    assert "100.0%" in text
    assert "- Cache it." in text
    assert "deepcopy)" not in text


@pytest.mark.parametrize(
    "table",
    [
        'id = "x"',
        'id = "x"\nframes = [[]]',
        'id = "x"\nframes = [["a:b"]]\nthreshold = 5.0',
        "frames = [[1]]",
        'id = "x"\nframes = [["a"]]\nof = 1',
    ],
)
def test_an_unfit_pattern_is_refused_with_its_place(
    table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, mine = tmp_path / "p.pb.gz", tmp_path / "mine.toml"
    write(profile(), path)
    mine.write_text(f"[[pattern]]\n{table}\n")
    assert run(str(path), "--patterns", str(mine)) == recommend.FAILED
    assert "kibitz recommend: " in capsys.readouterr().err


def test_what_is_no_profile_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.kibitz").write_bytes(b"nothing")
    assert run(str(tmp_path / "p.kibitz")) == recommend.FAILED
    assert run(str(tmp_path / "none.pb.gz")) == recommend.FAILED
    assert run() == recommend.FAILED
    assert capsys.readouterr().err.count("kibitz recommend: ") == 3


def test_the_catalogue_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--list", "--format", "json") == recommend.NOTHING
    assert len(json.loads(capsys.readouterr().out)["patterns"]) >= 40
