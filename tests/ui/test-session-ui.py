#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of the session with a machine that runs: by a signal, and by a session manager; the next start
goes on.
Usage: test-session-ui.py PROGRAM FOLDER-FOR-SCREENSHOTS [NAME-OF-ONE-TEST]"""

import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from session_manager import LOGOUT, SessionManager  # noqa: E402
from ui_driver import (NAME, Application, XServer, check, check_log, differing, focus_card,  # noqa: E402
                       make_folder, run_tests, wait_until)


def start_machine(app):
    app.press("push button", "New Machine")
    app.find("list item", NAME)
    app.key("Return")
    app.press("push button", "Create and Start")
    app.find("image", "Screen of " + NAME)
    app.find("label", "Running")
    app.gone("label", "Keyboard captured")
    app.key("b")  # leaves a square on the guest's screen
    time.sleep(0.6)
    return app.screen()


def set_preference(folder, key, value):
    path = folder / "config/diorama/settings.ini"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    section = "[preferences]\n"
    text = text if section in text else section + text
    path.write_text(text.replace(section, f"{section}{key}={value}\n"), encoding="utf-8")


def test_signals(program, shots):
    folder = make_folder("dummy:still")
    try:
        app = Application(program, shots, folder=folder)
        try:
            before = start_machine(app)
            app.process.send_signal(signal.SIGTERM)
            app.process.send_signal(signal.SIGHUP)  # as the end of a session does
            check(app.process.wait(20) == 0, f"ended with {app.process.returncode}")
            check_log(app)
        finally:
            app.close()

        # The next start offers to go on, and it goes on as it was.
        app = Application(program, shots, folder=folder)
        try:
            app.find("table cell", NAME + ", RISC-V · suspended")
            app.find("label", f"“{NAME}” is suspended")
            app.shot("session-1-offer")
            app.press("push button", "Resume")
            card = app.find("table cell", NAME + ", RISC-V · running")
            focus_and_open(app, card)
            wait_until("the screen of before",
                       lambda: differing(before, app.screen(), (20, 120, 900, 700)) < 20)
            app.shot("session-2-resumed")
            app.process.send_signal(signal.SIGHUP)
            check(app.process.wait(20) == 0, f"ended with {app.process.returncode}")
            check_log(app)
        finally:
            app.close()

        # By itself, when the person wants it; and only once.
        set_preference(folder, "resume-suspended", "true")
        app = Application(program, shots, folder=folder)
        try:
            app.find("table cell", NAME + ", RISC-V · running")
            check(not app.look("label", "is suspended"), "it is offered although it was done")
            app.key("ctrl+q")
            app.find("label", "1 Machine Is Running")
            app.shot("session-3-quit")
            app.answer("1 Machine Is Running", "uspend and Quit")
            check(app.process.wait(20) == 0, f"ended with {app.process.returncode}")
            check_log(app)
        finally:
            app.close()

        # Shut down instead: nothing is there to resume afterwards.
        set_preference(folder, "session-end", "shut-down")
        app = Application(program, shots, folder=folder)
        try:
            app.find("table cell", NAME + ", RISC-V · running")
            app.process.send_signal(signal.SIGTERM)
            check(app.process.wait(20) == 0, f"ended with {app.process.returncode}")
        finally:
            app.close()
        app = Application(program, shots, folder=folder)
        try:
            app.find("table cell", NAME + ", RISC-V · off")
            check_log(app)
        finally:
            app.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def focus_and_open(app, card):
    focus_card(app, card)
    app.key("Return")
    app.find("image", "Screen of " + NAME)
    app.gone("label", "Keyboard captured")
    time.sleep(0.5)


def test_manager(program, shots):
    folder = make_folder("dummy:still")
    manager = SessionManager()
    try:
        app = Application(program, shots, folder=folder)
        try:
            manager.wait("a client", lambda: "org.diorama.Diorama" in manager.clients.values())
            # With nothing that runs there is nothing to wait for.
            manager.emit("QueryEndSession")
            manager.wait("an answer", lambda: manager.responses)
            check(all(manager.responses) and not manager.seen, f"{manager.responses}, {manager.seen}")
            start_machine(app)

            # The session waits until the machine is suspended, and then may end; here it is cancelled.
            manager.emit("QueryEndSession")
            manager.wait("an inhibitor", lambda: manager.seen)
            check(manager.seen == ["Machines are being suspended"], f"{manager.seen}")
            manager.wait("the end of it", lambda: not manager.inhibitors)
            manager.emit("CancelEndSession")
            app.key("ctrl+w")
            app.find("table cell", NAME + ", RISC-V · suspended")
            app.find("label", f"“{NAME}” is suspended")
            app.press("push button", "Resume")
            app.find("table cell", NAME + ", RISC-V · running")

            # Who is not patient does not lose the machine either.
            manager.emit("EndSession")
            manager.wait("the end of the application", lambda: app.process.poll() is not None)
            check(app.process.returncode == 0, f"ended with {app.process.returncode}")
            check_log(app)
        finally:
            app.close()
        manager.clients.clear()

        # Asked for, it asks: the log-out waits for the answer.
        set_preference(folder, "session-end", "ask")
        set_preference(folder, "resume-suspended", "true")
        app = Application(program, shots, folder=folder)
        try:
            app.find("table cell", NAME + ", RISC-V · running")
            manager.seen.clear()
            manager.emit("QueryEndSession")
            app.find("label", "1 Machine Is Running")
            manager.wait("an inhibitor", lambda: manager.seen == ["Machines are running"])
            check(list(manager.inhibitors.values())[0][1] & LOGOUT, f"{manager.inhibitors}")
            app.shot("session-4-ask")
            app.answer("1 Machine Is Running", "Shut Down and Quit")
            manager.wait("the end of the application", lambda: app.process.poll() is not None)
            check(app.process.returncode == 0, f"ended with {app.process.returncode}")
            check_log(app)
        finally:
            app.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait_end(process, what):
    wait_until(what, lambda: process.poll() is not None)
    check(process.returncode == 0, f"{what}: ended with {process.returncode}")


def switch_at_login(app):
    app.key("ctrl+comma")
    app.activate_row("Start at Log-In")
    app.shot("session-5-preferences")
    app.key("Escape")


def test_login(program, shots):
    """The preference writes the entry that a log-in obeys; what that starts shows itself only with machines
    to bring back."""
    folder = make_folder("dummy:still")
    entry = folder / "config/autostart/org.diorama.Diorama.desktop"
    line = f'"{pathlib.Path(program).resolve()}" --restore'
    try:
        app = Application(program, shots, folder=folder)
        try:
            check(not entry.exists(), "it starts at log-in without being asked to")
            switch_at_login(app)
            wait_until("the entry", entry.exists)
            check(f"\nExec={line}\n" in entry.read_text(), entry.read_text())
            check(subprocess.run(["desktop-file-validate", entry], check=False).returncode == 0, "entry")
            start_machine(app)
            app.process.send_signal(signal.SIGTERM)
            wait_end(app.process, "the end of the session")
            check_log(app)
        finally:
            app.close()

        # Neither a "not now" nor a crash forgets the machine; resumed it is not offered again.
        arguments = shlex.split(line)
        for way in ("not now", "crash", "resume"):
            app = Application(arguments[0], shots, arguments[1:], folder=folder)
            try:
                app.find("label", f"“{NAME}” is suspended")
                if way == "crash":
                    app.process.kill()
                    app.process.wait(20)
                    continue
                if way == "resume":
                    app.press("push button", "_Resume")
                    app.find("table cell", NAME + ", RISC-V · running")
                app.key("ctrl+q")
                if way == "resume":
                    app.answer("1 Machine Is Running", "Force Off and Quit")
                wait_end(app.process, "the application")
                check_log(app)
            finally:
                app.close()

        # Now there is nothing to bring back.
        environment = dict(os.environ, XDG_CONFIG_HOME=str(folder / "config"),
                           DIORAMA_LIBRARY=str(folder / "machines"))
        server = XServer()
        try:
            done = subprocess.run(arguments, env=environment, timeout=20, check=False)
            check(done.returncode == 0, f"without machines it ended with {done.returncode}")
        finally:
            server.close()

        # Switched off by another program, it is on again after a person switches it on, and then off.
        entry.write_text(entry.read_text() + "Hidden=true\n", encoding="utf-8")
        app = Application(program, shots, folder=folder)
        try:
            switch_at_login(app)
            wait_until("the entry to count", lambda: "Hidden" not in entry.read_text())
            switch_at_login(app)
            wait_until("the entry to go", lambda: not entry.exists())
            check_log(app)
        finally:
            app.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


TESTS = {"session-login": test_login, "session-signals": test_signals, "session-manager": test_manager}


if __name__ == "__main__":
    run_tests(TESTS)
