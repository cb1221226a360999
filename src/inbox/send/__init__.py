"""Mail that leaves: composing it (`compose`), guarding its header (`headers`), handing it to a server (`smtp`), and calling web
addresses that a rule names (`http`).
"""
