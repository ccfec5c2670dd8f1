# SPDX-License-Identifier: GPL-3.0-or-later
"""A desktop session for one test alone: a session bus, with it an accessibility bus, and folders for what
programs keep. Its accessibility bus has its socket in the runtime folder, so who shares that folder shares
the bus. X servers are made by who needs them."""

import os
import pathlib
import subprocess
import sys
import tempfile

MARK = "DIORAMA_UI_SESSION"
FOLDERS = {"HOME": "home", "XDG_CONFIG_HOME": "config", "XDG_DATA_HOME": "data", "XDG_STATE_HOME": "state",
           "XDG_CACHE_HOME": "cache", "XDG_RUNTIME_DIR": "runtime"}
FOREIGN = ("WAYLAND_DISPLAY", "DISPLAY", "GTK_A11Y", "DBUS_SESSION_BUS_ADDRESS", "AT_SPI_BUS_ADDRESS")


def session_environment(folder):
    """The environment of a session that keeps everything in @folder. Guests stay where they are."""
    environment = dict(os.environ, **{MARK: str(folder)})
    for name in FOREIGN:
        environment.pop(name, None)
    cache = environment.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    environment.setdefault("DIORAMA_IMAGES", os.path.join(cache, "diorama/images"))
    for name, place in FOLDERS.items():
        path = pathlib.Path(folder) / place
        path.mkdir(mode=0o700, exist_ok=True)
        environment[name] = str(path)
    return environment


def make_locale(language):
    """Makes the locale of a language and region, once for the session; the environment in which programs have
    it, or that of the language alone where its source is not installed (package locales)."""
    name = f"{language}.UTF-8"
    folder = pathlib.Path(os.environ[MARK]) / "locales"
    if not (folder / name).exists():
        folder.mkdir(exist_ok=True)
        # Other values than 0 are warnings, too.
        subprocess.run(["localedef", "-i", language, "-f", "UTF-8", folder / name], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    made = (folder / name / "LC_MESSAGES").exists()
    return {"LANGUAGE": language, **({"LC_ALL": name, "LOCPATH": str(folder)} if made else {})}


def enter_session(script_arguments):
    """Runs the script again in a session of its own, once, and ends with its status."""
    if MARK in os.environ:
        return
    with tempfile.TemporaryDirectory(prefix="diorama-session-", ignore_cleanup_errors=True) as folder:
        status = subprocess.run(["dbus-run-session", "--", sys.executable, *script_arguments],
                                env=session_environment(folder), check=False).returncode
    sys.exit(status)
