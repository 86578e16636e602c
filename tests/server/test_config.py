"""A collector's settings: what is refused, and that the refusal says what to do."""

from __future__ import annotations

import pytest

from kibitz_server.config import ConfigError, duration_s, retention_of
from kibitz_server.retention import Retention


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90m", 5400), ("36h", 129_600), ("15d", 1_296_000), ("2w", 1_209_600), ("3y", 94_608_000)],
)
def test_durations_are_read(text, seconds):
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "15", "1.5d", "-1d", "0d", "15 d", "15x", "²d", "9999999d"])
def test_other_durations_are_refused_with_an_example(text):
    with pytest.raises(ConfigError, match="15d"):
        duration_s(text)


def test_defaults_are_those_of_the_store():
    assert retention_of("2d", "15d", "60d", "3y") == Retention()


def test_reports_are_kept_for_longer_than_one_may_be_late():
    with pytest.raises(ConfigError, match="25h or more"):
        retention_of("24h", "15d", "60d", "3y")


@pytest.mark.parametrize(
    "kept", [("2d", "1d", "60d", "3y"), ("2d", "90d", "60d", "3y"), ("2d", "15d", "60d", "30d")]
)
def test_what_is_coarser_is_kept_as_long_as_what_is_finer(kept):
    with pytest.raises(ConfigError, match="at least as long"):
        retention_of(*kept)
