"""`python -m inbox` is the `inbox` program."""

from inbox.cli import main

if __name__ == "__main__":
    main()
