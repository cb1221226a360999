"""ids.py [--own] [--sha256] DIR: the ids of mails in a store whose octets are all there, one a line.

--own: first open it as `inbox serve` does, with its check of the database. Ends with 1 when the store cannot be opened.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from inbox.errors import InboxError
from inbox.store import open_store


def main(arguments: list[str]) -> int:
    store = open_store(Path(arguments[-1]), read_only="--own" not in arguments)
    try:
        if "--own" in arguments:
            store.own("serve")
        for id_ in store.ids():
            mail = store.mail(id_)
            sha256 = hashlib.sha256(mail.raw).hexdigest()
            if sha256 == mail.sha256:
                print(id_, sha256) if "--sha256" in arguments else print(id_)
    finally:
        store.close()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (InboxError, OSError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
