# SPDX-License-Identifier: GPL-3.0-or-later
"""Drives the real application as a person with a keyboard and a screen reader would: through
accessibility (AT-SPI) and key events of the X server. Each application gets its own X server,
window manager, session bus, library and configuration."""

import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from own_session import enter_session, make_locale  # noqa: E402
from screen import Screen  # noqa: E402

# The machine that tests make from the image in their folder.
NAME = "Little machine"
TIMEOUT = float(os.environ.get("DIORAMA_UI_TIMEOUT", "40"))


# What GTK 4.8 says of its own widgets (GtkShortcutsWindow), and 4.18 of a renderer that a test asks for and
# of libadwaita's message dialogs.
NOT_OURS = ("reported min width -", "The old GL renderer has been removed", "Trying to measure GtkLabel")


class Failure(Exception):
    """Something did not come in time."""


def run_tests(tests, n_arguments=2):
    """What a script of tests does with its arguments: @n_arguments that every function of @tests
    gets, then the names of some of them; without, it is all."""
    enter_session(sys.argv)
    last = 1 + n_arguments
    for name in sys.argv[last:] or tests:
        started = time.monotonic()
        tests[name](*sys.argv[1:last])
        print(f"ok {name}, {time.monotonic() - started:.1f} s")


def wait_until(what, condition, timeout=None):
    """Waits for a true value of condition() and returns it."""
    deadline = time.monotonic() + (timeout or TIMEOUT)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"did not come in time: {what}")
        time.sleep(0.05)


class XServer:
    """Xvfb with a window manager, without which there is no fullscreen and no focus to speak of."""

    def __init__(self, size="1400x1000"):
        read_end, write_end = os.pipe()
        self.server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write_end), "-screen", "0", size + "x24", "-nolisten",
             "tcp"], pass_fds=[write_end], stderr=subprocess.DEVNULL)
        os.close(write_end)
        with os.fdopen(read_end) as numbers:
            self.display = ":" + numbers.readline().strip()
        os.environ["DISPLAY"] = self.display
        self.manager = None
        if shutil.which("openbox"):
            self.manager = subprocess.Popen(["openbox", "--sm-disable"],
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.3)

    def close(self):
        for process in (self.manager, self.server):
            if process:
                process.terminate()
                process.wait()


