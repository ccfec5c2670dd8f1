#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that the paths which the documents name exist, so that the map stays true."""

import pathlib
import re
import sys

DOCUMENTS = ("ARCHITECTURE.md", "HACKING.md", "README.md")
LAYERS = ("app", "ui", "core", "render", "accel", "hw", "data", "po", "flatpak", "tests", "tools")
NAMED = re.compile(r"`((?:%s)(?:/[A-Za-z0-9_.\-{},*]+)*/?)`" % "|".join(LAYERS))


def expand(name):
    match = re.match(r"(.*)\{([^}]*)\}(.*)", name)
    if not match:
        return [name]
    return [match[1] + part + match[3] for part in match[2].split(",")]


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    names = found = 0
    for document in DOCUMENTS:
        path = root / document
        if not path.exists():
            print(f"{document} is missing")
            found += 1
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for match in NAMED.finditer(line):
                for name in expand(match[1]):
                    names += 1
                    if not list(root.glob(name.rstrip("/"))):
                        print(f"{document}:{number}: there is no {name}")
                        found += 1
    print(f"map: {names} names, {found} problems")
    return 1 if found or not names else 0


if __name__ == "__main__":
    sys.exit(main())
