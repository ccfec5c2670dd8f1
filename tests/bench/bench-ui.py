#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows a 1920x1080 guest in a virtual X server without a GPU and prints what that costs, beside
what it should cost at most. Usage: bench-ui.py BUILD [SCENE] [--smallest]: only the scene "idle",
whatever it costs."""

import argparse
import json
import os
import pathlib
import subprocess
import sys

# scene: (figure, words, bound, True when larger is better)
TARGETS = {
    "damage 256x256": [
        ("fps", "frames a second", 58.0, True),
        ("total", "% of a core", 15.0, False),
        ("delay_p50", "ms from published to painted (median)", 10.0, False),
        ("own_max", "ms of the main loop taken by us at a time, at most", 16.0, False),
        ("busy_max", "ms the same with all of GTK's painting", 16.0, False),
    ],
    "full frame": [
        ("fps", "frames a second", 35.0, True),
        ("own_max", "ms of the main loop taken by us at a time, at most", 16.0, False),
    ],
    "blinking cursor": [("total", "% of a core", 1.0, False)],
    "idle": [("total", "% of a core", 1.0, False)],
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("scene", nargs="?", default="", help="only scenes whose name has this in it")
    parser.add_argument("--smallest", action="store_true", help="only the scene idle")
    options = parser.parse_args()
    build = options.build
    scenes = ["idle"] if options.smallest else [options.scene]
    program = build / "tests/bench/bench-ui"
    if not program.exists():
        print(f"bench ui: {program} is not built")
        return 1

    read_end, write_end = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1920x1200x24", "-nolisten", "tcp"],
        pass_fds=[write_end], stderr=subprocess.DEVNULL)
    os.close(write_end)
    display = ":" + os.read(read_end, 16).decode().strip()
    environment = dict(os.environ, DISPLAY=display, GDK_BACKEND="x11", GTK_A11Y="none",
                       GSK_RENDERER=os.environ.get("GSK_RENDERER", "cairo"))
    missed = 0
    try:
        output = subprocess.run([program, *scenes], env=environment, check=True,
                                stdout=subprocess.PIPE, timeout=120, text=True).stdout
        print("A 1920x1080 guest in GTK, drawn in software (presenter beside CPU time of update):")
        for line in output.splitlines():
            figures = json.loads(line)
            figures["total"] = figures["cpu"] + figures["cpu_update"]
            print(f"\n  {figures['scene']}: {figures['fps']} fps, {figures['presenter']} "
                  f"{figures['cpu']} % + {figures['cpu_update']} % of a core, delay "
                  f"{figures['delay_p50']} ms (p95 {figures['delay_p95']}), main loop busy "
                  f"{figures['busy_p99']} ms (p99) of which ours {figures['own_max']} ms at most")
            for name, words, bound, larger in TARGETS[figures["scene"]]:
                good = figures[name] >= bound if larger else figures[name] <= bound
                missed += not good
                print(f"    {'ok    ' if good else 'MISSED'} {figures[name]:8.2f} {words} "
                      f"(wanted {'>=' if larger else '<='} {bound:g})")
    finally:
        server.terminate()
        server.wait()
    print(f"\n{missed} of the figures missed" if missed else "\nall figures reached")
    return 1 if missed and not options.smallest else 0


if __name__ == "__main__":
    sys.exit(main())