class Application:
    """The application under test."""

    def __init__(self, program, shots, arguments=(), environment=None, size="1400x1000",
                 folder=None):
        self.x = XServer(size)
        import gi
        gi.require_version("Atspi", "2.0")
        from gi.repository import Atspi  # looks for the display at once
        self.atspi = Atspi
        self.shots = pathlib.Path(shots)
        self.shots.mkdir(parents=True, exist_ok=True)
        self.own_folder = folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="diorama-ui-"))
        (self.folder / "home").mkdir(exist_ok=True)
        settings = {
            "GDK_BACKEND": "x11", "HOME": str(self.folder / "home"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "XDG_DATA_HOME": str(self.folder / "data"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "XDG_RUNTIME_DIR": str(self.folder / "runtime"),
            "DIORAMA_LIBRARY": str(self.folder / "machines"),
            "DIORAMA_IMAGES": str(self.folder / "images"),
            "LANGUAGE": "", "LC_ALL": "C.UTF-8", "G_ENABLE_DIAGNOSTIC": "0",
        }
        (self.folder / "runtime").mkdir(mode=0o700, exist_ok=True)
        settings.update(environment or {})
        if settings["LANGUAGE"]:
            settings.update(make_locale(settings["LANGUAGE"]))
        self.modern = False
        self.log = open(self.folder / "log", "w+", encoding="utf-8")
        self.process = subprocess.Popen([program, *arguments], env=dict(os.environ, **settings),
                                        stdout=self.log, stderr=subprocess.STDOUT)
        self.root = wait_until("the application on the accessibility bus", self._find_application)

    def _find_application(self):
        if self.process.poll() is not None:
            print((self.folder / "log").read_text(errors="replace"))
            raise Failure(f"the application ended with {self.process.returncode}")
        desktop = self.atspi.get_desktop(0)
        for i in range(desktop.get_child_count()):
            child = desktop.get_child_at_index(i)
            try:
                if child and child.get_process_id() == self.process.pid:
                    return child
            except Exception:  # gone meanwhile
                pass
        return None

    # Looking

    def walk(self, node=None, depth=0):
        node = node or self.root
        yield depth, node
        try:
            count = node.get_child_count()
        except Exception:
            return
        children = []
        for i in range(count):
            try:
                child = node.get_child_at_index(i)
            except Exception:
                continue
            if child:
                children.append(child)
        if depth == 0:  # the window that a person works in goes before others
            children.sort(key=lambda child: not self.is_active(child))
        for child in children:
            yield from self.walk(child, depth + 1)

    def is_active(self, window):
        try:
            return self.has_state(window, "ACTIVE")
        except Exception:  # gone meanwhile
            return False

    def tree(self):
        lines = []
        for depth, node in self.walk():
            try:
                lines.append("  " * depth + f"{node.get_role_name()} “{node.get_name()}”"
                             + ("" if self.showing(node) else " (hidden)"))
            except Exception:
                pass
        return "\n".join(lines)

    def has_state(self, node, state):
        return node.get_state_set().contains(getattr(self.atspi.StateType, state))

    def showing(self, node):
        return self.has_state(node, "VISIBLE")  # GTK 4.8 does not tell SHOWING

    def role(self, node):
        """The name of its role. AT-SPI 2.52 began to call a push button a button; with GTK of that time there
        are no access keys in names either."""
        role = node.get_role_name()
        self.modern |= role == "button"
        return "push button" if role == "button" else role

    def look(self, role, name, exact=False):
        """The first shown node of a role whose name contains @name, or None."""
        for _, node in self.walk():
            try:
                if role and self.role(node) not in role.split("|"):
                    continue
                found = node.get_name() or ""
                # Text of a label may have an underline that is no access key.
                wanted = name.replace("_", "") if self.modern and role != "label" else name
                if (found == wanted if exact else wanted in found) and self.showing(node):
                    return node
            except Exception:
                continue
        return None

    def find(self, role, name, exact=False, timeout=None):
        try:
            return wait_until(f"{role} “{name}”", lambda: self.look(role, name, exact), timeout)
        except Failure:
            test = "failure-" + pathlib.Path(sys.argv[-1]).stem
            (self.shots / f"{test}.txt").write_text(self.tree(), encoding="utf-8")
            self.shot(test)
            raise

    def gone(self, role, name, timeout=None):
        wait_until(f"{role} “{name}” going away", lambda: not self.look(role, name), timeout)

    # Acting

    def press(self, role, name, exact=False):
        node = self.find(role, name, exact)
        wait_until(f"{role} “{name}” being usable", lambda: self.has_state(node, "SENSITIVE")
                   or self.has_state(node, "ENABLED"))
        if not node.do_action(0):
            raise Failure(f"{role} “{name}” has no action")
        time.sleep(0.4)
        return node

    def answer(self, question, answer):
        """Presses a button of a message dialog, which has each twice: for wide and for narrow
        windows, of which one is not drawn and does nothing."""
        self.find("label", question)
        for _, node in list(self.walk()):
            try:
                if self.role(node) == "push button" and answer in node.get_name():
                    node.do_action(0)
                    time.sleep(0.8)
            except Exception:  # gone with the dialog
                pass
            if not self.look("label", question):
                return
        raise Failure(f"“{question}” could not be answered with “{answer}”")

    def key(self, *keys):
        subprocess.run(["xdotool", "key", "--clearmodifiers", *keys], check=True)
        # GTK 4.8 crashes when asked for a child of a window that is just going (its AT-SPI answers
        # GetChildAtIndex with a NULL path), so that is left some time.
        time.sleep(0.8 if set(keys) & {"Return", "Escape", "ctrl+w"} else 0.15)

    def type(self, text):
        subprocess.run(["xdotool", "type", "--delay", "30", text], check=True)
        time.sleep(0.2)

    def chord(self):
        """Ctrl and Alt, together and alone."""
        subprocess.run(["xdotool", "keydown", "ctrl", "keydown", "alt", "keyup", "alt", "keyup",
                        "ctrl"], check=True)
        time.sleep(0.3)

    def pointer(self, x, y, *buttons):
        subprocess.run(["xdotool", "mousemove", str(x), str(y)], check=True)
        for button in buttons:
            subprocess.run(["xdotool", "click", str(button)], check=True)
        time.sleep(0.15)

    def activate_row(self, name):
        """Goes to a row of a form with Tab and presses Enter on it: rows have no action."""
        row = self.find("list item", name)
        for _ in range(40):
            if self.has_state(row, "FOCUSED"):
                self.key("Return")
                return
            self.key("Tab")
        raise Failure(f"Tab never reaches the row “{name}”")

    def _find_chooser(self):
        """The window with a button to open something."""
        windows = [node for depth, node in self.walk() if depth == 1]
        return next((window for window in windows
                     if any(self.role(node) == "push button" and "Open" in (node.get_name() or "")
                            for _, node in self.walk(window))), None)

    def choose_file(self, path):
        """Names a file in GTK's own chooser, in its entry for a path."""
        self.find("push button", "Open")
        chooser = wait_until("the file chooser", self._find_chooser)

        def find_entry():
            return next((node for _, node in self.walk(chooser)
                         if self.role(node) == "text" and self.has_state(node, "FOCUSED")), None)

        # It takes keys some time after it is seen, and the next Ctrl+L would hide the entry again.
        for _ in range(5):
            time.sleep(0.6)
            if not find_entry():
                self.key("ctrl+l")
        entry = find_entry()
        check(entry, "the file chooser has no entry for a path")
        # Not typed: GTK 4.18 completes names meanwhile, and that of a file to that of a folder.
        entry.set_text_contents(str(path))
        time.sleep(0.4)
        self.key("Return")
        time.sleep(0.4)

    def quit(self):
        self.key("ctrl+q")
        wait_until("the end of the application", lambda: self.process.poll() is not None)
        check(self.process.returncode == 0, f"ended with {self.process.returncode}")

    def windows(self):
        """Titles of the top-level windows."""
        return [node.get_name() for depth, node in self.walk()
                if depth == 1 and self.showing(node)]

    # Pictures

    def screen(self):
        path = self.folder / "screen.ppm"
        subprocess.run(["import", "-window", "root", "-depth", "8", f"ppm:{path}"], check=True)
        return Screen.read_ppm(path)

    def shot(self, name):
        time.sleep(0.4)
        path = self.shots / f"{name}.png"
        subprocess.run(["import", "-window", "root", str(path)], check=True)
        return path

    def complaints(self):
        """Warnings and worse that the application printed."""
        self.log.flush()
        text = (self.folder / "log").read_text(encoding="utf-8", errors="replace")
        return [line for line in text.splitlines()
                if any(word in line for word in ("CRITICAL", "WARNING", "ERROR", "Sanitizer"))
                and not any(word in line for word in NOT_OURS)]

    def close(self, timeout=10):
        """Ends what still runs; returns the exit status."""
        try:
            if self.process.poll() is None:
                self.process.terminate()
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            self.x.close()
            self.log.close()
            if self.own_folder:
                shutil.rmtree(self.folder, ignore_errors=True)


def check(condition, words):
    if not condition:
        raise Failure(words)


def write_kernel(path):
    """Enough of a riscv64 Linux Image for everything that looks at it."""
    header = bytearray(0x2000)
    struct.pack_into("<QQ", header, 8, 0x200000, len(header))
    header[0x30:0x38] = b"RISCV\0\0\0"
    header[0x38:0x3c] = b"RSC\x05"
    path.write_bytes(header)


def make_folder(append):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="diorama-ui-"))
    image = folder / "images/little"
    image.mkdir(parents=True)
    write_kernel(image / "linux")
    (image / "image.json").write_text(json.dumps({
        "title": NAME, "arch": "riscv64", "kernel": "linux", "append": append,
        "memory": "256M", "disk-size": "64M"}))
    return folder


def focus_card(app, card):
    """Puts the keyboard's focus on the card, with Tab and the arrow keys as a person would."""
    def is_focused():
        return app.has_state(card, "FOCUSED")

    def is_among_cards():
        return any(node.get_role_name() == "table cell" and app.has_state(node, "FOCUSED")
                   for _, node in app.walk())

    for _ in range(12):
        if is_focused() or is_among_cards():
            break
        app.key("Tab")
    for key in ["Right"] * 12 + ["Left"] * 12:
        if is_focused():
            return
        app.key(key)
    raise Failure("Tab and arrows never reach the card")


def check_log(app):
    lines = app.complaints()
    check(not lines, "the application complained:\n" + "\n".join(lines))


def differing(one, other, box):
    x0, y0, x1, y1 = box
    count = 0
    for y in range(y0, y1):
        start, end = (y * one.width + x0) * 3, (y * one.width + x1) * 3
        if one.rgb[start:end] != other.rgb[start:end]:
            count += sum(one.rgb[i:i + 3] != other.rgb[i:i + 3] for i in range(start, end, 3))
    return count
