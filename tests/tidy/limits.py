#!/usr/bin/env python3
"""Limits on sources that no compiler checks: length, throw, leftovers, tests that cannot fail.

A file over the limit needs a line in LONGER with its own limit and the reason. The table only
shrinks: a file that no longer needs its line is a finding too.
"""

import re

import checker

LINES_MAX = 400
UNITS_MAX = 20  # in a folder of src; x.h and x.cc are one
LONGER = {}  # path: (lines, reason)

SOURCES = ("src", "tests", "bench")
THROW_ALLOWED = re.compile(r"src/config/load\w*\.cc$")
HERMETIC = ("tests/unit/", "tests/sim/", "tests/support/")
VAGUE_FOLDERS = {"util", "utils", "common", "core", "misc", "manager"}

# Where: what: why. The brackets keep the patterns from finding themselves.
RULES = [
    (r".*", r"\b(T[O]DO|F[I]XME|X[X]X|H[A]CK)\b(?!\(#\d+\))", "needs an issue number: (#12)"),
    (r".*", r"(?<![\w.])/(w[o]rk|r[o]ot|f[a]rm)/", "a path of some machine"),
    (r".*", r"\b(d[e]bian|n[p]mjs|u[b]untu)\.(org|com)\b", "a host of a package registry"),
    (r"(src|tests|bench)/.*\.(cc|h)$", r"^\s*#\s*if\s+[0]\b", "dead code"),
    (r"tests/.*\.(cc|h)$", r"doctest::(skip|may_fail|should_fail|expected_failures)",
     "a test that does not test"),
]
RULES = [(re.compile(where), re.compile(what), why) for where, what, why in RULES]
THROW = re.compile(r"\bthrow\b")
WAITS = re.compile(r"\b(sleep_for|sleep_until|u?sleep|nanosleep|steady_clock::now|system_clock::now)\b")


def without_comment(line):
    return re.sub(r'"(\\.|[^"\\])*"', '""', line).split("//")[0]


def check_lines(path, name):
    for number, line in checker.lines(path):
        for where, what, why in RULES:
            if where.match(name) and what.search(line):
                yield f"{name}:{number}: {why}"
        if path.suffix not in (".cc", ".h"):
            continue
        code = without_comment(line)
        if name.startswith("src/") and THROW.search(code) and not THROW_ALLOWED.match(name):
            yield f"{name}:{number}: throw outside src/config/load*.cc"
        if name.startswith(HERMETIC) and WAITS.search(code):
            yield f"{name}:{number}: a test that waits or reads a clock"


def check_shape(path, name, numbered):
    limit = LONGER.get(name, (LINES_MAX, ""))[0]
    if len(numbered) > limit:
        yield f"{name}:{len(numbered)}: longer than {limit} lines"
    if name in LONGER and len(numbered) <= LINES_MAX:
        yield f"{name}: no longer needs its line in LONGER"
    opens = name.startswith("src/") and (path.suffix == ".h" or not path.with_suffix(".h").exists())
    if opens and not (numbered and numbered[0][1].startswith("//")):
        yield f"{name}:1: a file opens by saying what it is"


def check_folders(root):
    for folder in sorted(path for path in (root / "src").rglob("*") if path.is_dir()):
        name = folder.relative_to(root).as_posix()
        if folder.name in VAGUE_FOLDERS:
            yield f"{name}: the name of the folder says nothing"
        units = {path.stem for path in folder.iterdir() if path.suffix in (".cc", ".h")}
        if len(units) > UNITS_MAX:
            yield f"{name}: {len(units)} units, more than {UNITS_MAX}"


def check(root):
    for path, name in checker.files(root):
        yield from check_lines(path, name)
        if path.suffix in (".cc", ".h") and name.split("/")[0] in SOURCES:
            yield from check_shape(path, name, checker.lines(path))
    for name in LONGER:
        if not (root / name).exists():
            yield f"{name}: is in LONGER and does not exist"
    yield from check_folders(root)


SOUND = {
    "src/base/fd.h": "// A descriptor with one owner.\n#pragma once\n",
    "src/base/fd.cc": '#include "base/fd.h"\nstatic const char* kText = "we throw nothing";\n',
    "src/config/load_toml.cc": "// Reads the configuration.\nvoid f() { throw 1; }\n",
    "tests/unit/base/fd_test.cc": "// sleep_for is never called here\n",
    "docs/a.md": "The roots of /var/www/rooted/work/ are not machine paths. T" + "ODO(#12)\n",
}
FAULTS = {
    "long": ({"tests/sim/a.cc": "\n" * 401}, "longer than 400"),
    "throw": ({"src/io/a.cc": "// A.\nvoid f() { throw 1; }\n"}, "throw outside"),
    "left over": ({"src/io/a.cc": "// A.\n// T" + "ODO: later\n"}, "issue number"),
    "machine path": ({"docs/b.md": "see /wo" + "rk/main\n"}, "path of some machine"),
    "host": ({"scripts/x": "curl deb.deb" + "ian.org\n"}, "package registry"),
    "no opening": ({"src/io/a.h": "#pragma once\n"}, "opens by saying"),
    "sleep": ({"tests/unit/a.cc": "std::this_thread::sleep_for(1s);\n"}, "waits or reads a clock"),
    "skipped": ({"tests/unit/a.cc": 'TEST_CASE("x" * doctest::sk' + 'ip())\n'}, "does not test"),
    "dead": ({"src/io/a.cc": "// A.\n#if " + "0\n#endif\n"}, "dead code"),
    "vague": ({"src/io/util/a.h": "// A.\n"}, "says nothing"),
    "crowded": ({f"src/io/a{n}.h": "// A.\n" for n in range(21)}, "more than 20"),
}

if __name__ == "__main__":
    checker.run(check, SOUND, FAULTS)
