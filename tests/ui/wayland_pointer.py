# SPDX-License-Identifier: GPL-3.0-or-later
"""A pointer for a compositor that has none: speaks the wire protocol of Wayland and of wlroots' virtual pointer
(wlr-virtual-pointer-unstable-v1), as no tool in Debian does."""

import socket
import struct
import time

# Numbers of objects must be taken in order; that of a callback is free again when it was called.
DISPLAY, REGISTRY, CALLBACK, MANAGER, POINTER = 1, 2, 3, 4, 5
INTERFACE = "zwlr_virtual_pointer_manager_v1"


class WaylandPointer:
    def __init__(self, path, width, height):
        self.size = width, height
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(str(path))
        self.globals = {}
        self._send(DISPLAY, 1, struct.pack("=I", REGISTRY))
        self._round_trip()
        name, version = self.globals[INTERFACE]
        text = INTERFACE.encode() + b"\0"
        text = text.ljust((len(text) + 3) & ~3, b"\0")
        self._send(REGISTRY, 0, struct.pack("=II", name, len(INTERFACE) + 1) + text
                   + struct.pack("=II", min(version, 1), MANAGER))
        self._send(MANAGER, 0, struct.pack("=II", 0, POINTER))  # of the first seat
        self._round_trip()

    def _send(self, target, opcode, payload=b""):
        self.socket.sendall(struct.pack("=II", target, (len(payload) + 8) << 16 | opcode) + payload)

    def _receive(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise OSError("the compositor hung up")
            data += more
        return data

    def _round_trip(self):
        self._send(DISPLAY, 0, struct.pack("=I", CALLBACK))
        while True:
            sender, word = struct.unpack("=II", self._receive(8))
            payload = self._receive((word >> 16) - 8)
            if sender == CALLBACK:
                return
            if sender == DISPLAY and word & 0xffff == 0:
                raise OSError(f"the compositor refuses: {payload!r}")
            if sender == REGISTRY and word & 0xffff == 0:
                name, length = struct.unpack_from("=II", payload)
                interface = payload[8:8 + length - 1].decode()
                version, = struct.unpack_from("=I", payload, 8 + (length + 3 & ~3))
                self.globals[interface] = name, version

    @staticmethod
    def _now():
        return struct.pack("=I", int(time.monotonic() * 1000) & 0xffffffff)

    def move(self, x, y):
        """To a place in pixels of the output."""
        self._send(POINTER, 1, self._now() + struct.pack("=IIII", x, y, *self.size))
        self._send(POINTER, 4)
        self._round_trip()

    def button(self, code, down):
        self._send(POINTER, 2, self._now() + struct.pack("=II", code, down))
        self._send(POINTER, 4)
        self._round_trip()

    def wheel(self, axis, steps):
        """Steps of a wheel: axis 0 down, 1 to the right."""
        self._send(POINTER, 5, struct.pack("=I", 0))
        self._send(POINTER, 7, self._now() + struct.pack("=Iii", axis, 15 * 256 * steps, steps))
        self._send(POINTER, 4)
        self._round_trip()

    def close(self):
        self.socket.close()
