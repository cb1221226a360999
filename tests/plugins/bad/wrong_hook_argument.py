from inbox import hookimpl


@hookimpl
def register_facts(registry):
    registry("x", len)
