#!/usr/bin/env python3
"""Relative links of the documents lead to a file, and to a heading of it; README names its commands."""

import re

import checker

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COMMANDS = ["scripts/demo", "scripts/test"]


def prose(path):
    """Numbered lines outside of code blocks, without code spans."""
    fenced = False
    for number, line in checker.lines(path):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, re.sub(r"`[^`]*`", "", line)


def anchors(path):
    """The anchors that a forge makes of the headings."""
    heading = re.compile(r"#{1,6}\s+(.*?)\s*#*$")
    fenced = False
    for _, line in checker.lines(path):
        fenced ^= line.lstrip().startswith("```")
        found = heading.match(line)
        if found and not fenced:
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", found[1])
            yield re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def broken(root, path, target):
    file, _, anchor = target.partition("#")
    there = (path.parent / file).resolve() if file else path
    if not there.is_relative_to(root.resolve()) and file:
        return "leads out of the project"
    if not there.exists():
        return "leads nowhere"
    if anchor and there.suffix == ".md" and anchor not in anchors(there):
        return "leads to no heading"
    return None


def check(root):
    for path, name in checker.files(root, ".md"):
        for number, line in prose(path):
            for target in LINK.findall(line):
                if re.match(r"[a-z]+:", target):
                    continue
                why = broken(root, path, target)
                if why:
                    yield f"{name}:{number}: {target} {why}"
    readme = root / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.exists() else ""
    for command in COMMANDS:
        if command not in text:
            yield f"README.md: does not name {command}"
        elif not (root / command).exists():
            yield f"README.md: names {command}, which does not exist"


SOUND = {
    "README.md": "Run scripts/demo, scripts/test. [Docs](docs/a.md#two-words), [x](https://x.example)\n",
    "docs/a.md": "# Two words\n[up](../README.md) `[code](none)`\n```\n[code](none)\n```\n",
    "scripts/demo": "",
    "scripts/test": "",
}
FAULTS = {
    "no file": ({"docs/b.md": "[x](gone.md)\n"}, "leads nowhere"),
    "no heading": ({"docs/b.md": "[x](a.md#gone)\n"}, "leads to no heading"),
    "outside": ({"docs/b.md": "[x](../../etc)\n"}, "leads out of the project"),
    "no command": ({"README.md": "Run scripts/test.\n"}, "does not name scripts/demo"),
}

if __name__ == "__main__":
    checker.run(check, SOUND, FAULTS)
