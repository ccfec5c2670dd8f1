#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the real application under a headless Wayland compositor (sway), as most people have
Wayland: it shows a guest, takes keys and pointer, and says goodbye. Usage: test-wayland.py PROGRAM FOLDER [TEST]"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from own_session import enter_session  # noqa: E402
from screen import Screen  # noqa: E402
from ui_driver import Failure, wait_until  # noqa: E402
from ui_pointer import Guest, find_picture  # noqa: E402
from wayland_pointer import WaylandPointer  # noqa: E402

SKIPPED = 77
NOBODY = 65534


class Sway:
    def __init__(self, folder, scale="1"):
        self.runtime = folder / "runtime"
        self.runtime.mkdir(mode=0o700)
        config = folder / "sway.config"
        config.write_text(f"output HEADLESS-1 resolution 1280x900 scale {scale}\nfocus_follows_mouse no\n"
                          "default_border none\n")
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=str(self.runtime),
                                WLR_BACKENDS="headless", WLR_LIBINPUT_NO_DEVICES="1",
                                WLR_RENDERER="pixman", XDG_CONFIG_HOME=str(folder / "config"))
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "SWAYSOCK"):
            self.environment.pop(name, None)
        self.log = open(folder / "sway.log", "w", encoding="utf-8")
        command = ["sway", "--unsupported-gpu", "-c", str(config)]
        if os.geteuid() == 0:  # sway refuses to be root
            folder.chmod(0o755)
            os.chown(self.runtime, NOBODY, NOBODY)
            command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                       *command]
        self.process = subprocess.Popen(command, env=self.environment, stdout=self.log,
                                        stderr=self.log)
        display = wait_until("the compositor", lambda: self._socket("wayland-"))
        self.environment["WAYLAND_DISPLAY"] = str(display)
        self.environment["SWAYSOCK"] = str(wait_until("its control socket",
                                                      lambda: self._socket("sway-ipc")))
        # The application has a runtime folder of its own.
        own = folder / "own-runtime"
        own.mkdir(mode=0o700)
        self.environment["XDG_RUNTIME_DIR"] = str(own)

    def _socket(self, prefix):
        if self.process.poll() is not None:
            print((self.runtime.parent / "sway.log").read_text())
            raise Failure("sway ended")
        found = [p for p in self.runtime.iterdir()
                 if p.name.startswith(prefix) and p.suffix != ".lock"]
        return found[0] if found else None

    def run(self, *command):
        return subprocess.run(command, env=self.environment, check=True, capture_output=True,
                              timeout=30).stdout

    def windows(self):
        found = []

        def visit(node):
            if node.get("pid"):
                found.append(node)
            for child in node.get("nodes", []) + node.get("floating_nodes", []):
                visit(child)

        visit(json.loads(self.run("swaymsg", "-t", "get_tree")))
        return found

    def titles(self):
        return [window["name"] for window in self.windows()]

    def fullscreen(self):
        return any(window["fullscreen_mode"] for window in self.windows())

    def keys(self, *names):
        for name in names:
            modifiers, key = name.split("+")[:-1], name.split("+")[-1]
            # A keyboard that exists only as long as wtype: time to get the focus with it.
            command = ["wtype", "-s", "300"]
            for modifier in modifiers:
                command += ["-M", modifier]
            command += ["-k", key]
            for modifier in modifiers:
                command += ["-m", modifier]
            self.run(*command, "-s", "300")
            time.sleep(0.2)

    def screen(self, folder):
        path = folder / "screen.ppm"
        self.run("grim", "-t", "ppm", str(path))
        return Screen.read_ppm(path)

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()


