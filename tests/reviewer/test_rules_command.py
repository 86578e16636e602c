"""`kibitz rules`: the list, one rule, JSON."""

from __future__ import annotations

import argparse
import json

import pytest

from kibitz_reviewer.commands import rules


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    rules.add_arguments(parser)
    return rules.run(parser.parse_args(arguments))


def test_every_rule_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    assert "unsafe-yaml-load" in capsys.readouterr().out


def test_one_rule_is_explained_by_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("unsafe-yaml-load") == 0
    assert "yaml.safe_load" in capsys.readouterr().out


def test_json_of_one_rule_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("unsafe-yaml-load", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["cwe"] == [502]


def test_an_unknown_rule_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("unsafe-yaml-loads") == 2
    assert "did you mean unsafe-yaml-load?" in capsys.readouterr().err
