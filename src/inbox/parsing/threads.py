"""Conversations: what one mail says about the one that it belongs to, and a memory that neither splits nor hijacks them.

    reply token  >  In-Reply-To, References  >  Thread-Index  >  subject with the same participants, in an answer only

Identifiers can be guessed and copied, so that a reference says where a mail wants to belong, not that it may: `Placed.known_author` tells
strangers apart. Mail that leaves through SES gets another Message-ID there; `Threads.note` takes that one too.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inbox.parsing.identifiers import read_ids
from inbox.parsing.subjects import Subject, read_subject

if TYPE_CHECKING:
    from inbox.parsing.message import Message

_ORIGINALS = dict.fromkeys(
    [
        "x-original-message-id",
        "x-microsoft-original-message-id",
        "x-google-original-message-id",
        "x-originalmessageid",
        "original-message-id",
        "x-ses-message-id",
    ]
)
_SES = re.compile(r"<([^@<>]+)@(?:[a-z0-9-]+\.)?amazonses\.com>", re.IGNORECASE)
_CONVERSATION = 22  # octets of Thread-Index that all mails of a conversation share; each answer adds five
_MOST_PEOPLE = 100


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a mail says about its conversation.

    `key`: shared by its mails as far as one mail alone can tell. `evidence`: where the key is from: references, in-reply-to, thread-index,
    subject, message-id, or None. `parents`: identifiers it answers, nearest first. `own`: its identifier and what it was before a server
    changed it. `index`: the shared part of Thread-Index. `subject`: its base. `answer`: the subject is marked as an answer. `people`: addresses
    of author and recipients, without tags.
    """

    key: str | None
    evidence: str | None
    parents: tuple[str, ...]
    own: tuple[str, ...]
    index: str | None
    subject: str
    answer: bool
    people: tuple[str, ...]

    @property
    def by_subject(self) -> str | None:
        """The weakest key: the same subject among the same people."""
        return _by_subject(self.subject, self.people) if self.subject else None


@dataclass(frozen=True, slots=True)
class Placed:
    """`thread`: the conversation's key. `evidence`: reply-token, reference, thread-index, subject, or new. `known_author`: the author took part
    before, or began it.
    """

    thread: str
    evidence: str
    known_author: bool


def read_conversation(message: Message) -> Conversation:
    """From the header alone."""
    subject = read_subject(message.subject or next(iter(message.header("thread-topic")), ""))
    index, answered = _thread_index(next(iter(message.header("thread-index")), ""))
    own = dict.fromkeys([*([message.message_id] if message.message_id else []), *_own(message)])
    parents = dict.fromkeys([*message.in_reply_to, *reversed(message.references)])
    people = _people(message)
    key, evidence = _named_key(message, subject, index if answered else None) or _subject_key(subject.base, people)
    return Conversation(key, evidence, tuple(parents), tuple(own), index, subject.base, subject.answer, people)


def _named_key(message: Message, subject: Subject, index: str | None) -> tuple[str, str] | None:
    """An answer without references goes by subject and people; its own identifier would be a conversation of one."""
    if message.references:
        return message.references[0], "references"
    if message.in_reply_to:
        return message.in_reply_to[0], "in-reply-to"
    if index:
        return f"index:{index}", "thread-index"
    if message.message_id and not (subject.answer and subject.base):
        return message.message_id, "message-id"
    return None


def _subject_key(base: str, people: tuple[str, ...]) -> tuple[str | None, str | None]:
    return (_by_subject(base, people), "subject") if base else (None, None)


def _by_subject(base: str, people: tuple[str, ...]) -> str:
    digest = hashlib.sha256("\n".join(people).encode("utf-8", "replace")).hexdigest()[:12]
    return f"subject:{base}#{digest}" if people else f"subject:{base}"


