"""What an error of AWS means for a step: almost all can go away (throttling, a policy that is mended, a bucket that is made), so they are
deferred; only what the request itself says wrongly is given up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from inbox.errors import Deferred, Failed

_DENIED = frozenset(
    (
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestTimeTooSkewed",
        "RequestExpired",
    )
)
_MISSING = frozenset(
    (
        "NoSuchKey",
        "NoSuchBucket",
        "NoSuchVersion",
        "404",
        "NotFound",
        "NotFoundException",
        "ResourceNotFoundException",
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
    )
)
_HOPELESS = frozenset(
    (
        "InvalidParameter",
        "InvalidParameterValue",
        "InvalidParameterValueException",
        "ParameterValueInvalid",
        "ValidationError",
        "ValidationException",
        "InvalidRequestContentException",
        "RequestTooLargeException",
        "RequestEntityTooLarge",
        "EntityTooLarge",
        "MessageRejected",
        "InvalidMessageContents",
        "InvalidArgument",
        "MalformedPolicy",
        "KeyTooLongError",
    )
)


class AwsError(Deferred):
    """A call to AWS failed and may succeed later. `code`: AWS's word; `call`: what was asked of what."""

    def __init__(self, call: str, code: str, detail: str) -> None:
        super().__init__(f"{call}: {code}: {detail}")
        self.call, self.code = call, code


class AwsDenied(AwsError):
    """The call is not allowed (policy, credentials, a clock that is wrong)."""


class AwsMissing(AwsError):
    """The bucket, object, topic, queue, function or table is not there (yet)."""


@contextmanager
def calling(call: str) -> Iterator[None]:
    """Around calls of a boto3 client: AwsDenied, AwsMissing, AwsError (all Deferred), or Failed for a request that can never succeed.

    `call`: what is asked, with the name of the thing: `s3:GetObject inbound-mail/mail/o3v…`; it stands in the error.
    """
    try:
        from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError  # noqa: PLC0415  an extra
    except ImportError:
        yield
        return
    try:
        yield
    except ClientError as error:
        raise _translated(call, error) from None
    except ParamValidationError as error:
        raise Failed(f"{call}: {error}") from None
    except BotoCoreError as error:
        raise AwsError(call, type(error).__name__, str(error)) from None


def _translated(call: str, error: Any) -> Exception:
    about = error.response.get("Error", {})
    code, detail = str(about.get("Code", "unknown")), str(about.get("Message", ""))
    if code in _DENIED or error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 403:
        remedy = "set the clock" if "Skew" in code else "its policy must allow this call to these credentials"
        return AwsDenied(call, code, f"{detail} ({remedy})")
    if code in _MISSING:
        return AwsMissing(call, code, detail)
    if code in _HOPELESS:
        return Failed(f"{call}: {code}: {detail}")
    return AwsError(call, code, detail)
