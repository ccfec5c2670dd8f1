#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adds up the results of meson test logs and prints the closing line of ./dev test."""

import json
import sys

GOOD = {"OK", "EXPECTEDFAIL"}


def main():
    passed = failed = skipped = 0
    for path in sys.argv[1:]:
        try:
            with open(path, encoding="utf-8") as log:
                lines = log.read().splitlines()
        except OSError as error:
            print(f"{path}: {error.strerror}: the tests of this build did not run")
            failed += 1
            continue
        for line in lines:
            test = json.loads(line)
            if test["result"] in GOOD:
                passed += 1
            elif test["result"] == "SKIP":
                skipped += 1
                print(f"skipped: {test['name']}")
            else:
                failed += 1
                print(f"{test['result'].lower()}: {test['name']} ({path.split('/')[0]})")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
