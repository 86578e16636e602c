"""AWS clients made again and again: the problem, and its repair."""

import boto3

WHERE = {"region_name": "eu-west-1", "aws_access_key_id": "k", "aws_secret_access_key": "s"}
CLIENT = boto3.client("s3", **WHERE)


def wasteful():
    boto3.client("s3", **WHERE)


def repaired():
    CLIENT.meta.service_model.operation_names
    CLIENT.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
