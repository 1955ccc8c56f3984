"""Writes docs/CAPACITY.md: what machines of other sizes serve, reckoned from the figures that are kept."""
POLL_SECONDS, MESSAGES_A_DAY, PEAK, BUSY = 600, 20, 3, 0.5
SESSION_SECONDS = 2  # over a network; on loopback it is a millisecond
MESSAGE_KIB = 20

HEAD = """# Capacity

What a machine serves, reckoned from the figures in [PERFORMANCE.md](PERFORMANCE.md) and written by the same
command. It is arithmetic, not a measurement of such machines: take it as the size of things, and watch what
the last section names.

## What a mailbox asks for

A mailbox is polled every {poll} minutes and gets {messages} messages of {kib} KiB a day, which are fetched and
deleted; a busy hour has {peak} times the mean. Processors are to be busy for half of the time, so that
latencies stay what they are.

| | CPU ms | how often, in a busy hour |
|---|---|---|
"""

WATCH = """
## What to watch

- **Processors**: `restanted`'s CPU time against the number of cores. Beyond a half, latencies begin to grow;
  more `workers` than cores do not help. First logins after a restart cost a hash each, tens of
  milliseconds; afterwards a password is remembered, for as many mailboxes as `auth_cache_entries` (131,072 unless
  it is set) says: where more poll within `auth_cache_seconds`, raise it. `quick-logins` in `restante status`, beside
  `logins`, tells whether it does its work.
- **The disk's syncs**: a delivery and a QUIT with deletions each wait for one, shared by all that come
  meanwhile. `restante status --shards` tells jobs and commits of each database: the more jobs a commit has,
  the nearer the disk is to its end. A disk with a cache that survives a power cut is what helps most.
- **Space**: what arrives in `undelete_seconds` (a week) is kept beside what is live. `min_free` stops
  deliveries, with a 4xx, before the disk is full.
- **Descriptors**: one for each connection and some for each database; `connections-lowered` in the log tells
  that the limit of open files is less than `connections`.
- **Memory**: connections and output that slow readers have not taken; it is hundreds of MiB where the table
  says so, and not more: limits are stated in restante.conf(5).
"""


def figure(results, scenario, name, key):
    """One figure of a row; None where it was not measured."""
    rows = results.get(scenario, {}).get("rows", [])
    return next((row.get(key) for row in rows if row["name"] == name), None)


def first(results, scenario, names, key):
    found = (figure(results, scenario, name, key) for name in names)
    return next((value for value in found if value), None)


def costs(results):
    """CPU ms of each thing that a mailbox asks for; None: not enough was measured."""
    poll = first(results, "poll", ("restante, yescrypt", "restante, plain"), "cpu")
    resumed = figure(results, "handshakes", "resume: restante", "cpu")
    fetch = figure(results, "fetch", "one by one: restante", "cpu")
    delivery = first(results, "delivery", ("8 connections: restante",), "cpu")
    if None in (poll, fetch, delivery):
        return None
    return {"poll": poll, "tls": max(resumed - poll, 0) if resumed else None,
            "fetch": max(fetch - poll, 0) / 20, "delivery": delivery}


def per_second():
    """How often a mailbox polls, and gets a message, in a busy hour."""
    return PEAK / POLL_SECONDS, PEAK * MESSAGES_A_DAY / 86400


def load(cost, with_tls):
    """The part of a processor that one mailbox takes."""
    polls, messages = per_second()
    poll = cost["poll"] + (cost["tls"] if with_tls and cost["tls"] else 0)
    return (polls * poll + messages * (cost["fetch"] + cost["delivery"])) / 1000


def rounded(number):
    digits = max(len(str(int(number))) - 2, 0)
    return f"{int(number) // 10 ** digits * 10 ** digits:,}"


def machine_rows(results, cost):
    polls, messages = per_second()
    durable = first(results, "delivery", ("32 connections: restante", "8 connections: restante"), "rate")
    held = first(results, "held", ("restante: 10,000 session, in clear", "restante: 1,000 session, in clear"), "kib")
    for cores in (2, 16, 64):
        for with_tls in (False, True):
            mailboxes = BUSY * cores / load(cost, with_tls)
            ends = "processors"
            # A delivery is durable once, and the QUIT that deletes it once more.
            if durable and 2 * mailboxes * messages > durable:
                mailboxes, ends = durable / (2 * messages), "durable writes"
            connections = mailboxes * polls * SESSION_SECONDS
            kib = (held or 6) + (10 if with_tls else 0)
            yield (f"{cores}, {'TLS' if with_tls else 'in clear'}", rounded(mailboxes),
                   rounded(mailboxes * polls), rounded(mailboxes * messages), rounded(connections),
                   f"{max(connections * kib / 1024, 1):,.0f} MiB", ends)


def document(results):
    """The text, or None where too little was measured."""
    cost = costs(results)
    if cost is None:
        return None
    polls, messages = per_second()
    lines = [HEAD.format(poll=POLL_SECONDS // 60, messages=MESSAGES_A_DAY, kib=MESSAGE_KIB, peak=PEAK)]
    lines.append(f"| a poll in clear | {cost['poll']:.2f} | once in {1 / polls:.0f} s |\n")
    if cost["tls"]:
        lines.append(f"| more with TLS, resumed | {cost['tls']:.2f} | the same |\n")
    lines.append(f"| a message delivered | {cost['delivery']:.2f} | once in {1 / messages:.0f} s |\n")
    lines.append(f"| ... and fetched | {cost['fetch']:.2f} | the same |\n")
    lines.append("\n## What a machine serves\n\n| cores | mailboxes | polls/s | deliveries/s | connections at a "
                 "time | their memory | what ends first |\n|---|---|---|---|---|---|---|\n")
    lines += ["| " + " | ".join(row) + " |\n" for row in machine_rows(results, cost)]
    durable = first(results, "delivery", ("32 connections: restante",), "rate")
    lines.append(f"\nConnections are those of sessions that last {SESSION_SECONDS} s. ")
    if durable:
        lines.append(f"Durable writes are taken to end at the {durable:,.0f} a second that were measured, with 32 "
                     "connections on one disk. There it was the two processors that ended, and so more "
                     "of them may do more; another disk may do less. ")
    lines.append("Cores beyond those measured are taken to do as much as these. One thread accepts for all of "
                 "them, and all workers wait on one set of descriptors: what that costs on many cores was not "
                 "measured, and nobody should count on the last line without trying.\n")
    lines.append(WATCH)
    return "".join(lines)
