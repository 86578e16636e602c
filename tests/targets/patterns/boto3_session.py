"""AWS sessions made again and again: the problem, and its repair."""

import boto3

SESSION = boto3.session.Session(region_name="eu-west-1")


def wasteful():
    boto3.session.Session(region_name="eu-west-1")


def repaired():
    SESSION.region_name.upper()
