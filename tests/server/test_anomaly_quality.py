"""The detector's quality on synthetic series, a shortened run of the benchmark: its figures within what few seeds allow."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def quality() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "anomaly_quality.py"
    spec = importlib.util.spec_from_file_location("anomaly_quality", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_steps_are_found_and_noise_is_not(quality: ModuleType) -> None:
    figures = quality.steps(range(3))
    assert figures["kibitz.false_alarms_per_1000_frame_weeks"] <= 3  # of 3,000: 1 in the long run
    assert figures["kibitz.plus_10_percent_found_in_12_h"] >= 0.92
    assert figures["kibitz.plus_5_percent_found_in_48_h"] >= 0.65
    assert figures["three_sigmas.false_alarms_per_1000_frame_weeks"] > 500


def test_large_steps_are_found_within_half_an_hour(quality: ModuleType) -> None:
    figures = quality.large_steps(range(2), frames=2000)
    assert figures["kibitz.plus_50_percent_found_in_30_min"] >= 0.95
    assert figures["kibitz.fast_false_alarms_per_1000_frame_weeks"] <= 5  # of 571


def test_a_cause_is_one_alarm_and_a_refactor_none(quality: ModuleType) -> None:
    figures = quality.planted(range(30))
    assert figures["kibitz.one_alarm_per_cause"] >= 0.9
    assert figures["kibitz.cause_named"] >= 0.9
    figures = quality.refactored(range(10))
    assert figures["kibitz.refactors_silent"] >= 0.93  # of 90
    assert min(figures[f"kibitz.refactors_silent.{kind}"] for kind in quality.REFACTORS) >= 0.8  # of 10
    assert figures["three_sigmas.refactors_silent"] < 0.5
