"""The first page taken for the whole."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

MORE = (
    "describe_alarms",
    "list_metrics",
    "describe_images",
    "describe_security_groups",
    "describe_subnets",
    "describe_vpcs",
    "describe_network_interfaces",
    "describe_addresses",
    "describe_instance_status",
    "describe_auto_scaling_groups",
    "list_rules",
    "list_targets_by_rule",
    "describe_load_balancers",
    "describe_target_groups",
    "list_streams",
    "list_subscriptions_by_topic",
    "list_state_machines",
    "list_executions",
    "list_jobs",
    "list_backups",
    "list_user_pools",
    "list_identities",
    "list_distributions",
    "list_groups",
    "list_policies",
    "list_attached_role_policies",
    "list_role_policies",
    "list_instance_profiles",
    "list_access_keys",
    "list_certificates",
    "list_repositories",
    "list_tasks",
    "list_services",
    "list_task_definitions",
    "describe_file_systems",
    "list_pipelines",
    "list_projects",
    "list_builds",
    "list_layers",
    "list_event_source_mappings",
    "list_versions_by_function",
    "describe_db_snapshots",
    "describe_db_clusters",
    "describe_cache_clusters",
    "describe_clusters",
    "list_accounts",
    "list_parents",
    "list_object_versions",
    "list_multipart_uploads",
    "list_parts",
    "get_log_events",
    "describe_events",
    "describe_scaling_activities",
    "list_stack_resources",
    "describe_stack_events",
    "list_exports",
    "get_resources",
    "list_domains",
    "list_databases",
    "get_databases",
    "get_tables",
    "get_partitions",
    "lookup_events",
    "list_aliases",
    "list_grants",
    "list_endpoints",
    "list_training_jobs",
    "list_models",
    "list_findings",
    "get_findings",
    "list_health_checks",
    "list_virtual_mfa_devices",
    "list_server_certificates",
)
PAGED: dict[str, tuple[str, ...]] = {
    "list_objects_v2": ("ContinuationToken", "NextContinuationToken", "IsTruncated", "MaxKeys"),
    "list_objects": ("Marker", "NextMarker", "IsTruncated", "MaxKeys"),
    "scan": ("ExclusiveStartKey", "LastEvaluatedKey", "Limit", "Segment"),
    "query": ("ExclusiveStartKey", "LastEvaluatedKey", "Limit", "Select"),
    "list_users": ("Marker", "IsTruncated", "PaginationToken", "NextToken"),
    "list_roles": ("Marker", "IsTruncated"),
    "list_functions": ("Marker", "NextMarker"),
    "list_tables": ("ExclusiveStartTableName", "LastEvaluatedTableName"),
    "describe_instances": ("NextToken", "InstanceIds", "MaxResults"),
    "describe_snapshots": ("NextToken", "SnapshotIds", "MaxResults"),
    "describe_volumes": ("NextToken", "VolumeIds", "MaxResults"),
    "describe_log_groups": ("nextToken", "limit"),
    "describe_log_streams": ("nextToken", "limit"),
    "filter_log_events": ("nextToken", "limit"),
    "list_topics": ("NextToken",),
    "list_subscriptions": ("NextToken",),
    "list_queues": ("NextToken", "MaxResults"),
    "list_secrets": ("NextToken", "MaxResults"),
    "get_parameters_by_path": ("NextToken", "MaxResults"),
    "describe_parameters": ("NextToken", "MaxResults"),
    "list_stacks": ("NextToken",),
    "describe_stacks": ("NextToken", "StackName"),
    "list_clusters": ("nextToken", "NextToken"),
    "describe_db_instances": ("Marker", "DBInstanceIdentifier"),
    "list_hosted_zones": ("Marker", "IsTruncated"),
    "list_resource_record_sets": ("StartRecordName", "IsTruncated", "MaxItems"),
    **dict.fromkeys(
        MORE,
        (
            "NextToken",
            "nextToken",
            "Marker",
            "NextMarker",
            "IsTruncated",
            "PaginationToken",
            "MaxResults",
            "maxResults",
            "MaxItems",
            "MaxRecords",
            "Limit",
        ),
    ),
    "list_keys": ("Marker", "Truncated"),
}


class MissingPagination(Rule):
    """Only the first page of an AWS answer is read.

    Operations that list things answer with a page, often 50 to 1,000 items or 1 MB, and a token for the next one. Code that does not
    ask for the rest works in tests and silently loses data as soon as there is more.

    Use a paginator, `client.get_paginator("list_objects_v2").paginate(...)`, or ask again while the answer holds a token.
    """

    severity = Severity.MEDIUM
    aliases = ("python/missing-pagination@v1.0",)
    triggers = ("boto3",)
    fix = Applicability.SUGGESTED
    fix_title = "Read all pages"
    noncompliant = (
        """
        import boto3

        s3 = boto3.client("s3")

        def names(bucket):
            answer = s3.list_objects_v2(Bucket=bucket)  # finding
            return [item["Key"] for item in answer["Contents"]]
        """,
        """
        import boto3

        def everyone():
            table = boto3.resource("dynamodb").Table("users")
            return table.scan()["Items"]  # finding
        """,
    )
    compliant = (
        """
        import boto3

        s3 = boto3.client("s3")

        def names(bucket):
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                yield from page["Contents"]
        """,
        """
        import boto3

        table = boto3.resource("dynamodb").Table("users")

        def everyone():
            answer = table.scan()
            items = answer["Items"]
            while "LastEvaluatedKey" in answer:
                answer = table.scan(ExclusiveStartKey=answer["LastEvaluatedKey"])
                items += answer["Items"]
            return items
        """,
        """
        import boto3

        ec2 = boto3.client("ec2")

        def one(identifier):
            return ec2.describe_instances(InstanceIds=[identifier])

        def some():
            return boto3.client("s3").list_objects_v2(Bucket="b", MaxKeys=1)
        """,
        """
        def search(index, words):
            return index.query(words), index.scan()
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls("boto3.*"):
            name = (module.qualified_name(call.func) or "").rpartition(".")[2]
            words = PAGED.get(name)
            if words is None or any(keyword.arg is None or keyword.arg in words for keyword in call.keywords):
                continue
            around: ast.AST = module.enclosing_function(call) or module.tree
            if not any(word in _words(around) for word in words) and not _is_handed_on(module, call):
                message = f"`{name}` answers with one page; the rest is never asked for. Use a paginator or follow the token."
                yield self.finding(module, call, message)

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        if not isinstance(node.func, cst.Attribute) or any(arg.keyword is None for arg in node.args):
            return None
        name, client = node.func.attr.value, node.func.value
        target = repair.target
        owner = repair.module.qualified_name(target.func) if isinstance(target, ast.Call) else None
        if owner is None or not owner.startswith("boto3.client()."):
            return None
        paginator = cst.Call(
            cst.Attribute(client, cst.Name("get_paginator")), [cst.Arg(cst.SimpleString(f'"{name}"'))]
        )
        pages = node.with_changes(func=cst.Attribute(paginator, cst.Name("paginate")))
        return cst.Call(cst.Attribute(pages, cst.Name("build_full_result")))


def _words(node: ast.AST) -> set[str]:
    """Keys and keyword names used in the function around the call."""
    found = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            found.add(inner.value)
        elif isinstance(inner, ast.keyword) and inner.arg:
            found.add(inner.arg)
    return found


def _is_handed_on(module: Module, call: ast.Call) -> bool:
    """Whether the whole answer goes to the caller, who may ask for more."""
    return isinstance(module.parent(call), (ast.Return, ast.Lambda))
