#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the Flatpak manifest: flatpak-builder reads it without a word, and what it would only find while it
builds agrees with the tree: names, build systems, sources, permissions, the place of the firmware."""

import json
import pathlib
import re
import shutil
import subprocess
import sys

MANIFEST = "flatpak/org.diorama.Diorama.yml"
BUILD_SYSTEMS = {"autotools", "cmake", "cmake-ninja", "meson", "qmake", "simple"}
# A new permission is a decision: it is made here, too.
PERMISSIONS = {"--share=ipc", "--socket=fallback-x11", "--socket=wayland", "--device=dri",
               "--filesystem=xdg-download:ro"}


def read_manifest(root):
    """What flatpak-builder makes of the manifest; (None, complaint) when it complains."""
    result = subprocess.run(["flatpak-builder", "--show-manifest", str(root / MANIFEST)],
                            capture_output=True, text=True, check=False)
    if result.returncode or result.stderr.strip():
        return None, result.stderr.strip() or f"flatpak-builder ended with {result.returncode}"
    return json.loads(result.stdout), None


def check_source(module, source, root):
    kind = source.get("type")
    if kind == "git":
        if not source.get("url", "").startswith("https://"):
            yield f"{module}: {source.get('url')} is not fetched safely"
        if not re.fullmatch(r"v\d+(\.\d+)+", source.get("tag", "")):
            yield f"{module}: the source has no tag of a release"
    elif kind == "file":
        if not source.get("url", "").startswith("https://"):
            yield f"{module}: {source.get('url')} is not fetched safely"
        if not re.fullmatch(r"[0-9a-f]{64}", source.get("sha256", "")):
            yield f"{module}: the file has no checksum"
    elif kind == "dir":
        if (root / "flatpak" / source.get("path", "nowhere")).resolve() != root:
            yield f"{module}: {source.get('path')} is not this tree"
    else:
        yield f"{module}: sources of the type {kind} are not expected"


def check_module(module, root):
    name = module.get("name", "a module without a name")
    if module.get("buildsystem", "autotools") not in BUILD_SYSTEMS:
        yield f"{name}: there is no build system {module['buildsystem']}"
    if module.get("buildsystem") == "simple" and not module.get("build-commands"):
        yield f"{name}: nothing builds it"
    if not module.get("sources"):
        yield f"{name}: it has no sources"
    for source in module.get("sources", []):
        yield from check_source(name, source, root)


def check_options(module, root):
    """Our own options exist."""
    options = re.findall(r"option\('(\w+)'", (root / "meson_options.txt").read_text(encoding="utf-8"))
    for option in module.get("config-opts", []):
        name = re.match(r"-D(\w+)=", option)
        if not name or name[1] not in (*options, "buildtype", "optimization", "b_lto"):
            yield f"diorama: the option {option} is not known"


def problems(manifest, root):
    build = (root / "meson.build").read_text(encoding="utf-8")
    app_id = re.search(r"'DIO_APP_ID', '([^']+)'", build)[1]
    if manifest.get("id", manifest.get("app-id")) != app_id or pathlib.Path(MANIFEST).stem != app_id:
        yield f"the application is {app_id}"
    if f"executable('{manifest.get('command')}'," not in build:
        yield f"meson.build builds no {manifest.get('command')}"
    if manifest.get("runtime") != "org.gnome.Platform" or manifest.get("sdk") != "org.gnome.Sdk":
        yield "the runtime is not GNOME's"
    for permission in set(manifest.get("finish-args", [])) ^ PERMISSIONS:
        yield f"the permission {permission} is in the manifest or in this check only"
    modules = manifest.get("modules", [])
    if [m.get("name") for m in modules][-1:] != ["diorama"]:
        yield "the last module is not diorama"
    for module in modules:
        yield from check_module(module, root)
    yield from check_options(modules[-1], root)
    for finder in ("core/boot/boot-opensbi.c", "core/boot/boot-uefi.c"):
        for firmware in re.findall(r'"(/app/[^"]+)"', (root / finder).read_text(encoding="utf-8")):
            if not any(firmware in command for m in modules for command in m.get("build-commands", [])):
                yield f"nothing installs {firmware}"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    if not shutil.which("flatpak-builder"):
        print("flatpak: flatpak-builder is not installed")
        return 1
    manifest, complaint = read_manifest(root)
    found = [complaint] if complaint else list(problems(manifest, root))
    for problem in found:
        print(f"{MANIFEST}: {problem}")
    print(f"flatpak: {len((manifest or {}).get('modules', []))} modules, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
