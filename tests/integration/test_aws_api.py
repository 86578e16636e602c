"""AWS's own client against our collector: every operation of codeguruprofiler, its success and its modelled errors."""

from __future__ import annotations

import gzip
import http.client
import json
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from kibitz_server.api.aws import PROFILER_OPERATIONS
from kibitz_server.findings import anomaly
from kibitz_server.store.sql import open_sqlite

boto3 = pytest.importorskip("boto3")
botocore = pytest.importorskip("botocore.exceptions")

NOBODY = "nobody"
ARN = "arn:aws:codeguru-profiler:us-east-1:000000000000:profilingGroup/"


@pytest.fixture
def client(collector):
    session = boto3.Session("AKIDEXAMPLE", "secret", region_name="us-east-1")
    made = session.client("codeguruprofiler", endpoint_url=collector.url)
    yield made
    made.close()


@pytest.fixture
def group(client):
    client.create_profiling_group(profilingGroupName="shop", clientToken="made")
    return "shop"


@pytest.fixture
def profiled(collector, group, make_profile):
    """Two reports in one aligned hour that ended ten minutes ago at the latest; that hour's start in epoch seconds."""
    hour = (time.time() - 600) // 3600 * 3600 - 3600
    assert collector.post(make_profile({"m:a;m:b": 3, "m:a": 1}, end=hour + 310), token="one") == 204
    assert collector.post(make_profile({"m:a;m:c": 4}, end=hour + 1900), token="two") == 204
    return hour


def moment(epoch_s):
    return datetime.fromtimestamp(epoch_s, UTC)


def refused(call, code, status, **given):
    with pytest.raises(botocore.ClientError) as caught:
        call(**given)
    response = caught.value.response
    assert response["Error"]["Code"] == code
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert response["Error"]["Message"]
    return response["Error"]["Message"]


def not_found(call, **given):
    return refused(call, "ResourceNotFoundException", 404, **given)


def invalid(call, **given):
    return refused(call, "ValidationException", 400, **given)


def test_group_is_made_described_changed_listed_and_deleted(client):
    made = client.create_profiling_group(
        profilingGroupName="made",
        computePlatform="AWSLambda",
        agentOrchestrationConfig={"profilingEnabled": False},
        tags={"team": "a"},
    )
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    described = made["profilingGroup"]
    assert described["name"] == "made"
    assert described["arn"] == ARN + "made"
    assert described["computePlatform"] == "AWSLambda"
    assert described["agentOrchestrationConfig"] == {"profilingEnabled": False}
    assert described["tags"] == {"team": "a"}
    assert abs((datetime.now(UTC) - described["createdAt"]).total_seconds()) < 300
    changed = client.update_profiling_group(
        profilingGroupName="made", agentOrchestrationConfig={"profilingEnabled": True}
    )
    assert changed["profilingGroup"]["agentOrchestrationConfig"] == {"profilingEnabled": True}
    again = client.describe_profiling_group(profilingGroupName="made")["profilingGroup"]
    assert again["agentOrchestrationConfig"] == {"profilingEnabled": True}
    assert client.list_profiling_groups()["profilingGroupNames"] == ["made"]
    assert client.list_profiling_groups(includeDescription=True)["profilingGroups"] == [again]
    deleted = client.delete_profiling_group(profilingGroupName="made")
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    not_found(client.describe_profiling_group, profilingGroupName="made")
    not_found(client.delete_profiling_group, profilingGroupName="made")
    not_found(
        client.update_profiling_group,
        profilingGroupName="made",
        agentOrchestrationConfig={"profilingEnabled": True},
    )


def test_group_is_made_once_and_a_retry_is_answered_like_the_first_request(client, group):
    again = client.create_profiling_group(profilingGroupName=group, clientToken="made")
    assert again["profilingGroup"]["name"] == group
    refused(
        client.create_profiling_group,
        "ConflictException",
        409,
        profilingGroupName=group,
        clientToken="other",
    )
    with pytest.raises(client.exceptions.ConflictException):
        client.create_profiling_group(profilingGroupName=group)


