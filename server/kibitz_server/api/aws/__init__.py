"""AWS's API: a table-driven edge that parses, validates, calls one plain function per operation, and serialises.

Nothing deeper than this package knows AWS's CamelCase names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from flask import Blueprint, Response, current_app, request

from kibitz_server.api import ApiError
from kibitz_server.api.aws import (
    agent_model,
    agents,
    findings,
    groups,
    model,
    notifications,
    policies,
    profiles,
    requests,
    responses,
)
from kibitz_server.api.aws.collector import Collector
from kibitz_server.ingest import IngestError, TooLargeError, inflate

Run: TypeAlias = Callable[[Collector, Mapping[str, Any]], Mapping[str, Any]]

PROFILER = "codeguruprofiler"

PROFILER_OPERATIONS: dict[str, Run] = {
    "AddNotificationChannels": notifications.add_notification_channels,
    "BatchGetFrameMetricData": profiles.batch_get_frame_metric_data,
    "ConfigureAgent": agents.configure_agent,
    "CreateProfilingGroup": groups.create_profiling_group,
    "DeleteProfilingGroup": groups.delete_profiling_group,
    "DescribeProfilingGroup": groups.describe_profiling_group,
    "GetFindingsReportAccountSummary": findings.get_findings_report_account_summary,
    "GetNotificationConfiguration": notifications.get_notification_configuration,
    "GetPolicy": policies.get_policy,
    "GetProfile": profiles.get_profile,
    "GetRecommendations": findings.get_recommendations,
    "ListFindingsReports": findings.list_findings_reports,
    "ListProfileTimes": profiles.list_profile_times,
    "ListProfilingGroups": groups.list_profiling_groups,
    "ListTagsForResource": groups.list_tags_for_resource,
    "PostAgentProfile": agents.post_agent_profile,
    "PutPermission": policies.put_permission,
    "RemoveNotificationChannel": notifications.remove_notification_channel,
    "RemovePermission": policies.remove_permission,
    "SubmitFeedback": findings.submit_feedback,
    "TagResource": groups.tag_resource,
    "UntagResource": groups.untag_resource,
    "UpdateProfilingGroup": groups.update_profiling_group,
}


def profiler() -> Blueprint:
    """The CodeGuru Profiler API: all of it with botocore installed, else the part that agents use."""
    return edge(PROFILER, model.load(PROFILER, agent_model.DESCRIPTION), PROFILER_OPERATIONS)


def edge(name: str, service: model.Service, operations: Mapping[str, Run]) -> Blueprint:
    """A blueprint that serves each of the service's operations there is a function for."""
    blueprint = Blueprint(name, __name__)
    for operation in service.operations:
        if operation.name in operations:
            blueprint.add_url_rule(
                _rule(operation.uri),
                endpoint=operation.name,
                methods=[operation.method],
                view_func=_view(service, operation, operations[operation.name]),
                strict_slashes=True,
            )
    return blueprint


def _rule(uri: str) -> str:
    """A URI template as a routing rule; an ARN's slashes arrive decoded."""
    return uri.replace("{resourceArn}", "<path:resourceArn>").replace("{", "<").replace("}", ">")


def _view(service: model.Service, operation: model.Operation, run: Run) -> Callable[..., Response]:
    def view(**labels: str) -> Response:
        given = requests.params(service, operation, _request(labels))
        collector: Collector = current_app.extensions["kibitz_collector"]
        answer = responses.answer(service, operation, run(collector, given))
        return Response(answer.body, status=answer.status, headers=dict(answer.headers))

    return view


def _request(labels: Mapping[str, str]) -> requests.Request:
    body = request.get_data(cache=False)
    try:
        if request.headers.get("Content-Encoding", "").lower() == "gzip":
            body = inflate(body)
    except TooLargeError as error:
        raise ApiError("ValidationException", 413, str(error)) from error
    except IngestError as error:
        raise ApiError("ValidationException", 400, str(error)) from error
    query = {key: request.args.getlist(key) for key in request.args}
    return requests.Request(labels, query, dict(request.headers), body)
