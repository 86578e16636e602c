"""What agents are told while the collector falls behind, and once it has caught up."""

from __future__ import annotations

import pytest

from kibitz_server.api.aws import agents
from kibitz_server.api.aws.collector import Collector


class Behind:
    """A store that has ``waiting`` reports to write; the rest is the real one's."""

    def __init__(self, store, waiting):
        self.store, self.waiting = store, waiting

    def __getattr__(self, name):
        return getattr(self.store, name)


def told(store, waiting, **given):
    collector = Collector(Behind(store, waiting))
    return agents.configure_agent(collector, {"profilingGroupName": "g", **given})["configuration"]


@pytest.mark.parametrize(("waiting", "times"), [(0, 1), (255, 1), (256, 2), (600, 3), (1024, 4), (10**6, 4)])
def test_the_more_waits_the_less_often_agents_report(store, waiting, times):
    configuration = told(store, waiting)
    assert configuration["periodInSeconds"] == 300 * times
    assert configuration["agentParameters"]["SamplingIntervalInMilliseconds"] == str(1000 * times)
    assert configuration["shouldProfile"] is True


def test_settings_of_the_group_are_what_is_stretched(store):
    store.create_group("g", 1.0)
    store.change_document("g", "settings", lambda _: {"period_s": 120, "sampling_interval_ms": 50})
    assert told(store, 300)["periodInSeconds"] == 240
    assert told(store, 0)["periodInSeconds"] == 120
    store.change_document("g", "settings", lambda _: {"period_s": 86_400})
    assert told(store, 300)["periodInSeconds"] == 86_400, "never beyond what agents survive"