class Session:
    """The application with one dummy machine in a compositor of its own."""

    def __init__(self, program, scale="1", append=""):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="diorama-wayland-"))
        self.application = None
        self.sway = Sway(self.folder, scale)
        environment = dict(self.sway.environment, GDK_BACKEND="wayland", GTK_A11Y="none",
                           DIORAMA_LIBRARY=str(self.folder / "machines"), HOME=str(self.folder),
                           G_DEBUG="fatal-criticals")
        self.log = open(self.folder / "log", "w+", encoding="utf-8")
        self.application = subprocess.Popen(
            ["dbus-run-session", "--", program, "--run",
             f"dummy:still dummy:log={self.folder}/events " + append],
            env=environment, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True)
        wait_until("the window", lambda: "Dummy" in self.sway.titles() or self.ended())
        time.sleep(5)  # the hint goes away

    def ended(self):
        if self.application.poll() is not None:
            raise Failure(f"the application ended with {self.application.returncode}")
        return False

    def check_log(self):
        self.log.flush()
        text = (self.folder / "log").read_text(encoding="utf-8", errors="replace")
        if "CRITICAL" in text:
            raise Failure(text)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            print((self.folder / "log").read_text(encoding="utf-8", errors="replace"))
        if self.application and self.application.poll() is None:
            os.killpg(self.application.pid, signal.SIGTERM)
        self.sway.close()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def test_keys(program, shots):
    with Session(program) as session:
        sway, folder = session.sway, session.folder
        before = sway.screen(folder)
        centre = before.pixel(before.width // 2, before.height // 2)
        if len({before.pixel(x, before.height // 2) for x in range(0, before.width, 16)}) < 20:
            raise Failure(f"the guest's picture is not there (centre {centre})")
        sway.run("grim", str(shots / "wayland-1-guest.png"))

        sway.keys("Down", "Return", "b")
        bottom = range(before.height * 9 // 10, before.height)
        wait_until("keys in the guest", lambda: changed(before, sway.screen(folder), bottom))
        sway.run("grim", str(shots / "wayland-2-keys.png"))

        # Fullscreen and back by F11.
        sway.keys("F11")
        wait_until("fullscreen", sway.fullscreen)
        time.sleep(0.5)
        sway.run("grim", str(shots / "wayland-3-fullscreen.png"))
        sway.keys("F11")
        wait_until("the way back from fullscreen", lambda: not sway.fullscreen())

        # The compositor asks the window to close: a question comes; shutting down, the default, ends it.
        sway.run("swaymsg", '[title="Dummy"]', "kill")
        wait_until("the question at closing", lambda: len(sway.titles()) == 2)
        sway.run("grim", str(shots / "wayland-4-close.png"))
        sway.keys("Return")
        wait_until("the end of the application", lambda: session.application.poll() is not None)
        session.check_log()


def test_pointer(program, shots):
    """On a screen with a scale of 1.5 the pointer is where the person sees it. The outermost pixels are left
    out: there the window is taken by its edge, and the picture's own edge is blurred by the compositor."""
    with Session(program, "1.5") as session:
        sway, guest = session.sway, Guest(session.folder / "events")
        screen = sway.screen(session.folder)
        box = find_picture(screen)
        sway.run("grim", str(shots / "wayland-5-scale.png"))
        width, height = box[2] - box[0], box[3] - box[1]
        pointer = WaylandPointer(sway.environment["WAYLAND_DISPLAY"], screen.width, screen.height)
        for part_x, part_y in ((0.5, 0.5), (0.03, 0.01), (0.1, 0.2), (0.97, 0.3), (0.3, 0.97)):
            x, y = box[0] + round(part_x * width), box[1] + round(part_y * height)
            pointer.move(x, y)
            wanted = (x - box[0]) / width, (y - box[1]) / height

            def arrived():
                at = guest.position()
                return None not in at and abs(at[0] - wanted[0]) * width <= 3.0 \
                    and abs(at[1] - wanted[1]) * height <= 3.0
            wait_until(f"the pointer at {wanted} of {box}", arrived, timeout=5)
        for code in (272, 273, 274):
            guest.forget()
            pointer.button(code, True)
            pointer.button(code, False)
            wait_until(f"button {code}", lambda: [e for e in guest.new() if e[0] == "key"]
                       == [("key", str(code), "1"), ("key", str(code), "0")])
        for axis, steps, event in ((0, 1, ("rel", "8", "-1")), (0, -1, ("rel", "8", "1")),
                                   (1, 1, ("rel", "6", "1")), (1, -1, ("rel", "6", "-1"))):
            guest.forget()
            pointer.wheel(axis, steps)
            wait_until(f"the wheel {event}", lambda: [e for e in guest.new() if e[0] == "rel"] == [event])
        pointer.close()
        session.check_log()


def main():
    enter_session(sys.argv)
    program, shots = sys.argv[1], pathlib.Path(sys.argv[2])
    missing = [name for name in ("sway", "grim", "wtype") if not shutil.which(name)]
    if missing:
        print("skipped: not installed: " + ", ".join(missing))
        return SKIPPED
    shots.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[3:] or TESTS:
        TESTS[name](program, shots)
        print(f"ok {name}")
    return 0


def changed(one, other, rows):
    return any(one.rgb[y * one.width * 3:(y + 1) * one.width * 3]
               != other.rgb[y * one.width * 3:(y + 1) * one.width * 3] for y in rows)


TESTS = {"keys": test_keys, "pointer": test_pointer}

if __name__ == "__main__":
    sys.exit(main())
