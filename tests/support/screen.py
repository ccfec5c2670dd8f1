# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a guest's framebuffer: what the Debian text installer shows, told by its pixels."""

import struct
import time
import zlib

BLUE = (0, 0, 170)
GREY = (170, 170, 170)
RED = (170, 0, 0)

# What a Linux kernel says on the serial port when it is not well.
WARNINGS = ("rcu: INFO", "soft lockup", "BUG:", "Oops", "Call Trace", "WARNING: CPU", "Unable to handle")


def near(pixel, colour):
    return all(abs(a - b) <= 12 for a, b in zip(pixel, colour))


class Screen:
    """An RGB picture."""

    def __init__(self, width, height, rgb):
        if width <= 0 or height <= 0 or len(rgb) < width * height * 3:
            raise ValueError("not a picture")
        self.width, self.height, self.rgb = width, height, rgb

    @classmethod
    def read_ppm(cls, path):
        with open(path, "rb") as file:
            data = file.read()
        fields = data.split(None, 4)
        if len(fields) < 5 or fields[0] != b"P6":
            raise ValueError("not a PPM file")
        width, height = int(fields[1]), int(fields[2])
        return cls(width, height, data[len(data) - width * height * 3:])

    @classmethod
    def read_png(cls, path):
        """Reads an 8-bit RGB or RGBA picture, not interlaced, as Diorama writes them."""
        with open(path, "rb") as file:
            data = file.read()
        if data[:8] != b"\x89PNG\r\n\x1a\n":
            raise ValueError("not a PNG file")
        packed, at = b"", 8
        width = height = channels = 0
        while at + 8 <= len(data):
            length, kind = struct.unpack(">I4s", data[at:at + 8])
            body = data[at + 8:at + 8 + length]
            if kind == b"IHDR":
                width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
                if depth != 8 or colour not in (2, 6) or interlaced:
                    raise ValueError("a kind of PNG that is not read here")
                channels = 3 if colour == 2 else 4
            elif kind == b"IDAT":
                packed += body
            at += 12 + length
        return cls(width, height, unfilter(zlib.decompress(packed), width, height, channels))

    def pixel(self, x, y):
        at = (y * self.width + x) * 3
        return tuple(self.rgb[at:at + 3])

    def share(self, colour, step=4):
        """The share of pixels, sampled, that have a colour."""
        hits = total = 0
        for y in range(0, self.height, step):
            for x in range(0, self.width, step):
                total += 1
                hits += near(self.pixel(x, y), colour)
        return hits / total

    def is_dialog(self):
        """A dialog of the installer: a grey window on a blue or black ground, with red in it."""
        return self.share(GREY) > 0.25 and self.selection() is not None

    def selection(self, colour=RED, top=0):
        """(top, bottom, left, right) of the widest bar of a colour, the selected entry, or None; below @top."""
        best = None
        rows = [None] * top
        for y in range(top, self.height):
            at = y * self.width * 3
            row = self.rgb[at:at + self.width * 3]
            xs = [x for x in range(0, self.width, 4)
                  if near(tuple(row[x * 3:x * 3 + 3]), colour)]
            rows.append((min(xs), max(xs), len(xs)) if len(xs) >= 8 else None)
        y = 0
        while y < self.height:
            if rows[y] is None:
                y += 1
                continue
            top = y
            while y < self.height and rows[y] is not None:
                y += 1
            bar = rows[top:y]
            count = sum(row[2] for row in bar)
            if y - top >= 8 and (best is None or count > best[0]):
                best = (count, top, y, min(row[0] for row in bar), max(row[1] for row in bar))
        return best[1:] if best else None


def unfilter(raw, width, height, channels):
    """Undoes PNG's row filters and drops alpha."""
    stride = width * channels
    previous = bytearray(stride)
    out = bytearray()
    at = 0
    for _ in range(height):
        kind = raw[at]
        row = bytearray(raw[at + 1:at + 1 + stride])
        at += 1 + stride
        if kind == 1:
            for i in range(channels, stride):
                row[i] = (row[i] + row[i - channels]) & 255
        elif kind == 2:
            row = bytearray((a + b) & 255 for a, b in zip(row, previous))
        elif kind == 3:
            for i in range(stride):
                left = row[i - channels] if i >= channels else 0
                row[i] = (row[i] + (left + previous[i]) // 2) & 255
        elif kind == 4:
            for i in range(stride):
                a = row[i - channels] if i >= channels else 0
                b = previous[i]
                c = previous[i - channels] if i >= channels else 0
                p = a + b - c
                pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
                row[i] = (row[i] + (a if pa <= pb and pa <= pc else b if pb <= pc else c)) & 255
        previous = row
        if channels == 3:
            out += row
        else:
            pixels = bytearray(width * 3)
            pixels[0::3], pixels[1::3], pixels[2::3] = row[0::4], row[1::4], row[2::4]
            out += pixels
    return bytes(out)


def wait_for_dialog(guest, timeout, interval=0.5, on_screen=None):
    """Waits until the guest shows a dialog with a selection; seconds since @guest.started, and the
    screen. None when it does not come in time."""
    while time.monotonic() - guest.started < timeout:
        screen = guest.screen()
        if screen and on_screen:
            on_screen(screen)
        if screen and screen.is_dialog():
            return time.monotonic() - guest.started, screen
        time.sleep(interval)
    return None, screen
