#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole way with a real guest: a person makes a machine from the Debian installer in the wizard,
sees its kernel and its language screen in the console, moves the selection with the keyboard, and finds
the live picture in the library. Usage: test-installer-ui.py DIORAMA FOLDER-FOR-SCREENSHOTS"""

import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from own_session import enter_session  # noqa: E402
from ui_driver import Application, Failure, wait_until  # noqa: E402
from screen import GREY, near  # noqa: E402

NAME = "Debian 13 installer (RISC-V)"  # as there is one for Arm


def images():
    folder = os.environ.get("DIORAMA_IMAGES") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "diorama/images")
    if not all(os.path.exists(os.path.join(folder, f"debian-13-{arch}-netboot/image.json"))
               for arch in ("arm64", "riscv64")):
        raise Failure(f"no installer in {folder}; ./dev guests fetches it")
    return folder


def dialog(app):
    screen = app.screen()
    return screen.selection() if screen.is_dialog() else None


def text(app):
    """Grey on black in the upper part of the console: messages of the kernel."""
    screen = app.screen()
    lit = sum(near(screen.pixel(x, y), GREY) for y in range(60, 700, 3) for x in range(8, 800, 3))
    return 50 < lit < 20000


def choose(app, name):
    """Goes to an image in the list, which the focus is in, and presses Enter on it."""
    app.find("list item", "Debian 13 installer (Arm)")
    for _ in range(10):
        if app.has_state(app.find("list item", name), "FOCUSED"):
            app.key("Return")
            return
        app.key("Down")
    raise Failure(f"Down never reaches “{name}”")


def main():
    enter_session(sys.argv)
    program, shots = sys.argv[1:3]
    app = Application(program, shots, environment={"DIORAMA_IMAGES": images()})
    try:
        app.press("push button", "New Machine")
        app.find("list item", NAME)
        app.shot("real-1-source")
        choose(app, NAME)
        app.press("push button", "Create and Start")
        app.find("image", "Screen of " + NAME, timeout=60)
        app.find("label", "Running", timeout=60)
        wait_until("the kernel's messages in the console", lambda: text(app), timeout=120)
        app.shot("real-2-kernel")
        first = wait_until("the language screen in the console", lambda: dialog(app), timeout=400)
        app.shot("real-3-language")
        app.key("Down")
        second = wait_until("the selection moving down",
                            lambda: (dialog(app) or first)[0] > first[0] and dialog(app))
        app.key("Up")
        wait_until("the selection moving up", lambda: (dialog(app) or second)[0] < second[0])
        app.shot("real-4-keys")
        app.chord()
        app.key("ctrl+w")
        app.find("label", "Is Running")
        app.answer("Is Running", "Keep Running")
        app.find("table cell", NAME + ", RISC-V · running")
        time.sleep(1.5)
        app.shot("real-5-library")
        app.key("ctrl+q")
        app.find("label", "1 Machine Is Running")
        # The installer does not listen to the power button: the question comes again.
        app.answer("1 Machine Is Running", "Shut Down and Quit")
        app.find("label", "1 Machine Is Running", timeout=40)
        app.shot("real-6-asked-again")
        app.answer("1 Machine Is Running", "Force Off and Quit")
        wait_until("the end of the application", lambda: app.process.poll() is not None)
        if app.process.returncode or app.complaints():
            raise Failure(f"ended with {app.process.returncode}: {app.complaints()}")
    finally:
        app.close()


if __name__ == "__main__":
    main()
