#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that every C file is as clang-format would write it, and every file's first line.

Releases of clang-format differ in small ways; the law is release 14 (.clang-format is written for
it). With another release the C files are checked for tabs, trailing blanks and width only."""

import pathlib
import re
import shutil
import subprocess
import sys

LAYERS = ("app", "ui", "core", "render", "accel", "hw", "tests")
LICENCE = "SPDX-License-Identifier: GPL-3.0-or-later"
WIDTH = 100


def formatter():
    for name in ("clang-format-14", "clang-format"):
        program = shutil.which(name)
        if program:
            version = subprocess.run([program, "--version"], capture_output=True, text=True,
                                     check=True).stdout
            if re.search(r"version 14\.", version):
                return program
    return None


def text_problems(name, text):
    if LICENCE not in "\n".join(text.split("\n", 2)[:2]):
        yield f"{name}:1: the first line names no licence"
    for number, line in enumerate(text.splitlines(), 1):
        if "\t" in line:
            yield f"{name}:{number}: tab"
        if line != line.rstrip():
            yield f"{name}:{number}: trailing blanks"
    if text and not text.endswith("\n"):
        yield f"{name}: no newline at the end"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found = []
    files = sorted(p for layer in LAYERS for p in (root / layer).rglob("*")
                   if p.suffix in (".c", ".h", ".inc", ".py", ".sh") or p.name == "meson.build")
    for path in files:
        found += text_problems(path.relative_to(root), path.read_text(encoding="utf-8"))
    program = formatter()
    sources = [str(p) for p in files if p.suffix in (".c", ".h")]
    if program:
        run = subprocess.run([program, "--dry-run", "-Werror", "--ferror-limit=1", *sources],
                             capture_output=True, text=True, check=False)
        found += [line for line in run.stderr.splitlines() if "error:" in line]
    for problem in found:
        print(str(problem).replace(f"{root}/", ""))
    print(f"format: {len(files)} files ({'clang-format 14' if program else 'text rules only'}), "
          f"{len(found)} problems")
    return 1 if found or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
