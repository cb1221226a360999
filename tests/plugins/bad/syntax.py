from inbox import hookimpl

def broken(:
