"""The operations that agents call and groups need, described for a collector without botocore."""

from __future__ import annotations

from typing import Any

_NAME = {"shape": "ProfilingGroupName", "location": "uri", "locationName": "profilingGroupName"}
_GROUP = "/profilingGroups/{profilingGroupName}"


def _structure(members: dict[str, Any], *required: str, payload: str = "") -> dict[str, Any]:
    shape: dict[str, Any] = {"type": "structure", "members": members, "required": list(required)}
    return {**shape, "payload": payload} if payload else shape


def _operation(method: str, uri: str, status: int, given: str, answer: str) -> dict[str, Any]:
    http = {"method": method, "requestUri": uri, "responseCode": status}
    return {"http": http, "input": {"shape": given}, "output": {"shape": answer}}


DESCRIPTION: dict[str, Any] = {
    "operations": {
        "ConfigureAgent": _operation("POST", f"{_GROUP}/configureAgent", 200, "Configure", "Configured"),
        "PostAgentProfile": _operation("POST", f"{_GROUP}/agentProfile", 204, "Post", "Nothing"),
        "CreateProfilingGroup": _operation("POST", "/profilingGroups", 201, "Create", "One"),
        "ListProfilingGroups": _operation("GET", "/profilingGroups", 200, "List", "Listed"),
        "DescribeProfilingGroup": _operation("GET", _GROUP, 200, "Named", "One"),
        "DeleteProfilingGroup": _operation("DELETE", _GROUP, 204, "Named", "Nothing"),
    },
    "shapes": {
        "ProfilingGroupName": {"type": "string", "min": 1, "max": 255, "pattern": r"^[\w-]+$"},
        "Token": {"type": "string", "min": 1, "max": 64, "pattern": r"^[\w-]+$"},
        "String": {"type": "string"},
        "Instance": {"type": "string", "min": 1, "max": 255},
        "Integer": {"type": "integer"},
        "MaxResults": {"type": "integer", "min": 1, "max": 1000},
        "Boolean": {"type": "boolean"},
        "Timestamp": {"type": "timestamp"},
        "Blob": {"type": "blob"},
        "Platform": {"type": "string", "enum": ["Default", "AWSLambda"]},
        "Map": {"type": "map", "key": {"shape": "String"}, "value": {"shape": "String"}},
        "Names": {"type": "list", "member": {"shape": "ProfilingGroupName"}},
        "Groups": {"type": "list", "member": {"shape": "Group"}},
        "Nothing": _structure({}),
        "Named": _structure({"profilingGroupName": _NAME}, "profilingGroupName"),
        "Configure": _structure(
            {
                "profilingGroupName": _NAME,
                "fleetInstanceId": {"shape": "Instance"},
                "metadata": {"shape": "Map"},
            },
            "profilingGroupName",
        ),
        "Configuration": _structure(
            {
                "shouldProfile": {"shape": "Boolean"},
                "periodInSeconds": {"shape": "Integer"},
                "agentParameters": {"shape": "Map"},
            }
        ),
        "Configured": _structure({"configuration": {"shape": "Configuration"}}, payload="configuration"),
        "Post": _structure(
            {
                "profilingGroupName": _NAME,
                "agentProfile": {"shape": "Blob"},
                "contentType": {"shape": "String", "location": "header", "locationName": "Content-Type"},
                "profileToken": {
                    "shape": "Token",
                    "location": "querystring",
                    "locationName": "profileToken",
                    "idempotencyToken": True,
                },
            },
            "profilingGroupName",
            "agentProfile",
            "contentType",
            payload="agentProfile",
        ),
        "Orchestration": _structure({"profilingEnabled": {"shape": "Boolean"}}, "profilingEnabled"),
        "Create": _structure(
            {
                "profilingGroupName": {"shape": "ProfilingGroupName"},
                "clientToken": {
                    "shape": "Token",
                    "location": "querystring",
                    "locationName": "clientToken",
                    "idempotencyToken": True,
                },
                "computePlatform": {"shape": "Platform"},
                "agentOrchestrationConfig": {"shape": "Orchestration"},
                "tags": {"shape": "Map"},
            },
            "profilingGroupName",
        ),
        "List": _structure(
            {
                name: {"shape": shape, "location": "querystring", "locationName": name}
                for name, shape in (
                    ("includeDescription", "Boolean"),
                    ("maxResults", "MaxResults"),
                    ("nextToken", "Token"),
                )
            }
        ),
        "Listed": _structure(
            {
                "profilingGroupNames": {"shape": "Names"},
                "profilingGroups": {"shape": "Groups"},
                "nextToken": {"shape": "Token"},
            }
        ),
        "Status": _structure(
            {
                "latestAgentOrchestratedAt": {"shape": "Timestamp"},
                "latestAgentProfileReportedAt": {"shape": "Timestamp"},
            }
        ),
        "Group": _structure(
            {
                "name": {"shape": "ProfilingGroupName"},
                "arn": {"shape": "String"},
                "agentOrchestrationConfig": {"shape": "Orchestration"},
                "computePlatform": {"shape": "Platform"},
                "createdAt": {"shape": "Timestamp"},
                "updatedAt": {"shape": "Timestamp"},
                "profilingStatus": {"shape": "Status"},
                "tags": {"shape": "Map"},
            }
        ),
        "One": _structure({"profilingGroup": {"shape": "Group"}}, payload="profilingGroup"),
    },
}
