#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disks of a machine in the real application: grow, compact, move, and what is not possible.
Usage: test-disks-ui.py PROGRAM FOLDER-FOR-SCREENSHOTS [NAME-OF-ONE-TEST]"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from ui_driver import (NAME, Application, check, check_log, focus_card, make_folder,  # noqa: E402
                       run_tests, wait_until)

MIB = 1 << 20


def create(app):
    app.key("ctrl+n")
    app.find("list item", NAME)
    app.key("Return")
    app.press("push button", "C_reate")
    return app.find("table cell", NAME + ", RISC-V · off")


def open_disks(app):
    focus_card(app, app.find("table cell", NAME))
    app.key("Menu")
    app.press("menu item", "Disks")
    app.find("list item", "Compact")


def bundle(folder):
    return folder / f"machines/{NAME}.diorama"


def disk_of(folder):
    return json.loads((bundle(folder) / "machine.json").read_text(encoding="utf-8"))["disks"][0]["path"]


def virtual_size(path):
    result = subprocess.run(["qemu-img", "info", "--output=json", str(path)], capture_output=True, check=True)
    return json.loads(result.stdout)["virtual-size"]


def waste(path):
    """Writes to the disk and gives it up again, so that there is something to give back."""
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -P 7 0 16M", "-c", "write -P 9 20M 1M",
                    "-c", "write -z 0 16M", str(path)], check=True, stdout=subprocess.DEVNULL)


def test_life(program, shots):
    folder = make_folder("dummy:still")
    other = folder / "another drive with a long name that somebody once thought of"
    other.mkdir()
    app = Application(program, shots, folder=folder)
    try:
        create(app)
        disk = bundle(folder) / disk_of(folder)
        waste(disk)
        taken = os.stat(disk).st_blocks * 512
        app.find("table cell", NAME)
        open_disks(app)
        app.find("label", "qcow2")
        app.find("label", "1.0\u00a0GiB")
        app.shot("disks-1")

        size = app.find("spin button", "New size in GiB")
        size.set_current_value(3)
        app.press("push button", "_Grow")
        app.find("label", "The disk is larger now")
        app.find("label", "3.0\u00a0GiB")
        check(virtual_size(disk) == 3 << 30, f"the disk has {virtual_size(disk)} bytes")

        app.press("push button", "C_ompact")
        app.find("label", "Compacted:")
        app.shot("disks-2-compacted")
        now = os.stat(disk).st_blocks * 512
        check(now < 4 * MIB < 16 * MIB < taken, f"it took {taken} bytes and takes {now}")
        subprocess.run(["qemu-io", "-r", "-f", "qcow2", "-c", "read -P 9 20M 1M", "-c", "read -P 0 0 20M", str(disk)],
                       check=True, stdout=subprocess.DEVNULL)

        app.press("push button", "_Move…")
        app.find("push button", "_Move Here")
        time.sleep(0.6)
        app.key("ctrl+l", "ctrl+a")
        app.type(str(other))
        app.key("Return")
        app.find("label", "The disk was moved", timeout=30)
        app.shot("disks-3-moved")
        moved = other / disk.name
        check(disk_of(folder) == str(moved) and moved.exists() and not disk.exists(), disk_of(folder))
        check(virtual_size(moved) == 3 << 30, "it is another disk")

        # Nothing of this while it runs, and the window says why.
        app.key("Escape")
        app.gone("list item", "Compact")
        focus_card(app, app.find("table cell", NAME))
        app.key("space")
        app.find("table cell", NAME + ", RISC-V · running")
        open_disks(app)
        app.find("label", "The machine is running")
        compact = app.find("push button", "C_ompact")
        check(not app.has_state(compact, "SENSITIVE"), "a disk in use can be compacted")
        app.shot("disks-4-running")
        check_log(app)
    finally:
        app.close()
        shutil.rmtree(folder, ignore_errors=True)


def test_looks(program, shots):
    for look, environment, size in (
            ("dark", {"ADW_DEBUG_COLOR_SCHEME": "prefer-dark"}, "1000x720"),
            ("narrow", {}, "360x640"),
            ("chinese", {"LANGUAGE": "zh_CN"}, "1000x720")):
        folder = make_folder("dummy:still")
        app = Application(program, shots, folder=folder, environment=environment, size=size)
        try:
            app.key("ctrl+n")
            app.find("list item", NAME)
            app.key("Return")
            time.sleep(0.7)
            app.key("shift+Tab", "Return")  # create without starting
            path = bundle(folder)
            wait_until("the machine", lambda: (path / "machine.json").exists())
            long_name = path / ("a rather long name of a disk " * 3 + ".qcow2")
            (path / disk_of(folder)).rename(long_name)
            text = (path / "machine.json").read_text(encoding="utf-8").replace(disk_of(folder), long_name.name)
            (path / "machine.json").write_text(text, encoding="utf-8")
            time.sleep(1)
            focus_card(app, app.find("table cell", NAME))
            app.key("alt+Return")
            time.sleep(1)
            rows = [n for _, n in app.walk() if app.role(n) == "list item"]
            check(rows, "no rows in the settings")
            app.key("Escape")
            focus_card(app, app.find("table cell", NAME))
            app.key("Menu")
            time.sleep(0.5)
            items = [n for _, n in app.walk() if n.get_role_name() == "menu item" and app.showing(n)]
            wanted = ("Disks", "磁盘")
            [n for n in items if any(word in n.get_name() for word in wanted)][0].do_action(0)
            time.sleep(1.2)
            app.shot(f"disks-look-{look}")
            check_log(app)
        finally:
            app.close()
            shutil.rmtree(folder, ignore_errors=True)


TESTS = {"disks-life": test_life, "disks-looks": test_looks}


if __name__ == "__main__":
    run_tests(TESTS)
