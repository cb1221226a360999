"""Random receipt rule sets and recipients."""

from __future__ import annotations

from hypothesis import strategies as st

from inbox.receipt_rules.model import (
    AddHeaderAction,
    BounceAction,
    LambdaAction,
    ReceiptRule,
    ReceiptRuleSet,
    S3Action,
    SNSAction,
    StopAction,
)

DOMAINS = ("example.com", ".example.com", "sub.example.com", "example.org")
ADDRESSES = ("a@example.com", "a+x@example.com", "b@example.com", "c@sub.example.com", "d@deep.sub.example.com", "e@example.org")
TOPIC = "arn:aws:sns:us-east-1:123456789012:inbound"
OTHER_TOPIC = "arn:aws:sns:us-east-1:123456789012:alerts"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:Gate"
PEOPLE = (*ADDRESSES, "B@Example.COM", "a+y@example.com", "f@other.example.org", "g@deep.sub.example.com")

topics = st.sampled_from([None, TOPIC, OTHER_TOPIC])
S3 = st.builds(
    S3Action, st.sampled_from(["inbound-mail", "archive.bucket"]), st.sampled_from([None, "mail", "mail/", "a{b}/c"]), topic_arn=topics
)
SNS = st.builds(SNSAction, st.sampled_from([TOPIC, OTHER_TOPIC]), st.sampled_from(["UTF-8", "Base64"]))
ASYNC = st.builds(LambdaAction, st.just(FUNCTION), topic_arn=topics)
WAITING = st.builds(LambdaAction, st.just(FUNCTION), st.just("RequestResponse"), topics)
HEADER = st.builds(AddHeaderAction, st.sampled_from(["X-Route", "X-Team"]), st.sampled_from(["support", "a b", "100%"]))
BOUNCE = st.builds(
    BounceAction,
    st.sampled_from(["550", "450"]),
    st.sampled_from(["Mailbox does not exist", "Try again"]),
    st.just("mailer-daemon@example.com"),
    st.none(),
    topics,
)
STOP = st.builds(StopAction, st.just("RuleSet"), topics)


def rules(actions: st.SearchStrategy) -> st.SearchStrategy:
    """Rules whose actions are some of these, and perhaps a Stop at the end."""
    stop = st.lists(STOP, max_size=1)
    return st.builds(
        lambda enabled, tls, recipients, actions, stop: ReceiptRule("r", enabled, tls, tuple(recipients), (*actions, *stop)),
        st.sampled_from([True, True, True, False]),
        st.sampled_from(["Optional", "Optional", "Require"]),
        st.lists(st.sampled_from([*DOMAINS, *ADDRESSES]), max_size=3, unique=True),
        st.lists(actions, max_size=3),
        stop,
    )


def rule_sets(actions: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(rules(actions), max_size=6).map(
        lambda found: ReceiptRuleSet(
            "set", tuple(ReceiptRule(f"rule-{n}", r.enabled, r.tls_policy, r.recipients, r.actions) for n, r in enumerate(found))
        )
    )


recipients = st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=4, unique=True)
ALL_DOMAINS = ("example.com", ".example.com", "example.org", ".example.org")
