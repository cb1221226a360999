"""What replies of SMTP mean for a recipient, and the words in which answers are given (RFC 5321 section 4.2, RFC 3463)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from inbox.send.headers import check_address, clean
from inbox.sending import Answer, Letter

_OURS = (530, 534, 535, 538)
"""The server wants TLS or a login: our settings, not the mail, so the mail waits until somebody mends them."""
_LONGEST = 400


def judge(code: int, words: bytes | str, place: str) -> Answer:
    """2xx: taken; 5xx: refused; all else, also what is no answer: not now."""
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    said = clean(f"{code} {text}" if code >= 0 else f"no answer of SMTP: {text}")[:_LONGEST]
    state = "delivered" if 200 <= code < 300 else "refused" if 500 <= code < 600 and code not in _OURS else "deferred"
    return Answer(state, f"{said} ({place})")  # type: ignore[arg-type]


def deferred(text: str, retry_after: float | None = None) -> Answer:
    return Answer("deferred", clean(text)[:_LONGEST], retry_after=retry_after)


def refused(text: str) -> Answer:
    return Answer("refused", clean(text)[:_LONGEST])


class Wire:
    """The addresses of a letter as they go out: with A-labels, each once. `bad`: answers for those that are none.

    `sender` is empty for the null sender; `names`: the recipients of the letter behind each address.
    """

    def __init__(self, letter: Letter) -> None:
        self._given = letter.recipients
        self.bad: dict[str, Answer] = {}
        self.names: dict[str, list[str]] = {}
        try:
            self.sender = check_address(letter.sender) if letter.sender else ""
        except ValueError as error:
            self.sender = ""
            self.bad = dict.fromkeys(letter.recipients, refused(f"553 5.1.7 the sender {error}"))
            return
        for recipient in letter.recipients:
            try:
                self.names.setdefault(check_address(recipient), []).append(recipient)
            except ValueError as error:
                self.bad[recipient] = refused(f"553 5.1.3 {error}")

    @property
    def recipients(self) -> tuple[str, ...]:
        return tuple(self.names)

    def answers(self, found: Mapping[str, Answer]) -> dict[str, Answer]:
        """Answers for addresses as answers for the letter's recipients in their order, those that are no addresses too."""
        all_of_them = {**self.bad, **{name: answer for address, answer in found.items() for name in self.names[address]}}
        return {name: all_of_them[name] for name in self._given}


def for_all(recipients: Sequence[str], answer: Answer) -> dict[str, Answer]:
    return dict.fromkeys(recipients, answer)
