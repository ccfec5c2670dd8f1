#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a program with a session and a virtual X server of its own: with-xvfb.py PROGRAM [ARGUMENT...]"""

import os
import subprocess
import sys

from own_session import enter_session


def main():
    enter_session(sys.argv)
    read_end, write_end = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1280x1024x24", "-nolisten",
         "tcp"], pass_fds=[write_end], stderr=subprocess.DEVNULL)
    os.close(write_end)
    with os.fdopen(read_end) as numbers:
        display = ":" + numbers.readline().strip()
    environment = dict(os.environ, DISPLAY=display, GDK_BACKEND="x11", GTK_A11Y="none",
                       GSK_RENDERER="cairo", G_DEBUG="fatal-warnings")
    environment.pop("WAYLAND_DISPLAY", None)
    try:
        return subprocess.run(sys.argv[1:], env=environment).returncode
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    sys.exit(main())
