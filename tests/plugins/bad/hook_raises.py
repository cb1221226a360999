from inbox import hookimpl


@hookimpl
def register_facts(register):
    raise KeyError("HOME_OF_X")