@pytest.mark.parametrize("name", ["a b", "ä", "x" * 256, "a.b", "a\n", "٣"])
def test_name_botocore_lets_through_is_refused(client, name):
    assert "profilingGroupName" in invalid(client.create_profiling_group, profilingGroupName=name)
    invalid(client.describe_profiling_group, profilingGroupName=name)
    invalid(client.configure_agent, profilingGroupName=name)


def test_values_botocore_lets_through_are_refused(client, group):
    create = client.create_profiling_group
    assert "Default" in invalid(create, profilingGroupName="x", computePlatform="Mainframe")
    assert "clientToken" in invalid(create, profilingGroupName="x", clientToken="a b")
    assert "tags" in invalid(create, profilingGroupName="x", tags={str(i): "" for i in range(51)})
    assert "1 to 1000" in invalid(client.list_profiling_groups, maxResults=1001)
    assert "nextToken" in invalid(client.list_profiling_groups, nextToken="forged")
    assert client.list_profiling_groups()["profilingGroupNames"] == [group]


def test_groups_are_listed_in_pages_that_stay_in_step_while_groups_go(client):
    names = [f"group-{number}" for number in range(7)]
    for name in names:
        client.create_profiling_group(profilingGroupName=name)
    first = client.list_profiling_groups(maxResults=3)
    assert first["profilingGroupNames"] == names[:3]
    assert len(first["nextToken"]) <= 64
    client.delete_profiling_group(profilingGroupName=names[2])  # the one the token was made of
    second = client.list_profiling_groups(maxResults=3, nextToken=first["nextToken"])
    assert second["profilingGroupNames"] == names[3:6]
    last = client.list_profiling_groups(maxResults=3, nextToken=second["nextToken"])
    assert last["profilingGroupNames"] == names[6:]
    assert "nextToken" not in last
    invalid(client.get_findings_report_account_summary, nextToken=first["nextToken"])


def test_tags_are_added_changed_and_taken_away(client, group):
    arn = ARN + group
    client.tag_resource(resourceArn=arn, tags={"team": "a", "stage": "test"})
    client.tag_resource(resourceArn=arn, tags={"team": "b"})
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "b", "stage": "test"}
    client.untag_resource(resourceArn=arn, tagKeys=["stage", "unknown"])
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "b"}
    for call, more in (
        (client.tag_resource, {"tags": {"a": "b"}}),
        (client.untag_resource, {"tagKeys": ["a"]}),
        (client.list_tags_for_resource, {}),
    ):
        not_found(call, resourceArn=ARN + NOBODY, **more)
        invalid(call, resourceArn="arn:aws:s3:::bucket", **more)


def test_agent_is_configured_as_aws_does_it_and_as_the_group_says(client, collector, group):
    answer = client.configure_agent(profilingGroupName=group, fleetInstanceId="i", metadata={})[
        "configuration"
    ]
    assert answer == {
        "shouldProfile": True,
        "periodInSeconds": 300,
        "agentParameters": {
            "SamplingIntervalInMilliseconds": "1000",
            "MinimumTimeForReportingInMilliseconds": "60000",
            "MaxStackDepth": "1000",
            "MemoryUsageLimitPercent": "10",
        },
    }
    described = client.describe_profiling_group(profilingGroupName=group)["profilingGroup"]
    assert "latestAgentOrchestratedAt" in described["profilingStatus"]
    client.update_profiling_group(
        profilingGroupName=group, agentOrchestrationConfig={"profilingEnabled": False}
    )
    assert client.configure_agent(profilingGroupName=group)["configuration"]["shouldProfile"] is False
    invalid(client.configure_agent, profilingGroupName=group, fleetInstanceId="x" * 256)


def test_group_for_lambda_refuses_agents_that_run_elsewhere(client):
    client.create_profiling_group(profilingGroupName="function", computePlatform="AWSLambda")
    assert "Lambda" in invalid(client.configure_agent, profilingGroupName="function")
    client.configure_agent(profilingGroupName="function", metadata={"ComputePlatform": "AWSLambda"})


