#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boots the unmodified graphical Debian installer for arm64 without a window and goes through its first pages by
keyboard and pointer, told by what is on the framebuffer.

Usage: test-graphical.py DIORAMA [--cpus N] [--keep FOLDER]"""

import argparse
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from diorama_guest import DioramaGuest  # noqa: E402
from guest_images import image_files  # noqa: E402
from screen import WARNINGS  # noqa: E402

TEAL = (42, 136, 126)  # of the selected row
BUTTON = (1218, 774)   # Continue
TOP = 110              # of the page, below the banner and the title


def check(condition, message):
    if not condition:
        sys.exit(f"FAILED: {message}")
    print(f"ok: {message}", flush=True)


class Installer:
    def __init__(self, guest, keep):
        self.guest, self.keep = guest, keep

    def look(self, name, wanted, timeout, interval=0.5):
        """The first screen that @wanted says something of, and that; keeps the picture as @name."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            screen = self.guest.screen()
            seen = screen and screen.width == 1280 and wanted(screen)
            if seen:
                if self.keep:
                    shutil.copy(self.guest.picture, os.path.join(self.keep, name + ".png"))
                return screen, seen
            time.sleep(interval)
        sys.exit(f"FAILED: nothing of this came on the screen: {name}")

    def click(self, x, y):
        self.guest.cli("click", "guest", str(x), str(y))


def bar(screen):
    """(top, bottom) of the selected row of a list that fills the page, or None."""
    found = screen.selection(TEAL, top=TOP)
    return found[:2] if found and found[3] - found[2] > 900 else None


def title(screen):
    """The pixels of the page's title."""
    return b"".join(screen.rgb[(y * screen.width + 12) * 3:(y * screen.width + 400) * 3] for y in range(84, 106))


def next_page(installer, name, before):
    """The title of the page after that with the title @before, once it has a list."""
    screen, _ = installer.look(name, lambda s: title(s) != before and bar(s), 60)
    check(True, f"{name} is on the screen")
    return title(screen)


def go_through(installer):
    screen, first = installer.look("the list of languages", bar, 400, interval=2)
    check(True, f"the language page came ({time.monotonic() - installer.guest.started:.0f} s)")
    installer.guest.key("down")
    _, second = installer.look("the row below", lambda s: bar(s) != first and bar(s), 30)
    check(second[0] in range(first[1] - 2, first[1] + 3), f"Down selects the row below: {first} {second}")
    x, y = 300, first[0] - 100
    installer.click(x, y)
    _, third = installer.look("the row that was clicked", lambda s: bar(s) not in (first, second) and bar(s), 30)
    check(third[0] <= y < third[1], f"a click selects the row under the pointer: {y} in {third}")
    y = (first[0] + first[1]) // 2
    installer.click(x, y)
    installer.look("English again", lambda s: bar(s) and bar(s)[0] <= y < bar(s)[1], 30)
    installer.click(*BUTTON)
    location = next_page(installer, "the page after a click on Continue", title(screen))
    installer.guest.key("enter")
    next_page(installer, "the page after Enter", location)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--keep")
    options = parser.parse_args()
    kernel, initrd = image_files("debian-12-arm64-netboot-gtk", "linux", "initrd.gz")
    log = f"/tmp/dio-graphical-{os.getpid()}.log"
    guest = DioramaGuest(options.program, kernel, initrd, "console=ttyAMA0 console=tty0", cpus=options.cpus,
                         serial=log, arch="arm64")
    try:
        go_through(Installer(guest, options.keep))
        stats = guest.stop()
        with open(log, encoding="utf-8", errors="replace") as file:
            text = file.read()
        seen = [warning for warning in WARNINGS if warning in text]
        check("Linux version" in text and not seen, f"the kernel complained of nothing {seen}")
        print(f"{stats['mips']:.0f} MIPS over {stats['wall_seconds']:.1f} s")
    finally:
        guest.close()
        if os.path.exists(log):
            os.unlink(log)


if __name__ == "__main__":
    main()
