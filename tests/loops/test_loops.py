"""Installations and foreign programs write to each other under random rules: it ends, always, and the number of mails has a bound.

The bound stands in docs/replies.md. `LOOP_EXAMPLES=5000` looks longer.
"""

from __future__ import annotations

import os
from datetime import timedelta

from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st

from inbox.options import seconds
from loops.world import MOST_FOREIGN, Bouncer, Installation, MailingList, Responder, World, first_mails

EXAMPLES = int(os.environ.get("LOOP_EXAMPLES", "150"))
MOST = 10_000
TRACES = (
    "auto-submitted",
    "x-inbox-loop",
    "x-auto-response-suppress",
    "message-id",
    "in-reply-to",
    "references",
    "received",
    "null sender",
)
ADDRESSES = {
    "a": "desk@a.test", "b": "desk@b.test", "c": "desk@c.test", "d": "desk@d.test", "e": "desk@e.test", "f": "desk@f.test",
}  # fmt: skip
FOREIGN = ("robot0@robot.test", "mail@bouncer.test", "list@list.test")
delays = st.integers(0, 120).map(lambda number: timedelta(seconds=number))
strips = st.frozensets(st.sampled_from(TRACES)) | st.just(frozenset(TRACES)) | st.just(frozenset())
targets = st.sampled_from((*ADDRESSES.values(), *FOREIGN, "alice@people.test"))


@st.composite
def replies(draw):
    options = {"text": "We have it: {{ subject }}", "every": draw(st.sampled_from(("0s", "1m", "1h", "7d")))}
    if draw(st.booleans()):
        options["handle"] = "away"
    if draw(st.booleans()):
        options |= {"from_date": "2026-11-24", "only_if_named": draw(st.booleans())}
    return {"reply": options}


forwards = st.lists(targets, min_size=1, max_size=3, unique=True).map(lambda to: {"forward": {"to": to}})


@st.composite
def installations(draw, name):
    steps = [[draw(replies() | forwards)] for _ in range(draw(st.integers(1, 3)))]
    own = ADDRESSES[name]
    for rule in steps:
        for step in rule:
            if "forward" in step:
                step["forward"]["to"] = [to for to in step["forward"]["to"] if to != own] or ["alice@people.test"]
    budgets = {
        "per_sender": draw(st.sampled_from(("1/1d", "3/1d", "5/1d"))),
        "per_domain": draw(st.sampled_from(("5/1h", "10/1h", "100/1h"))),
        "in_all": draw(st.sampled_from(("10/1h", "30/1h", "100/1h"))),
    }
    return Installation(f"{name}.test", steps, budgets, draw(strips), draw(delays))


@st.composite
def worlds(draw):
    world = World()
    for name in "abcdef"[: draw(st.integers(1, 6))]:
        world.peers[f"{name}.test"] = draw(installations(name))
    to = st.sampled_from(("envelope", "from", "reply-to"))
    if draw(st.booleans()):
        world.peers["robot.test"] = Responder(
            "robot.test",
            draw(to),
            draw(st.sampled_from(("own", "fresh", "null"))),
            draw(st.booleans()),
            draw(st.integers(1, 2)),
            draw(delays),
        )
    if draw(st.booleans()):
        world.peers["bouncer.test"] = Bouncer("bouncer.test", draw(to), draw(st.booleans()), draw(delays))
    if draw(st.booleans()):
        members = tuple(draw(st.lists(targets, min_size=1, max_size=3, unique=True)))
        world.peers["list.test"] = MailingList(
            "list.test",
            members,
            draw(strips),
            draw(st.booleans()),
            draw(st.booleans()),
            draw(st.sampled_from(("author", "own", "null"))),
            draw(delays),
        )
    everybody = st.sampled_from((*ADDRESSES.values(), *FOREIGN, "alice@people.test", "bob@people.test"))
    served = st.sampled_from([ADDRESSES[domain[0]] for domain in world.peers if len(domain) == 6])
    first_mails(world, draw(st.lists(st.tuples(everybody, served, st.booleans()), min_size=1, max_size=4)))
    return world


def budget(rate):
    number, _, within = rate.partition("/")
    return int(number), timedelta(seconds=seconds(within))


def most_of_one(own, span):
    """What one installation sends at most within `span`, replies and forwards to three recipients: N · (⌊T/W⌋ + 1) each."""
    number, within = budget(own.settings["in_all"])
    windows = span // within + 1
    return number * windows, 3 * number * windows


def bound(world, span):
    """B(T) = (m + Σ (Rᵢ(T) + Fᵢ(T))) · (1 + k + k²): k copies at most of a foreign program, which the world lets answer each other twice."""
    ours = sum(sum(most_of_one(own, span)) for own in world.peers.values() if isinstance(own, Installation))
    copies = 3
    return (len(world.sent_by("people.test", "first")) + ours) * sum(copies**hop for hop in range(MOST_FOREIGN + 2))


@settings(
    max_examples=EXAMPLES, deadline=None, derandomize="LOOP_EXAMPLES" not in os.environ, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)  # fmt: skip
@given(worlds())
def test_the_number_of_mails_is_bounded_and_it_ends(world):
    ended = world.run(MOST)
    note("\n".join(f"{at:%H:%M:%S} {by} {what}" for at, by, what in world.sent[-200:]))
    span = world.now - min(at for at, _, _ in world.sent)
    event(
        f"sent: {'none' if len(world.sent) < 5 else 'some' if len(world.sent) < 50 else 'many' if len(world.sent) < 500 else 'very many'}"
    )
    for domain, own in world.peers.items():
        if isinstance(own, Installation):
            most_replies, most_forwards = most_of_one(own, span)
            assert len(world.sent_by(domain, "reply")) <= most_replies
            assert len(world.sent_by(domain, "forward")) <= most_forwards
    assert len(world.sent) <= bound(world, span)
    assert ended, f"mail is still under way after {len(world.sent)} mails and {span}"
