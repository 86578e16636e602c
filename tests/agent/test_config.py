"""Settings: four places, one winner, and a clear refusal of everything else."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_agent.config import ConfigError, Configuration, Settings, collector_url, group_name

AWS_ANSWER = {
    "shouldProfile": True,
    "periodInSeconds": 300,
    "agentParameters": {
        "SamplingIntervalInMilliseconds": "1000",
        "MinimumTimeForReportingInMilliseconds": "60000",
        "MaxStackDepth": "1000",
        "MemoryUsageLimitPercent": "10",
    },
}


def test_defaults_are_those_of_aws_in_production():
    settings = Configuration({}, {}).settings
    assert (settings.sampling_interval_ms, settings.reporting_interval_ms) == (1000, 300_000)
    assert (settings.minimum_reporting_ms, settings.max_stack_depth) == (60_000, 1000)
    assert (settings.memory_limit_percent, settings.cpu_limit_percent, settings.enabled) == (10, 10, True)


def test_answer_of_aws_changes_nothing_about_the_defaults():
    assert Configuration({}, {}).accept(AWS_ANSWER) == Settings()


def test_arguments_beat_environment_beats_collector_beats_default():
    answer = {
        "agentParameters": {
            "SamplingIntervalInMilliseconds": "30",
            "MaxStackDepth": "30",
            "CpuUsageLimitPercent": "30",
        }
    }
    environ = {"KIBITZ_SAMPLING_INTERVAL_MS": "20", "KIBITZ_MAX_STACK_DEPTH": "20"}
    settings = Configuration({"sampling_interval_ms": 10}, environ).accept(answer)
    assert (settings.sampling_interval_ms, settings.max_stack_depth, settings.cpu_limit_percent) == (
        10,
        20,
        30,
    )
    assert settings.memory_limit_percent == 10


def test_our_environment_beats_that_of_aws():
    environ = {
        "AWS_CODEGURU_PROFILER_SAMPLING_INTERVAL_MS": "50",
        "AWS_CODEGURU_PROFILER_REPORTING_INTERVAL_MS": "90000",
    }
    assert Configuration({}, environ).settings.sampling_interval_ms == 50
    assert Configuration({}, environ).settings.reporting_interval_ms == 90_000
    assert (
        Configuration({}, {**environ, "KIBITZ_SAMPLING_INTERVAL_MS": "7"}).settings.sampling_interval_ms == 7
    )


def test_one_millisecond_is_accepted():
    assert Configuration({"sampling_interval_ms": 1}, {}).settings.sampling_interval_ns == 1_000_000


def test_none_is_an_argument_not_given():
    assert (
        Configuration(
            {"sampling_interval_ms": None}, {"KIBITZ_SAMPLING_INTERVAL_MS": "5"}
        ).settings.sampling_interval_ms
        == 5
    )


@pytest.mark.parametrize("value", [0, -5, "x", "", 1.5, True, "1e3", "９", 10**12, "9" * 400, [], {}])
def test_wrong_argument_is_refused_with_the_range(value: object):
    with pytest.raises(
        ConfigError, match=r"sampling_interval_ms: expected a whole number of milliseconds from 1 to"
    ):
        Configuration({"sampling_interval_ms": value}, {})


def test_wrong_variable_is_refused_by_its_own_name():
    with pytest.raises(ConfigError, match=r"KIBITZ_MAX_STACK_DEPTH: .*found '-1'"):
        Configuration({}, {"KIBITZ_MAX_STACK_DEPTH": "-1"})
    with pytest.raises(ConfigError, match="AWS_CODEGURU_PROFILER_ENABLED: expected true or false"):
        Configuration({}, {"AWS_CODEGURU_PROFILER_ENABLED": "perhaps"})


def test_unknown_argument_is_refused_and_the_known_ones_named():
    with pytest.raises(
        ConfigError, match=r"sampling_intervall: no such setting; there are sampling_interval_ms,"
    ):
        Configuration({"sampling_intervall": 1}, {})


@pytest.mark.parametrize(("text", "enabled"), [("1", True), ("TRUE", True), ("off", False), ("0", False)])
def test_enabled_is_read_from_either_variable(text: str, enabled: bool):
    assert Configuration({}, {"KIBITZ_ENABLED": text}).settings.enabled is enabled
    assert Configuration({}, {"AWS_CODEGURU_PROFILER_ENABLED": text}).settings.enabled is enabled


def test_disabling_beats_enabling_in_the_environment():
    both = {"KIBITZ_ENABLED": "true", "KIBITZ_DISABLED": "1"}
    assert not Configuration({}, both).settings.enabled
    assert Configuration({}, {"KIBITZ_DISABLED": "0"}).settings.enabled
    assert Configuration({"enabled": True}, both).settings.enabled
    with pytest.raises(ConfigError, match="KIBITZ_DISABLED: expected true or false"):
        Configuration({}, {"KIBITZ_DISABLED": "maybe"})


def test_collector_cannot_wake_what_the_user_disabled():
    settings = Configuration({"enabled": False}, {}).accept({"shouldProfile": True})
    assert not settings.enabled


def test_collector_can_rest_the_agent_and_wake_it_again():
    configuration = Configuration({}, {})
    assert not configuration.accept({**AWS_ANSWER, "shouldProfile": False}).should_profile
    assert configuration.accept(AWS_ANSWER).should_profile


def test_bad_value_of_the_collector_keeps_the_one_before_it_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
):
    configuration = Configuration({}, {})
    configuration.accept({"agentParameters": {"MaxStackDepth": "20", "SamplingIntervalInMilliseconds": "50"}})
    bad = {"agentParameters": {"MaxStackDepth": "-5", "SamplingIntervalInMilliseconds": "60"}}
    with caplog.at_level(logging.WARNING, "kibitz"):
        for _ in range(3):
            settings = configuration.accept(bad)
    assert (settings.max_stack_depth, settings.sampling_interval_ms) == (20, 60)
    assert [record.message.count("max_stack_depth") for record in caplog.records] == [1]


def test_period_below_the_minimum_is_refused_and_the_period_before_stays():
    configuration = Configuration({}, {})
    assert configuration.accept({**AWS_ANSWER, "periodInSeconds": 30}).reporting_interval_ms == 300_000


def test_who_asks_for_quick_reports_need_not_lower_the_minimum_too():
    configuration = Configuration({"reporting_interval_ms": 5000}, {})
    assert configuration.settings.minimum_reporting_ms == 5000
    assert configuration.accept(AWS_ANSWER).minimum_reporting_ms == 5000


def test_minimum_above_the_period_from_one_place_is_refused():
    with pytest.raises(ConfigError, match="minimum_reporting_ms: 9000 is above reporting_interval_ms"):
        Configuration({"reporting_interval_ms": 5000, "minimum_reporting_ms": 9000}, {})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
answers = st.fixed_dictionaries(
    {},
    optional={
        "shouldProfile": json_values,
        "periodInSeconds": json_values,
        "agentParameters": json_values
        | st.dictionaries(
            st.sampled_from(list(AWS_ANSWER["agentParameters"])), json_values | st.integers().map(str)
        ),
    },
)


@given(st.lists(answers | json_values, max_size=4))
def test_no_answer_of_a_collector_ever_leaves_settings_that_would_be_refused(given_answers: list[object]):
    configuration = Configuration({}, {})
    for answer in given_answers:
        settings = configuration.accept(answer)
    settings = configuration.settings
    assert settings.max_stack_depth >= 1
    assert settings.sampling_interval_ms >= 1
    assert settings.minimum_reporting_ms <= settings.reporting_interval_ms
    assert isinstance(settings.should_profile, bool)


def test_settings_given_whole_count_as_arguments():
    configuration = Configuration.of(Settings(sampling_interval_ms=10))
    settings = configuration.accept(
        {"agentParameters": {"SamplingIntervalInMilliseconds": "99", "MaxStackDepth": "9"}}
    )
    assert (settings.sampling_interval_ms, settings.max_stack_depth) == (10, 9)


def test_group_comes_from_argument_then_ours_then_arn_then_name():
    arn = "arn:aws:codeguru-profiler:eu-west-1:1:profilingGroup/from-arn"
    environ = {"AWS_CODEGURU_PROFILER_GROUP_NAME": "by-name"}
    assert group_name(None, {}) == ""
    assert group_name(None, environ) == "by-name"
    environ["AWS_CODEGURU_PROFILER_GROUP_ARN"] = arn
    assert group_name(None, environ) == "from-arn"
    environ["KIBITZ_GROUP"] = "ours"
    assert group_name(None, environ) == "ours"
    assert group_name("given", environ) == "given"


@pytest.mark.parametrize("name", ["a b", "a/b", "ä", "x" * 256, "a\n", "../up"])
def test_group_with_other_characters_is_refused(name: str):
    with pytest.raises(ConfigError, match="group: expected 1 to 255 letters"):
        group_name(name, {})


def test_collector_needs_a_scheme_and_loses_its_slash():
    assert collector_url(None, {"KIBITZ_COLLECTOR": "http://h:1/"}) == "http://h:1"
    assert collector_url(None, {}) == ""
    with pytest.raises(ConfigError, match="add the http://"):
        collector_url("localhost:8787", {})
