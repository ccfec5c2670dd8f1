#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random commands on three machines of one library from two sides at once, with kill -9 in between: no crash, no
corrupt machine.json, no lost machine, no lock left. usage: test-stress.py PROGRAM [SEQUENCES [SEED]]"""

import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time

PROGRAM = sys.argv[1]
SEQUENCES = int(sys.argv[2]) if len(sys.argv) > 2 else 200
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 32)
SECONDS = 20
MACHINES = 3
# What a command may end with; -9 is our own doing.
ALLOWED = {0, 1, 4, 5, -9}
NOISE = ("CRITICAL", "ERROR **", "AddressSanitizer", "runtime error", "assertion")


class Stress:
    def __init__(self, folder):
        self.environment = {"PATH": os.environ["PATH"], "HOME": folder, "LC_ALL": "C.UTF-8",
                            "XDG_RUNTIME_DIR": folder, "DIORAMA_LIBRARY": os.path.join(folder, "machines")}
        for name, value in os.environ.items():
            if name.endswith("SAN_OPTIONS"):
                self.environment[name] = value
        self.sleeper = os.path.join(folder, "sleeper")
        with open(self.sleeper, "wb") as file:
            file.write(struct.pack("<II", 0x10500073, 0xffdff06f))  # wfi, j .-4
        self.problems = []
        self.done = 0
        self.ids = [self.run("create", f"m{i}", "--firmware", self.sleeper, "--memory", "64M")[1].strip()
                    for i in range(MACHINES)]

    def run(self, *arguments, kill_after=None):
        process = subprocess.Popen([PROGRAM, *arguments], env=self.environment, text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            output, errors = process.communicate(timeout=kill_after or 40)
        except subprocess.TimeoutExpired:
            process.kill()
            output, errors = process.communicate()
            if not kill_after:
                self.problems.append(f"{arguments} hung")
        if process.returncode not in ALLOWED:
            self.problems.append(f"{arguments} ended with {process.returncode}: {errors}")
        if any(word in errors for word in NOISE):
            self.problems.append(f"{arguments}: {errors}")
        return process.returncode, output, errors

    def step(self, dice):
        identity = dice.choice(self.ids)
        kill = dice.uniform(0.002, 0.25) if dice.random() < 0.4 else None
        kind = dice.randrange(9)
        if kind <= 2:
            self.run("start", identity, "--headless", "--serial", "none", "--time-limit", "1",
                     kill_after=dice.uniform(0.01, 0.4))
        elif kind == 3:
            self.run("rename", identity, f"m{dice.randrange(6)}", kill_after=kill)
        elif kind == 4:
            self.run("delete", identity, kill_after=kill)
            self.run("restore", identity, kill_after=kill)
            self.run("restore", identity)
        elif kind == 5:
            self.run(dice.choice(("pause", "resume", "reset")), identity, kill_after=kill)
        elif kind == 6:
            self.run("stop", identity, "--force", kill_after=kill)
        elif kind == 7:
            self.run("set", identity, "--memory", dice.choice(("64M", "128M")), "--firmware", self.sleeper,
                     kill_after=kill)
        else:
            self.run("list", "--json", kill_after=kill)

    def side(self, number):
        dice = random.Random(SEED + number)
        deadline = time.monotonic() + SECONDS
        for _ in range(SEQUENCES // 2):
            if time.monotonic() > deadline:
                return
            self.step(dice)
            self.done += 1

    def check(self):
        """Everything is there, off, whole and can be started."""
        for identity in self.ids:
            self.run("restore", identity)
        code, output, errors = self.run("list", "--json")
        machines = json.loads(output) if code == 0 else []
        if sorted(m["id"] for m in machines) != sorted(self.ids):
            self.problems.append(f"these machines are left: {output} {errors}")
        for machine in machines:
            if machine["state"] != "off":
                self.problems.append(f"{machine['name']} is {machine['state']}")
            code, _, errors = self.run("start", machine["id"], "--headless", "--serial", "none", "--time-limit", "1")
            if code != 4:
                self.problems.append(f"{machine['name']} does not start any more: {code} {errors}")


def main():
    folder = tempfile.mkdtemp(prefix="dio-stress-")
    try:
        stress = Stress(folder)
        sides = [threading.Thread(target=stress.side, args=(i,)) for i in range(2)]
        for side in sides:
            side.start()
        for side in sides:
            side.join()
        stress.check()
    finally:
        shutil.rmtree(folder)
    if stress.problems:
        sys.exit(f"FAILED (seed {SEED}): " + "\n".join(stress.problems[:20]))
    print(f"ok: {stress.done} sequences (seed {SEED})")


if __name__ == "__main__":
    main()
