"""AWS resources made again and again: the problem, and its repair."""

import boto3

WHERE = {"region_name": "eu-west-1", "aws_access_key_id": "k", "aws_secret_access_key": "s"}
RESOURCE = boto3.resource("sqs", **WHERE)


def wasteful():
    boto3.resource("sqs", **WHERE)


def repaired():
    RESOURCE.Queue("https://sqs.example.com/1/q").url
