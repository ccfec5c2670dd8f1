#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pointer in the real application: where it is in the guest's picture, its buttons and its wheel reach the
guest, at every scale. The dummy engine writes what arrives into a file; where the picture is is looked up on
the screen. Usage: test-pointer.py PROGRAM FOLDER-FOR-SCREENSHOTS [NAME-OF-ONE-TEST]"""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from ui_driver import Application, Failure, check, check_log, run_tests, wait_until  # noqa: E402
from ui_pointer import Guest, find_picture  # noqa: E402

BUTTONS = {1: 272, 2: 274, 3: 273, 8: 275, 9: 276}  # of X, of evdev
WHEEL = {4: ("8", 1), 5: ("8", -1), 6: ("6", -1), 7: ("6", 1)}  # of X: REL_WHEEL or REL_HWHEEL, value


def check_motion(app, guest, box, tolerance=1.0):
    """The corners, the middle and places between: exact to @tolerance pixels of the screen."""
    x0, y0, x1, y1 = box
    width, height = x1 - x0, y1 - y0
    for part_x, part_y in ((0, 0), (1, 0), (1, 1), (0, 1), (0.5, 0.5), (0.25, 0.8), (0.9, 0.1)):
        x, y = x0 + round(part_x * width), y0 + round(part_y * height)
        app.pointer(x, y)
        wanted = (x - x0) / width, (y - y0) / height

        def arrived():
            at = guest.position()
            return None not in at and abs(at[0] - wanted[0]) * width <= tolerance \
                and abs(at[1] - wanted[1]) * height <= tolerance
        try:
            wait_until("the pointer", arrived, timeout=3)
        except Failure:
            at = guest.position()
            raise Failure(f"the pointer at {x}, {y} of {box} is at {at} in the guest, not at {wanted}") from None


def check_buttons(app, guest, box):
    app.pointer((box[0] + box[2]) // 2, (box[1] + box[3]) // 2)
    for button, code in BUTTONS.items():
        guest.forget()
        subprocess.run(["xdotool", "click", str(button)], check=True)
        wait_until(f"button {button}", lambda: len([e for e in guest.new() if e[0] == "key"]) == 2)
        keys = [e for e in guest.new() if e[0] == "key"]
        check(keys == [("key", str(code), "1"), ("key", str(code), "0")], f"button {button}: {keys}")
    for button, (axis, value) in WHEEL.items():
        guest.forget()
        subprocess.run(["xdotool", "click", "--repeat", "3", "--delay", "60", str(button)], check=True)
        wait_until(f"wheel {button}", lambda: sum(int(e[2]) for e in guest.new() if e[0] == "rel") == 3 * value)
        check(all(e[1] == axis for e in guest.new() if e[0] == "rel"), f"wheel {button}: {guest.new()}")
    # A drag: the button is down while the pointer moves, and comes up outside of the picture, too.
    guest.forget()
    app.pointer(box[0] + 40, box[1] + 40)
    subprocess.run(["xdotool", "mousedown", "1", "mousemove", str(box[0] + 80), str(box[1] + 60), "mousemove",
                    str(box[2] + 30), str(box[3] + 30), "mouseup", "1"], check=True)
    wait_until("the end of the drag", lambda: ("key", "272", "0") in guest.new())
    events = [e[:2] + (("",) if e[0] == "abs" else e[2:]) for e in guest.new() if e[0] != "sync"]
    down, up = events.index(("key", "272", "1")), events.index(("key", "272", "0"))
    check(("abs", "0", "") in events[down:up], f"no motion in the drag: {guest.new()}")


def run(program, shots, name, settings, environment=None, size="1400x1000", tolerance=1.0, display=None):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="diorama-pointer-"))
    (folder / "config/diorama").mkdir(parents=True)
    (folder / "config/diorama/settings.ini").write_text("[preferences]\n" + settings, encoding="ascii")
    app = Application(program, shots, ("--run", f"dummy:still dummy:log={folder}/events " + (display or "")),
                      folder=folder, environment=environment, size=size)
    try:
        app.find("image", "Screen of Dummy")
        app.find("label", "Running")
        app.gone("label", "Keyboard captured")
        time.sleep(0.8)
        guest = Guest(folder / "events")
        box = find_picture(app.screen())
        app.shot(f"pointer-{name}")
        yield app, guest, box
        check_log(app)
    finally:
        app.close()
        shutil.rmtree(folder, ignore_errors=True)


def test_follow(program, shots):
    """The guest has the size of the window."""
    for app, guest, box in run(program, shots, "follow", ""):
        check_motion(app, guest, box)
        check_buttons(app, guest, box)


def test_fit(program, shots):
    """A guest that keeps its size is scaled to a smaller window, with black beside it."""
    for app, guest, box in run(program, shots, "fit", "follow-window=false\n", size="900x900"):
        ratio = (box[2] - box[0] + 1) / (box[3] - box[1] + 1)
        check(abs(ratio - 1.6) < 0.01, f"the picture is stretched: {box}")
        check_motion(app, guest, box)
        check_buttons(app, guest, box)
        # Beside the picture the pointer is at its edge.
        app.pointer((box[0] + box[2]) // 2, box[3] + 60)
        wait_until("the lower edge", lambda: guest.position()[1] == 1.0)


def test_actual(program, shots):
    """1:1 in a window that is too small shows a part."""
    for app, guest, box in run(program, shots, "actual", "follow-window=false\nscaling=actual\n", size="900x700"):
        for x, y in ((box[0], box[1]), (box[0] + 100, box[1] + 50), (box[0] + 500, box[1] + 333)):
            app.pointer(x, y)
            wanted = (x - box[0]) / 1279, (y - box[1]) / 799
            wait_until(f"the pointer at {x}, {y}: {wanted}",
                       lambda: abs(guest.position()[0] - wanted[0]) * 1279 <= 1.0
                       and abs(guest.position()[1] - wanted[1]) * 799 <= 1.0, timeout=3)


def test_double(program, shots):
    """On a screen with twice the density every pixel can be met."""
    for app, guest, box in run(program, shots, "double", "", environment={"GDK_SCALE": "2"}, size="1400x1000",
                               tolerance=2.0):
        check_motion(app, guest, box, tolerance=2.0)
        check_buttons(app, guest, box)


TESTS = {"follow": test_follow, "fit": test_fit, "actual": test_actual, "double": test_double}


if __name__ == "__main__":
    run_tests(TESTS)
