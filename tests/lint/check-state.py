#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that the engine layers have no file-scope mutable state: several machines share them.

Reads the symbol tables of the static libraries: nothing of ours may be in .data or .bss. Usage:
check-state.py ROOT LIBRARY... (without libraries there is nothing to check: ./dev check)."""

import re
import subprocess
import sys

SYMBOL = re.compile(r"^[0-9a-f]+ .{7} (\S+)\s+[0-9a-f]+ (?:\.hidden )?(\S+)$")
WRITABLE = re.compile(r"^(\.data(?!\.rel\.ro)|\.bss|\.tbss|\.tdata|\*COM\*)")
# Symbols that tools add, and one-time facts of the process that never change once computed.
ALLOWED = re.compile(r"^(__|_\.|\.|llvm|DW\.|.*__once|quark\.|q\.)")


def main():
    found = []
    libraries = sys.argv[2:]
    for library in libraries:
        symbols = subprocess.run(["objdump", "-t", library], capture_output=True, text=True,
                                 check=True).stdout
        member = library
        for line in symbols.splitlines():
            if ".o:" in line:
                member = line.split(":")[0]
                continue
            match = SYMBOL.match(line)
            if match and WRITABLE.match(match[1]) and not ALLOWED.match(match[2]):
                found.append(f"{member}: mutable state at file scope: {match[2]}")
    for problem in found:
        print(problem)
    print(f"state: {len(libraries)} libraries, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
