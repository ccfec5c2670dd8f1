# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the dummy guest's picture is on a screen, and what of a pointer reached the guest."""

import time

ABS_MAX = 32767
BLUE = 0x60  # of the dummy's whole picture


def find_picture(screen):
    """The box of the guest's picture: its blue is the same everywhere."""
    def is_guest(x, y):
        return abs(screen.pixel(x, y)[2] - BLUE) < 4

    y = next(y for y in range(screen.height // 2, screen.height) if is_guest(screen.width // 3, y))
    columns = [x for x in range(screen.width) if is_guest(x, y)]
    x = columns[len(columns) // 3]
    rows = [row for row in range(screen.height) if is_guest(x, row)]
    return columns[0], rows[0], columns[-1], rows[-1]


class Guest:
    """The log of what reached the guest."""

    def __init__(self, path):
        self.path = path
        self.seen = 0

    def lines(self):
        return self.path.read_text(encoding="ascii").splitlines()

    def forget(self):
        time.sleep(0.2)
        self.seen = len(self.lines())

    def new(self):
        return [tuple(line.split()) for line in self.lines()[self.seen:]]

    def position(self):
        """The last absolute position, as a part of the axis."""
        last = {}
        for kind, code, value in (tuple(line.split()) for line in self.lines()):
            if kind == "abs":
                last[code] = int(value) / ABS_MAX
        return last.get("0"), last.get("1")
