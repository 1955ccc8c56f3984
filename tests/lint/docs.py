#!/usr/bin/env python3
"""lint.docs: the documents are true where a program can tell.

Every file that a document names exists, and every name of the code in ARCHITECTURE.md; defaults are
as restante.conf(5) says; every option of the configuration is in restante.conf(5); every command and
option of the tool is in restante(1); every event of the log is in restanted(8), or restante-pam(8).
"""
import re

from sources import TOP, files, report, text

MAN = TOP / "docs/man"
# `path/like/this.c` in a document: a slash or a known suffix, no pattern, nothing to run.
CODE_SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
SUFFIXES = (".c", ".h", ".md", ".py", ".sh", ".sql", ".txt", ".cmake", ".conf")
PATH = re.compile(r"[\w.][\w./-]*")
EXAMPLE_VALUE = re.compile(r"^\t?([a-z_0-9]+) = (.*)$", re.MULTILINE)
# Rows of the tables in server/config_options.c and admin/commands.c.
CONFIG_OPTION = re.compile(r'^\t\{ "([a-z_0-9]+)", OPTION_', re.MULTILINE)
COMMAND = re.compile(r'^\t\{ "([a-z -]+)", "', re.MULTILINE)
FIXED_OPTION = re.compile(r'^\t\{ "([a-z_0-9]+)", OPTION_(?:(?!\n\t\{).)*?\.fixed = true',
                          re.MULTILINE | re.DOTALL)
# What is logged, up to the end of the call; an event is the word that a string begins with.
LOGGED = re.compile(r"\b(?:log_begin(?:_message)?|log_event|log_fault|pop3_log_trouble|store_say)\(([^;{]*);")
EVENT = re.compile(r'"([a-z][a-z_-]+)[ "]')
TOOL_OPTION = re.compile(r'^\t\[OPTION_\w+\] = \{ "([a-z-]+)"', re.MULTILINE)


def looks_like_path(word):
    if not PATH.fullmatch(word):
        return False
    tops = {path.name for path in TOP.iterdir() if path.is_dir()}
    first = word.split("/")[0]
    return ("/" in word and first in tops and first != "build") or word.endswith(SUFFIXES)


def exists(document, word):
    """Named from the top, from the document's folder, or a name that occurs just so in the tree."""
    if (TOP / word).exists() or (TOP / document.parent / word).exists():
        return True
    return any(path.as_posix().endswith("/" + word) for path in files())


def document_findings():
    for document in files(".md"):
        content = re.sub(r"^```.*?^```", "", text(document), flags=re.DOTALL | re.MULTILINE)
        for word in CODE_SPAN.findall(content):
            if looks_like_path(word) and not exists(document, word):
                yield f"{document}: names {word}, which does not exist"
        for target in LINK.findall(content):
            if "://" not in target and not target.startswith("mailto:"):
                if not (TOP / document.parent / target).exists():
                    yield f"{document}: links to {target}, which does not exist"


def architecture_findings():
    """The walk goes through real names: all with an underscore are in code that is no test's."""
    document = "docs/ARCHITECTURE.md"
    names = set()
    for path in files(".c", ".h", ".sql"):
        if path.parts[0] != "tests":
            names.update(re.findall(r"\w+", text(path)))
    for span in CODE_SPAN.findall(text(document)):
        for name in re.findall(r"\w*_\w+", "" if "/" in span else span):
            if name not in names:
                yield f"{document}: names {name}, which is not in the code"


def default_findings():
    """Unit tests hold the example to the table: it has the defaults as people write them."""
    page = "restante.conf.5"
    example = dict(EXAMPLE_VALUE.findall(text("server/config_example.conf")))
    for item in re.split(r"^\.It Cm ", manual(page), flags=re.MULTILINE)[1:]:
        name = item.split()[0]
        paragraph = re.split(r"^\.(?:El|Ss|Sh)", item, flags=re.MULTILINE)[0]
        stated = re.search(r"^Default(?:\s+\.\w\w)?\s+(.*?)\s*\.?$", paragraph, re.MULTILINE)
        default = example.get(name, "missing in the example").strip('"') or "empty"
        if stated is not None and stated[1] != default:
            yield f"docs/man/{page}: the default of {name} is {default}"
        elif stated is None and name not in ("protocol", "address"):
            yield f"docs/man/{page}: does not tell the default of {name}"


def manual(name):
    """A manual page's words, without roff's escapes."""
    content = (MAN / name).read_text(encoding="utf-8")
    # mdoc's ".Fl -yes" is "--yes".
    return content.replace("\\-", "-").replace("\\&", "").replace("Fl -", "--")


def table_findings(page, source, pattern, prefix=""):
    """Every row of a table stands in the manual page about it."""
    words = pattern.findall(text(source))
    if not words:
        yield f"{source}: no table found: has its form changed?"
    for word in words:
        if not re.search(rf"(?<![\w-]){re.escape(prefix + word)}(?![\w-])", manual(page)):
            yield f"docs/man/{page}: says nothing about {prefix}{word} of {source}"


def reload_findings():
    """restante.conf(5) says "at start" of the options that a reload leaves alone, and only there."""
    fixed = FIXED_OPTION.findall(text("server/config_options.c"))
    for item in manual("restante.conf.5").split("\n.It Cm ")[1:]:
        name = item.split()[0]
        said = re.search(r"\bat start\b", item.split("\n.El")[0], re.IGNORECASE) is not None
        if said != (name in fixed):
            yield f"docs/man/restante.conf.5: is wrong about a reload that changes {name}"


def event_findings():
    for path in files(".c"):
        if path.parts[0] in ("server", "store", "auth"):
            helper = path.as_posix().startswith("auth/pam_helper/")
            page = "restante-pam.8" if helper else "restanted.8"
            for call in LOGGED.findall(text(path)):
                for event in EVENT.findall(call):
                    if not re.search(rf"(?<![\w-]){event}(?![\w-])", manual(page)):
                        yield f"docs/man/{page}: says nothing about {event} of {path}"


def findings():
    yield from document_findings()
    yield from reload_findings()
    yield from event_findings()
    yield from table_findings("restante.conf.5", "server/config_options.c", CONFIG_OPTION)
    yield from table_findings("restante.1", "admin/commands.c", COMMAND)
    yield from table_findings("restante.1", "admin/commands.c", TOOL_OPTION, "--")
    yield from architecture_findings()
    yield from default_findings()


report(findings())
