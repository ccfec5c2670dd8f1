#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boots the unmodified Debian installer for an architecture without a window, waits for the language screen
by what is on the framebuffer, presses keys and sees the selection move.

Usage: test-installer.py DIORAMA [--arch ARCH] [--image IMAGE] [--cpus N] [--keep FILE.png]"""

import argparse
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from diorama_guest import DioramaGuest  # noqa: E402
from guest_images import INSTALLERS, installer  # noqa: E402
from screen import WARNINGS, wait_for_dialog  # noqa: E402


def moved(guest, before, timeout=20):
    """The selection after it left @before, or None."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        screen = guest.screen()
        now = screen.selection() if screen else None
        if now and now != before:
            return now
        time.sleep(0.25)
    return None


def check(condition, message):
    if not condition:
        sys.exit(f"FAILED: {message}")
    print(f"ok: {message}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--arch", choices=INSTALLERS, default="riscv64")
    parser.add_argument("--image", help="another one of the images for this architecture")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--keep")
    options = parser.parse_args()
    kernel, initrd, append = installer(options.arch, options.image)
    log = f"/tmp/dio-boot-{os.getpid()}.log"
    guest = DioramaGuest(options.program, kernel, initrd, append, cpus=options.cpus, serial=log,
                         arch=options.arch)
    try:
        seconds, screen = wait_for_dialog(guest, timeout=400, interval=1)
        check(seconds is not None, f"the language screen came ({seconds} s)")
        first = screen.selection()
        if options.keep:
            shutil.copy(guest.picture, options.keep)
        guest.key("down")
        second = moved(guest, first)
        check(second is not None and second[0] > first[0], f"Down moves the selection: {second}")
        guest.key("up")
        third = moved(guest, second)
        check(third is not None and third[:2] == first[:2], "Up moves it back")
        guest.key("enter")
        fourth = moved(guest, third, timeout=60)
        check(fourth is not None, "Enter goes on to the next screen")
        stats = guest.stop()
        with open(log, encoding="utf-8", errors="replace") as file:
            text = file.read()
        seen = [warning for warning in WARNINGS if warning in text]
        check("Linux version" in text, "the kernel wrote to the serial port")
        check(not seen, f"the kernel complained of nothing {seen}")
        print(f"{stats['mips']:.0f} MIPS over {stats['wall_seconds']:.1f} s")
    finally:
        guest.close()
        if os.path.exists(log):
            os.unlink(log)


if __name__ == "__main__":
    main()
