"""Receipt rule sets as the API of SES names them (version 2010-12-01): frozen, and nothing checked here (`reading` does).

Every field knows its name and its form in the API; what is left out there is None here, or the API's default.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any, ClassVar, Literal


def member(name: str, form: str = "text", *, default: Any = MISSING) -> Any:
    """A field with its name in the API and the form that `checks` reads; without a default it is required."""
    return dataclasses.field(default=default, metadata={"api": name, "form": form})


@dataclass(frozen=True, slots=True)
class S3Action:
    """Write the mail into a bucket, as `<prefix>/<id>`; `kms_key_arn`: encrypted by SES before it is stored."""

    kind: ClassVar[str] = "S3Action"
    bucket_name: str = member("BucketName")
    object_key_prefix: str | None = member("ObjectKeyPrefix", default=None)
    kms_key_arn: str | None = member("KmsKeyArn", default=None)
    topic_arn: str | None = member("TopicArn", default=None)
    iam_role_arn: str | None = member("IamRoleArn", default=None)

    @property
    def prefix(self) -> str:
        """The prefix as it stands in a key: empty, or with the slash that SES puts behind it."""
        prefix = self.object_key_prefix or ""
        return prefix if not prefix or prefix.endswith("/") else f"{prefix}/"


@dataclass(frozen=True, slots=True)
class SNSAction:
    """Publish the mail, up to 150 KB, with its content."""

    kind: ClassVar[str] = "SNSAction"
    topic_arn: str = member("TopicArn")
    encoding: Literal["UTF-8", "Base64"] = member("Encoding", "UTF-8|Base64", default="UTF-8")


@dataclass(frozen=True, slots=True)
class LambdaAction:
    """Call a function; with RequestResponse its answer may end the rule or the rule set."""

    kind: ClassVar[str] = "LambdaAction"
    function_arn: str = member("FunctionArn")
    invocation_type: Literal["Event", "RequestResponse"] = member("InvocationType", "Event|RequestResponse", default="Event")
    topic_arn: str | None = member("TopicArn", default=None)

    @property
    def waits(self) -> bool:
        return self.invocation_type == "RequestResponse"


@dataclass(frozen=True, slots=True)
class BounceAction:
    """Send a bounce; the rule goes on."""

    kind: ClassVar[str] = "BounceAction"
    smtp_reply_code: str = member("SmtpReplyCode", "code")
    message: str = member("Message")
    sender: str = member("Sender")
    status_code: str | None = member("StatusCode", "status", default=None)
    topic_arn: str | None = member("TopicArn", default=None)


@dataclass(frozen=True, slots=True)
class AddHeaderAction:
    """Add a header field for later actions."""

    kind: ClassVar[str] = "AddHeaderAction"
    header_name: str = member("HeaderName", "header-name")
    header_value: str = member("HeaderValue", "header-value")


@dataclass(frozen=True, slots=True)
class StopAction:
    """End the rule set for the mail."""

    kind: ClassVar[str] = "StopAction"
    scope: Literal["RuleSet"] = member("Scope", "RuleSet")
    topic_arn: str | None = member("TopicArn", default=None)


@dataclass(frozen=True, slots=True)
class WorkmailAction:
    """Deliver into a WorkMail organisation."""

    kind: ClassVar[str] = "WorkmailAction"
    organization_arn: str = member("OrganizationArn")
    topic_arn: str | None = member("TopicArn", default=None)


@dataclass(frozen=True, slots=True)
class ConnectAction:
    """Hand over to an Amazon Connect instance."""

    kind: ClassVar[str] = "ConnectAction"
    instance_arn: str = member("InstanceARN")
    iam_role_arn: str = member("IAMRoleARN")


Action = S3Action | SNSAction | LambdaAction | BounceAction | AddHeaderAction | StopAction | WorkmailAction | ConnectAction
ACTIONS: Mapping[str, type[Action]] = {
    made.kind: made
    for made in (S3Action, SNSAction, LambdaAction, BounceAction, AddHeaderAction, StopAction, WorkmailAction, ConnectAction)
}


@dataclass(frozen=True, slots=True)
class ReceiptRule:
    """One rule: for which recipients (none: for all), and what is done, in order."""

    name: str = member("Name", "name")
    enabled: bool = member("Enabled", "flag", default=False)
    tls_policy: Literal["Optional", "Require"] = member("TlsPolicy", "Optional|Require", default="Optional")
    recipients: tuple[str, ...] = member("Recipients", "recipients", default=())
    actions: tuple[Action, ...] = member("Actions", "actions", default=())
    scan_enabled: bool = member("ScanEnabled", "flag", default=False)


@dataclass(frozen=True, slots=True)
class ReceiptFilter:
    """An IP filter of the account."""

    name: str
    policy: Literal["Block", "Allow"]
    cidr: str


@dataclass(frozen=True, slots=True)
class ReceiptRuleSet:
    """The rules in their order. `filters` belong to the account, and `notes` are what the reader of the file must tell; both travel along."""

    name: str = "rule-set"
    rules: tuple[ReceiptRule, ...] = ()
    filters: tuple[ReceiptFilter, ...] = ()
    notes: tuple[Loss, ...] = ()


@dataclass(frozen=True, slots=True)
class Loss:
    """Something without an exact translation: what it is, and what we do instead. `action` counts from 1 within its rule, 0: the rule itself."""

    what: str
    instead: str
    rule: str | None = None
    action: int = 0

    @property
    def where(self) -> str:
        """`rule 'x', action 2`, or `the file`."""
        if self.rule is None:
            return "the file"
        return f"rule {self.rule!r}" + (f", action {self.action}" if self.action else "")

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.instead}" if self.instead else f"{self.where}: {self.what}"

    def to_dict(self) -> dict[str, Any]:
        return {"rule": self.rule, "action": self.action or None, "what": self.what, "instead": self.instead or None}


def to_api(value: Any) -> dict[str, Any]:
    """A rule or an action as the API has it, without what says nothing."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        item = getattr(value, field.name)
        if field.metadata["form"] == "actions":
            found["Actions"] = [{action.kind: to_api(action)} for action in item]
        elif item is not None:
            found[field.metadata["api"]] = list(item) if isinstance(item, tuple) else item
    return found
