from inbox import hookimpl


@hookimpl
def register_handlers(register):
    register("slack", slack)


def slack(*things):
    """Post."""
