#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a machine in the real application: an empty machine is given a system, by keyboard; bad
values are explained; what is saved is in machine.json; nothing can be changed while it runs.
Usage: test-settings-ui.py PROGRAM FOLDER-FOR-SCREENSHOTS [NAME-OF-ONE-TEST]"""

import json
import pathlib
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from ui_driver import (NAME, Application, check, check_log, focus_card, make_folder,  # noqa: E402
                       run_tests, wait_until)

EMPTY = "New Machine"


def create_empty(app):
    app.key("ctrl+n")
    app.activate_row("Nothing Yet")
    app.press("push button", "C_reate")
    app.find("table cell", EMPTY + ", RISC-V · off")


def open_settings(app, name):
    """From the card, by keyboard."""
    focus_card(app, app.find("table cell", name))
    app.key("alt+Return")
    app.find("push button", "_Save")


def manifest(folder, name=EMPTY):
    return json.loads((folder / f"machines/{name}.diorama/machine.json").read_text(encoding="utf-8"))


def test_life(program, shots):
    folder = make_folder("dummy:still")
    kernel = folder / "images/little/linux"
    disk = folder / "a rather long name of a disk image that somebody downloaded.raw"
    disk.write_bytes(bytes(1 << 20))
    app = Application(program, shots, folder=folder)
    try:
        create_empty(app)
        # The machine's window says what is missing, and offers it.
        focus_card(app, app.find("table cell", EMPTY))
        app.key("Return")
        app.find("label", "no system in it yet")
        app.shot("settings-1-empty-machine")
        app.press("push button", "ettings…")
        app.find("push button", "_Save")
        app.shot("settings-2-empty")

        # A kernel, and then what goes with it.
        app.activate_row("Linux Kernel")
        app.choose_file(kernel)
        app.find("list item", "Initial RAM Disk")
        options = app.find("text", "Kernel Options")
        options.set_text_contents("dummy:still quiet")
        # A disk, and a file that is none.
        app.activate_row("Add a Disk")
        app.choose_file(disk)
        app.find("list item", disk.name)
        app.activate_row("Add a Disk")
        app.choose_file(folder / "images/little/image.json")
        app.find("label", "not a raw disk image")
        save = app.find("push button", "_Save")
        check(not app.has_state(save, "SENSITIVE"), "what is wrong can be saved")
        app.pointer(20, 980)  # nothing is under it
        app.shot("settings-3-bad-disk")
        rows = [n for _, n in app.walk() if n.get_name() == "Remove from the Machine; the File Stays"]
        rows[-1].do_action(0)
        app.gone("label", "not a raw disk image")
        # An impossible value.
        memory = app.find("spin button", "Memory")
        memory.set_current_value(1)
        app.find("label", "less than the minimum")
        app.shot("settings-4-bad-memory")
        memory.set_current_value(512)
        app.gone("label", "less than the minimum")
        app.find("spin button", "New Disk").set_current_value(1)
        # The chosen disk goes into a drive, and so cannot be written to.
        drives = [n for _, n in app.walk() if n.get_name() == "In a CD-ROM Drive"]
        locks = [n for _, n in app.walk() if n.get_name() == "Read-Only"]
        drives[-1].do_action(0)
        wait_until("the lock is shut", lambda: not app.has_state(locks[-1], "SENSITIVE"))
        check(app.has_state(locks[0], "SENSITIVE"), "only that of the disc")
        # It is limited, to too few operations at first.
        menus = [n for _, n in app.walk() if n.get_name() == "Limits of the Disk"]
        menus[-1].do_action(0)
        app.find("spin button", "MiB per second").set_current_value(20)
        operations = app.find("spin button", "Operations per second")
        operations.set_current_value(5)
        app.find("label", "cannot be limited to 5")
        app.shot("settings-5-limits")
        operations.set_current_value(500)
        app.gone("label", "cannot be limited to 5")
        app.key("Escape")
        app.find("label", "at most 20 MiB and 500 operations per second")
        app.shot("settings-5-filled")
        # There is a medium now that a system may be installed from.
        app.activate_row("Before an Installer")
        app.shot("settings-5-installer")
        app.press("push button", "_Save")
        app.gone("push button", "_Save")
        app.gone("label", "no system in it yet")
        saved = manifest(folder)
        check(saved["installing"], f"saved: {saved}")
        check((saved["kernel"], saved["append"], saved["memory"]) == ("kernel", "dummy:still quiet", 512 << 20),
              f"saved: {saved}")
        check([d["path"] for d in saved["disks"]] == ["disk0.qcow2", str(disk), "disk1.qcow2"], f"disks: {saved['disks']}")
        check([d.get("cdrom", False) for d in saved["disks"]] == [False, True, False], f"discs: {saved['disks']}")
        check([d.get("limits") for d in saved["disks"]] == [None, {"bytes": 20 << 20, "operations": 500}, None],
              f"limits: {saved['disks']}")
        app.shot("settings-6-machine")

        # It starts, and then its settings are closed.
        app.press("push button", "_Start")
        app.find("image", "Screen of " + EMPTY)
        app.chord()
        app.key("alt+Return")
        time.sleep(0.5)
        check(not app.look("push button", "_Save"), "a running machine can be changed")
        app.key("F10")
        app.press("menu item", "Force Off")
        app.answer("Off?", "Force Off")
        app.find("push button", "_Start")

        # Cancel changes nothing; the name of another machine is refused; another name is taken.
        app.key("ctrl+w")
        create_empty_again(app)
        open_settings(app, EMPTY + ", ")
        name = app.find("text", "Name", exact=True)
        name.set_text_contents(EMPTY + " 2")
        app.find("label", "already a machine called")
        app.shot("settings-7-taken-name")
        app.key("Escape")
        app.gone("push button", "_Save")
        check(manifest(folder) == saved, "Cancel changed something")
        open_settings(app, EMPTY + ", ")
        app.find("text", "Name", exact=True).set_text_contents("Renamed")
        app.press("push button", "_Save")
        app.find("table cell", "Renamed, RISC-V · off")
        check(manifest(folder) == {**saved, "name": "Renamed"}, "more than the name changed")
        check_log(app)
    finally:
        app.close()
        shutil.rmtree(folder, ignore_errors=True)


def create_empty_again(app):
    app.key("ctrl+n")
    app.activate_row("Nothing Yet")
    app.press("push button", "C_reate")
    app.find("table cell", EMPTY + " 2, RISC-V · off")


def test_looks(program, shots):
    for look, environment, size in (
            ("dark", {"ADW_DEBUG_COLOR_SCHEME": "prefer-dark"}, "1000x720"),
            ("narrow", {}, "360x640"),
            ("chinese", {"LANGUAGE": "zh_CN"}, "1000x900"),
            ("german", {"LANGUAGE": "de_DE"}, "1000x900")):
        folder = make_folder("dummy:still")
        app = Application(program, shots, folder=folder, environment=environment, size=size)
        try:
            app.key("ctrl+n")
            app.find("list item", NAME)
            app.key("Return")
            time.sleep(0.7)
            app.key("shift+Tab", "Return")  # create without starting
            card = app.find("table cell", NAME)
            focus_card(app, card)
            app.key("Menu")
            time.sleep(0.5)
            app.shot(f"settings-{look}-1-menu")
            app.key("Escape")
            focus_card(app, card)
            app.key("alt+Return")
            time.sleep(0.8)
            app.shot(f"settings-{look}-2-top")
            app.key(*["Tab"] * 18)
            time.sleep(0.4)
            app.shot(f"settings-{look}-3-bottom")
            app.key("Escape")
            check_log(app)
        finally:
            app.close()
            shutil.rmtree(folder, ignore_errors=True)


TESTS = {"settings-life": test_life, "settings-looks": test_looks}


if __name__ == "__main__":
    run_tests(TESTS)
