"""What only a store in DynamoDB has: its address, its table, S3 for what is large, and an end for what is settled."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from inbox import config
from inbox.cli import run
from inbox.errors import ConfigError, Failed, StoreError
from inbox.model import Mail, Raw, Row, new_id
from inbox.plugins import PluginError
from inbox.store import open_inline
from inbox.store.dynamodb import Place, create_table, open_dynamodb


def soon(seconds: float = 60) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def items(store) -> list[dict]:
    found = store._table.client.scan(TableName=store._table.name, ConsistentRead=True)["Items"]
    return [{name: next(iter(value.values())) for name, value in item.items()} for item in found]


def expiring(store) -> dict[str, bool]:
    """Which items may go one day, by the first word of their keys."""
    return {f"{item['pk'].partition('#')[0]} {item['sk'].partition('#')[0]}": "expires" in item for item in items(store)}


def worked(store, mail, plan, *outcomes):
    store.arrive(mail, "h1", soon())
    store.planned(mail, plan)
    for outcome in outcomes:
        store.settled(mail, outcome)
    return store.finish(mail, plan)


# the address


def test_an_address_says_table_bucket_and_days():
    place = Place.read("dynamodb://mails?raw=s3://bucket/some/prefix/&days=30&raw_days=7")
    assert (place.table, place.raw, place.retention.days, place.retention.raw_days) == ("mails", ("bucket", "some/prefix/"), 30, 7)
    assert Place.read("dynamodb://mails?raw=s3://bucket").raw == ("bucket", "")
    assert Place.read("dynamodb://mails?days=30").retention.raw_days == 30
    assert Place.read("dynamodb://mails").retention.days is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("dynamodb://", "names no table; write dynamodb://TABLE"),
        ("dynamodb://a b", "names no table"),
        ("dynamodb://mails/x", "names no table"),
        ("dynamodb://mails?day=30", "no option 'day'; it has raw, days and raw_days"),
        ("dynamodb://mails?days=3", "from 15 on"),
        ("dynamodb://mails?days=", "from 15 on"),
        ("dynamodb://mails?raw_days=0", "from 1 on"),
        ("dynamodb://mails?raw=bucket", "raw=s3://BUCKET/PREFIX"),
        ("dynamodb://mails?raw=s3://Bad_Bucket/x", "raw=s3://BUCKET/PREFIX"),
    ],
)
def test_a_wrong_address_is_refused_with_what_would_be_right(url, words):
    with pytest.raises(ConfigError, match=words):
        Place.read(url)


def test_the_setting_store_opens_it(aws, new_table, tmp_path):
    new_table("mails")
    settings = config.validate({"store": "dynamodb://mails", "aws": aws.settings})
    open_inline(settings).check()
    assert open_inline(config.validate({"store": str(tmp_path / "data")})).durability()
    assert open_inline(config.validate({})) is None


def test_plugins_bring_stores_of_other_kinds(tmp_path):
    (tmp_path / "memory.py").write_text(
        "from inbox import hookimpl\n@hookimpl\ndef register_stores(register):\n    register('memory', lambda url, settings: ('opened', url))\n"
    )
    settings = config.validate({"store": "memory://x", "plugins_dir": str(tmp_path)})
    assert open_inline(settings) == ("opened", "memory://x")
    with pytest.raises(ConfigError, match=r"no store of the kind 'postgres'; name a folder, or one of dynamodb://, memory://"):
        open_inline(settings.model_copy(update={"store": "postgres://x"}))
    with pytest.raises(PluginError, match="is not there"):
        open_inline(config.validate({"store": "memory://x", "plugins_dir": str(tmp_path / "none")}))


# the table


def test_a_table_is_made_once(aws, new_table):
    store = new_table("mails")
    assert not store.create()
    table = aws.client("dynamodb").describe_table(TableName="mails")["Table"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["DeletionProtectionEnabled"]
    ttl = aws.client("dynamodb").describe_time_to_live(TableName="mails")["TimeToLiveDescription"]
    assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "expires")


def test_a_table_that_is_not_there_is_an_error_that_can_go_away(aws, new_mail):
    store = open_dynamodb("dynamodb://mails", aws.settings)
    with pytest.raises(StoreError, match="no table 'mails' in us-east-1; make it with: inbox store create dynamodb://mails"):
        store.arrive(new_mail(key="ses:1"), "h1", soon())
    with pytest.raises(ConfigError, match="no table 'mails'"):
        store.check()


def test_a_table_of_somebody_else_is_left_alone(aws, new_mail):
    keys = [{"AttributeName": "id", "KeyType": "HASH"}]
    types = [{"AttributeName": "id", "AttributeType": "S"}]
    aws.client("dynamodb").create_table(TableName="theirs", KeySchema=keys, AttributeDefinitions=types, BillingMode="PAY_PER_REQUEST")
    store = open_dynamodb("dynamodb://theirs", aws.settings)
    with pytest.raises(ConfigError, match="'theirs' is not one of ours: it needs the keys pk and sk"):
        create_table("theirs", aws.client("dynamodb"))
    for call in (lambda: store.arrive(new_mail(key="ses:1"), "h1", soon()), lambda: store.receipt("x"), lambda: store.save_model("m", b"")):
        with pytest.raises(StoreError):
            call()
    assert aws.client("dynamodb").scan(TableName="theirs")["Count"] == 0


# octets


def test_a_large_mail_without_a_bucket_is_refused_with_the_remedy_and_nothing_is_kept(new_table, new_mail):
    store = new_table("mails", "")
    with pytest.raises(StoreError, match=r"70,000 octets is too large for the table; say where such go: dynamodb://mails\?raw=s3://BUCKET"):
        store.arrive(new_mail(key="ses:1", size=70_000), "h1", soon())
    assert items(store) == []


def test_a_bucket_that_is_not_there_keeps_nothing(aws, new_table, new_mail):
    store = new_table("mails", "raw=s3://nobodys")
    with pytest.raises(StoreError, match="NoSuchBucket"):
        store.arrive(new_mail(key="ses:1", size=70_000), "h1", soon())
    assert items(store) == []


def test_a_large_mail_lies_in_the_bucket_by_day_and_a_repeat_is_not_put_there_again(aws, new_table, new_mail):
    store, mail = new_table(), new_mail(key="ses:1", size=70_000)
    store.arrive(mail, "h1", soon())
    store.arrive(new_mail(key="ses:1", size=70_000), "h2", soon())
    (found,) = aws.client("s3").list_objects_v2(Bucket="mails")["Contents"]
    assert found["Key"] == f"large/{mail.received_at:%Y-%m-%d}/{mail.id}.eml"
    assert not [item for item in items(store) if item["sk"] == "z-raw"]


def test_a_mail_that_lies_in_a_bucket_already_is_only_named(aws, new_table, new_mail, tmp_path):
    store, mail = new_table(), new_mail(size=100_000)
    aws.client("s3").create_bucket(Bucket="ses")
    aws.client("s3").put_object(Bucket="ses", Key="mail/o3v", Body=mail.raw)
    (tmp_path / "o3v").write_bytes(mail.raw)
    there = Raw(mail.size, mail.sha256, path=tmp_path / "o3v", place="s3://ses/mail/o3v")
    store.arrive(replace(mail, content=there), "h1", soon())
    assert "Contents" not in aws.client("s3").list_objects_v2(Bucket="mails")
    assert store.mail(mail.id).content.place == "s3://ses/mail/o3v"
    assert store.mail(mail.id).raw == mail.raw


def test_octets_that_were_changed_or_removed_are_said_to_be(aws, new_table, new_mail):
    store, mail = new_table(), new_mail(key="ses:1", size=70_000)
    store.arrive(mail, "h1", soon())
    place = store.mail(mail.id).content.place.removeprefix("s3://mails/")
    aws.client("s3").put_object(Bucket="mails", Key=place, Body=b"x" * 70_000)
    with pytest.raises(StoreError, match="not those that were kept"):
        store.mail(mail.id).raw  # noqa: B018
    aws.client("s3").delete_object(Bucket="mails", Key=place)
    with pytest.raises(FileNotFoundError, match="only the receipt"):
        store.mail(mail.id).raw  # noqa: B018


def test_a_version_of_an_object_can_be_named(aws, new_table, new_mail):
    store, s3 = new_table(), aws.client("s3")
    s3.create_bucket(Bucket="ses")
    s3.put_bucket_versioning(Bucket="ses", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket="ses", Key="a?b", Body=b"first")["VersionId"]
    s3.put_object(Bucket="ses", Key="a?b", Body=b"second")
    raw = Raw(5, hashlib.sha256(b"first").hexdigest(), data=b"first", place=f"s3://ses/a?b?versionId={version}")
    mail = replace(new_mail(), content=raw)
    store.arrive(mail, "h1", soon())
    assert store.mail(mail.id).raw == b"first"


def test_a_row_that_is_too_large_is_refused(new_table, new_mail, new_plan, ended):
    store, mail = new_table(), new_mail(key="ses:1")
    store.arrive(mail, "h1", soon())
    store.planned(mail, new_plan({}))
    with pytest.raises(Failed, match="too large for an item"):
        store.settled(mail, ended(1), Row("t", {"text": "\N{SNOWMAN}" * 150_000}))


# how long things are kept


def test_what_belongs_to_a_settled_mail_may_go_and_all_of_it(new_table, new_mail, new_plan, ended):
    store = new_table(query="days=30&raw_days=15")
    assert worked(store, new_mail(key="ses:1"), new_plan({}, {}), ended(0, "refused"), ended(1), ended(2)) == "settled"
    everything = ("key key", "mail mail", "mail plan", "mail step", "mail outcome", "mail z-raw")
    assert expiring(store) == dict.fromkeys(everything, True)
    left = {item["sk"]: int(item["expires"]) - datetime.now(UTC).timestamp() for item in items(store)}
    assert 29 < left["mail"] / 86_400 < 30.1
    assert 14 < left["z-raw"] / 86_400 < 15.1


@pytest.mark.parametrize("state", ["deferred", "dead", "held"])
def test_nothing_goes_of_a_mail_that_is_not_settled(new_table, new_mail, new_plan, ended, state):
    store = new_table(query="days=30")
    assert worked(store, new_mail(key="ses:1"), new_plan({}, {}), ended(1), ended(2, state)) != "settled"
    assert set(expiring(store).values()) == {False}


def test_nothing_goes_where_no_days_are_named(new_table, new_mail, new_plan, ended):
    store = new_table()
    assert worked(store, new_mail(key="ses:1"), new_plan({}), ended(1)) == "settled"
    assert set(expiring(store).values()) == {False}


def test_a_source_key_stays_as_long_as_one_of_its_mails_is_not_settled(new_table, new_mail, new_plan, ended):
    store, plan = new_table(query="days=30"), new_plan({})
    first, second = new_mail(key="ses:1", to=("a@x.test",)), new_mail(key="ses:1", to=("b@x.test",))
    worked(store, first, plan, ended(1))
    assert expiring(store)["key key"]
    store.arrive(second, "h1", soon())
    assert not expiring(store)["key key"], "there is something to do under it again"
    worked(store, second, plan, ended(1, "dead"))
    assert not expiring(store)["key key"]


def test_all_of_a_mail_that_does_not_fit_into_one_transaction_may_go(new_table, new_mail, new_plan, ended, monkeypatch):
    monkeypatch.setattr("inbox.store.dynamodb.journal.MOST", 6)
    store, plan = new_table(query="days=30"), new_plan({}, {}, {}, {}, {})
    assert worked(store, new_mail(key="ses:1"), plan, *(ended(n) for n in range(1, 6))) == "settled"
    assert set(expiring(store).values()) == {True}


# hands


def test_a_holder_that_finishes_too_late_leaves_the_mail_with_the_next(new_table, aws, new_mail, new_plan, ended):
    late, following = new_table(), open_dynamodb("dynamodb://inbox?raw=s3://mails/large", aws.settings)
    mail, plan = new_mail(key="ses:1"), new_plan({}, {})
    late.arrive(mail, "late", soon(-1))
    late.planned(mail, plan)
    late.settled(mail, ended(1))
    (claim,) = following.arrive(new_mail(key="ses:1"), "next", soon()).claims
    assert late.finish(mail, plan) == "waiting"
    assert following.arrive(new_mail(key="ses:1"), "third", soon()).busy == (mail.id,)
    following.settled(claim.mail, ended(2))
    assert following.finish(claim.mail, plan) == "settled"
    assert late.finish(mail, plan) == "settled"


# lists


def test_mails_are_listed_newest_first_and_by_state(new_table, new_mail, new_plan, ended):
    store, plan = new_table(), new_plan({})
    times = [soon(-3 * 86_400), *(soon(n) for n in range(-5, -1))]
    mails = [replace(new_mail(key=f"ses:{n}"), id=new_id(at.timestamp()), received_at=at) for n, at in enumerate(times)]
    old = mails[0]
    states = ["settled", "dead", "waiting", "quarantined"]
    for mail, state in zip(mails, ["done", "dead", "deferred", "held"], strict=False):
        assert worked(store, mail, plan, ended(1, state)) == states[mails.index(mail)]
    store.arrive(mails[4], "h1", soon())
    newest = [mail.id for mail in reversed(mails)]
    listed = [one.id for one in store.mails()]
    assert listed == [*newest[:4], old.id]
    assert [one.id for one in store.mails(limit=2)] == newest[:2]
    assert [one.id for one in store.mails(before=newest[1])] == [*newest[2:4], old.id]
    assert [[one.id for one in store.mails(state=state)] for state in states] == [[mail.id] for mail in mails[:4]]
    assert list(store.ids()) == listed[::-1]
    assert store.count(state="dead") == 1
    with pytest.raises(ConfigError, match="not by rule or label"):
        store.mails(rule="r")


def test_a_mail_that_was_judged_but_not_finished_waits(new_table, new_mail, new_plan):
    store, mail = new_table(), new_mail(key="ses:1")
    store.arrive(mail, "h1", soon())
    assert store.receipt(mail.id).state == "kept"
    store.planned(mail, new_plan({}))
    assert store.receipt(mail.id).state == "waiting"
    assert isinstance(store.mail(mail.id), Mail)


# the commands


@pytest.fixture
def inbox(aws, tmp_path, capfdbinary, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INBOX_AWS__ENDPOINT", aws.endpoint)

    def call(*arguments: str) -> tuple[int, bytes]:
        status = run(arguments)
        said = capfdbinary.readouterr()
        return status, said.out or said.err

    return call


def test_the_commands_make_a_table_and_show_what_is_in_it(inbox, new_mail, new_plan, ended):
    assert inbox("store", "create", "dynamodb://mails") == (0, b"dynamodb://mails is made\n")
    assert inbox("store", "create", "dynamodb://mails") == (0, b"dynamodb://mails is there\n")
    store = open_inline(config.load(flags={"store": "dynamodb://mails"}))
    mail = new_mail(key="ses:1")
    assert worked(store, mail, new_plan({"handler": "discard"}), ended(1)) == "settled"
    assert inbox("list", "--ids", "--store", "dynamodb://mails") == (0, f"{mail.id}\n".encode())
    assert inbox("raw", mail.id, "--store", "dynamodb://mails") == (0, mail.raw)
    status, said = inbox("show", mail.id, "--json", "--store", "dynamodb://mails")
    assert (status, json.loads(said)["state"], json.loads(said)["mail"]["id"]) == (0, "settled", mail.id)
    dead = new_mail(key="ses:2")
    worked(store, dead, new_plan({}), ended(1, "dead"))
    assert dead.id.encode() in inbox("dead", "list", "--store", "dynamodb://mails")[1]
    assert inbox("dead", "retry", "--all", "--store", "dynamodb://mails") == (0, b"1 mails\n")
    assert store.receipt(dead.id).state == "waiting"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("store", "create"), 2, b"say which: inbox store create dynamodb://TABLE"),
        (("store", "create", "postgres://x"), 2, b"names no table"),
        (
            ("list", "--store", "dynamodb://nobodys"),
            75,
            b"no table 'nobodys' in us-east-1; make it with: inbox store create dynamodb://nobodys",
        ),
        (("show", "x", "--store", "dynamodb://a b"), 2, b"names no table"),
    ],
)
def test_commands_say_what_is_wrong(inbox, arguments, status, words):
    found = inbox(*arguments)
    assert found[0] == status
    assert words in found[1]
    assert found[1].count(b"\n") == 1


# what it costs


@pytest.fixture
def requests(new_table):
    """A store that keeps mails for 30 days, and the names of the requests that it makes."""
    store, made = new_table(query="days=30"), []

    def note(model, **_):
        made.append(model.name)

    store._table.client.meta.events.register("before-call.dynamodb", note)
    yield store, made
    store._table.client.meta.events.unregister("before-call.dynamodb", note)


def test_a_mail_costs_as_many_requests_as_the_docs_say(requests, new_mail, new_plan, ended):
    store, made = requests
    mail, plan = new_mail(key="ses:1"), new_plan({}, {})
    store.arrive(mail, "h1", soon())
    store.planned(mail, plan)
    store.settled(mail, ended(1))
    store.settled(mail, ended(2), Row("t", {"a": 1}))
    store.finish(mail, plan)
    assert made == ["TransactWriteItems", "PutItem", "UpdateItem", "TransactWriteItems", "Query", "GetItem", "TransactWriteItems"]
    made.clear()
    store.arrive(new_mail(key="ses:1"), "h2", soon())
    assert made == ["TransactWriteItems", "GetItem", "BatchGetItem"], "a repeat"
    made.clear()
    store.memory().earlier("seen", "k", mail, timedelta(hours=1))
    assert made == ["BatchGetItem", "TransactWriteItems", "Query"]