class Threads:
    """Which conversation a mail belongs to, of those that are known.

    `known`: where that is remembered; any mapping of text to text, so it can be a table. Entries are never changed once they are made: a later
    mail cannot move an earlier one.
    """

    def __init__(self, known: MutableMapping[str, str] | None = None) -> None:
        self.known: MutableMapping[str, str] = {} if known is None else known

    def place(self, message: Message, token: str | None = None) -> Placed:
        """The conversation of a mail, which is remembered. `token`: the thread that a valid reply token carries; it wins over all."""
        found = message.conversation
        thread, evidence = next(self._candidates(found, token), (None, "new"))
        thread = thread or found.key or f"sha256:{message.sha256}"
        author = _plain(message.from_[0].address) if len(message.from_) == 1 and not message.ambiguous_from else ""
        people = self.known.get(f"people:{thread}", "").split()
        known_author = not people or author in people
        self._remember(found, thread)
        if known_author:  # whom a stranger copies in takes no part yet
            self.known[f"people:{thread}"] = " ".join(list(dict.fromkeys((*people, *found.people)))[:_MOST_PEOPLE])
        return Placed(thread, evidence, known_author)

    def note(self, message_id: str, thread: str) -> None:
        """Remember a mail of ours. Of what leaves through SES, also note the identifier that SES returned, with or without its domain."""
        bare = message_id.strip().strip("<>")
        self.known.setdefault(f"id:{normal_id(f'<{bare}>' if '@' in bare else f'<{bare}@amazonses.com>')}", thread)

    def _candidates(self, found: Conversation, token: str | None) -> Iterator[tuple[str, str]]:
        if token:
            yield token, "reply-token"
        kinds = [("reference", f"id:{normal_id(parent)}") for parent in found.parents]
        kinds += [("reference", f"to:{normal_id(parent)}") for parent in found.parents]
        kinds += [("reference", f"to:{normal_id(own)}") for own in found.own]
        kinds += [("reference", f"id:{normal_id(own)}") for own in found.own]
        kinds += [("thread-index", f"index:{found.index}")] if found.index else []
        kinds += [("subject", found.by_subject)] if found.answer and found.by_subject and found.people else []
        for evidence, key in kinds:
            if thread := self.known.get(key):
                yield thread, evidence

    def _remember(self, found: Conversation, thread: str) -> None:
        keys = [f"id:{normal_id(own)}" for own in found.own] + [f"to:{normal_id(parent)}" for parent in found.parents]
        keys += [f"index:{found.index}"] if found.index else []
        keys += [found.by_subject] if found.by_subject and found.people else []
        for key in keys:
            self.known.setdefault(key, thread)


def normal_id(message_id: str) -> str:
    """An identifier in the form to compare: SES returns only the part before the `@`, and the domain says from which region."""
    return _SES.sub(r"<\1@amazonses.com>", message_id)


def _own(message: Message) -> tuple[str, ...]:
    """What the mail was called before a server changed its identifier."""
    if _ORIGINALS.keys().isdisjoint(message.names):
        return ()
    values = [value for name in _ORIGINALS for value in message.header(name)]
    return read_ids(" ".join([value if "<" in value else f"<{value}>" for value in values]))


def _thread_index(value: str) -> tuple[str | None, bool]:
    """The shared part of Thread-Index (MS-OXOMSG section 2.2.1.3) in hexadecimal, and whether an answer was added to it."""
    if not value:
        return None, False
    try:
        octets = binascii.a2b_base64(value.encode("ascii"))
    except (binascii.Error, UnicodeEncodeError):
        return None, False
    if len(octets) < _CONVERSATION or octets[0] != 1:
        return None, False
    return octets[:_CONVERSATION].hex(), len(octets) > _CONVERSATION


def _people(message: Message) -> tuple[str, ...]:
    everybody = (*message.from_, *message.to, *message.cc)
    return tuple(sorted({_plain(one.address) for one in everybody}))


def _plain(address: str) -> str:
    local, at, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}{at}{domain}".lower()
