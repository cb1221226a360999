"""Everything that Amazon SES sends, read: `read` tells what an event says, `fetch` brings the mail that it names.

Nothing heavy is imported before it is needed: boto3 for the first call to AWS, cryptography for the first signature or ciphertext.
"""

from inbox.sources.ses.errors import SesError
from inbox.sources.ses.fetch import fetch
from inbox.sources.ses.reading import read, read_http
from inbox.sources.ses.records import Batch, Confirmation, Feedback, Ignored, Item, Object, Place, Received, Record

__all__ = [
    "Batch",
    "Confirmation",
    "Feedback",
    "Ignored",
    "Item",
    "Object",
    "Place",
    "Received",
    "Record",
    "SesError",
    "fetch",
    "read",
    "read_http",
]
