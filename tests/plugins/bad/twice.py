from inbox import hookimpl


@hookimpl
def register_facts(register):
    register("x", x)
    register("x", x)


def x(mail):
    """Something."""
