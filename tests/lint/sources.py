"""What the lint tests share: the project's files and how to report findings."""
import os
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
COMMENT_OR_LITERAL = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL)


def files(*suffixes):
    """The project's files, relative to its top; all of them without suffixes."""
    for folder, folders, names in os.walk(TOP):
        folders[:] = sorted(name for name in folders
                            if name not in ("build", "__pycache__")
                            and (not name.startswith(".") or name == ".ci"))
        for name in sorted(names):
            if name == ".git":  # a worktree's, which says where on this machine the repository is
                continue
            path = pathlib.Path(folder, name).relative_to(TOP)
            if not suffixes or path.suffix in suffixes:
                yield path


def text(path):
    return (TOP / path).read_text(encoding="utf-8", errors="replace")


def code(path):
    """A C file's text with comments and literals blanked; line numbers stay right."""
    return COMMENT_OR_LITERAL.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text(path))


def calls(content, names):
    """Calls in a file's code() of functions named so: (position, name, arguments' spans)."""
    for match in re.finditer(rf"\b({'|'.join(names)})\s*\(", content):
        depth, begin, spans = 0, match.end(), []
        for at in range(match.end(), len(content)):
            character = content[at]
            if character in ")," and depth == 0:
                spans.append((begin, at))
                begin = at + 1
                if character == ")":
                    break
            depth += (character in "([{") - (character in ")]}")
        yield match.start(), match[1], spans


def report(findings):
    """Prints the findings and ends the program: status 1 when there are any."""
    findings = list(findings)
    for finding in findings:
        print(finding)
    print(f"{len(findings)} findings")
    sys.exit(1 if findings else 0)
