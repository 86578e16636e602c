"""Every operation of codeguruprofiler with every error that AWS's model gives it, by AWS's own client: its code and status."""

from __future__ import annotations

import io
import uuid

import pytest

from kibitz_server.app import create_app
from kibitz_server.config import Config
from kibitz_server.store import BusyError, StoreError

boto3 = pytest.importorskip("boto3")
botocore = pytest.importorskip("botocore")
awsrequest = pytest.importorskip("botocore.awsrequest")
errors = pytest.importorskip("botocore.exceptions")
configuration = pytest.importorskip("botocore.config")
xform_name = botocore.xform_name
model = pytest.importorskip("botocore.session").get_session().get_service_model("codeguruprofiler")

ARN = "arn:aws:codeguru-profiler:us-east-1:000000000000:profilingGroup/"
MODELLED = [
    (operation, error.name)
    for operation in model.operation_names
    for error in model.operation_model(operation).error_shapes
]
CONFLICT, QUOTA = "ConflictException", "ServiceQuotaExceededException"
# Groups are changed and deleted in one transaction each, so that nobody can be in another's way; and there may be any number.
NEVER = {
    ("DeleteProfilingGroup", CONFLICT),
    ("UpdateProfilingGroup", CONFLICT),
    ("CreateProfilingGroup", QUOTA),
}
BY_ARN = {"TagResource", "UntagResource", "ListTagsForResource"}
CHANNEL = {"uri": "https://example.com/hook", "eventPublishers": ["AnomalyDetection"]}
PERMISSION = {"actionGroup": "agentPermissions", "principals": ["arn:aws:iam::123456789012:role/agent"]}
RANGE = {"startTime": 1_700_000_000, "endTime": 1_700_003_600}
SOMEBODY = str(uuid.uuid4())
# What each operation needs beside the group's name, or the tags' ARN.
GIVEN = {
    "AddNotificationChannels": {"channels": [CHANNEL]},
    "BatchGetFrameMetricData": {"period": "PT1H"},
    "GetFindingsReportAccountSummary": {},
    "GetProfile": {"period": "PT5M"},
    "GetRecommendations": RANGE,
    "ListFindingsReports": RANGE,
    "ListProfileTimes": {**RANGE, "period": "PT5M"},
    "PostAgentProfile": {
        "agentProfile": b'{"start":1000,"end":2000,"callgraph":{}}',
        "contentType": "application/json",
    },
    "PutPermission": PERMISSION,
    "RemoveNotificationChannel": {"channelId": SOMEBODY},
    "RemovePermission": {"actionGroup": "agentPermissions", "revisionId": SOMEBODY},
    "SubmitFeedback": {"anomalyInstanceId": SOMEBODY, "type": "Positive"},
    "TagResource": {"tags": {"a": "b"}},
    "UntagResource": {"tagKeys": ["a"]},
    "UpdateProfilingGroup": {"agentOrchestrationConfig": {"profilingEnabled": True}},
}


class Refusing:
    """A store that answers every question with an error."""

    def __init__(self, error):
        self._error = error

    def __getattr__(self, name):
        def refuse(*_given, **_named):
            raise self._error

        return refuse


class Body(io.BytesIO):
    def stream(self, **_given):
        yield self.read()


class Wire:
    """What stands in for the network: requests go straight to an application over a store."""

    def over(self, store, folder):
        self.asked = create_app(store, Config(data=folder, auto_create=False)).test_client()

    def send(self, request, **_given):
        headers = {
            name: value.decode() if isinstance(value, bytes) else value
            for name, value in request.headers.items()
        }
        answer = self.asked.open(request.url, method=request.method, headers=headers, data=request.body)
        headers = {name.lower(): value for name, value in answer.headers}
        return awsrequest.AWSResponse(request.url, answer.status_code, headers, Body(answer.data))


@pytest.fixture(scope="module")
def wired():
    """AWS's client, and what its requests go to."""
    wire = Wire()
    session = boto3.Session("AKIDEXAMPLE", "secret", region_name="us-east-1")
    quick = configuration.Config(retries={"total_max_attempts": 1}, parameter_validation=False)
    client = session.client("codeguruprofiler", endpoint_url="http://127.0.0.1", config=quick)
    client.meta.events.register("before-send.codeguruprofiler.*", wire.send)
    yield client, wire
    client.close()


def call(client, operation, **given):
    return getattr(client, xform_name(operation))(**given)


def given_for(operation, group):
    if operation in BY_ARN:
        return {"resourceArn": ARN + group, **GIVEN.get(operation, {})}
    listing = {"GetFindingsReportAccountSummary", "ListProfilingGroups"}
    return ({} if operation in listing else {"profilingGroupName": group}) | GIVEN.get(operation, {})


def wrong_for(operation):
    """Its parameters with one that AWS's model does not allow."""
    if operation in BY_ARN:
        return {**given_for(operation, "shop"), "resourceArn": "arn:aws:s3:::bucket"}
    given = given_for(operation, "a b")
    return given if "profilingGroupName" in given else {"maxResults": 1_000_000}


def conflicting(client, operation):
    """Call an operation twice, the second time in conflict with the first."""
    if operation == "CreateProfilingGroup":
        call(client, operation, profilingGroupName="shop")
    given = given_for(operation, "shop")
    if operation == "AddNotificationChannels":
        call(client, operation, **given)
    elif operation in ("PutPermission", "RemovePermission"):
        call(client, "PutPermission", **given_for("PutPermission", "shop"))
    return call(client, operation, **given)


def full(client, operation):
    """Call an operation more often than there may be of what it adds."""
    for number in range(9):
        channel = {**CHANNEL, "uri": f"https://example.com/{number}"}
        call(client, operation, profilingGroupName="shop", channels=[channel])


def provoke(client, operation, error):
    """Call an operation so that this error is what there is to answer; for the others the store has been seen to."""
    if error == "ResourceNotFoundException":
        call(client, operation, **given_for(operation, "nobody"))
    elif error == "ValidationException":
        call(client, operation, **wrong_for(operation))
    elif error == QUOTA:
        full(client, operation)
    elif error == CONFLICT:
        conflicting(client, operation)
    else:
        call(client, operation, **given_for(operation, "shop"))


@pytest.mark.parametrize(("operation", "error"), [pair for pair in MODELLED if pair not in NEVER])
def test_modelled_error_is_answered_with_its_code_and_status(wired, store, tmp_path, operation, error):
    client, wire = wired
    failure = {
        "InternalServerException": StoreError("the disk is full"),
        "ThrottlingException": BusyError("too much", 7),
    }
    wire.over(Refusing(failure[error]) if error in failure else store, tmp_path)
    if operation != "CreateProfilingGroup":
        store.create_group("shop", 1.0)
    with pytest.raises(errors.ClientError) as caught:
        provoke(client, operation, error)
    response = caught.value.response
    assert response["Error"]["Code"] == error
    assert response["Error"]["Message"]
    assert isinstance(caught.value, getattr(client.exceptions, error))
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    # 503 says, to whoever stands between, that it is the store and that it may come back.
    expected = (
        503
        if error == "InternalServerException"
        else model.shape_for(error).metadata["error"]["httpStatusCode"]
    )
    assert status == expected
    if error == "ThrottlingException":
        assert response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "7"


def test_model_is_whole():
    assert len(model.operation_names) == 23
    assert len(MODELLED) == 92
    assert set(MODELLED) >= NEVER
