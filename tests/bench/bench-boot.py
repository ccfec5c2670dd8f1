#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time from the start to the Debian installer's language screen, told by the framebuffer, beside
Debian's QEMU on the same files, in turn. Usage: bench-boot.py BUILD [--rounds N] [--cpus N]."""

import argparse
import os
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
sys.path.insert(0, os.path.join(HERE, "../boot"))
from diorama_guest import DioramaGuest  # noqa: E402
from qemu_guest import QemuGuest  # noqa: E402
from screen import wait_for_dialog  # noqa: E402


def measure(guest):
    try:
        seconds, _ = wait_for_dialog(guest, timeout=500)
        if seconds is None:
            sys.exit("the language screen did not come within 500 s")
        return seconds
    finally:
        guest.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--cpus", type=int, default=1)
    options = parser.parse_args()
    import importlib
    kernel, initrd = importlib.import_module("test-installer").installer()
    program = os.path.join(options.build, "diorama")
    append = "console=ttyS0 console=tty0"
    ours, theirs = [], []
    for _ in range(options.rounds):
        ours.append(measure(DioramaGuest(program, kernel, initrd, append, cpus=options.cpus)))
        theirs.append(measure(QemuGuest(kernel, initrd, append, cpus=options.cpus)))
        print(f"to the language screen, {options.cpus} vCPU: Diorama {ours[-1]:.1f} s, "
              f"QEMU {theirs[-1]:.1f} s", flush=True)
    mine, peer = statistics.median(ours), statistics.median(theirs)
    print(f"median: Diorama {mine:.1f} s, QEMU {peer:.1f} s: {mine / peer:.2f} times QEMU's time")


if __name__ == "__main__":
    main()
