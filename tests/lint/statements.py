#!/usr/bin/env python3
"""lint.statements: no SQL is made from text that comes from outside; values are bound.

- SQLite's own formatting is not used at all.
- Formatted SQL is the room sql's alone, for pragmas, which take no parameters; and only numbers go in.
- What is prepared or run was not formatted in the same file.
- The statements that auth/accounts_admin.c puts together consist of its own words and columns' names.
"""
import re

from sources import calls, code, files, report, text

OF_SQLITE = ("sqlite3_mprintf", "sqlite3_vmprintf", "sqlite3_snprintf", "sqlite3_vsnprintf",
             "sqlite3_str_appendf", "sqlite3_str_vappendf", "sqlite3_get_table")
FORMATS = ("sprintf", "snprintf", "vsnprintf", "asprintf", "vasprintf", "strcat", "strlcat")
SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|REPLACE|PRAGMA|ATTACH|CREATE|DROP|ALTER|BEGIN|"
                 r"COMMIT|ROLLBACK|SAVEPOINT|RELEASE|WHERE|VALUES)\b")
CONVERSION = re.compile(r"%[-+ #0]*[\d.*]*(?:hh|h|ll|l|j|z|t)?([a-zA-Z%])")
# Which argument is the SQL.
RUNS = {"sqlite3_exec": 1, "sqlite3_prepare": 1, "sqlite3_prepare_v2": 1, "sqlite3_prepare_v3": 1,
        "database_run": 1, "database_prepare": 1}
OWN_WORD = r'(?:"[^"]*"|table->.*|column_find\(.*\))'
OWN_WORDS = re.compile(rf"{OWN_WORD}|[^\"?]*\? {OWN_WORD} : {OWN_WORD}")


def line_of(content, position):
    return content.count("\n", 0, position) + 1


def formatted(path, content, source):
    """(findings, names of the buffers that hold formatted SQL)"""
    found, buffers = [], set()
    for position, name, spans in calls(content, FORMATS):
        literals = "".join(source[begin:end] for begin, end in spans if '"' in source[begin:end])
        buffers.add(content[slice(*spans[0])].strip())
        if not SQL.search(literals):
            continue
        conversions = set(CONVERSION.findall(literals)) - {"%"}
        if path.parts[0] != "sql" or not conversions <= {"d"}:
            found.append(f"{path}:{line_of(content, position)}: {name} makes SQL: bind values")
    return found, buffers


def c_findings(path):
    content, source = code(path), text(path)
    for position, name, _ in calls(content, OF_SQLITE):
        yield f"{path}:{line_of(content, position)}: calls {name}"
    found, buffers = formatted(path, content, source)
    yield from found
    for position, name, spans in calls(content, RUNS):
        sql = source[slice(*spans[RUNS[name]])].strip() if len(spans) > RUNS[name] else ""
        if sql in buffers and path.parts[0] != "sql":
            yield f"{path}:{line_of(content, position)}: {name} of formatted text: bind values"
    for position, _, spans in calls(content, ("query_add",)):
        words = source[slice(*spans[1])].strip()
        if words != "const char *words" and not OWN_WORDS.fullmatch(words):
            yield f"{path}:{line_of(content, position)}: {words} is no word of this file"


def findings():
    for path in files(".c", ".h"):
        if path.parts[0] != "tests":
            yield from c_findings(path)


report(findings())
