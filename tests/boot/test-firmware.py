#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boots unmodified UEFI firmware without a kernel to its shell, told by the serial port and the framebuffer,
and turns the machine off from there.

Usage: test-firmware.py DIORAMA [--cpus N] [--engine ENGINE] [--graphics KIND] [--keep FILE.png]"""

import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from firmware_guest import FirmwareGuest, check  # noqa: E402
from screen import Screen  # noqa: E402

YELLOW = bytes((255, 255, 0))  # what the shell prompts in


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--graphics", default="virtio")
    parser.add_argument("--keep")
    options = parser.parse_args()
    guest = FirmwareGuest(options.program, "--cpus", str(options.cpus), "--engine", options.engine,
                          "--graphics", options.graphics,
                          picture=options.keep)
    try:
        guest.shell()
        check(True, f"the shell is there ({guest.seconds():.1f} s)")
        guest.type("ver\r")
        guest.wait_for(r"EDK II")
        guest.wait_for(r"Shell> ")
        check(True, "it takes commands")
        guest.type("reset -s\r")
        check(guest.end() == 0, f"it turns the machine off ({guest.seconds():.1f} s)")
        check(Screen.read_png(guest.picture).rgb.count(YELLOW) > 100, f"its prompt was on the framebuffer ({options.graphics})")
    finally:
        guest.close()


if __name__ == "__main__":
    main()
