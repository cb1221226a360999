"""Replies: to whom and how often (RFC 3834, E01 to E06), and what a hostile mail cannot put into them (E10, E11, F11)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default

import pytest

from inbox.errors import RulesError
from inbox.handlers.reply_budget import same_sender
from inbox.metrics import Metrics
from inbox.model import new_id
from inbox.testing import MemoryNotes, make_mail

HI = {"reply": {"text": "Hello {{ from.name or 'you' }}\n"}}


def sent_message(outbox):
    (sent,) = outbox.sent
    return message_from_bytes(sent.raw, policy=default)


def test_a_reply_says_what_it_is_and_whom_it_answers(one_step, outbox):
    mail = make_mail(
        subject="Where is it?",
        headers={"From": "Alice <x@elsewhere.test>", "Reply-To": "y@elsewhere.test", "References": "<r1@s.test> <r2@s.test>"},
    )
    assert one_step(HI, mail).state == "done"
    message, (sent,) = sent_message(outbox), outbox.sent
    assert (sent.sender, sent.recipients) == (None, ("alice@example.org",))
    assert message["To"] == "alice@example.org" and message["From"] == "bob@example.com"
    assert message["Subject"] == "Re: Where is it?"
    assert message["Auto-Submitted"] == "auto-replied" and message["X-Inbox-Loop"] == "bob@example.com"
    assert message["In-Reply-To"] == "<test@example.org>" and message["References"] == "<r1@s.test> <r2@s.test> <test@example.org>"
    assert message["Message-ID"] == f"<{mail.id}.1.auto@example.com>"
    assert message.get_content().splitlines() == ["Hello Alice"]


def test_a_retry_has_the_same_message_id(inbox_for, rule, outbox):
    box, mail = inbox_for(rule(HI)), make_mail()
    box.process(mail)
    box.process(mail)
    assert len({message_from_bytes(sent.raw)["Message-ID"] for sent in outbox.sent}) == 1


def test_a_long_conversation_keeps_its_first_and_last_references(one_step, outbox):
    references = " ".join(f"<{n}@s.test>" for n in range(500))
    one_step(HI, make_mail(f"Message-ID: <own@s.test>\r\nReferences: {references}\r\n\r\nx".encode()))
    found = sent_message(outbox)["References"].split()
    assert len(found) == 20 and found[0] == "<0@s.test>" and found[-2:] == ["<499@s.test>", "<own@s.test>"]


NOT_ANSWERED = [
    ("null sender", {"sender": None}),
    ("mailer-daemon", {"sender": "mailer-daemon@s.test"}),
    ("owner-", {"sender": "owner-x@s.test"}),
    ("-request", {"sender": "x-request@s.test"}),
    ("noreply", {"sender": "noreply@s.test"}),
    ("automatic", {"headers": {"Auto-Submitted": "auto-replied (vacation)"}}),
    ("generated", {"headers": {"Auto-Submitted": "auto-generated"}}),
    ("list", {"headers": {"List-Id": "<x.s.test>"}}),
    ("bulk", {"headers": {"Precedence": "bulk"}}),
    ("our own", {"headers": {"X-Inbox-Loop": "bob@example.com"}}),
    ("our own, only its Message-ID is left", {"headers": {"Message-ID": "<06h0wv1ghbjyq6kxtpe4.1.auto@example.com>"}}),
    (
        "a conversation of three automatic replies",
        {"headers": {"References": " ".join(f"<06h0wv1ghbjyq6kxtpe{n}.1.auto@example.com>" for n in range(3))}},
    ),
]


@pytest.mark.parametrize("more", [more for _, more in NOT_ANSWERED], ids=[name for name, _ in NOT_ANSWERED])
def test_whom_a_program_must_not_answer_gets_nothing_and_the_receipt_says_why(one_step, outbox, more):
    outcome = one_step(HI, make_mail(**more))
    assert outcome.state == "done" and outcome.detail.startswith("not answered: ") and len(outcome.detail) > len("not answered: ")
    assert outbox.sent == []


def test_our_own_reply_is_not_answered_when_it_comes_back(one_step, outbox):
    one_step(HI)
    one_step(HI, make_mail(outbox.sent[0].raw, sender=None))
    one_step(HI, make_mail(outbox.sent[0].raw, sender="carol@example.org"))
    assert len(outbox.sent) == 1


# what answers a reply of ours


def answer_to(reply, after, **more):
    """An answer to one of our replies, by what the other side keeps of it, so long after the mail that was answered."""
    ours = message_from_bytes(reply.raw)["Message-ID"]
    return make_mail(
        headers={"In-Reply-To": ours, "Message-ID": f"<{after.total_seconds()}@example.org>"}, received_at=START + after, **more
    )


START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TWO_RULES = """
version: 1
domains: [example.com]
rules:
- {name: a, when: {subject: Hello}, do: [{reply: {text: x, every: 1h}}]}
- {name: b, when: {subject: {not: {is: Hello}}}, do: [{reply: {text: y, every: 1h}}]}
default: [discard]
"""


def first_mail():
    return replace(make_mail(), id=new_id(START.timestamp()), received_at=START)


def test_a_person_who_answers_our_reply_may_be_answered_once_a_window_over_all_rules(inbox_for, outbox):
    box = inbox_for(TWO_RULES)
    box.process(first_mail())
    details = []
    for minutes, subject in ((5, "Thanks"), (62, "Hello"), (130, "Hello")):
        details += [box.process(answer_to(outbox.sent[0], timedelta(minutes=minutes), subject=subject)).outcomes[0].detail]
    assert details == ["250 2.0.0 taken", "not answered: this sender answers our replies, and had one within 1 h", "250 2.0.0 taken"]


def test_what_answers_our_reply_quicker_than_a_person_can_is_not_answered(inbox_for, outbox):
    box = inbox_for(TWO_RULES)
    box.process(first_mail())
    outcome = box.process(answer_to(outbox.sent[0], timedelta(seconds=3), subject="Ticket 17")).outcomes[0]
    assert outcome.detail == "not answered: it answers a reply of ours within 10 s: a program wrote it"
    box.process(answer_to(outbox.sent[0], timedelta(minutes=2), subject="Ticket 17"))
    assert len(outbox.sent) == 2


# budgets


def many(box, count, sender, *, apart=timedelta(minutes=1), start=START):
    return [box.process(make_mail(sender=sender(n), received_at=start + n * apart)).outcomes[0].detail for n in range(count)]


def test_a_sender_is_answered_five_times_a_day_over_all_rules(inbox_for, rule, outbox):
    box = inbox_for(rule({"reply": {"text": "x", "every": "0s"}}))
    details = many(box, 7, lambda n: f"alice+{n}@example.org")
    assert len(outbox.sent) == 5 and details[-1] == "not answered: this sender had 5 replies within 1 d (per_sender)"
    many(box, 1, lambda _: "alice@example.org", start=START + timedelta(days=1, seconds=1))
    assert len(outbox.sent) == 6


@pytest.mark.parametrize(
    ("settings", "sender", "words"),
    [
        ({}, lambda n: f"u{n}@h{n}.example.org", "the domain of this sender had 100 replies within 1 h (per_domain)"),
        ({"in_all": "10/1h"}, lambda n: f"u@h{n}.test", "10 replies left within 1 h (in_all)"),
        ({"per_domain": "7/1h"}, lambda n: f"u{n}@example.org", "the domain of this sender had 7 replies within 1 h (per_domain)"),
    ],
)
def test_budgets_per_domain_and_in_all(inbox_for, rule, outbox, settings, sender, words):
    details = many(inbox_for(rule(HI), handlers={"reply": settings}), 120, sender, apart=timedelta(seconds=1))
    assert details.index(f"not answered: {words}") == len(outbox.sent) == int(words.split(" replies")[0].split()[-1])


def test_what_is_over_budget_is_counted_and_logged_without_addresses(inbox_for, rule, outbox, caplog):
    metrics = Metrics()
    box = inbox_for(rule({"reply": {"text": "x", "every": "0s"}}), handlers={"reply": {"per_sender": "2/1d"}})
    box.counter = metrics
    many(box, 5, lambda _: "alice@example.org")
    counted = {labels: by for name, labels, by in metrics.drain() if name == "inbox_replies_total"}
    assert counted == {'{"result":"sent"}': 2, '{"result":"over per_sender"}': 3}
    over = [record for record in caplog.records if record.message == "reply budget used up"]
    assert len(over) == 3 and over[0].levelname == "WARNING" and (over[0].budget, over[0].rule) == ("per_sender", "a")
    assert "alice" not in caplog.text


def test_budgets_can_be_lifted(inbox_for, rule, outbox):
    off = dict.fromkeys(("per_sender", "per_domain", "in_all"), "off")
    many(inbox_for(rule({"reply": {"text": "x", "every": "0s"}}), handlers={"reply": off}), 120, lambda _: "alice@example.org")
    assert len(outbox.sent) == 120


def test_a_reply_that_is_tried_again_takes_of_its_budget_once(inbox_for, rule, outbox):
    box = inbox_for(rule({"reply": {"text": "x", "every": "0s"}}), handlers={"reply": {"per_sender": "1/1d"}})
    mail, outbox.answer = make_mail(received_at=START), "451 4.3.0 busy"
    assert [box.process(mail).outcomes[0].state for _ in range(3)] == ["deferred"] * 3
    outbox.answer = "250 2.0.0 taken"
    assert [box.process(mail).outcomes[0].detail, len(outbox.sent)] == ["250 2.0.0 taken", 1]
    assert many(box, 1, lambda _: "alice@example.org", start=START + timedelta(minutes=1))[0].startswith(
        "not answered: this sender had 1 replies"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a@x.test", "A@X.test"),
        ("a+1@x.test", "a+2@x.test"),
        ("prvs=1234abc=a@x.test", "prvs=9999zzz=a@x.test"),
        ("SRS0=HHH=TT=x.test=a@fwd.test", "a@x.test"),
    ],
)
def test_a_mailbox_is_one_sender_whatever_its_addresses_carry(one, other):
    assert same_sender(one) == same_sender(other)


# vacation


@pytest.mark.parametrize(
    ("options", "day", "sent"),
    [
        ({"from_date": "2026-12-24", "until_date": "2026-12-31"}, "2026-12-23T23:59:59+00:00", False),
        ({"from_date": "2026-12-24", "until_date": "2026-12-31"}, "2026-12-24T00:00:00+00:00", True),
        ({"from_date": "2026-12-24", "until_date": "2026-12-31"}, "2026-12-31T23:59:59+00:00", True),
        ({"from_date": "2026-12-24", "until_date": "2026-12-31"}, "2027-01-01T00:00:00+00:00", False),
        ({"from_date": "2026-12-24", "timezone": "Europe/Berlin"}, "2026-12-23T23:30:00+00:00", True),
        ({"until_date": "2026-12-24", "timezone": "America/New_York"}, "2026-12-25T03:00:00+00:00", True),
    ],
)
def test_replies_have_a_first_and_a_last_day(one_step, outbox, options, day, sent):
    outcome = one_step({"reply": {"text": "x", **options}}, make_mail(received_at=datetime.fromisoformat(day)))
    assert bool(outbox.sent) == sent
    assert sent or outcome.detail in ("not answered: replies begin on 2026-12-24", "not answered: replies ended on 2026-12-31")


@pytest.mark.parametrize(
    ("headers", "more", "sent"),
    [
        ({"To": "bob@example.com"}, {}, True),
        ({"To": "x@s.test", "Cc": "Bob <BOB+news@example.com>"}, {}, True),
        ({"To": "team@example.com"}, {}, False),
        ({"To": "robert@example.com"}, {"addresses": ["robert@example.com"]}, True),
        ({"To": "undisclosed-recipients:;"}, {}, False),
    ],
)
def test_a_reply_only_to_mail_that_names_us(one_step, outbox, headers, more, sent):
    outcome = one_step({"reply": {"text": "x", "only_if_named": True, **more}}, make_mail(headers=headers))
    assert bool(outbox.sent) == sent
    assert sent or outcome.detail == "not answered: none of our addresses stands in To or Cc"


def test_rules_with_one_handle_answer_a_sender_once_for_all(inbox_for, outbox):
    box = inbox_for(TWO_RULES.replace("every: 1h", "handle: away"))
    for subject in ("Hello", "Other", "Hello"):
        box.process(make_mail(subject=subject))
    assert len(outbox.sent) == 1


@pytest.mark.parametrize("case", ["auto_replied", "precedence_bulk", "x_loop_self"])
def test_public_cases_are_not_answered(one_step, outbox, shared, case):
    one_step(HI, make_mail((shared / f"cases/eml/{case}.eml").read_bytes()))
    assert outbox.sent == []


def test_a_hundred_mails_of_one_sender_get_one_reply(inbox_for, rule, outbox):
    box = inbox_for(rule(HI))
    for number in range(100):
        outcome = box.process(make_mail(sender="Alice@example.org" if number % 2 else "alice@example.org")).outcomes[0]
    assert len(outbox.sent) == 1
    assert outcome.detail == "not answered: this sender had mail from us within 7 days, 0:00:00"


def test_after_the_time_has_passed_a_sender_is_answered_again(inbox_for, rule, outbox):
    box = inbox_for(rule({"reply": {"text": "x", "every": "1h"}}), memory=MemoryNotes())
    first = make_mail()
    box.process(first)
    box.process(replace(make_mail(), received_at=first.received_at + timedelta(hours=3)))
    assert len(outbox.sent) == 2


def test_mail_that_must_not_be_answered_does_not_use_up_the_one_reply(inbox_for, rule, outbox):
    box = inbox_for(rule(HI))
    box.process(make_mail(headers={"Auto-Submitted": "auto-generated"}))
    box.process(make_mail())
    assert len(outbox.sent) == 1


def test_a_reply_that_is_refused_for_now_is_tried_again(inbox_for, rule, outbox):
    box, mail = inbox_for(rule(HI)), make_mail()
    outbox.answer = "451 4.3.0 busy"
    assert box.process(mail).outcomes[0].state == "deferred"
    outbox.answer = "250 2.0.0 taken"
    assert box.process(mail).outcomes[0].state == "done"
    assert len(outbox.sent) == 1


@pytest.mark.parametrize(
    "case",
    ["subject_crlf_encoded", "from_name_crlf", "template_inject", "log_inject", "nul_in_header", "empty", "header_1mb", "encword_20k"],
)
def test_a_hostile_mail_is_answered_without_a_header_of_its_own(one_step, outbox, shared, case):
    template = {
        "reply": {"text": "{{ subject }}\n{{ from.name }}\n{{ text }}", "html": "<p>{{ subject }}</p>", "subject": "About {subject}"}
    }
    outcome = one_step(template, make_mail((shared / f"cases/eml/{case}.eml").read_bytes()))
    assert (outcome.state, len(outbox.sent)) == ("done", 1), outcome.detail
    known = [
        "Date",
        "From",
        "To",
        "Subject",
        "Message-ID",
        "In-Reply-To",
        "References",
        "Auto-Submitted",
        "X-Auto-Response-Suppress",
        "X-Inbox-Loop",
    ]
    raw = outbox.sent[0].raw
    names = [name for name in message_from_bytes(raw) if name not in ("In-Reply-To", "References")]
    assert names == [name for name in known if name not in ("In-Reply-To", "References")] + ["MIME-Version", "Content-Type"]
    assert b"\n" not in raw.replace(b"\r\n", b"") and b"\0" not in raw


def test_what_a_mail_holds_is_never_rendered(one_step, outbox, shared):
    one_step({"reply": {"text": "{{ subject }}|{{ text }}"}}, make_mail((shared / "cases/eml/template_inject.eml").read_bytes()))
    content = sent_message(outbox).get_content()
    assert "{{7*7}} ${7*7} %(x)s {0.__class__}|{% for i in range(10**9) %}x{% endfor %}" in content


def test_a_template_file_beside_the_rules_is_used(one_step, outbox, tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/ack.md").write_text("Danke, {{ from }}: {{ header['X-Order'] }} {{ recipient }}\n")
    one_step({"reply": {"template": "templates/ack.md"}}, make_mail(headers={"X-Order": "17"}))
    assert sent_message(outbox).get_content().strip() == "Danke, alice@example.org: 17 bob@example.com"


def test_captures_and_set_values_are_names_in_a_template(inbox_for, outbox):
    box = inbox_for(r"""
