#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Throughput of disk images of both formats, beside qemu-img bench with the same requests.

Runs are interleaved and medians are taken: compare ratios, not times. Usage: bench-disk.py BUILD
[--rounds N] [--size MIB] [--depth N] [--folder FOLDER] (default: /dev/shm, which measures the
code and not the disk) [--smallest]."""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

FORMATS = ("raw", "qcow2")
# The work as bench-disk names it, and what qemu-img bench is to do for it after an empty start.
QEMU = {"first write 64K": [["-w"]], "write 64K": [["-w"], ["-w"]],
        "read 64K": [["-w"], []]}


def diorama(build, path, form, options):
    command = [os.path.join(build, "tests/bench/bench-disk"), path, form, str(options.size),
               str(options.depth)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {line["work"]: line["mib_per_s"] for line in map(json.loads, output.splitlines())}


def qemu(path, form, work, options):
    subprocess.run(["qemu-img", "create", "-q", "-f", form, path, f"{options.size}M"], check=True)
    for step in QEMU[work]:
        command = ["qemu-img", "bench", "-f", form, "-t", "writeback", "-i", "threads",
                   "-c", str(options.size * 16), "-d", str(options.depth), "-s", "65536", *step,
                   path]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    os.unlink(path)
    return options.size / float(re.search(r"in ([0-9.]+) seconds", output)[1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--depth", type=int, default=32)
    parser.add_argument("--folder", default="/dev/shm" if os.path.isdir("/dev/shm") else None)
    parser.add_argument("--smallest", action="store_true", help="one round of 8 MiB")
    options = parser.parse_args()
    if options.smallest:
        options.rounds, options.size = 1, 8
    ours, theirs = {}, {}
    with tempfile.TemporaryDirectory(prefix="dio-bench-", dir=options.folder) as folder:
        path = os.path.join(folder, "disk")
        for _ in range(options.rounds):
            for form in FORMATS:
                for work, value in diorama(options.build, path, form, options).items():
                    ours.setdefault((form, work), []).append(value)
                for work in QEMU:
                    theirs.setdefault((form, work), []).append(qemu(path, form, work, options))
    print(f"{'format':7} {'work':24} {'Diorama':>12} {'QEMU':>12} {'Diorama/QEMU':>13}")
    for (form, work), values in sorted(ours.items()):
        own = statistics.median(values)
        line = f"{form:7} {work:24} {own:6.0f} MiB/s"
        if (form, work) in theirs:
            other = statistics.median(theirs[form, work])
            line += f" {other:6.0f} MiB/s {own / other:13.2f}"
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