def test_agents_of_unknown_groups_are_refused_when_none_are_made(client, collector, make_profile):
    client.configure_agent(profilingGroupName="first-contact")
    assert client.list_profiling_groups()["profilingGroupNames"] == ["first-contact"]
    collector.stop()
    collector.start("--no-auto-create")
    session = boto3.Session("AKIDEXAMPLE", "secret", region_name="us-east-1")
    strict = session.client("codeguruprofiler", endpoint_url=collector.url)
    not_found(strict.configure_agent, profilingGroupName=NOBODY)
    body = json.dumps({"start": 1000, "end": 2000, "callgraph": {}}).encode()
    not_found(
        strict.post_agent_profile,
        profilingGroupName=NOBODY,
        agentProfile=body,
        contentType="application/json",
    )
    strict.configure_agent(profilingGroupName="first-contact")
    strict.close()


def test_profile_is_posted_once_whatever_the_retries(client, group):
    end = int(time.time() * 1000)
    body = json.dumps(
        {
            "start": end - 10_000,
            "end": end,
            "callgraph": {"children": {"app:main": {"counts": {"WALL_TIME": 7}, "line": [3]}}},
        }
    ).encode()
    for _ in range(2):
        answer = client.post_agent_profile(
            profilingGroupName=group,
            agentProfile=body,
            contentType="application/json",
            profileToken="the-same",
        )
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    tree = json.load(client.get_profile(profilingGroupName=group, period="PT5M")["profile"])
    assert tree["callgraph"]["children"]["app:main"]["counts"] == {"RUNNABLE": 7}
    assert tree["callgraph"]["children"]["app:main"]["line"] == [3]
    post = client.post_agent_profile
    invalid(post, profilingGroupName=group, agentProfile=b"{", contentType="application/json")
    invalid(
        post, profilingGroupName=group, agentProfile=body, contentType="application/json", profileToken="a b"
    )


def test_merged_profile_is_json_in_the_form_agents_post(client, group, profiled):
    start, end = moment(profiled), moment(profiled + 3600)
    answer = client.get_profile(profilingGroupName=group, startTime=start, endTime=end)
    assert answer["contentType"] == "application/json"
    text = answer["profile"].read()
    tree = json.loads(text)
    assert (tree["start"], tree["end"]) == (profiled * 1000, (profiled + 3600) * 1000)
    root = tree["callgraph"]["children"]["m:a"]
    assert root["counts"] == {"RUNNABLE": 1}
    assert {name: node["counts"] for name, node in root["children"].items()} == {
        "m:b": {"RUNNABLE": 3},
        "m:c": {"RUNNABLE": 4},
    }
    shallow = client.get_profile(profilingGroupName=group, startTime=start, endTime=end, maxDepth=1)
    assert json.load(shallow["profile"])["callgraph"]["children"]["m:a"]["counts"] == {"RUNNABLE": 8}
    client.post_agent_profile(
        profilingGroupName="copy", agentProfile=text, contentType="application/json", profileToken="copy"
    )
    copied = client.get_profile(profilingGroupName="copy", startTime=start, endTime=moment(profiled + 3900))
    assert json.load(copied["profile"])["callgraph"] == tree["callgraph"]


def test_merged_profile_is_pprof_when_that_is_accepted(client, group, profiled):
    answer = client.get_profile(
        profilingGroupName=group,
        accept="application/x-gzip-pprof",
        startTime=moment(profiled),
        period="PT1H",
    )
    assert answer["contentType"] == "application/x-gzip-pprof"
    content = gzip.decompress(answer["profile"].read())
    assert b"m:b" in content
    assert b"m:c" in content


def test_range_of_a_profile_is_given_by_any_two(client, group, profiled):
    def functions(**given):
        tree = json.load(client.get_profile(profilingGroupName=group, **given)["profile"])
        return sorted(tree["callgraph"]["children"]["m:a"]["children"])

    start, end = moment(profiled), moment(profiled + 3600)
    assert functions(startTime=start, period="PT10M") == ["m:b"]
    assert functions(endTime=end, period="PT1H") == ["m:b", "m:c"]
    assert functions(period="PT5M") == ["m:c"]  # the latest
    get = client.get_profile
    assert "at most two" in invalid(
        get, profilingGroupName=group, startTime=start, endTime=end, period="PT1H"
    )
    invalid(get, profilingGroupName=group, startTime=end, endTime=start)
    invalid(get, profilingGroupName=group, startTime=start, endTime=end + timedelta(days=8))
    invalid(get, profilingGroupName=group, period="five minutes")
    invalid(get, profilingGroupName=group, period="PT5M", maxDepth=10_001)
    invalid(get, profilingGroupName=group, period="PT5M", accept="image/png")
    not_found(get, profilingGroupName=group, startTime=start - timedelta(days=2), period="PT1H")
    not_found(get, profilingGroupName=NOBODY, period="PT5M")


