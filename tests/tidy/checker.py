"""What the checkers share: walking the tree, printing findings, and testing the checker itself.

A checker is a function from a source tree to findings ("path:line: what is wrong"). Its FAULTS are
small trees with one fault each, and SOUND one without. The self-test demands a finding for each fault
and none for SOUND, so that a checker which no longer finds anything fails too.
"""

import pathlib
import sys
import tempfile

LEFT_OUT = {".git", "build", "__pycache__"}


def files(root, *suffixes, under=()):
    """Project files below root, sorted, as (path, name from root); no builds, no fetched sources."""
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root)
        if not path.is_file() or LEFT_OUT & set(name.parts):
            continue
        if name.parts[0] == "subprojects" and len(name.parts) > 2 and name.parts[1] != "packagefiles":
            continue
        if under and name.parts[0] not in under:
            continue
        if not suffixes or path.suffix in suffixes:
            yield path, name.as_posix()


def lines(path):
    """Numbered lines of a text file; none for a binary one."""
    try:
        return list(enumerate(path.read_text(encoding="utf-8").splitlines(), 1))
    except UnicodeDecodeError:
        return []


def findings_in(check, tree):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in tree.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        return list(check(root))


def self_test(check, sound, faults):
    wrong = [f"a sound tree was refused: {found}" for found in findings_in(check, sound)]
    for name, (tree, expected) in faults.items():
        found = findings_in(check, {**sound, **tree})
        if len(found) != 1 or expected not in found[0]:
            wrong.append(f"{name}: expected one finding with '{expected}', got {found}")
    return wrong


def run(check, sound, faults):
    """Call as: CHECKER ROOT, or CHECKER --self-test."""
    if sys.argv[1] == "--self-test":
        found = self_test(check, sound, faults)
    else:
        found = list(check(pathlib.Path(sys.argv[1])))
    for line in found:
        print(line)
    sys.exit(1 if found else 0)
