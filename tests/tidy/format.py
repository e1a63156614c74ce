#!/usr/bin/env python3
"""Sources are as clang-format 14 writes them; scripts/format repairs. Other versions write otherwise.

Exit 77 (skipped) where clang-format 14 is not installed: Debian 13 has none.
"""

import pathlib
import shutil
import subprocess
import sys

import checker

STYLE = pathlib.Path(__file__).resolve().parents[2] / ".clang-format"


def program():
    for name in ("clang-format-14", "clang-format"):
        path = shutil.which(name)
        if path and "version 14." in subprocess.run([path, "--version"], text=True,
                                                    capture_output=True, check=True).stdout:
            return path
    return None


def sources(root):
    return [str(path) for path, _ in checker.files(root, ".cc", ".h", under=("src", "tests", "bench"))]


def check(root):
    paths = sources(root)
    if not paths:
        return
    done = subprocess.run([program(), "--dry-run", "-Werror", f"--style=file:{STYLE}", *paths],
                          text=True, capture_output=True, check=False)
    seen = set()
    for line in done.stderr.splitlines():
        name = line.split(":")[0]
        if "error:" in line and name not in seen:
            seen.add(name)
            yield f"{pathlib.Path(name).relative_to(root)}: scripts/format would change it"


def main():
    if not program():
        print("clang-format 14 is not installed")
        sys.exit(77)
    if sys.argv[1] == "--fix":
        root = STYLE.parent
        subprocess.run([program(), "-i", f"--style=file:{STYLE}", *sources(root)], check=True)
    else:
        checker.run(check, SOUND, FAULTS)


SOUND = {"src/a.cc": "int f(int a) {\n  return a;\n}\n"}
FAULTS = {
    "spaces": ({"src/b.cc": "int  f(int a) {\n  return a;\n}\n"}, "src/b.cc: scripts/format"),
    "width": ({"tests/b.cc": "int a = 1;  // " + "word " * 20 + "\n"}, "tests/b.cc"),
    "pointer": ({"bench/b.h": "int *f();\n"}, "bench/b.h"),
}

if __name__ == "__main__":
    main()
