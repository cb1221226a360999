"""Hostile octets against the door and the parser: `make fuzz`. docs/testing.md says what is held and what was found."""
