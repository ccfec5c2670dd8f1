#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two tests at the same time have nothing of a session in common."""

import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from own_session import FOLDERS, enter_session  # noqa: E402


def inside():
    """Tells what this session has, and stays until it is told to go."""
    enter_session(sys.argv)
    from gi.repository import Gio
    bus = Gio.bus_get_sync(Gio.BusType.SESSION, None)
    answer = bus.call_sync("org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus", "GetAddress", None, None,
                           Gio.DBusCallFlags.NONE, -1, None)
    print(json.dumps({"session bus": os.environ["DBUS_SESSION_BUS_ADDRESS"],
                      "accessibility bus": answer.unpack()[0],
                      **{name: os.environ[name] for name in FOLDERS}}), flush=True)
    sys.stdin.read()


def main():
    sessions = [subprocess.Popen([sys.executable, __file__, "inside"], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        one, other = (json.loads(session.stdout.readline()) for session in sessions)
        for what, value in one.items():
            assert value != other[what], f"both have {value} as {what}"
        for has in (one, other):
            assert has["XDG_RUNTIME_DIR"] in has["accessibility bus"], has
            assert all(has[name] != os.environ.get(name) for name in FOLDERS), has
    finally:
        for session in sessions:
            session.communicate()
    for has in (one, other):
        assert not os.path.exists(has["HOME"]), "a session leaves its folders behind"


if __name__ == "__main__":
    inside() if sys.argv[1:] else main()
