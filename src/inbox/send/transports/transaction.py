"""One mail over one session: MAIL, RCPT, DATA, and an answer for each recipient (RFC 5321 section 3.3; LMTP: RFC 2033 section 4.2)."""

from __future__ import annotations

from inbox.send.transports.answers import deferred, for_all, judge
from inbox.send.transports.session import LAST_ANSWER, LOST, Session, words_of
from inbox.sending import Answer

Found = dict[str, Answer]


class Transaction:
    """`run` gives an answer for each recipient. It raises what `LOST` names only while nothing of the mail has left: `begun` is false then.

    `whole`: nobody gets the mail unless everybody can have it now or never. `keep`: whether the session is good for another mail afterwards.
    """

    def __init__(self, session: Session, sender: str, recipients: tuple[str, ...], *, whole: bool) -> None:
        self.session, self.sender, self.recipients, self.whole = session, sender, recipients, whole
        self.place = session.place
        self.begun = False
        self.keep = True

    def run(self, raw: bytes, parameters: tuple[bytes, ...]) -> Found:
        mail = b" ".join((b"MAIL FROM:<%s>" % self.sender.encode(), *parameters))
        first, *others = self.session.commands([mail, *(b"RCPT TO:<%s>" % recipient.encode() for recipient in self.recipients)])
        self.keep = first[0] != 421 and all(code not in (421, -1) for code, _ in (first, *others))
        if first[0] == 421:
            raise Closing(*first)
        if not 200 <= first[0] < 300:
            self.reset()
            return for_all(self.recipients, judge(*first, self.place))
        found = self.judged(others)
        accepted = [recipient for recipient, answer in found.items() if answer.state == "delivered"]
        waiting = [recipient for recipient, answer in found.items() if answer.state == "deferred"]
        if self.whole and waiting:
            held = deferred(f"450 4.3.0 held back until {waiting[0]} is taken too ({self.place})")
            found |= for_all(accepted, held)
            accepted = []
        if not accepted:
            self.reset()
            return found
        return found | self.data(raw, accepted)

    def judged(self, replies: list[tuple[int, bytes]]) -> Found:
        """552 behind recipients that were taken means that there are too many for one mail: the others come later (RFC 5321 section 4.5.3.1.10)."""
        found: Found = {}
        for recipient, (code, words) in zip(self.recipients, replies, strict=True):
            full = code == 552 and not words.startswith(b"5.2.2") and any(answer.state == "delivered" for answer in found.values())
            found[recipient] = judge(452 if full else code, words, self.place)
        return found

    def reset(self) -> None:
        """Bring the session back to where the next mail can begin."""
        try:
            self.keep = self.keep and self.session.commands([b"RSET"])[0][0] == 250
        except LOST:
            self.keep = False

    def data(self, raw: bytes, accepted: list[str]) -> Found:
        self.begun = True
        try:
            ((code, words),) = self.session.commands([b"DATA"])
        except LOST as error:
            return self.lost(accepted, error, "before the mail was sent")
        if code != 354:
            answer = judge(code, words, self.place)
            self.keep = self.keep and code >= 400
            if answer.state == "delivered":
                answer, self.keep = deferred(f"450 4.5.0 {code} is no answer to DATA ({self.place})"), False
            if self.keep:
                self.reset()
            return for_all(accepted, answer)
        try:
            self.session.put(dotted(raw))
        except LOST as error:
            return self.cut_off(accepted, error)
        return self.last_answers(accepted)

    def cut_off(self, accepted: list[str], error: BaseException) -> Found:
        """The connection ended while the mail went out: the server may have said why before it did (RFC 5321 section 3.8)."""
        self.keep = False
        try:
            code, words = self.session.getreply()
        except LOST:
            code, words = 0, b""
        self.session.close()
        if code >= 400:
            return for_all(accepted, judge(code, words, self.place))
        return self.lost(accepted, error, "while the mail was sent")

    def last_answers(self, accepted: list[str]) -> Found:
        """One answer for all; of LMTP one for each recipient, in order."""
        found: Found = {}
        self.session.patience = max(LAST_ANSWER, self.session.server.timeout)
        try:
            for recipient in accepted if self.session.server.protocol == "lmtp" else accepted[:1]:
                code, words = self.session.getreply()
                self.keep = self.keep and code not in (421, -1)
                found[recipient] = self.final(code, words)
        except LOST as error:
            left = [recipient for recipient in accepted if recipient not in found]
            return found | self.lost(left, error, "before it was said what became of the mail: it may have been taken")
        finally:
            self.session.patience = self.session.server.timeout
        return {recipient: found.get(recipient, found[accepted[0]]) for recipient in accepted}

    def final(self, code: int, words: bytes) -> Answer:
        answer = judge(code, words, self.place)
        if answer.state == "delivered" or code >= 400:
            return answer
        self.keep = False
        return deferred(f"450 4.5.0 {answer.text}")

    def lost(self, recipients: list[str], error: BaseException, when: str) -> Found:
        self.keep = False
        self.session.close()  # no QUIT: it could become part of the mail
        return for_all(recipients, deferred(f"451 4.4.2 {words_of(error)}, {when} ({self.place})"))


class Closing(OSError):
    """The server closes the connection (421) before any of the mail was sent."""

    def __init__(self, code: int, words: bytes) -> None:
        super().__init__(f"{code} {words.decode('utf-8', 'replace')}")


def dotted(raw: bytes) -> bytes:
    """The mail as DATA has it: a dot more before lines that begin with one, and the final dot (RFC 5321 section 4.5.2). `raw`: CRLF only."""
    stuffed = raw.replace(b"\r\n.", b"\r\n..")
    if stuffed.startswith(b"."):
        stuffed = b"." + stuffed
    return stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") or not stuffed else b"\r\n.\r\n")
