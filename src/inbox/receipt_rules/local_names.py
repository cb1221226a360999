"""Names for what a template makes, where there is no AWS to make them up: those of the resources, in the region and account of this machine."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

ACCOUNT = "000000000000"
"""The account of stand-ins for AWS that know none."""

STACK = "local"


def pseudo_parameters(region: str, account: str = ACCOUNT) -> dict[str, str]:
    """What CloudFormation itself knows: `AWS::Region` and its kin."""
    return {
        "AWS::Region": region,
        "AWS::AccountId": account,
        "AWS::Partition": "aws",
        "AWS::URLSuffix": "amazonaws.com",
        "AWS::StackName": STACK,
    }


def local_names(template: Any, region: str, account: str = ACCOUNT) -> dict[str, str]:
    """References to resources of a template and what they stand for here, as far as AWS would make the name up: buckets, topics, functions.

    A function is called as its resource is, as `sam local start-lambda` has it; a bucket too, in small letters.
    """
    resources = template.get("Resources") if isinstance(template, dict) else None
    if not isinstance(resources, dict):
        return {}
    found: dict[str, str] = {}
    for key, about in resources.items():
        if isinstance(about, dict) and (name := _NAMES.get(str(about.get("Type")))):
            properties = about.get("Properties")
            found.update(name(str(key), properties if isinstance(properties, dict) else {}, region, account))
    return found


def _bucket(key: str, properties: Mapping[str, Any], _region: str, _account: str) -> Iterator[tuple[str, str]]:
    name = re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-").ljust(3, "0")[:63]
    if "BucketName" not in properties:
        yield key, name
        yield f"{key}.Arn", f"arn:aws:s3:::{name}"


def _topic(key: str, properties: Mapping[str, Any], region: str, account: str) -> Iterator[tuple[str, str]]:
    yield key, f"arn:aws:sns:{region}:{account}:{_given(properties, 'TopicName', key)}"
    yield f"{key}.TopicArn", f"arn:aws:sns:{region}:{account}:{_given(properties, 'TopicName', key)}"


def _function(key: str, properties: Mapping[str, Any], region: str, account: str) -> Iterator[tuple[str, str]]:
    name = _given(properties, "FunctionName", key)
    yield key, name
    yield f"{key}.Arn", f"arn:aws:lambda:{region}:{account}:function:{name}"


def _given(properties: Mapping[str, Any], name: str, otherwise: str) -> str:
    """A name that the template says in so many words."""
    value = properties.get(name)
    return value if isinstance(value, str) and "${" not in value else otherwise


_NAMES: Mapping[str, Callable[[str, Mapping[str, Any], str, str], Iterator[tuple[str, str]]]] = {
    "AWS::S3::Bucket": _bucket,
    "AWS::SNS::Topic": _topic,
    "AWS::Lambda::Function": _function,
    "AWS::Serverless::Function": _function,
}
