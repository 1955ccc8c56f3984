"""The scenarios by name, in the order in which they are run and told of.

A scenario is a function without arguments in the module of its subject; it starts what it needs, and
returns a Result.
"""
from peers import dovecot
from peers.dovecot import Dovecot
from peers.restante import Restante

SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


def servers(stack, *dovecots, **options):
    """Starts restante with these options, and Dovecots where its packages are there: a list."""
    found = [stack.enter_context(Restante(**options))]
    if dovecot.installed():
        found += [stack.enter_context(Dovecot(*how)) for how in dovecots]
    return found


def load_all():
    """The modules, each of which adds its scenarios."""
    from scenarios import poll, retrieval, handshakes, listing, delivery  # noqa: F401
    from scenarios import held, crowd, marks, hashes, growth, day, attack, enumeration  # noqa: F401
    return SCENARIOS


