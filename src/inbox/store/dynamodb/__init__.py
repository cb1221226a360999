"""Mail kept in one table of Amazon DynamoDB, and a bucket for what is large: `dynamodb://TABLE?raw=s3://BUCKET/PREFIX&days=30`.

Every item has the keys `pk` and `sk`, both text. Times are integers: microseconds since 1970 in UTC; `expires` alone is in seconds (TTL).

    pk                  sk              what
    key#SOURCE KEY      key             ids of the mails that came under it, all their recipients (`known`), `v`: how often it changed
    id#MAIL             key             the same for a mail without a source key
    mail#MAIL           mail            envelope, size, sha256, place; `state`, `strikes`; `lease` and `until` while somebody has it in hand
    mail#MAIL           plan            the plan, compressed (`z`), or its `place` in S3 when that is over 350 KB
    mail#MAIL           step#N          how a step stands: `state`, `attempts`, `due`; `oTIME`: how each attempt ended, up to 50
    mail#MAIL           outcome#TIME    how later attempts ended, and outcomes of the mail itself (n 0)
    mail#MAIL           z-raw           the octets, up to 64 KiB; it sorts last, so that no question about the mail reads it
    row#TABLE           MAIL#N          a row that a handler asked for: `values`
    mark#KIND#KEY       count, mail#MAIL    what facts remember: one item a mail, and their number
    model#NAME  rules#VERSION  counts
    suppressed#ADDRESS  suppressed, suppressed#IDENTITY     that no mail is sent there, by all or by one identity
    sent#MAIL           KEY             an event of a mail that left (`sent#` and the id of SES for mail that left elsewhere)
    to#ADDRESS          TIME#KEY        the same, with its recipient
    message#MESSAGE-ID  message         whose events these are
    tally#DAY  stops  bucket#NAME       figures by the hour, identities that are stopped, rates (`tallies.py`, `ledger.py`)

Two indexes with keys only: `days` (day, pk) lists mails by day of arrival; `open` (open, due) holds those that are not settled:
`work#0` to `work#7`, `dead`, `quarantined`.

One arrival is one transaction (key, mail, octets), a plan one conditional put, an outcome one conditional update, with its row one
transaction. `expires` is set on what belongs to a mail in the transaction that settles it, and never before.
"""

from inbox.store.dynamodb.creation import check_table, create_table, definition
from inbox.store.dynamodb.store import DynamoStore, Place, open_dynamodb

__all__ = ["DynamoStore", "Place", "check_table", "create_table", "definition", "open_dynamodb"]
