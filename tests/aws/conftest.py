"""AWS on this machine (tests/aws_endpoint.py)."""

from aws_endpoint import aws, aws_endpoint

__all__ = ["aws", "aws_endpoint"]