def test_profile_times_are_listed_by_aws_own_paginator(client, group, profiled):
    given = {
        "profilingGroupName": group,
        "startTime": moment(profiled),
        "endTime": moment(profiled + 3600),
        "period": "PT5M",
    }
    pages = client.get_paginator("list_profile_times").paginate(
        **given, orderBy="TimestampAscending", PaginationConfig={"PageSize": 1}
    )
    times = [[time["start"].timestamp() for time in page["profileTimes"]] for page in pages]
    assert times == [[profiled + 300], [profiled + 1800]]
    latest_first = client.list_profile_times(**given)["profileTimes"]
    assert [time["start"].timestamp() for time in latest_first] == [profiled + 1800, profiled + 300]
    hourly = client.list_profile_times(**{**given, "period": "PT1H"})["profileTimes"]
    assert [time["start"].timestamp() for time in hourly] == [profiled]
    invalid(client.list_profile_times, **{**given, "period": "PT7M"})
    invalid(client.list_profile_times, **{**given, "endTime": given["startTime"]})
    invalid(client.list_profile_times, **given, orderBy="Random")
    not_found(client.list_profile_times, **{**given, "profilingGroupName": NOBODY})


def test_frames_shares_are_told_over_time(client, group, profiled):
    metric = {"frameName": "m:b", "threadStates": [], "type": "AggregatedRelativeTotalTime"}
    waiting = {**metric, "threadStates": ["WAITING"]}
    answer = client.batch_get_frame_metric_data(
        profilingGroupName=group,
        frameMetrics=[metric, {**metric, "frameName": "m:a"}, waiting],
        startTime=moment(profiled),
        endTime=moment(profiled + 3600),
        targetResolution="PT5M",
    )
    ends = [end["value"].timestamp() for end in answer["endTimes"]]
    assert ends == [profiled + 600, profiled + 2100]
    assert [datum["values"] for datum in answer["frameMetricData"]] == [[0.75, 0.0], [1.0, 1.0], [0.0, 0.0]]
    assert answer["frameMetricData"][0]["frameMetric"] == metric
    assert len(answer["unprocessedEndTimes"]["PT5M"]) == 10
    everything = client.batch_get_frame_metric_data(
        profilingGroupName=group, startTime=moment(profiled), period="PT1H", targetResolution="PT1H"
    )
    shares = {datum["frameMetric"]["frameName"]: datum["values"] for datum in everything["frameMetricData"]}
    assert shares == {"m:a": [1.0], "m:b": [0.375], "m:c": [0.5]}
    get = client.batch_get_frame_metric_data
    invalid(get, profilingGroupName=group, startTime=moment(profiled), period="P2D")
    invalid(get, profilingGroupName=group, frameMetrics=[{**metric, "type": "Median"}], period="PT1H")
    not_found(get, profilingGroupName=NOBODY)


