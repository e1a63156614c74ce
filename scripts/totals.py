#!/usr/bin/env python3
"""Adds up a log of `meson test`: scripts/totals.py NAME testlog.json prints 'NAME: N passed, N failed'.

A doctest program counts as its test cases, any other test as one. A program that failed without a
failed case (a crash, a sanitizer's finding at exit) counts as one failure more.
"""

import json
import re
import sys

CASES = re.compile(r"\[doctest\] test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed")
GOOD = {"OK", "EXPECTEDFAIL"}


def count(test):
    """Passed and failed of one entry of the log."""
    good = test["result"] in GOOD
    if test["result"] == "SKIP":
        return 0, 0
    found = CASES.search(test.get("stdout", ""))
    passed, failed = (int(found[1]), int(found[2])) if found else (int(good), 0)
    if not good and failed == 0:
        failed = 1
    return passed, failed


def main():
    name, log = sys.argv[1:]
    with open(log, encoding="utf-8") as entries:
        counts = [count(json.loads(entry)) for entry in entries]
    passed, failed = (sum(column) for column in zip(*counts)) if counts else (0, 0)
    print(f"{name}: {passed} passed, {failed} failed")


main()
