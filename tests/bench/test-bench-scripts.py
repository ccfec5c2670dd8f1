#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every measurement of ./dev bench runs to its end with the smallest work and prints a figure beside
its peer's: nobody looks at them for weeks, and then they are wanted. What they measure is not judged.
Usage: test-bench-scripts.py BUILD [WHAT...]"""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# By name: the words for the smallest work, and what only the end of the output has.
MEASUREMENTS = {
    "boot": (["--smallest"], r"median: Diorama [\d.]+ s, QEMU [\d.]+ s"),
    "guest": (["--rounds", "1", "--scale", "tiny", "--program", "sort"], r"(?m)^  integer .*\d"),
    "disk": (["--smallest"], r"(?m)^raw .*MiB/s .*MiB/s +[\d.]+$"),
    "interp": (["--smallest"], r"misses +kick to exit"),
    "snapshot": (["--smallest"], r"running: median \d+ ms after the request[^\n]*\n"
                 r"second snapshot of an idle guest: [\d.]+ MiB"),
    "ui": (["--smallest"], r"idle: [\d.]+ fps"),
}


def main():
    build, chosen = sys.argv[1], sys.argv[2:] or list(MEASUREMENTS)
    failed = []
    for name in chosen:
        words, end = MEASUREMENTS[name]
        command = [sys.executable, os.path.join(HERE, f"bench-{name}.py"), build, *words]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
        good = result.returncode == 0 and re.search(end, result.stdout)
        print(f"{'ok' if good else 'FAILED'}: bench {name}", flush=True)
        if not good:
            failed.append(name)
            print(f"ended with {result.returncode}; no {end!r} in\n{result.stdout}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
