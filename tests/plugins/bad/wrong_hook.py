from inbox import hookimpl


@hookimpl
def register_handler(register):
    register("slack", slack)


def slack(mail):
    """Post."""
