"""Everything the door says, in one place: fixed texts with enhanced codes (RFC 3463), never a word from the client or an exception."""

from __future__ import annotations

from inbox.errors import InboxError
from inbox.model import Reply


class Refused(InboxError):
    """A command is refused: what the client hears, and the one word under which it is counted and logged."""

    def __init__(self, reply: Reply, reason: str) -> None:
        super().__init__(str(reply))
        self.reply, self.reason = reply, reason


class HangUp(InboxError):
    """The session ends here: with a last reply, or without one when nobody would hear it."""

    def __init__(self, reply: Reply | None, reason: str) -> None:
        super().__init__(reason)
        self.reply, self.reason = reply, reason


def wire(reply: Reply) -> bytes:
    """The reply as octets, with CRLF: one line of printable ASCII, at most 512 octets."""
    return f"{reply}\r\n".encode("ascii")


def plain(line: str) -> bytes:
    """A reply that has no enhanced code (RFC 2034 section 4: the greeting, EHLO, 3xx)."""
    return f"{line}\r\n".encode("ascii")


# what goes on
OK = wire(Reply(250, "2.0.0", "Ok"))
SENDER_OK = wire(Reply(250, "2.1.0", "Sender ok"))
RECIPIENT_OK = wire(Reply(250, "2.1.5", "Recipient ok"))
CHUNK_OK = wire(Reply(250, "2.0.0", "Octets taken"))
HELP = wire(Reply(214, "2.0.0", "RFC 5321"))
NO_VERIFY = wire(Reply(252, "2.0.0", "Cannot verify; send mail and see"))
LOGGED_IN = wire(Reply(235, "2.7.0", "Authentication successful"))
BYE = wire(Reply(221, "2.0.0", "Bye"))
READY_FOR_TLS = wire(Reply(220, "2.0.0", "Ready to start TLS"))
SEND_DATA = plain("354 End data with <CR><LF>.<CR><LF>")

# what the client must change: the order and form of commands
UNKNOWN = Reply(500, "5.5.1", "Command unknown")
BARE_LF = Reply(500, "5.5.2", "Lines end with CR LF")
CONTROL = Reply(500, "5.5.2", "No control characters in commands")
NOT_UTF8 = Reply(500, "5.5.2", "Commands are ASCII or UTF-8")
TOO_LONG = Reply(500, "5.5.6", "Command line too long")
HELLO_FIRST = Reply(503, "5.5.1", "Say EHLO first")
LHLO_FIRST = Reply(503, "5.5.1", "Say LHLO first")
HELLO_NAME = Reply(501, "5.5.4", "Say EHLO with your name")
NO_ARGUMENT = Reply(501, "5.5.4", "This command takes no argument")
NESTED_MAIL = Reply(503, "5.5.1", "A mail is under way; RSET ends it")
MAIL_FIRST = Reply(503, "5.5.1", "Say MAIL first")
RECIPIENT_FIRST = Reply(503, "5.5.1", "Say RCPT first")
CHUNK_SYNTAX = Reply(501, "5.5.4", "Write BDAT octets, or BDAT octets LAST")
CHUNKS_NOW = Reply(503, "5.5.1", "This mail comes by BDAT; RSET ends it")
XCLIENT_SYNTAX = Reply(501, "5.5.4", "Write XCLIENT NAME=value with names that EHLO shows")
NO_XCLIENT = Reply(550, "5.7.0", "XCLIENT is not for you")
MAIL_SYNTAX = Reply(501, "5.5.4", "Write MAIL FROM:<address>")
RECIPIENT_SYNTAX = Reply(501, "5.5.4", "Write RCPT TO:<address>")
PARAMETER = Reply(501, "5.5.4", "A parameter of this command is wrong")
NO_PARAMETER = Reply(555, "5.5.4", "A parameter of this command is not known")
BAD_SENDER = Reply(553, "5.1.7", "The sender is no address")
BAD_RECIPIENT = Reply(553, "5.1.3", "The recipient is no address")
NEEDS_UTF8 = Reply(553, "5.6.7", "This address needs SMTPUTF8")
RELAY_SYNTAX = Reply(554, "5.7.1", "No routes within addresses")
NO_LISTS = Reply(502, "5.5.1", "No lists are shown")
BLOCKED = Reply(554, "5.7.1", "Your address is blocked here")
NOT_HTTP = Reply(554, "5.5.1", "This is a mail server")
TOO_EARLY = Reply(554, "5.5.1", "You talked before the greeting")

# what the client must change: the mail
TOO_BIG = Reply(552, "5.3.4", "The mail is too big")
BARE_ENDINGS = Reply(550, "5.5.2", "Bare CR, bare LF or NUL in the mail; lines end with CR LF")

# TLS and AUTH
TLS_FIRST = Reply(530, "5.7.0", "Say STARTTLS first")
TLS_ALREADY = Reply(503, "5.5.1", "TLS is on already")
NO_TLS = Reply(502, "5.5.1", "No TLS here")
AUTH_NEEDS_TLS = Reply(538, "5.7.11", "AUTH within TLS only")
NO_AUTH = Reply(502, "5.5.1", "No AUTH here")
AUTH_ALREADY = Reply(503, "5.5.1", "You are authenticated already")
AUTH_SYNTAX = Reply(501, "5.5.4", "Write AUTH PLAIN or AUTH LOGIN")
AUTH_UNKNOWN = Reply(504, "5.5.4", "AUTH PLAIN and AUTH LOGIN only")
AUTH_WRONG = Reply(535, "5.7.8", "User or password is wrong")
AUTH_LATER = Reply(454, "4.7.0", "Cannot authenticate now, try again later")

# what passes
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients, send the others another copy")
TOO_MANY_CONNECTIONS = Reply(421, "4.7.0", "Too many connections, try again later")
TOO_OFTEN = Reply(421, "4.7.0", "Too many connections in this time, try again later")
TOO_MUCH_MAIL = Reply(450, "4.7.1", "Too many mails from your address in this time, try again later")
TOO_MUCH_OF_SENDER = Reply(450, "4.7.1", "Too many mails of this sender in this time, try again later")
TOO_MANY_RECIPIENTS_IN_TIME = Reply(450, "4.7.1", "Too many recipients from your address in this time, try again later")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors")
TOO_MUCH_TALK = Reply(421, "4.7.0", "Too many commands without a mail")
IDLE = Reply(421, "4.4.2", "Nothing came for too long")
SESSION_OVER = Reply(421, "4.4.2", "This session took too long")
TOO_SLOW = Reply(421, "4.4.2", "The mail came too slowly")
CLOSING = Reply(421, "4.3.2", "Shutting down, try again later")
NO_SPACE = Reply(452, "4.3.1", "Not enough disk space, try again later")
