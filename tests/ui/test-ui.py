#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Goes the whole way in the real application, in front of the dummy engine: empty library, wizard,
console, keys, menus, fullscreen, the question at closing, library, rename, delete and undo.
Usage: test-ui.py PROGRAM FOLDER-FOR-SCREENSHOTS [NAME-OF-ONE-TEST]"""

import json
import pathlib
import shutil
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from ui_driver import (NAME, Application, check, check_log, differing, focus_card,  # noqa: E402
                       make_folder, run_tests, wait_until)


def create_and_start(app):
    app.press("push button", "New Machine")
    app.find("list item", NAME)
    app.key("Return")  # the first image found has the focus
    app.press("push button", "Create and Start")
    app.find("image", "Screen of " + NAME)
    app.find("label", "Running")


def settle(app, before, box, words):
    """Waits until the picture inside @box differs from @before."""
    return wait_until(words, lambda: differing(before, app.screen(), box) > 20 and app.screen())


def dismiss_pill(app):
    app.gone("label", "Keyboard captured")
    time.sleep(0.4)


def test_whole_way(program, shots):
    folder = make_folder("dummy:still")
    app = Application(program, shots, folder=folder)
    try:
        everything = (0, 0, 1400, 1000)
        app.find("label", "No Machines Yet")
        app.shot("01-empty-library")

        # The wizard, by keyboard alone.
        app.key("ctrl+n")
        app.find("list item", NAME)
        app.shot("02-wizard-source")
        app.key("Return")
        app.find("push button", "Create and Start")
        app.shot("03-wizard-review")

        # An impossible value is explained, and creating is not possible.
        memory = app.find("spin button", "Memory")
        memory.set_current_value(1)
        app.find("label", "less than the minimum")
        create = app.find("push button", "Create and Start")
        check(not app.has_state(create, "SENSITIVE"), "a machine with 1 MiB can be created")
        app.shot("04-wizard-bad-value")
        memory.set_current_value(256)
        app.gone("label", "less than the minimum")
        app.press("push button", "Create and Start")

        # The console has the keyboard at once.
        app.find("image", "Screen of " + NAME)
        app.find("label", "Running")
        app.find("label", "Keyboard captured")
        app.shot("05-console")
        dismiss_pill(app)
        before = app.screen()
        app.key("b")
        before = settle(app, before, everything, "a key in the guest")
        app.key("ctrl+w")  # belongs to the guest
        before = settle(app, before, everything, "Ctrl+W in the guest")
        check(NAME in app.windows(), "Ctrl+W closed the window although the guest had the keyboard")
        app.shot("06-keys")

        # The chord lets go, and then shortcuts work.
        app.chord()
        button = app.find("push button|toggle button", "Keyboard Goes to the Machine")
        wait_until("the keyboard button to have the focus",
                   lambda: app.has_state(button, "FOCUSED"))
        before = app.screen()
        app.key("j")
        time.sleep(0.5)
        check(differing(before, app.screen(), everything) < 20,
              "a key reached the guest after the chord")

        # Back into the machine by keyboard, and fullscreen there and back.
        app.key("Return")
        app.find("label", "Keyboard captured")
        app.key("F11")
        app.find("label", "leave fullscreen")
        app.gone("push button|toggle button", "Keyboard Goes")
        app.shot("07-fullscreen")
        app.chord()
        app.find("push button", "Leave Fullscreen")
        app.shot("08-fullscreen-bar")
        app.press("push button", "Leave Fullscreen")
        app.find("push button|toggle button", "Keyboard Goes")

        # The menu, and typing a text.
        app.chord()
        app.key("F10")
        app.find("menu item", "Type Text")
        app.shot("09-menu")
        app.press("menu item", "Type Text")
        app.find("text", "Text to type")
        app.type("naïve")
        app.press("push button", "Type", exact=False)
        app.find("label", "ï")
        app.shot("10-type-text-bad-character")
        app.key("Escape")
        app.gone("text", "Text to type")

        # Pause and resume.
        app.chord()
        app.press("push button", "Pause")
        app.find("label", "Paused")
        app.shot("11-paused")
        app.press("push button", "Resume")
        app.find("label", "Running")

        # Closing asks; it may go on in the background.
        app.chord()
        app.key("ctrl+w")
        app.find("label", "Is Running")
        app.shot("12-close-question")
        app.answer("Is Running", "Keep Running")
        app.gone("frame", NAME)
        app.find("table cell", NAME + ", RISC-V · running")
        time.sleep(1.5)
        app.shot("13-library-running")

        # Opens again from the library with the Enter key; the screen is still there.
        card = app.find("table cell", NAME)
        app.key("Tab", "Tab", "Tab")
        focus_card(app, card)
        app.key("Return")
        app.find("image", "Screen of " + NAME)
        app.chord()

        # Force off asks, then the library shows it off with its last picture.
        app.key("F10")
        app.press("menu item", "Force Off")
        app.find("label", "Force “" + NAME + "” Off?")
        app.shot("14-force-off-question")
        app.answer("Off?", "Force Off")
        app.find("push button", "Start")
        app.find("label", "Off", exact=True)
        app.shot("15-off")
        app.key("ctrl+w")
        app.gone("frame", NAME)
        app.find("table cell", NAME + ", RISC-V · off")
        app.shot("16-library-off")

        # Rename.
        focus_card(app, app.find("table cell", NAME))
        app.key("F2")
        app.find("label", "Rename Machine")
        app.key("ctrl+a")
        app.type("Renamed")
        app.shot("17-rename")
        app.key("Return")
        app.find("table cell", "Renamed, RISC-V · off")

        # Delete and undo.
        focus_card(app, app.find("table cell", "Renamed"))
        app.key("Delete")
        app.find("label", "No Machines Yet")
        app.find("label", "“Renamed” deleted")
        app.shot("18-deleted")
        app.press("push button", "Undo")
        app.find("table cell", "Renamed, RISC-V · off")
        app.shot("19-undone")

        # Start from the library with Space, quit with a question.
        focus_card(app, app.find("table cell", "Renamed"))
        app.key("space")
        app.find("table cell", "Renamed, RISC-V · running")
        app.key("ctrl+q")
        app.find("label", "1 Machine Is Running")
        app.shot("20-quit-question")
        app.answer("1 Machine Is Running", "Shut Down and Quit")
        wait_until("the end of the application", lambda: app.process.poll() is not None)
        check(app.process.returncode == 0, f"ended with {app.process.returncode}")
        check_log(app)
    finally:
        app.close()
        shutil.rmtree(folder, ignore_errors=True)


def open_menu(app, button, item):
    """Presses @item in the menu of @button, which has the real button inside of it."""
    outer = app.find("push button|toggle button|panel", button, exact=True)
    inner = [node for _, node in app.walk(outer) if node.get_n_actions()]
    check(inner, f"the menu button “{button}” has no button")
    inner[0].do_action(0)
    time.sleep(0.4)
    app.press("menu item", item)


def test_snapshots(program, shots):
    folder = make_folder("dummy:still")
    app = Application(program, shots, folder=folder)
    try:
        create_and_start(app)
        everything = (0, 60, 1400, 1000)
        dismiss_pill(app)
        app.key("b")
        time.sleep(0.5)
        app.chord()
        time.sleep(0.5)
        open_menu(app, "Snapshots", "Take Snapshot")
        app.find("label", "Snapshot taken")
        app.shot("30-snapshot-taken")
        app.gone("label", "Snapshot taken", timeout=20)
        before = app.screen()

        # The guest changes, and a second one is taken by keyboard.
        app.press("toggle button|push button", "Keyboard Goes to the Machine")
        dismiss_pill(app)
        app.key("j")
        app.key("k")
        time.sleep(0.5)
        app.chord()
        time.sleep(0.5)
        changed = app.screen()
        check(differing(before, changed, everything) > 20, "the guest did not change")
        app.key("ctrl+shift+s")
        app.find("label", "Snapshot taken")
        app.gone("label", "Snapshot taken", timeout=20)

        # The tree; back to the first.
        open_menu(app, "Snapshots", "Show Snapshots")
        app.find("list", "Tree of Snapshots")
        app.find("label", "Now")
        app.shot("31-snapshot-tree")
        buttons = [node for _, node in app.walk() if app.role(node) == "push button"
                   and (node.get_name() or "").startswith("Go Back to") and app.showing(node)]
        check(len(buttons) == 2, f"{len(buttons)} snapshots in the tree, not 2")
        buttons[0].do_action(0)
        app.find("label", "Went back to")
        app.find("list item", "Before going back")
        app.shot("32-snapshot-reverted")

        # A branch: another snapshot from here.
        app.press("push button", "Take Snapshot")
        app.find("label", "Snapshot taken")
        app.shot("33-snapshot-branch")

        # Deleting, and a change of mind.
        open_menu(app, "Menu of “Before going back”", "Delete")
        app.find("label", "“Before going back” deleted")
        app.gone("list item", "Before going back")
        app.press("push button", "Undo")
        app.find("list item", "Before going back")
        app.key("Escape")
        app.gone("list", "Tree of Snapshots")
        wait_until("the guest's screen to go back",
                   lambda: differing(before, app.screen(), everything) < 20)
        app.shot("34-snapshot-console")
        app.find("label", "Running")
        check_log(app)
    finally:
        app.close()
        shutil.rmtree(folder, ignore_errors=True)


def test_looks(program, shots):
    """Dark style, a narrow window, Chinese, and names as long as a person can make them."""
    for name, environment, size in (
            ("dark", {"ADW_DEBUG_COLOR_SCHEME": "prefer-dark"}, "1000x720"),
            ("narrow", {}, "360x640"),
            ("narrow-german", {"LANGUAGE": "de_DE"}, "360x640"),
            ("narrow-chinese", {"LANGUAGE": "zh_CN"}, "360x640"),
            ("chinese", {"LANGUAGE": "zh_CN"}, "1000x720")):
        folder = make_folder("dummy:still")
        app = Application(program, shots, folder=folder, environment=environment, size=size)
        try:
            time.sleep(1)
            app.shot(f"look-{name}-1-empty")
            app.key("ctrl+n")
            app.find("list item", NAME)
            app.shot(f"look-{name}-2-source")
            app.key("Return")
            time.sleep(0.7)
            app.shot(f"look-{name}-3-review")
            app.key("Return")
            app.find("image", NAME)
            app.shot(f"look-{name}-4-console")
            app.chord()
            app.key("F10")
            time.sleep(0.5)
            app.shot(f"look-{name}-5-menu")
            app.key("Escape")
            app.key("ctrl+w")
            time.sleep(0.5)
            app.shot(f"look-{name}-6-close")
            app.key("Return")
            time.sleep(1.5)
            app.shot(f"look-{name}-7-library")
            app.key("ctrl+comma")
            time.sleep(0.7)
            app.shot(f"look-{name}-8-preferences")
            app.key("Escape")
            app.key("ctrl+question")
            time.sleep(1)
            app.shot(f"look-{name}-9-shortcuts")
            check_log(app)
        finally:
            app.close()
            shutil.rmtree(folder, ignore_errors=True)


def test_failures(program, shots):
    """What goes wrong is told: in the wizard, at the start, while running, without a display."""
    folder = make_folder("dummy:fail-start")
    app = Application(program, shots, folder=folder)
    try:
        app.press("push button", "New Machine")
        app.find("list item", NAME)
        app.key("Return")
        app.press("push button", "Create and Start")
        app.find("label", "The dummy does not start")
        app.find("push button", "_Start")
        app.find("push button", "S_ettings…")
        app.shot("fail-1-bar")
        app.press("push button", "Dismiss")
        app.key("ctrl+w")
        app.quit()
        check_log(app)
    finally:
        app.close()
        shutil.rmtree(folder, ignore_errors=True)

    import os
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    result = subprocess.run([program], env=environment, capture_output=True, text=True, timeout=20)
    check(result.returncode == 1, f"without a display it ended with {result.returncode}")
    check("no display" in result.stderr and "--headless" in result.stderr,
          "without a display it said: " + result.stderr)


def test_open_file(program, shots):
    """A file that is given, dropped or opened with the application begins the wizard."""
    folder = make_folder("dummy:still")
    disk = folder / "some disk.raw"
    partition = struct.pack("<B3xB3xII", 0x80, 0x83, 8, 1000)
    disk.write_bytes(bytes(446) + partition + bytes(48) + b"\x55\xaa" + bytes(1 << 20))
    app = Application(program, shots, (str(disk),), folder=folder)
    try:
        app.find("push button", "Create and _Start")
        row = app.find("list item", "Disk", exact=True)
        check(row and app.find("label", str(disk)), "the disk is not in the wizard")
        app.shot("open-file")
        app.key("Escape")
        app.gone("push button", "Create and _Start")
        app.quit()
        check_log(app)
    finally:
        app.close()
        shutil.rmtree(folder, ignore_errors=True)


def test_open_disc(program, shots):
    """A disc goes into a CD-ROM drive, beside an empty disk to install to; a cut one is told of."""
    folder = make_folder("dummy:still")
    disc = bytearray(64 << 10)
    disc[32769:32774] = b"CD001"
    disc[32768 + 40:32768 + 72] = b"Debian 13 riscv64 n".ljust(32)
    disc[32768 + 80:32768 + 84] = struct.pack("<I", len(disc) // 2048)
    disc[32768 + 128:32768 + 130] = struct.pack("<H", 2048)
    path = folder / "debian-13.iso"
    path.write_bytes(disc)
    app = Application(program, shots, (str(path),), folder=folder)
    try:
        app.find("push button", "Create and _Start")
        check(app.find("label", str(path)), "the disc is not in the wizard")
        app.find("label", "CD-ROM Drive")
        app.gone("label", "Incomplete: its end is missing")
        app.shot("open-disc")
        app.press("push button", "C_reate")
        app.gone("push button", "Create and _Start")
        manifests = list((folder / "machines").glob("*/machine.json"))
        check(len(manifests) == 1, f"there are {manifests}")
        machine = json.loads(manifests[0].read_text(encoding="utf-8"))
        check(machine["name"] == "debian-13", f"it is called {machine['name']}")
        disks = machine["disks"]
        check([(d["path"], d.get("cdrom", False)) for d in disks if d["path"] == str(path)] == [(str(path), True)],
              f"the disc is not in a drive: {disks}")
        check([d for d in disks if not d.get("cdrom", False)], f"there is no disk to install to: {disks}")

        # Of another one only a part came, one is damaged; a disk in its place does not go into a drive.
        bad = folder / "bad.iso"
        bad.write_bytes(disc[:34817] + b"CD001".ljust(6, b"\0") + b"EL TORITO SPECIFICATION" + disc[34846:])
        cut = folder / "cut.iso"
        cut.write_bytes(disc[:32768 + 80] + struct.pack("<I", 1 << 20) + disc[32768 + 84:])
        disk = folder / "disk.raw"
        disk.write_bytes(bytes(1 << 20))
        app.key("ctrl+n")
        app.activate_row("File…")
        app.choose_file(bad)
        app.find("label", "Damaged: no firmware can start from it")
        app.shot("open-disc-bad")
        app.activate_row("CD-ROM Drive")
        app.choose_file(cut)
        app.find("label", "Incomplete: its end is missing")
        app.gone("label", "Damaged: no firmware")
        app.shot("open-disc-cut")
        app.activate_row("CD-ROM Drive")
        app.choose_file(disk)
        app.gone("label", "Incomplete: its end is missing")
        app.gone("label", "CD-ROM Drive")
        app.press("push button", "C_reate")
        app.gone("push button", "Create and _Start")
        texts = [m.read_text(encoding="utf-8") for m in (folder / "machines").glob("*/machine.json")]
        disks = [d for t in texts for d in json.loads(t)["disks"] if d["path"] == str(disk)]
        check(disks and not disks[0].get("cdrom", False), f"the disk is in a drive: {disks}")
        app.quit()
        check_log(app)
    finally:
        app.close()
        shutil.rmtree(folder, ignore_errors=True)


TESTS = {"open-file": test_open_file, "open-disc": test_open_disc, "whole-way": test_whole_way, "looks": test_looks,
         "failures": test_failures, "snapshots": test_snapshots}


if __name__ == "__main__":
    run_tests(TESTS)
