# SPDX-License-Identifier: GPL-3.0-or-later
"""A peer to measure against: Debian's QEMU on the same files."""

import os
import socket
import subprocess
import tempfile
import time

from screen import Screen


# By architecture: the program, its machine, and the CPUs that are measured; None: its default.
QEMUS = {
    "riscv64": ("qemu-system-riscv64", "virt", (None,)),
    "arm64": ("qemu-system-aarch64", "virt,gic-version=3", ("max", "cortex-a57")),
}


class QemuGuest:
    """A `virt` machine under QEMU's TCG with a virtio-gpu, shown nowhere."""

    def __init__(self, kernel, initrd, append, memory="1G", cpus=1, serial=None, arch="riscv64",
                 cpu=None):
        program, machine, _ = QEMUS[arch]
        self.folder = tempfile.TemporaryDirectory(prefix="dio-qemu-")
        monitor = os.path.join(self.folder.name, "monitor")
        self.dump = os.path.join(self.folder.name, "screen.ppm")
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [program, "-machine", machine, *(["-cpu", cpu] if cpu else []), "-smp", str(cpus), "-m", memory,
             "-accel", "tcg,thread=multi", "-nodefaults", "-no-user-config", "-display", "none",
             "-no-reboot", "-kernel", kernel, "-initrd", initrd, "-append", append,
             "-serial", f"file:{serial}" if serial else "null",
             "-device", "virtio-gpu-pci,xres=1280,yres=800", "-device", "virtio-keyboard-pci",
             "-device", "virtio-tablet-pci", "-device", "virtio-rng-pci",
             "-monitor", f"unix:{monitor},server=on,wait=off"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 10
        while not os.path.exists(monitor):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(f"{program} did not start: "
                                   + self.process.stderr.read().decode())
            time.sleep(0.02)
        self.monitor = socket.socket(socket.AF_UNIX)
        self.monitor.connect(monitor)
        self._prompt()

    def _prompt(self):
        text = b""
        while not text.endswith(b"(qemu) "):
            part = self.monitor.recv(4096)
            if not part:
                raise RuntimeError("the monitor of QEMU went away")
            text += part

    def command(self, line):
        self.monitor.sendall(line.encode() + b"\n")
        self._prompt()

    def screen(self):
        """The guest's framebuffer now, or None before there is one."""
        self.command(f"screendump {self.dump}")
        try:
            return Screen.read_ppm(self.dump)
        except (OSError, ValueError):
            return None

    def key(self, name):
        self.command(f"sendkey {name}")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        self.monitor.close()
        self.folder.cleanup()
