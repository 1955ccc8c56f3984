"""The scenarios by name, in the order in which they are run and told of.

A scenario is a function without arguments in the module of its subject; it starts what it needs, and
returns a Result.
"""
from peers import cyrus, dovecot
from peers.cyrus import Cyrus
from peers.dovecot import Dovecot
from peers.restante import Restante

SCENARIOS = {}
APART = set()  # of them, those that are no figures of speed: not part of the document


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


def apart(function):
    """Below @scenario: run only when it is asked for."""
    APART.add(function.__name__)
    return function


def servers(stack, *dovecots, **options):
    """Starts restante with these options, and those Dovecots, where its packages are: a list."""
    found = [stack.enter_context(Restante(**options))]
    if dovecot.installed():
        found += [stack.enter_context(Dovecot(*how)) for how in dovecots]
    return found


def others(stack):
    """Starts what else there is to be compared with: a list."""
    return [stack.enter_context(Cyrus())] if cyrus.installed() else []


def load_all():
    """The modules, each of which adds its scenarios."""
    from scenarios import poll, retrieval, handshakes, listing, delivery  # noqa: F401
    from scenarios import held, crowd, marks, hashes, growth, day, attack, enumeration  # noqa: F401
    return SCENARIOS