version: 1
domains: [example.com]
rules:
- name: a
  when: {subject: {matches: 'order (?P<order>\d+)'}}
  set: {team: "refunds of {order}"}
  do: [{reply: {text: "{{ order }} goes to {{ team }}"}}]
default: [discard]
""")
    box.process(make_mail(subject="order 17"))
    assert sent_message(outbox).get_content().strip() == "17 goes to refunds of 17"


def test_a_name_that_does_not_exist_fails_the_step_alone(inbox_for, rule, outbox):
    receipt = inbox_for(rule({"reply": {"text": "{{ no_such_name }}"}}).replace('"}}]', '"}}, {store: {}}]')).process(make_mail())
    assert [outcome.state for outcome in receipt.outcomes] == ["dead", "done"]
    assert receipt.outcomes[0].detail == "template: there is no fact, capture or set value 'no_such_name'"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "either a template or a text"),
        ({"text": "x", "template": "t.md"}, "either a template or a text|is not there"),
        ({"text": "{{ ''.__class__ }}"}, "is no part of a value"),
        ({"text": "{% include '/etc/passwd' %}"}, "line 1: include"),
        ({"text": "x", "html": "{{ x|nosuch }}"}, "html: template"),
        ({"text": "x", "subject": "a\r\nBcc: x"}, "subject is one line"),
        ({"text": "x", "from": "nobody"}, "not an address"),
        ({"template": "missing.md"}, "is not there"),
        ({"text": "x", "every": "soon"}, "every"),
        ({"text": "x", "from_date": "24.12.2026"}, "from_date: '24.12.2026' is no date; write 2026-12-24"),
        ({"text": "x", "from_date": "2026-12-24", "until_date": "2026-12-01"}, "until_date 2026-12-01 is before from_date"),
        ({"text": "x", "timezone": "Berlin"}, "there is no 'Berlin'"),
        ({"text": {"de": "x"}}, "needs 'default'"),
        ({"text": {"German": "x", "default": "x"}}, "'German' is no language"),
        ({"text": {"de": "{% include 'x' %}", "default": "x"}}, "line 1: include"),
        ({"template": {"default": "missing.md"}}, "template missing.md is not there"),
    ],
)
def test_what_is_found_at_load(inbox_for, rule, options, words):
    with pytest.raises(RulesError, match=words):
        inbox_for(rule({"reply": options}))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"per_sender": "five"}, "per_sender: 'five' is no rate"),
        ({"per_sendr": "5/1d"}, "has no setting 'per_sendr'; it has per_sender, per_domain, in_all"),
        ({"in_all": "20000/1d"}, "20000 is too many to remember"),
    ],
)
def test_settings_of_budgets_are_checked_at_load(inbox_for, rule, settings, words):
    with pytest.raises(RulesError, match=words):
        inbox_for(rule(HI), handlers={"reply": settings})


# languages


def written_in(headers):
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return make_mail(f"From: alice@example.org\r\nSubject: Hello\r\n{fields}\r\n?\r\n".encode())


TEXTS = {"text": {"de": "Guten Tag", "pt": "Oi", "pt-br": "Opa", "default": "Hello"}}


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({}, "Hello"),
        ({"Content-Language": "de-DE"}, "Guten Tag"),
        ({"Accept-Language": "fr;q=0.9, de;q=0.5, en;q=0.1"}, "Guten Tag"),
        ({"Accept-Language": "pt-BR, de;q=0.5"}, "Opa"),
        ({"Accept-Language": "pt-PT"}, "Oi"),
        ({"Accept-Language": "de;q=0, *"}, "Hello"),
        ({"Accept-Language": ";;;,,q=1,de;q=x"}, "Hello"),
        ({"Content-Language": "de", "Accept-Language": "pt"}, "Guten Tag"),
    ],
)
def test_the_text_in_the_language_that_the_mail_declares(one_step, outbox, headers, wanted):
    one_step({"reply": TEXTS}, written_in(headers))
    assert sent_message(outbox).get_content().strip() == wanted


@pytest.mark.parametrize(
    ("text", "declared", "wanted"),
    [
        ("Wo ist mein Paket? Ich warte nun schon eine Woche auf die Lieferung.", "", "Guten Tag"),
        ("Wo ist mein Paket? Ich warte nun schon eine Woche auf die Lieferung.", "Content-Language: pt-BR\r\n", "Guten Tag"),
        ("Minha encomenda ainda não chegou, você pode me ajudar?", "Accept-Language: en, pt-BR;q=0.4\r\n", "Opa"),
        ("Where is my parcel? I have waited for a week and it is not here.", "Content-Language: de\r\n", "Hello"),
    ],
)
def test_the_language_of_the_text_counts_more_than_what_is_declared(one_step, outbox, text, declared, wanted):
    one_step(
        {"reply": TEXTS},
        make_mail(f"From: alice@example.org\r\nSubject: x\r\nContent-Type: text/plain; charset=utf-8\r\n{declared}\r\n{text}".encode()),
    )
    assert sent_message(outbox).get_content().strip() == wanted


def test_template_files_by_language(one_step, outbox, tmp_path):
    for name in ("de", "en"):
        (tmp_path / f"{name}.md").write_text(f"in {name}: {{{{ subject }}}}")
    mail = written_in({"Content-Language": "de"})
    one_step({"reply": {"template": {"de": "de.md", "default": "en.md"}}}, mail)
    assert sent_message(outbox).get_content().strip() == "in de: Hello"
    assert (outbox.sent[0].about.template, outbox.sent[0].about.mail) == ("de", mail.id)


# variants

ACK = """---
subject: About {{ subject }}
from: Desk <desk@example.com>
html: "<p>{{ subject }}</p>"
variants:
  short: {text: "Got it."}
  long: {text: "Dear {{ from }}, we have your mail.", subject: "We have it"}
