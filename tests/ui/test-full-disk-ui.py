#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest fills a disk for which the host has no room: the command line and the window's bar say so while it
waits, and it goes on when there is room again. Usage: test-full-disk-ui.py DIORAMA GUEST FOLDER"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from own_session import enter_session  # noqa: E402
from ui_driver import Application, check, check_log, focus_card, wait_until  # noqa: E402

SKIPPED = 77
MESSAGE = "There is no space left for the disk"
MIB = 1 << 20


class SmallDisk:
    """A file system of 4 MiB with a disk that wants 3, and 2 that can be freed."""

    def __init__(self, folder):
        self.folder = folder / "small"
        self.folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(self.folder)], check=True,
                       capture_output=True)
        self.disk = self.folder / "disk.raw"
        self.reset()

    def reset(self):
        self.disk.unlink(missing_ok=True)
        with open(self.disk, "wb") as file:
            file.truncate(3 * MIB)
        (self.folder / "ballast").write_bytes(bytes(2 * MIB))

    def free(self):
        (self.folder / "ballast").unlink()

    def unmount(self):
        subprocess.run(["umount", "-l", str(self.folder)], check=False)


def test_command(program, guest, small):
    process = subprocess.Popen(
        [program, "run", "--firmware", guest, "--memory", "64M", "--disk", str(small.disk), "--headless",
         "--serial", "stdio", "--time-limit", "60"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    message = process.stderr.readline()
    check(MESSAGE in message and str(small.disk) in message and "paused" in message, message)
    time.sleep(5)  # it tries again meanwhile, and says nothing new
    small.free()
    output, errors = process.communicate(timeout=60)
    check(process.returncode == 0, f"ended with {process.returncode}: {output} {errors}")
    check(output == "written\n" and not errors, f"the guest noticed: {output} {errors}")


def test_window(program, guest, small, folder, shots):
    environment = dict(os.environ, HOME=str(folder), DIORAMA_LIBRARY=str(folder / "machines"), LC_ALL="C.UTF-8")
    subprocess.run([program, "create", "Filler", "--firmware", guest, "--memory", "64M", "--disk", str(small.disk)],
                   env=environment, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    app = Application(program, shots, folder=folder)
    try:
        focus_card(app, app.find("table cell", "Filler"))
        app.key("Return")
        app.press("push button", "_Start")
        label = app.find("label", MESSAGE)
        check(str(small.disk) in label.get_name() and "free some space" in label.get_name(), label.get_name())
        app.find("label", "Paused", exact=True)
        app.find("image", "Screen of Filler")
        app.shot("full-disk-1-bar")
        # It can be dismissed, and resuming without room brings it back.
        app.press("push button", "Dismiss")
        app.gone("label", MESSAGE)
        app.press("push button", "Resume")
        app.find("label", MESSAGE)
        app.find("label", "Paused", exact=True)
        # With room again it comes to its end.
        small.free()
        app.press("push button", "Resume")
        app.find("push button", "_Start", timeout=30)
        time.sleep(0.5)
        check(not app.look("label", MESSAGE), "the message comes back")
        app.key("ctrl+w")
        app.find("table cell", "Filler, RISC-V · off")
        app.quit()
        check_log(app)
    finally:
        app.close()


def main():
    enter_session(sys.argv)
    program, guest, shots = sys.argv[1:4]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="diorama-full-"))
    small = None
    try:
        small = SmallDisk(folder)
        test_command(program, guest, small)
        small.reset()
        test_window(program, guest, small, folder, shots)
    except subprocess.CalledProcessError as error:
        if error.cmd[0] != "mount":
            raise
        print("skipped: no right to mount")
        return SKIPPED
    finally:
        if small:
            small.unmount()
        shutil.rmtree(folder, ignore_errors=True)
    print("ok full-disk")
    return 0


if __name__ == "__main__":
    sys.exit(main())
