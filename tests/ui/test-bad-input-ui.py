#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input in the window, in the real application: machines that cannot be read, one that the command line
runs beside the window, no OpenGL; and in front of the real engine no firmware, too little memory, kernels
that are damaged or gone. Usage: test-bad-input-ui.py PROGRAM COMMAND FOLDER-FOR-SCREENSHOTS [TEST]; COMMAND
is the command line with the same engine as PROGRAM."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from ui_driver import (Application, check, check_log, focus_card, make_folder,  # noqa: E402
                       run_tests, wait_until)


class Library:
    """A library in a folder, filled by the command line."""

    def __init__(self, command, append="dummy:still"):
        self.command = command
        self.folder = make_folder(append)
        self.environment = dict(
            os.environ, HOME=str(self.folder), DIORAMA_LIBRARY=str(self.folder / "machines"),
            XDG_RUNTIME_DIR=str(self.folder / "runtime"), LC_ALL="C.UTF-8", LANGUAGE="")
        (self.folder / "runtime").mkdir(mode=0o700)

    def run(self, *arguments):
        return subprocess.run([self.command, *arguments], env=self.environment, check=True, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=30).stdout

    def create(self, name, *arguments):
        self.run("create", name, "--kernel", str(self.kernel()), "--memory", "256M", *arguments)

    def kernel(self):
        return self.folder / "images/little/linux"

    def path(self, name):
        return self.folder / f"machines/{name}.diorama"

    def start(self, name):
        return subprocess.Popen([self.command, "start", name, "--headless", "--serial", "none"],
                                env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def open_machine(app, name):
    focus_card(app, app.find("table cell", name))
    app.key("Return")
    window = app.find("frame", name.split(",")[0])
    # Until then, buttons of the library come first.
    wait_until("the machine's window to be active", lambda: app.is_active(window))


def test_broken(program, command, shots):
    """Machines with settings that cannot be read stand beside good ones and do not harm them."""
    library = Library(command)
    for name in ("Good", "Cut", "Foreign", "Newer", "Folder", "Escape"):
        library.create(name, "--append", "dummy:still")
    good = json.loads((library.path("Cut") / "machine.json").read_text(encoding="utf-8"))
    texts = {"Cut": json.dumps(good)[:100],
             "Foreign": json.dumps({"name": "left-pad", "version": "1.3.0"}),
             "Newer": json.dumps({**good, "version": 99}),
             "Escape": json.dumps({**good, "kernel": "../../../etc/passwd"})}
    for name, text in texts.items():
        (library.path(name) / "machine.json").write_text(text, encoding="utf-8")
    (library.path("Folder") / "machine.json").unlink()
    (library.path("Folder") / "machine.json").mkdir()
    app = Application(program, shots, folder=library.folder)
    try:
        for name in (*texts, "Folder"):
            app.find("table cell", name + ", cannot be used")
        app.shot("bad-1-broken-library")
        for name, parts in (("Cut", ("machine.json:", "1:")), ("Foreign", ("machine.json: version: a whole",)),
                            ("Newer", ("machine.json: version: 99 is newer", "Update Diorama")),
                            ("Escape", ("machine.json: kernel: ", "plain name")),
                            ("Folder", ("machine.json",))):
            open_machine(app, name + ", cannot be used")
            label = app.find("label", "machine.json")
            for part in parts:
                check(part in label.get_name(), f"{name}: {label.get_name()}")
            app.find("label", "Cannot be used", exact=True)
            app.find("push button", "Show _Files")
            app.shot(f"bad-2-{name.lower()}")
            app.key("ctrl+w")
            app.gone("frame", name)

        # The good one works, and one that is mended comes back, with its window open.
        open_machine(app, "Cut")
        (library.path("Cut") / "machine.json").write_text(json.dumps({**good, "name": "Mended"}),
                                                          encoding="utf-8")
        app.find("push button", "_Start")
        check(not app.look("label", "machine.json"), "the error stays after the file was mended")
        app.press("push button", "_Start")
        app.find("image", "Screen of Mended")
        app.chord()
        app.key("F10")
        app.press("menu item", "Force Off")
        app.answer("Off?", "Force Off")
        app.key("ctrl+w")

        # Delete it from its window; it can be undone, and the file is as it was.
        open_machine(app, "Foreign, cannot be used")
        app.press("push button", "_Delete")
        app.find("label", "“Foreign” deleted")
        app.gone("table cell", "Foreign")
        check("Foreign" not in app.windows(), "its window is still there")
        app.shot("bad-3-deleted")
        app.press("push button", "Undo")
        app.find("table cell", "Foreign, cannot be used")
        text = (library.path("Foreign") / "machine.json").read_text(encoding="utf-8")
        check(text == texts["Foreign"], "the foreign machine.json was changed")
        app.quit()
        check_log(app)
    finally:
        app.close()
        library.remove()


def test_elsewhere(program, command, shots):
    """The command line runs a machine beside the window."""
    library = Library(command)
    library.create("Shared", "--append", "dummy:still")
    library.create("Other", "--append", "dummy:still")
    app = Application(program, shots, folder=library.folder)
    other = None
    try:
        app.find("table cell", "Shared, RISC-V · off")
        other = library.start("Shared")
        card = app.find("table cell", "Shared, RISC-V · running elsewhere")
        focus_card(app, card)
        app.key("space", "Delete", "F2", "alt+Return")  # nothing of this is possible
        time.sleep(0.5)
        app.find("table cell", "Shared, RISC-V · running elsewhere")
        check(not app.look("label", "deleted") and not app.look("label", "Rename"), "it was changed")
        app.shot("bad-4-elsewhere-library")
        open_machine(app, "Shared")
        app.find("label", "Another program runs this machine")
        app.shot("bad-5-elsewhere")
        # The way out: its power button, from here.
        app.press("push button", "Press Power _Button")
        wait_until("the other process ending", lambda: other.poll() is not None)
        check(other.returncode == 0, f"the other process ended with {other.returncode}")
        app.find("push button", "_Start")
        app.press("push button", "_Start")
        app.find("image", "Screen of Shared")
        # And the other way round: the command line is told who has it.
        result = subprocess.run([command, "start", "Shared", "--headless"], env=library.environment,
                                capture_output=True, text=True, check=False, timeout=20)
        check(result.returncode == 5 and f"process {app.process.pid}" in result.stderr, result.stderr)
        library.run("stop", "Shared")
        app.find("push button", "_Start")
        app.key("ctrl+w")

        # Taken in the very moment of the start, before the window knows: a race, so it is tried again.
        for _ in range(5):
            focus_card(app, app.find("table cell", "Other"))
            taken = holding(library.path("Other"))
            app.key("space")
            wait_until("an answer", lambda: app.look("label", "“Other” could not be started")
                       or app.look("table cell", "Other, RISC-V · running elsewhere"))
            told = app.look("label", "“Other” could not be started")
            if told:
                app.find("label", "is in use")
                app.shot("bad-6-taken")
                app.key("Escape")
            taken.kill()
            taken.wait()
            if told:
                break
            app.find("table cell", "Other, RISC-V · off")
        check(told, "the window always knew before the start")
        app.find("table cell", "Other, RISC-V · off")
        focus_card(app, app.find("table cell", "Other"))
        app.key("space")
        app.find("table cell", "Other, RISC-V · running")
        library.run("stop", "Other", "--force")
        app.find("table cell", "Other, RISC-V · off")
        app.quit()
        check_log(app)
    finally:
        if other and other.poll() is None:
            other.kill()
        app.close()
        library.remove()


def holding(bundle):
    """A process that holds the machine's lock without touching a file that the window watches."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import fcntl, struct, sys, time\n"
         "file = open(sys.argv[1], 'rb+')\n"
         "fcntl.fcntl(file, 37, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0))\n"  # F_OFD_SETLK
         "print('held', flush=True)\ntime.sleep(60)", str(bundle / "lock")], stdout=subprocess.PIPE)
    check(process.stdout.readline() == b"held\n", "the lock cannot be taken")
    return process


def test_no_gl(program, command, shots):
    """Without OpenGL the console is drawn in software, and nobody is frightened."""
    for name, environment in (
            ("disabled", {"GDK_DEBUG": "gl-disable"}),
            ("insisting", {"GDK_DEBUG": "gl-disable", "DIORAMA_PRESENTER": "gl"}),
            ("renderer", {"GDK_DEBUG": "gl-disable", "GSK_RENDERER": "gl"}),
            ("no-driver", {"LIBGL_DRIVERS_PATH": "/proc/nonexistent", "GSK_RENDERER": "gl",
                           "DIORAMA_PRESENTER": "gl"})):
        library = Library(command)
        library.create("Screen", "--append", "dummy:still")
        app = Application(program, shots, folder=library.folder, environment=environment)
        try:
            focus_card(app, app.find("table cell", "Screen"))
            app.key("Return")
            app.press("push button", "_Start")
            app.find("image", "Screen of Screen")
            time.sleep(1)
            screen = app.screen()
            # The gradient of the dummy: its blue is the same everywhere.
            row = [screen.pixel(x, screen.height // 2) for x in range(100, screen.width - 300, 10)]
            check(all(abs(pixel[2] - 0x60) < 3 for pixel in row) and len(set(row)) > 50,
                  f"{name}: the guest's picture is not there: {row[:5]}")
            check(not app.look("label", "GL"), f"{name}: there is talk of GL")
            app.shot(f"bad-7-gl-{name}")
            library.run("stop", "Screen", "--force")
            app.find("push button", "_Start")
            app.key("ctrl+w")
            app.quit()
            check_log(app)
        finally:
            app.close()
            library.remove()


def expect_failure(app, name, parts, shot):
    """Starting @name fails with @parts, and leaves it as it was."""
    open_machine(app, name + ",")
    app.press("push button", "_Start")
    for part in parts:
        app.find("label", part)
    app.find("push button", "_Start")
    app.find("push button", "S_ettings…")
    app.shot(shot)
    app.key("ctrl+w")
    app.find("table cell", name + ", RISC-V · off")


def test_engine(program, command, shots):
    """In front of the real engine: what is wrong shows at the start."""
    library = Library(command)
    library.create("Damaged")
    library.create("Gone")
    library.create("Greedy")
    library.create("Firmware")
    with open(library.path("Damaged") / "kernel", "r+b") as file:
        file.truncate(60)
    (library.path("Gone") / "kernel").unlink()
    manifest = library.path("Greedy") / "machine.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text(encoding="utf-8")), "memory": 900 << 30}),
                        encoding="utf-8")
    before = sorted(os.listdir(library.folder / "machines"))
    app = Application(program, shots, folder=library.folder,
                      environment={"DIORAMA_OPENSBI": "/proc/nonexistent"})
    try:
        expect_failure(app, "Firmware", ("DIORAMA_OPENSBI", "unset"), "bad-8-firmware")
        app.quit()
        check_log(app)
    finally:
        app.close()
    app = Application(program, shots, folder=library.folder)
    try:
        expect_failure(app, "Damaged", ("incomplete", "get it again"), "bad-8-damaged")
        expect_failure(app, "Gone", ("machine.json: kernel",), "bad-8-gone")
        expect_failure(app, "Greedy", ("900.0", "less memory"), "bad-8-greedy")
        # The wizard takes neither a damaged kernel nor more memory than there is.
        damaged = library.folder / "damaged-linux"
        damaged.write_bytes(library.kernel().read_bytes()[:60])
        app.key("ctrl+n")
        app.activate_row("File…")
        app.choose_file(damaged)
        app.press("push button", "Create and _Start")
        app.find("label", "The machine was not created")
        app.find("label", "incomplete")
        app.shot("bad-9-wizard-damaged")
        app.key("Escape")
        memory = app.find("spin button", "Memory")
        memory.set_current_value(900 << 10)
        app.find("label", "more than the")
        app.shot("bad-9-wizard-greedy")
        app.key("Escape")
        app.gone("spin button", "Memory")
        after = sorted(os.listdir(library.folder / "machines"))
        check(before == [n for n in after if n != ".lock" or n in before], f"{before} became {after}")
        app.quit()
        check_log(app)
    finally:
        app.close()
        library.remove()


TESTS = {"broken": test_broken, "elsewhere": test_elsewhere, "no-gl": test_no_gl, "engine": test_engine}


if __name__ == "__main__":
    run_tests(TESTS, 3)
