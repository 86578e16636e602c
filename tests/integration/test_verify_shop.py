"""The gate on profiles of a real program: the demo shop, as it is and slower. benchmarks/verify_quality.py has it longer."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

HOSTS, HOURS, LOOKS = 6, 4, 400


@pytest.fixture(scope="module")
def benchmark_file(root: Path) -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("verify_quality", root / "benchmarks" / "verify_quality.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["verify_quality"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["verify_quality"]


def test_the_same_revision_is_not_refused_and_a_slower_one_is_and_the_right_function_named(
    benchmark_file: ModuleType, tmp_path: Path
) -> None:
    blocks = benchmark_file.sampled(tmp_path, HOSTS, HOURS, LOOKS)
    assert blocks.own.shape[1] == 2 * HOSTS * HOURS
    assert blocks.own.sum(axis=0).min() >= 100
    answers = {
        figure["asked"]: figure
        for figure in benchmark_file.quality(blocks)
        if figure["rule"] == "kibitz verify"
    }
    assert answers["the same revision"]["fail"] <= 5
    assert answers["the same revision, asked every hour"]["fail"] <= 5
    assert answers["a slower revision"]["fail"] >= 95
    draw = benchmark_file.drawn(blocks, np.random.default_rng(1), slower=True)
    judged = benchmark_file.judge(benchmark_file.chosen(blocks, draw), benchmark_file.LIMITS)
    assert "shop.search:rank" in [change.frame for change in judged.regressions]