---
"""


def test_each_sender_keeps_a_variant_and_its_name_goes_with_the_letter(inbox_for, rule, outbox, tmp_path):
    (tmp_path / "ack.md").write_text(ACK)
    box = inbox_for(rule({"reply": {"template": "ack.md", "every": "0s"}}))
    for n in range(40):
        box.process(make_mail(sender=f"u{n % 20}@h{n % 20}.test", received_at=START + n * timedelta(minutes=1)))
    found = [(sent.recipients[0], sent.about.variant, message_from_bytes(sent.raw, policy=default)) for sent in outbox.sent]
    assert len({(sender, variant) for sender, variant, _ in found}) == 20
    assert {variant for _, variant, _ in found} == {"short", "long"}
    assert {(sent.about.template, sent.about.experiment) for sent in outbox.sent} == {("ack", "ack")}
    for sender, variant, message in found:
        text = message.get_body(("plain",)).get_content().strip()
        assert (message["Subject"], text) == (
            ("About Hello", "Got it.") if variant == "short" else ("We have it", f"Dear {sender}, we have your mail.")
        )
        assert message["From"] == "Desk <desk@example.com>" and message.get_body(("html",)).get_content().strip() == "<p>Hello</p>"


def test_options_of_the_rule_win_over_front_matter(one_step, outbox, tmp_path):
    (tmp_path / "ack.md").write_text(ACK)
    one_step({"reply": {"template": "ack.md", "from": "bob@example.com", "subject": "Mine", "html": "<b>x</b>"}})
    message = sent_message(outbox)
    assert (message["From"], message["Subject"], message.get_body(("html",)).get_content().strip()) == (
        "bob@example.com",
        "Mine",
        "<b>x</b>",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("---\nsubjct: x\n---\nx", "there is no 'subjct'"),
        ("---\nsubject: '{{ x|nosuch }}'\n---\nx", "there is no filter 'nosuch'"),
        ("---\nvariants: {a: {text: '{% include \"x\" %}'}}\n---\nx", "include is not for templates"),
    ],
)
def test_mistakes_of_a_template_file_are_found_at_load(inbox_for, rule, tmp_path, text, words):
    (tmp_path / "ack.md").write_text(text)
    with pytest.raises(RulesError, match=words):
        inbox_for(rule({"reply": {"template": "ack.md"}}))
