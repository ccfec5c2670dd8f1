#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the direction of includes between layers, and what each layer may use from outside."""

import pathlib
import re
import sys

# A layer may include itself and these.
ALLOWED = {
    "core": {"core"},
    "hw": {"hw", "core"},
    "accel": {"accel", "core"},
    "render": {"render", "core"},
    "app": {"app", "accel", "hw", "render", "core"},
    "ui": {"ui", "app", "render", "core"},
}
# app/main.c is the only file that sees every layer.
EXCEPTIONS = {"app/main.c": set(ALLOWED)}
GTK = re.compile(r"^(gtk|gdk|gsk|adwaita|pango)\b")
GOBJECT = re.compile(r"^(gio|glib-object)\b")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def problems(root, path):
    relative = path.relative_to(root).as_posix()
    layer = relative.split("/")[0]
    allowed = EXCEPTIONS.get(relative, ALLOWED[layer])
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        kind, name = match.groups()
        where = f"{relative}:{number}"
        top = name.split("/")[0]
        if kind == '"':
            if "/" in name and top in ALLOWED and top not in allowed:
                yield f"{where}: {layer} may not include {top} ({name})"
            elif "/" not in name and not (path.parent / name).exists() and name != "config.h" \
                    and not name.endswith((".inc", "-gen.h", "-gen.c")):
                yield f'{where}: includes are root-relative, not "{name}"'
            continue
        if GTK.match(name) and layer != "ui":
            yield f"{where}: only ui includes GTK ({name})"
        if GOBJECT.match(name) and layer not in ("app", "ui"):
            yield f"{where}: only app and ui use GObject and GIO ({name})"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found = []
    files = [p for layer in ALLOWED for p in sorted((root / layer).rglob("*.[ch]"))]
    files += [p for layer in ALLOWED for p in sorted((root / layer).rglob("*.inc"))]
    for path in files:
        found += problems(root, path)
    for problem in found:
        print(problem)
    print(f"layers: {len(files)} files, {len(found)} problems")
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main())
