#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots beyond taking and going back, in the real application: deleting, bringing back and merging with
progress and cancel; the schedule; runs that leave nothing behind. The clock is the test's (dummy-host.c).
Usage: test-snapshots-ui.py PROGRAM FOLDER-FOR-SCREENSHOTS [NAME-OF-ONE-TEST]"""

import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from ui_driver import (NAME, Application, Failure, check, check_log, differing, focus_card,  # noqa: E402
                       make_folder, make_locale, run_tests, wait_until)

CARD = NAME + ", RISC-V"
GRACE = 40  # seconds, with some to spare
HOUR = 3600
SCREEN = (0, 60, 1400, 1000)


class Host:
    """The clock and the speed of the disk that the application sees."""

    def __init__(self, folder):
        self.folder = folder / "host"
        self.folder.mkdir()
        self.seconds = 0
        self.environment = {"DIORAMA_DUMMY_HOST": str(self.folder)}

    def later(self, seconds):
        self.seconds += seconds
        new = self.folder / "clock.new"
        new.write_text(str(self.seconds), encoding="utf-8")
        os.replace(new, self.folder / "clock")

    def slow(self, slow):
        if slow:
            (self.folder / "slow").touch()
        else:
            (self.folder / "slow").unlink()


# ---- The bundle ----

def bundle(folder):
    return folder / f"machines/{NAME}.diorama"


def tree(folder):
    path = bundle(folder) / "snapshots/tree.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"snapshots": [], "images": []}


def names(folder):
    """Of the snapshots that are not deleted."""
    return [it["name"] for it in tree(folder)["snapshots"] if not it.get("deleted")]


def disk_file(folder):
    """The image that the disk is written to now."""
    disks = tree(folder).get("disks")
    if disks:
        return bundle(folder) / disks[0]["image"]
    manifest = json.loads((bundle(folder) / "machine.json").read_text(encoding="utf-8"))
    return bundle(folder) / manifest["disks"][0]["path"]


def qemu_io(path, *commands):
    arguments = [word for command in commands for word in ("-c", command)]
    result = subprocess.run(["qemu-io", "-f", "qcow2", *arguments, str(path)], capture_output=True, text=True,
                            check=False)
    check(result.returncode == 0 and "verification failed" not in result.stdout,
          f"{path.name}: {result.stdout}{result.stderr}")


def contents(folder):
    """What is in the bundle and must not change, by name."""
    result = {}
    for path in sorted(bundle(folder).rglob("*")):
        name = str(path.relative_to(bundle(folder)))
        if path.is_file() and not name.startswith(("journal", "thumbnail", "lock", ".lock")):
            result[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return result


# ---- The application ----

def start(program, shots, folder, host):
    return Application(program, shots, folder=folder, environment=host.environment)


def create(app):
    app.key("ctrl+n")
    app.find("list item", NAME)
    app.key("Return")
    app.press("push button", "C_reate")
    app.find("table cell", CARD + " · off")


def open_machine(app):
    focus_card(app, app.find("table cell", CARD))
    app.key("Return")
    app.find("push button|toggle button|panel", "Snapshots", exact=True)


def open_menu(app, button, item):
    """Presses @item in the menu of @button, which has the real button inside of it."""
    outer = app.find("push button|toggle button|panel", button, exact=True)
    inner = [node for _, node in app.walk(outer) if node.get_n_actions()]
    check(inner, f"the menu button “{button}” has no button")
    inner[0].do_action(0)
    time.sleep(0.4)
    app.press("menu item", item)


def take(app):
    app.press("push button", "_Take Snapshot")
    app.find("label", "Snapshot taken")
    app.gone("label", "Snapshot taken")


def delete(app, name):
    open_menu(app, f"Menu of “{name}”", "Delete")
    app.find("label", f"“{name}” deleted")
    app.gone("list item", name)


def progress(app):
    bar = app.look("progress bar", "Merging “Snapshot 1”")
    return bar.get_current_value() if bar else None


def force_off(app):
    app.chord()
    app.key("F10")
    app.press("menu item", "Force Off")
    app.answer("Off?", "Force Off")


# ---- The tests ----

def test_delete(program, shots):
    folder = make_folder("dummy:still")
    host = Host(folder)
    app = start(program, shots, folder, host)
    try:
        create(app)
        open_machine(app)
        open_menu(app, "Snapshots", "Show Snapshots")
        app.find("label", "No Snapshots Yet")
        qemu_io(disk_file(folder), "write -P 1 0 96M")
        take(app)
        qemu_io(disk_file(folder), "write -P 2 0 64M")
        take(app)
        qemu_io(disk_file(folder), "write -P 3 0 1M")
        expected = ("read -P 3 0 1M", "read -P 2 1M 63M", "read -P 1 64M 32M")
        check(names(folder) == ["Snapshot 1", "Snapshot 2"], f"{names(folder)}")

        # A change of mind counts: what was brought back is there when the time is over.
        delete(app, "Snapshot 1")
        check(names(folder) == ["Snapshot 2"], f"{names(folder)}")
        app.shot("delete-1-toast")
        app.press("push button", "Undo")
        app.find("list item", "Snapshot 1")
        host.later(GRACE)
        time.sleep(0.7)
        check(len(tree(folder)["images"]) == 3 and app.look("list item", "Snapshot 1"),
              "what was brought back is gone")

        # Nothing is merged before the time is over; then it is, which shows, and can be cancelled.
        host.slow(True)
        delete(app, "Snapshot 1")
        time.sleep(0.7)
        check(progress(app) is None and len(tree(folder)["snapshots"]) == 2, "it is merged at once")
        host.later(GRACE)
        first = wait_until("progress", lambda: progress(app))
        app.gone("push button", "Undo")  # it is too late
        app.shot("delete-2-progress")
        wait_until("more progress", lambda: (progress(app) or 0) > first)
        app.press("push button", "_Cancel")
        app.gone("push button", "_Cancel")
        check(len(tree(folder)["images"]) == 3, "it was not cancelled")
        check(not app.look("label", "was not"), "an error is shown")
        app.shot("delete-3-cancelled")
        qemu_io(disk_file(folder), *expected)

        # What a person has begun shows in the machine's window as well, and ends there.
        open_menu(app, "Menu of “Snapshot 2”", "New Machine from Here")
        app.answer("New Machine from Here", "Create")
        app.find("progress bar", "Making “")
        app.shot("delete-4-clone")
        app.key("Escape")
        app.gone("list", "Tree of Snapshots")
        app.find("progress bar", "Making “")
        app.shot("delete-5-clone-console")
        app.press("push button", "_Cancel")
        app.gone("progress bar", "Making “")
        check(len(list((folder / "machines").glob("*.diorama"))) == 1, "it was made all the same")
        open_menu(app, "Snapshots", "Show Snapshots")

        # The next one does it all.
        host.slow(False)
        delete(app, "Snapshot 2")
        app.find("label", "No Snapshots Yet")
        host.later(GRACE)
        wait_until("the merge", lambda: not tree(folder)["snapshots"] and len(tree(folder)["images"]) < 2)
        wait_until("the end of it", lambda: not list(bundle(folder).glob("snapshots/*.qcow2")))
        time.sleep(0.5)
        qemu_io(disk_file(folder), *expected)
        subprocess.run(["qemu-img", "check", "-q", str(disk_file(folder))], check=True)
        check_log(app)
    finally:
        app.close()
        shutil.rmtree(folder, ignore_errors=True)


def test_schedule(program, shots):
    folder = make_folder("dummy:still")
    host = Host(folder)
    app = start(program, shots, folder, host)
    try:
        create(app)
        focus_card(app, app.find("table cell", CARD))
        app.key("alt+Return")
        app.find("push button", "_Save")
        hours = app.find("spin button", "Every")
        check(hours.get_current_value() == 0, "there is a schedule although nobody wanted one")
        hours.set_current_value(1)
        app.find("spin button", "Keep").set_current_value(2)
        for _ in range(2):  # from Save backwards to the last row, which is then in sight
            app.key("shift+Tab")
        app.shot("schedule-1-settings")
        app.key("Tab", "Tab")
        app.press("push button", "_Save")
        app.gone("push button", "_Save")
        manifest = json.loads((bundle(folder) / "machine.json").read_text(encoding="utf-8"))
        check(manifest["snapshots"] == {"hours": 1, "keep": 2}, f"{manifest.get('snapshots')}")

        open_machine(app)
        app.press("push button", "_Start")
        app.find("label", "Running")
        app.chord()
        open_menu(app, "Snapshots", "Show Snapshots")
        app.find("label", "No Snapshots Yet")
        host.later(HOUR // 2)
        time.sleep(0.7)
        check(not names(folder), "one was taken too early")
        host.later(HOUR // 2)
        app.find("list item", "Automatic 1")
        for i in (2, 3, 4):
            host.later(HOUR)
            app.find("list item", f"Automatic {i}")
            wait_until("the end of it", lambda: progress(app) is None)
        # The newest stay, and the others do not take place for long.
        check(names(folder) == ["Automatic 3", "Automatic 4"], f"{names(folder)}")
        app.gone("list item", "Automatic 2")
        check(not app.look("list item", "Automatic 1"), "an old one is still shown")
        app.shot("schedule-2-tree")
        check(black_pixels(app, "Snapshots") < 500, "pictures are larger than what is in them")
        host.later(GRACE)
        wait_until("the others to go for good", lambda: len(tree(folder)["snapshots"]) == 2
                   and len(list(bundle(folder).glob("snapshots/*.state"))) == 2)

        # One that a person took is not among those that are pruned, and none is taken while it is off.
        take(app)
        app.key("Escape")
        app.gone("list", "Tree of Snapshots")
        force_off(app)
        app.find("push button", "_Start")
        before = names(folder)
        host.later(2 * HOUR)
        time.sleep(0.7)
        check(names(folder) == before == ["Automatic 3", "Automatic 4", "Snapshot 1"], f"{names(folder)}")

        # What keeps the schedule from its work is told.
        outside = folder / "outside.raw"
        outside.write_bytes(bytes(1 << 20))
        path = bundle(folder) / "machine.json"
        manifest = json.loads(path.read_text(encoding="utf-8"))
        manifest["disks"].append({**manifest["disks"][0], "path": str(outside), "format": "raw"})
        path.write_text(json.dumps(manifest), encoding="utf-8")
        app.press("push button", "_Start")
        app.find("label", "Running")
        host.later(HOUR)
        app.find("label", "The scheduled snapshot could not be taken: ")
        app.find("label", "lies outside of the machine")
        app.shot("schedule-3-told")
        force_off(app)
        check_log(app)
    finally:
        app.close()
        shutil.rmtree(folder, ignore_errors=True)


def test_disposable(program, shots):
    folder = make_folder("dummy:still")
    host = Host(folder)
    app = start(program, shots, folder, host)
    try:
        create(app)
        open_machine(app)
        app.press("push button", "_Start")
        app.find("label", "Running")
        app.gone("label", "Keyboard captured")
        app.key("b")
        time.sleep(0.4)
        app.chord()
        time.sleep(0.4)
        screen = app.screen()
        app.key("ctrl+shift+s")
        app.find("label", "Snapshot taken")
        app.gone("label", "Snapshot taken")
        app.key("ctrl+w")
        app.answer("Is Running", "uspend")
        app.find("table cell", CARD + " · suspended")
        app.key("ctrl+w")
        app.gone("frame", NAME)
        time.sleep(0.8)
        qemu_io(disk_file(folder), "write -P 1 0 1M")
        before = contents(folder)
        check("snapshots/tree.json" in before and len(before) > 3, f"{sorted(before)}")

        # It goes on where it was, and changes.
        focus_card(app, app.find("table cell", CARD))
        app.key("Menu")
        app.press("menu item", "Without Keeping Changes")
        app.find("table cell", CARD + " · running, disposable")
        app.shot("disposable-0-library")
        overlays = list(bundle(folder).glob("snapshots/*.disposable"))
        check(len(overlays) == 1, f"overlays: {overlays}")
        qemu_io(overlays[0], "read -P 1 0 1M", "write -P 9 0 2M")  # as the guest would
        open_machine(app)
        app.gone("label", "Keyboard captured")
        wait_until("the screen of before", lambda: differing(screen, app.screen(), SCREEN) < 200)
        app.key("j")
        app.key("k")
        wait_until("a change", lambda: differing(screen, app.screen(), SCREEN) > 200)
        app.key("F11")
        app.find("label", "leave fullscreen")
        app.chord()
        app.find("label", NAME + " · Disposable")
        app.shot("disposable-1-fullscreen")
        app.press("push button", "Leave Fullscreen")
        app.find("push button|toggle button", "Keyboard Goes")
        time.sleep(0.4)
        app.chord()
        app.find("label", "Disposable: changes are discarded when it is switched off")
        app.find("label", "Running · Changes are not kept")
        app.shot("disposable-1-running")
        # Nothing of it can be kept by mistake.
        app.key("ctrl+shift+s")
        app.find("label", "runs without keeping changes")
        app.shot("disposable-2-refused")
        app.key("Escape")
        app.gone("label", "runs without keeping changes")
        force_off(app)
        app.find("push button", "_Start")
        wait_until("the overlay to go", lambda: not overlays[0].exists())
        check(not app.look("label", "Disposable"), "it is disposable still")
        after = contents(folder)
        check(after == before, f"changed: {sorted(set(before.items()) ^ set(after.items()))}")
        app.shot("disposable-3-off")

        # The next start is where it was before, with the disk of before.
        app.press("push button", "_Start")
        app.find("label", "Running")
        app.gone("label", "Keyboard captured")
        wait_until("the screen of before", lambda: differing(screen, app.screen(), SCREEN) < 200)
        check(not app.look("label", "Disposable"), "an ordinary run is disposable")
        app.shot("disposable-4-again")
        qemu_io(disk_file(folder), "read -P 1 0 1M", "read -P 0 1M 1M")
        force_off(app)
        check_log(app)
    finally:
        app.close()
    try:
        for look, environment, size in (
                ("dark", {"ADW_DEBUG_COLOR_SCHEME": "prefer-dark"}, "1000x720"),
                ("narrow", {}, "360x640"),
                ("chinese", {"LANGUAGE": "zh_CN"}, "1000x720")):
            app = Application(program, shots, folder=folder, environment=environment, size=size)
            try:
                time.sleep(0.5)
                chinese = look == "chinese"
                focus_card(app, app.find("table cell", NAME))
                app.key("Menu")
                app.press("menu item", "不保留更改" if chinese else "Without Keeping Changes")
                app.find("table cell", "一次性" if chinese else "disposable")
                app.shot(f"disposable-look-{look}-library")
                app.key("Return")
                app.find("image" if look == "narrow" else "label", "一次性：" if chinese else "Disposable:")
                app.shot(f"disposable-look-{look}")
                # With GTK's frame, as there is no compositor; window-lint.c measures what is in it.
                check(look != "narrow" or geometry(NAME)[2] <= 370, f"{geometry(NAME)[2]} pixels wide")
                check_log(app)
            finally:
                app.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def add_names(folder):
    """As long as a person can make them, and a note."""
    path = bundle(folder) / "snapshots/tree.json"
    value = json.loads(path.read_text(encoding="utf-8"))
    words = "before I tried the thing that everybody had warned me of, for the second time "
    for i, snapshot in enumerate(value["snapshots"]):
        snapshot["name"] = (str(i + 1) + " " + words * 2)[:100].strip()
        snapshot["note"] = words * (i + 1) + "w" * 120
    path.write_text(json.dumps(value), encoding="utf-8")


def geometry(title):
    """Left, top, width and height of a window."""
    result = subprocess.run(["xdotool", "search", "--name", f"^{title}$", "getwindowgeometry"],
                            capture_output=True, text=True, check=True)
    return tuple(map(int, re.search(r"(?s)Position: (-?\d+),(-?\d+).*Geometry: (\d+)x(\d+)", result.stdout).groups()))


def check_width(title, size):
    width = geometry(title)[2]
    check(width <= int(size.split("x")[0]), f"the window is {width} pixels wide")


def black_pixels(app, title):
    """In the upper half of a window."""
    left, top, width, height = geometry(title)
    screen = app.screen()
    return sum(screen.pixel(x, y) == (0, 0, 0) for y in range(top, top + height // 2)
               for x in range(left, left + width))


def test_looks(program, shots):
    folder = make_folder("dummy:still")
    host = Host(folder)
    app = start(program, shots, folder, host)
    try:  # a machine with a branch, once
        create(app)
        open_machine(app)
        open_menu(app, "Snapshots", "Show Snapshots")
        take(app)
        take(app)
        back = app.find("push button", "Go Back to “Snapshot 1”")
        back.do_action(0)
        app.find("list item", "Before going back")
        take(app)
        app.shot("snapshots-look-light")
        check(black_pixels(app, "Snapshots") < 500, "what has no picture has a black one")
        check(not app.look("image", "Screen of “Snapshot 1”"), "a picture is told of that is not there")
    finally:
        app.close()
    try:
        add_names(folder)
        for look, environment, size in (
                ("dark", {"ADW_DEBUG_COLOR_SCHEME": "prefer-dark"}, "1000x720"),
                ("narrow", {}, "360x640"),
                ("chinese", {"LANGUAGE": "zh_CN"}, "1000x720")):
            app = Application(program, shots, folder=folder, environment=environment, size=size)
            try:
                time.sleep(0.5)
                focus_card(app, app.find("table cell", NAME))
                app.key("Return")
                time.sleep(0.5)
                words = "快照" if look == "chinese" else "Snapshots"
                if look == "narrow":  # the title bar has no room for the button
                    app.key("F10")
                    app.press("menu item", words)
                else:
                    outer = app.find("push button|toggle button|panel", words, exact=True)
                    [node for _, node in app.walk(outer) if node.get_n_actions()][0].do_action(0)
                time.sleep(0.4)
                app.shot(f"snapshots-look-{look}-menu")
                app.press("menu item", "显示快照" if look == "chinese" else "Show Snapshots")
                app.find("list item", "1 before I tried")
                if look == "chinese" and "LOCPATH" in make_locale("zh_CN"):
                    app.find("label", "年")  # dates are as they are there
                check(look == "chinese" or app.look("label", "\u00a0· "), "date and size break where they like")
                app.shot(f"snapshots-look-{look}")
                check_width(words, size)
                check_log(app)
            finally:
                app.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def focused(app):
    return next((node.get_name() or "" for _, node in app.walk() if app.has_state(node, "FOCUSED")), "")


def walk_to(app, name, key="Tab"):
    """Goes on with @key until what is called so has the focus."""
    seen = []
    for _ in range(40):
        at = focused(app)
        if name in at:
            return
        seen.append(at)
        app.key(key)
    raise Failure(f"“{name}” cannot be reached; reached were {seen}")


def walk_menu(app, name):
    """Opens the menu that has the focus, and takes @name from it."""
    app.key("space")
    app.find("menu item", name)
    walk_to(app, name, "Down")
    app.key("Return")


def fill_row(folder):
    """As many snapshots, one on the other, as there can be."""
    path = bundle(folder) / "snapshots/tree.json"
    value = tree(folder)
    image = value["images"][-1]
    backings = {one["file"]: one.get("backing") for one in value["images"]}
    length, below = 0, image["file"]
    while below:
        length, below = length + 1, backings[below]
    while length < 63:
        length += 1
        one = {**image, "file": f"snapshots/{len(value['images']):08x}-0000-4000-8000-000000000000.qcow2",
               "backing": image["file"]}
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", bundle(folder) / image["file"],
                        bundle(folder) / one["file"]], check=True)
        value["images"].append(one)
        value["snapshots"].append({**value["snapshots"][-1], "id": one["file"][10:46], "disks": [image["file"]],
                                   "name": f"Row {length}", "parent": value["snapshots"][-1]["id"]})
        image = one
    value["current"] = value["snapshots"][-1]["id"]
    value["disks"][0]["image"] = image["file"]
    path.write_text(json.dumps(value), encoding="utf-8")


def test_keyboard(program, shots):
    """All of it without a pointer."""
    folder = make_folder("dummy:still")
    app = start(program, shots, folder, Host(folder))
    try:
        create(app)
        open_machine(app)
        for _ in range(2):
            app.key("ctrl+shift+s")
            app.find("label", "Snapshot taken")
            app.gone("label", "Snapshot taken")
        app.key("F9")
        app.find("list", "Tree of Snapshots")
        walk_to(app, "Go Back to “Snapshot 1”")
        app.shot("keyboard-1-tree")
        app.key("Return")
        app.find("label", "Went back to")
        walk_to(app, "Menu of “Before going back”")
        walk_menu(app, "Delete")
        app.find("label", "“Before going back” deleted")
        walk_to(app, "Undo")
        app.shot("keyboard-2-undo")
        app.key("Return")
        app.find("list item", "Before going back")
        walk_to(app, "Menu of “Before going back”")
        walk_menu(app, "Rename")
        app.find("label", "Rename Snapshot")
        app.key("ctrl+a")
        app.type("Renamed")
        app.key("Return")
        app.find("list item", "Renamed")
        walk_to(app, "Take Snapshot")
        app.key("Return")
        app.find("list item", "Snapshot 3")
        app.key("Escape")
        app.gone("list", "Tree of Snapshots")
        walk_to(app, "Snapshots")
        walk_menu(app, "Take Snapshot")
        wait_until("a fourth", lambda: "Snapshot 4" in names(folder))
        check(names(folder) == ["Snapshot 1", "Snapshot 2", "Renamed", "Snapshot 3", "Snapshot 4"], f"{names(folder)}")

        # No more fit: the message leads to where they can be deleted.
        fill_row(folder)
        app.key("ctrl+shift+s")
        app.find("label", "The snapshot was not taken")
        app.shot("keyboard-3-full")
        app.key("Return")
        app.find("list item", "Row 63")
        app.shot("keyboard-4-row")
        app.key("Escape")
        check_log(app)
    finally:
        app.close()
        shutil.rmtree(folder, ignore_errors=True)


TESTS = {"snapshots-keyboard": test_keyboard, "snapshots-delete": test_delete, "snapshots-schedule": test_schedule,
         "snapshots-disposable": test_disposable, "snapshots-looks": test_looks}


if __name__ == "__main__":
    run_tests(TESTS)
