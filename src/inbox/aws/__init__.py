"""AWS from Python: clients and what their errors mean. Plugins may use it too. Needs the extra `aws`."""

from inbox.aws.clients import client
from inbox.aws.failures import AwsDenied, AwsError, AwsMissing, calling

__all__ = ["AwsDenied", "AwsError", "AwsMissing", "calling", "client"]