def test_permissions_are_put_by_revision(client, group):
    not_found(client.get_policy, profilingGroupName=group)
    agent = "arn:aws:iam::123456789012:role/agent"
    first = client.put_permission(
        profilingGroupName=group, actionGroup="agentPermissions", principals=[agent]
    )
    statement = json.loads(first["policy"])["Statement"][0]
    assert statement["Principal"] == {"AWS": [agent]}
    assert statement["Resource"] == ARN + group
    given = {"profilingGroupName": group, "actionGroup": "agentPermissions"}
    refused(client.put_permission, "ConflictException", 409, **given, principals=[agent])
    second = client.put_permission(**given, principals=["123456789012"], revisionId=first["revisionId"])
    assert client.get_policy(profilingGroupName=group)["policy"] == second["policy"]
    refused(client.remove_permission, "ConflictException", 409, **given, revisionId=first["revisionId"])
    removed = client.remove_permission(**given, revisionId=second["revisionId"])
    assert json.loads(removed["policy"])["Statement"] == []
    not_found(client.remove_permission, **given, revisionId=removed["revisionId"])
    revision = removed["revisionId"]
    invalid(client.put_permission, **given, principals=["*"], revisionId=revision)
    invalid(client.put_permission, **given, principals=[agent] * 51, revisionId=revision)
    invalid(client.put_permission, **{**given, "actionGroup": "all"}, principals=[agent])
    invalid(client.remove_permission, **given, revisionId="not-a-uuid")
    for call, more in (
        (client.get_policy, {"profilingGroupName": NOBODY}),
        (client.put_permission, {**given, "profilingGroupName": NOBODY, "principals": [agent]}),
        (client.remove_permission, {**given, "profilingGroupName": NOBODY, "revisionId": revision}),
    ):
        not_found(call, **more)


def test_channels_are_added_and_removed(client, group):
    topic = {"uri": "arn:aws:sns:us-east-1:123456789012:alarms", "eventPublishers": ["AnomalyDetection"]}
    hook = {**topic, "uri": "https://example.com/hook"}
    add = client.add_notification_channels
    added = add(profilingGroupName=group, channels=[topic])["notificationConfiguration"]["channels"]
    assert [channel["uri"] for channel in added] == [topic["uri"]]
    refused(add, "ConflictException", 409, profilingGroupName=group, channels=[topic])
    both = add(profilingGroupName=group, channels=[hook])["notificationConfiguration"]
    assert (
        client.get_notification_configuration(profilingGroupName=group)["notificationConfiguration"] == both
    )
    third = {**hook, "uri": "https://example.com/third"}
    refused(add, "ServiceQuotaExceededException", 402, profilingGroupName=group, channels=[third])
    invalid(add, profilingGroupName=group, channels=[{**hook, "uri": f"https://e/{i}"} for i in range(3)])
    invalid(add, profilingGroupName=group, channels=[{**hook, "uri": "file:///etc/passwd"}])
    invalid(add, profilingGroupName=group, channels=[{**hook, "eventPublishers": ["Everything"]}])
    kept = client.remove_notification_channel(profilingGroupName=group, channelId=added[0]["id"])
    assert [channel["uri"] for channel in kept["notificationConfiguration"]["channels"]] == [hook["uri"]]
    remove = client.remove_notification_channel
    not_found(remove, profilingGroupName=group, channelId=added[0]["id"])
    invalid(remove, profilingGroupName=group, channelId="first")
    not_found(remove, profilingGroupName=NOBODY, channelId=added[0]["id"])
    not_found(add, profilingGroupName=NOBODY, channels=[hook])
    not_found(client.get_notification_configuration, profilingGroupName=NOBODY)


@pytest.fixture
def found(collector, client, group):
    """An anomaly of three hours' length in the group, two hours ago; its start."""
    start = time.time() // 3600 * 3600 - 5 * 3600
    store = open_sqlite(str(collector.data / "kibitz.sqlite"))
    step = anomaly(group=group, frame="m:slow", start=start, end=start + 3 * 3600 - 1, usual=0.1, seen=0.4)
    store.save_findings(group, [step])
    store.close()
    return start


def test_waste_in_the_profiles_is_recommended(client, group):
    end = int(time.time() * 1000)
    deepcopy = {"counts": {"RUNNABLE": 60}}
    view = {"counts": {"RUNNABLE": 40}, "children": {"copy:deepcopy": deepcopy}}
    body = {"start": end - 10_000, "end": end, "callgraph": {"children": {"shop:view": view}}}
    client.post_agent_profile(
        profilingGroupName=group, agentProfile=json.dumps(body).encode(), contentType="application/json"
    )
    given = {
        "profilingGroupName": group,
        "startTime": moment(end / 1000 - 60),
        "endTime": moment(end / 1000 + 60),
    }
    (only,) = client.get_recommendations(**given)["recommendations"]
    assert only["pattern"]["name"] == "Deep copies"
    assert only["pattern"]["targetFrames"] == [["copy:deepcopy"]]
    assert only["pattern"]["thresholdPercent"] == 5.0
    assert (only["allMatchesCount"], only["allMatchesSum"]) == (1, 60.0)
    assert only["topMatches"][0]["frameAddress"].endswith("shop:view / copy:deepcopy")


