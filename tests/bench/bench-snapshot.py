#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of a busy guest with 2 GiB: how long it stands still, how long until it runs again from
one, what the second snapshot of an idle guest writes; beside savevm and loadvm of QEMU with the same
guest in the same run. Going back is timed twice: from the request on the machine's control socket,
as loadvm is from the one on its monitor, and with the start of the command line's process. Usage: bench-snapshot.py BUILD [--rounds N] [--folder FOLDER]
[--smallest]: one of 256 MiB, twice."""

import argparse
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "../support"))
from scribble_guest import NAME, Scribbler, kernel  # noqa: E402

MEMORY_MIB = 2048
BUSY_MIB = 1024


class Qemu:
    def __init__(self, initrd, append, folder, memory):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dio-qemu-", dir=folder))
        disk = self.folder / "state.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "64M"], check=True)
        self.serial = self.folder / "serial.txt"
        path = self.folder / "monitor"
        self.process = subprocess.Popen(
            ["qemu-system-riscv64", "-machine", "virt", "-m", f"{memory}M", "-display", "none",
             "-kernel", str(kernel()), "-initrd", str(initrd), "-append", append,
             "-serial", f"file:{self.serial}", "-monitor", f"unix:{path},server=on,wait=off",
             "-drive", f"file={disk},format=qcow2,if=none,id=d", "-device",
             "virtio-blk-pci,drive=d"])
        while not path.exists():
            time.sleep(0.05)
        self.monitor = socket.socket(socket.AF_UNIX)
        self.monitor.connect(str(path))
        self._answer()

    def _answer(self):
        text = b""
        while not text.endswith(b"(qemu) "):
            text += self.monitor.recv(65536)
        return text

    def command(self, text):
        """Seconds until the monitor is back."""
        started = time.monotonic()
        self.monitor.sendall(text.encode() + b"\n")
        self._answer()
        return time.monotonic() - started

    def wait_busy(self):
        while b"scribble: sum 0 2 " not in (self.serial.read_bytes() if self.serial.exists()
                                            else b""):
            if self.process.poll() is not None:
                sys.exit("QEMU ended")
            time.sleep(0.1)

    def close(self):
        self.process.kill()
        self.process.wait()
        subprocess.run(["rm", "-rf", str(self.folder)], check=True)


def take(guest):
    """Milliseconds of pause, seconds until it is on the disk, bytes on the disk."""
    started = time.monotonic()
    lines = guest.snapshot("take", "--timing").splitlines()
    seconds = time.monotonic() - started
    tree = guest.folder / "library" / f"{NAME}.diorama/snapshots"
    size = sum(path.stat().st_size for path in tree.iterdir())
    return float(re.search(r"([0-9.]+) ms", lines[1])[1]), seconds, size, lines[0]


def back_by_request(guest, snapshot):
    """Milliseconds from the request to the answer, which comes when the vCPUs run again."""
    bundle = guest.folder / "library" / f"{NAME}.diorama"
    number = json.loads((bundle / "machine.json").read_text())["id"]
    request = {"command": "snapshot", "action": "discard", "id": snapshot}
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(120)
        control.connect(f"{guest.environment['XDG_RUNTIME_DIR']}/diorama/{number}.sock")
        started = time.monotonic()
        control.sendall(json.dumps(request).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            part = control.recv(4096)
            if not part:
                sys.exit("the machine's process hung up")
            answer += part
        milliseconds = (time.monotonic() - started) * 1000
    if not json.loads(answer)["ok"]:
        sys.exit(f"no way back: {answer.decode()}")
    return milliseconds


def back_by_command(guest, snapshot):
    """Milliseconds of the command line's process."""
    started = time.monotonic()
    guest.snapshot("revert", "--discard", snapshot)
    return (time.monotonic() - started) * 1000


def measure(options, busy):
    rounds = 100000000 if busy else 3
    guest = Scribbler(os.path.join(options.build, "diorama"),
                      os.path.join(options.build, "tests/boot/scribble-riscv64"),
                      memory=f"{options.memory}M", mib=options.busy, rounds=rounds, folder=options.folder)
    pauses, backs, commands, sizes, ids = [], [], [], [0], []
    try:
        guest.start()
        guest.wait(lambda: f"scribble: {'sum 0 2' if busy else 'idle 0'}" in guest.text(), "ready",
                   600)
        time.sleep(3)
        for _ in range(options.rounds):
            pause, seconds, size, snapshot = take(guest)
            pauses.append(pause)
            sizes.append(size)
            ids.append(snapshot)
            print(f"  {'busy' if busy else 'idle'}: stood still for {pause:.1f} ms, on the disk "
                  f"after {seconds:.1f} s, {(sizes[-1] - sizes[-2]) / 2**20:.1f} MiB", flush=True)
            time.sleep(1)
        for snapshot in ids if busy else []:
            backs.append(back_by_request(guest, snapshot))
            time.sleep(1)
            commands.append(back_by_command(guest, snapshot))
            time.sleep(1)
            print(f"  back and running after {backs[-1]:.0f} ms, by the command line after "
                  f"{commands[-1]:.0f} ms", flush=True)
        return guest, pauses, (backs, commands), [b - a for a, b in zip(sizes, sizes[1:])]
    finally:
        guest.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder")
    parser.add_argument("--smallest", action="store_true", help="a guest of 256 MiB, two rounds")
    options = parser.parse_args()
    options.memory, options.busy = (256, 32) if options.smallest else (MEMORY_MIB, BUSY_MIB)
    if options.smallest:
        options.rounds = 2
    guest, pauses, (backs, commands), _ = measure(options, True)
    idle, _, _, sizes = measure(options, False)
    qemu = Qemu(guest.initrd, guest.append, options.folder, options.memory)
    saves, loads = [], []
    try:
        qemu.wait_busy()
        for i in range(options.rounds):
            saves.append(qemu.command(f"savevm s{i}") * 1000)
            loads.append(qemu.command(f"loadvm s{i}") * 1000)
            print(f"  QEMU: savevm {saves[-1]:.0f} ms, loadvm {loads[-1]:.0f} ms", flush=True)
    finally:
        qemu.close()
        guest.close()
        idle.close()
    share = 100 * sizes[1] / (options.memory << 20)
    print(f"pause of a live snapshot, busy guest of {options.memory} MiB: median {statistics.median(pauses):.1f} "
          f"ms; QEMU's savevm stops it for {statistics.median(saves):.0f} ms")
    print(f"back and running: median {statistics.median(backs):.0f} ms after the request, "
          f"{statistics.median(commands):.0f} ms after the start of the command line; QEMU's loadvm "
          f"{statistics.median(loads):.0f} ms")
    print(f"second snapshot of an idle guest: {sizes[1] / 2**20:.2f} MiB, {share:.2f} % of its "
          "memory")


if __name__ == "__main__":
    main()
