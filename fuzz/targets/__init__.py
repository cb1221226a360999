"""What is fuzzed: each module has `check(data)`, which raises when something does not hold, `seeds()` and the `TOKENS` of its language."""
