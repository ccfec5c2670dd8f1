#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boots a Debian installer for a while with all compiled code run beside the interpreter, which must
agree.

Usage: test-check-compiler.py DIORAMA [--arch ARCH] [--cpus N] [--seconds S] [--compiler OPTIONS]"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

TIME_LIMIT = 4
LEAST = 20_000_000  # instructions: OpenSBI alone is a few millions


GUESTS = {
    # Not earlycon=sbi: the kernel has it for newer firmware only.
    "riscv64": ("debian-13-riscv64-netboot", "console=ttyS0 earlycon"),
    "arm64": ("debian-12-arm64-netboot", "console=ttyAMA0 earlycon"),
}


def image(folder, name):
    cache = os.environ.get("DIORAMA_IMAGES") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "diorama/images")
    path = os.path.join(cache, folder, name)
    if not os.path.exists(path):
        sys.exit(f"{path} is not there; ./dev guests fetches it")
    return path


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--arch", choices=sorted(GUESTS), default="riscv64")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=40)
    parser.add_argument("--compiler", default="check")
    options = parser.parse_args()
    folder_of_image, append = GUESTS[options.arch]
    with tempfile.TemporaryDirectory(prefix="dio-check-") as folder:
        serial = os.path.join(folder, "serial")
        result = subprocess.run(
            [options.program, "run", "--arch", options.arch, "--memory", "512M", "--headless",
             "--cpus", str(options.cpus), "--kernel", image(folder_of_image, "linux"), "--initrd",
             image(folder_of_image, "initrd.gz"), "--append", append, "--serial", f"file:{serial}",
             "--time-limit", str(options.seconds), "--compiler", options.compiler],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=options.seconds + 60, check=False)
        with open(serial, encoding="utf-8", errors="replace") as file:
            booted = "Linux version" in file.read()
    text = result.stdout + result.stderr
    counts = re.findall(r"CPU \d+: (\d+) instructions in \d+ sections agree, (\d+)", text)
    compared = sum(int(instructions) for instructions, _ in counts)
    print(f"{compared} instructions compared on {len(counts)} CPUs, Linux started: {booted}")
    if result.returncode != TIME_LIMIT or len(counts) != options.cpus:
        sys.exit(f"FAILED: exit status {result.returncode}\n{text}")
    if compared < LEAST:
        sys.exit(f"FAILED: only {compared} instructions were compared")
    if not booted:
        sys.exit("FAILED: Linux has not told its version")


if __name__ == "__main__":
    main()
