#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the subjects of the commits of this branch: `area: Imperative subject`, 72 columns."""

import re
import subprocess
import sys

SUBJECT = re.compile(r"^[a-z0-9_/+, .-]+: [A-Z].*[^.]$")
COLUMNS = 72


def broken_rules(subject):
    """The rules that @subject breaks, in words."""
    if len(subject) > COLUMNS:
        yield f"length: {len(subject)} columns, at most {COLUMNS}"
    if not SUBJECT.match(subject):
        yield "form: not like “area: Imperative subject” (small area, capital letter, no full stop)"


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "."
    run = subprocess.run(["git", "-C", root, "log", "--no-merges", "-n", "200", "--format=%h %s"],
                         capture_output=True, text=True, check=False)
    if run.returncode:
        print("commits: not a git checkout, nothing to check")
        return 0
    found = 0
    lines = run.stdout.splitlines()
    for line in lines:
        commit, subject = line.split(" ", 1)
        rules = list(broken_rules(subject))
        if rules:
            print(f"{commit}: {subject}\n  " + "\n  ".join(rules))
            found += 1
    print(f"commits: {len(lines)} subjects, {found} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
