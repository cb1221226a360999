"""Group commit: whatever waits while the writer is busy becomes one transaction; an answer means durable, whoever still listens."""

from __future__ import annotations

import asyncio
import dataclasses
import threading

import pytest

from inbox.errors import StoreError
from inbox.store import Keeper, open_store


class Slow:
    """The store, with a gate in front of each group and a note of what came together."""

    def __init__(self, store):
        self.store, self.groups, self.gate = store, [], threading.Event()
        self.put_large = store.put_large

    def keep_arrivals(self, arrivals):
        assert self.gate.wait(10)
        self.groups.append(len(arrivals))
        return self.store.keep_arrivals(arrivals)


async def started(*wishes):
    tasks = [asyncio.ensure_future(wish) for wish in wishes]
    await asyncio.sleep(0.05)
    return tasks


def test_what_waits_while_the_writer_is_busy_becomes_one_group(store, new_mail):
    slow = Slow(store)
    mails = [new_mail(str(n)) for n in range(20)]

    async def main():
        keeper = Keeper(slow)
        tasks = await started(keeper.keep(mails[0]))
        tasks += await started(*(keeper.keep(mail) for mail in mails[1:]))
        slow.gate.set()
        ids = await asyncio.gather(*tasks)
        await asyncio.to_thread(keeper.close)
        return ids

    assert asyncio.run(main()) == [mail.id for mail in mails]
    assert slow.groups == [1, 19]
    assert store.count() == 20


def test_a_sender_that_is_gone_does_not_take_its_mail_with_it(store, new_mail):
    slow = Slow(store)
    small, large = new_mail(), new_mail(size=200_000)

    async def main():
        keeper = Keeper(slow)
        tasks = await started(keeper.keep(small), keeper.keep(large))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        slow.gate.set()
        await asyncio.sleep(0.2)
        await asyncio.to_thread(keeper.close)
        return [task.cancelled() for task in tasks]

    assert asyncio.run(main()) == [True, True]
    assert set(store.ids()) == {small.id, large.id}


def test_a_failure_is_told_to_everybody_in_the_group_and_the_next_group_is_kept(folder, store, new_mail):
    async def main():
        keeper = Keeper(store)
        folder.rename(folder.with_name("elsewhere"))
        answers = await asyncio.gather(*(keeper.keep(new_mail()) for _ in range(5)), return_exceptions=True)
        folder.with_name("elsewhere").rename(folder)
        answers.append(await keeper.keep(new_mail()))
        await asyncio.to_thread(keeper.close)
        return answers

    *failed, kept = asyncio.run(main())
    assert [type(answer) for answer in failed] == [StoreError] * 5
    assert list(store.ids()) == [kept]


@pytest.mark.parametrize(
    "oddity", ["a time that is none", "a plan with a step that is none", "octets that are none", "a number that is taken"]
)
def test_one_odd_mail_does_not_fail_the_others_of_its_group(store, new_mail, new_plan, oddity):
    slow = Slow(store)
    good, odd, plan = new_mail(), new_mail(), new_plan({})
    if oddity == "a time that is none":
        object.__setattr__(odd, "received_at", "yesterday")
    elif oddity == "octets that are none":
        object.__setattr__(odd.content, "data", ["x"])
    elif oddity == "a number that is taken":
        odd = dataclasses.replace(odd, id=store.keep_all([(new_mail(), None)])[0])
    else:
        object.__setattr__(plan, "steps", (None,))

    async def main():
        keeper = Keeper(slow)
        tasks = await started(keeper.keep(new_mail()), keeper.keep(good), keeper.keep(odd, plan))
        slow.gate.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(keeper.close)
        return answers

    answers = asyncio.run(main())
    assert answers[1] == good.id
    assert isinstance(answers[2], StoreError)
    assert list(store.ids()).count(odd.id) == (oddity == "a number that is taken")


def test_closing_writes_what_waits_and_takes_nothing_more(folder, store, new_mail):
    slow = Slow(store)

    async def main():
        keeper = Keeper(slow)
        tasks = await started(*(keeper.keep(new_mail()) for _ in range(10)))
        closing = asyncio.ensure_future(asyncio.to_thread(keeper.close))
        await asyncio.sleep(0.05)
        with pytest.raises(StoreError, match="being closed"):
            await keeper.keep(new_mail())
        slow.gate.set()
        await closing
        return await asyncio.gather(*tasks)

    ids = asyncio.run(main())
    store.close()
    assert set(open_store(folder).ids()) == set(ids)
    assert len(ids) == 10


def test_the_event_loop_is_free_while_the_writer_waits_for_the_disk(store, new_mail):
    slow = Slow(store)

    async def main():
        keeper = Keeper(slow)
        tasks = await started(keeper.keep(new_mail()))
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(0.01)
        waited = asyncio.get_running_loop().time() - began
        slow.gate.set()
        await asyncio.gather(*tasks)
        await asyncio.to_thread(keeper.close)
        return waited

    assert asyncio.run(main()) < 0.5