def test_anomaly_is_recommended_and_judged(client, group, found):
    given = {"profilingGroupName": group, "startTime": moment(found), "endTime": moment(found + 4 * 3600)}
    answer = client.get_recommendations(**given, locale="de-DE")
    assert answer["profilingGroupName"] == group
    assert answer["recommendations"] == []
    only = answer["anomalies"][0]
    assert only["metric"]["frameName"] == "m:slow"
    assert "from 10.0% to 40.0%" in only["reason"]
    instance = only["instances"][0]
    assert instance["startTime"].timestamp() == found
    client.submit_feedback(
        profilingGroupName=group, anomalyInstanceId=instance["id"], type="Negative", comment="deployed"
    )
    judged = client.get_recommendations(**given)["anomalies"][0]["instances"][0]
    assert judged["userFeedback"] == {"type": "Negative"}
    say = client.submit_feedback
    invalid(say, profilingGroupName=group, anomalyInstanceId=instance["id"], type="Maybe")
    invalid(say, profilingGroupName=group, anomalyInstanceId="x", type="Positive")
    not_found(say, profilingGroupName=group, anomalyInstanceId=str(uuid.uuid4()), type="Positive")
    not_found(say, profilingGroupName=NOBODY, anomalyInstanceId=instance["id"], type="Positive")
    invalid(client.get_recommendations, **given, locale="tlh")
    invalid(client.get_recommendations, **{**given, "endTime": given["startTime"]})
    not_found(client.get_recommendations, **{**given, "profilingGroupName": NOBODY})


def test_findings_are_reported_by_the_hour_and_by_the_day(client, group, found):
    given = {
        "profilingGroupName": group,
        "startTime": moment(found - 86_400),
        "endTime": moment(found + 2 * 86_400),
    }
    first = client.list_findings_reports(**given, maxResults=2)
    second = client.list_findings_reports(**given, maxResults=2, nextToken=first["nextToken"])
    reports = first["findingsReportSummaries"] + second["findingsReportSummaries"]
    assert [report["profileStartTime"].timestamp() - found for report in reports] == [7200, 3600, 0]
    assert {report["totalNumberOfFindings"] for report in reports} == {1}
    daily = client.list_findings_reports(**given, dailyReportsOnly=True)["findingsReportSummaries"]
    assert 1 <= len(daily) <= 2
    summary = client.get_findings_report_account_summary()["reportSummaries"]
    assert [report["id"] for report in summary] == [reports[0]["id"]]
    invalid(client.list_findings_reports, **given, maxResults=2000)
    invalid(client.list_findings_reports, **{**given, "endTime": given["startTime"]})
    not_found(client.list_findings_reports, **{**given, "profilingGroupName": NOBODY})


def test_every_operation_of_the_service_is_served(client, collector):
    operations = client.meta.service_model.operation_names
    assert sorted(PROFILER_OPERATIONS) == sorted(operations)
    assert len(operations) == 23
    for name in operations:
        operation = client.meta.service_model.operation_model(name)
        template = operation.http["requestUri"].replace("{resourceArn}", ARN.replace("/", "%2F") + "x")
        path = template.format(profilingGroupName="x", channelId="x", actionGroup="x", anomalyInstanceId="x")
        connection = http.client.HTTPConnection(collector.url.removeprefix("http://"), timeout=240)
        connection.request(operation.http["method"], path, body=b"[]")
        answer = connection.getresponse()
        if answer.status >= 300:
            assert answer.status in (400, 404, 415), name
            expected = ("ValidationException", "ResourceNotFoundException")
            assert answer.headers["x-amzn-ErrorType"] in expected, name
        connection.close()
