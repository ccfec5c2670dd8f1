#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Speed of the engine on bare-metal programs, beside Debian's QEMU on the same files.

The programs time themselves with the board's mtime, so the start of either emulator does not count.
Runs are interleaved and medians are taken: compare ratios, not times. Usage: bench-interp.py BUILD
[--rounds N] [--engine NAME] [--smallest]: one program, once."""

import argparse
import glob
import math
import os
import re
import statistics
import subprocess
import sys

LINE = re.compile(r"bench (\S+) checksum (\S+) ticks (\d+) instructions (\d+)")
FLOAT = {"lu", "mandel", "nbody"}
TIMEBASE = 10e6


def run(command):
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            timeout=180, check=False)
    match = LINE.search(result.stdout)
    if not match:
        sys.exit(f"{' '.join(command)}\nprinted no result:\n{result.stdout}{result.stderr}")
    return match[2], int(match[3]) / TIMEBASE, int(match[4])


def diorama(build, image, engine):
    return run([os.path.join(build, "diorama"), "run", "--arch", "riscv64", "--memory", "128M",
                "--cpus", "1", "--engine", engine, "--firmware", image, "--headless",
                "--serial", "stdio", "--time-limit", "150"])


def qemu(image):
    return run(["qemu-system-riscv64", "-machine", "virt", "-smp", "1", "-m", "128M",
                "-nodefaults", "-no-user-config", "-display", "none", "-accel", "tcg",
                "-bios", image, "-serial", "stdio"])


def geometric(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", default="interpreter")
    parser.add_argument("--smallest", action="store_true", help="one program, once")
    options = parser.parse_args()
    images = sorted(glob.glob(os.path.join(options.build, "tests/bench/programs/bench-*.bin")))
    if not images:
        sys.exit("no measuring programs were built: is riscv64-linux-gnu-gcc installed?")
    samples = []
    if options.smallest:
        options.rounds, images, samples = 1, images[:1], ["--samples", "50"]
    print(f"{'program':10} {'instr.':>8} {'Diorama':>9} {'MIPS':>7} {'QEMU':>9} {'MIPS':>7} "
          f"{'QEMU/Diorama':>13}")
    ratios = {"integer": [], "float": []}
    for image in images:
        ours, theirs = [], []
        for _ in range(options.rounds):
            ours.append(diorama(options.build, image, options.engine))
            theirs.append(qemu(image))
        if {o[0] for o in ours} != {t[0] for t in theirs}:
            sys.exit(f"{image}: different results: {ours[0][0]} and {theirs[0][0]}")
        name = os.path.basename(image)[len("bench-"):-len(".bin")]
        mine = statistics.median(o[1] for o in ours)
        peer = statistics.median(t[1] for t in theirs)
        count = ours[0][2]
        ratios["float" if name in FLOAT else "integer"].append(peer / mine)
        print(f"{name:10} {count / 1e6:7.0f}M {mine:8.3f}s {count / mine / 1e6:7.0f} {peer:8.3f}s "
              f"{count / peer / 1e6:7.0f} {peer / mine:12.2f}x", flush=True)
    for group, values in ratios.items():
        if values:
            print(f"geometric mean, {group}: {geometric(values):.2f} of QEMU's speed", flush=True)
    print("a vCPU in compiled code that is kicked:", flush=True)
    subprocess.run([os.path.join(options.build, "tests/bench/bench-kick"), *samples],
                   check=True)


if __name__ == "__main__":
    main()
