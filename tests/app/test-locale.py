#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The language of the command: Chinese in a Chinese locale, also in an installation that was moved,
and text that stays readable where the locale is missing. The locale is made for the test, as few
systems have it. usage: test-locale.py PROGRAM CATALOGUES"""

import gettext
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM, CATALOGUES = (os.path.abspath(argument) for argument in sys.argv[1:3])
LOCALE = "zh_CN.UTF-8"
SKIP = 77


class LocaleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="dio-locale-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        (cls.folder / "locales").mkdir()
        (cls.folder / "none").mkdir()
        # Other values than 0 are warnings, too.
        subprocess.run(["localedef", "-i", "zh_CN", "-f", "UTF-8", cls.folder / "locales" / LOCALE],
                       check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not (cls.folder / "locales" / LOCALE / "LC_MESSAGES").exists():
            print("localedef has no zh_CN (package locales)")
            sys.exit(SKIP)

    def run_program(self, *arguments, program=PROGRAM, locales="locales", **environment):
        base = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": LOCALE,
                "LOCPATH": str(self.folder / locales), "XDG_RUNTIME_DIR": str(self.folder),
                "DIORAMA_LOCALE_DIR": CATALOGUES, "DIORAMA_LIBRARY": str(self.folder / "library")}
        base |= {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}
        result = subprocess.run([program, *arguments], env={**base, **environment}, timeout=60,
                                stdin=subprocess.DEVNULL, capture_output=True, check=False)
        return result.returncode, result.stdout.decode(), result.stderr.decode()

    def test_catalogue(self):
        path = os.path.join(CATALOGUES, "zh_CN/LC_MESSAGES/diorama.mo")
        with open(path, "rb") as file:
            catalogue = gettext.GNUTranslations(file)
        self.assertEqual(catalogue.gettext("_Cancel"), "取消(_C)")
        self.assertEqual(catalogue.pgettext("shortcut window", "Fullscreen"), "全屏")
        self.assertEqual(
            catalogue.ngettext("%u Machine Is Running", "%u Machines Are Running", 2),
            "%u 台虚拟机正在运行")

    def test_help(self):
        for arguments in (["--help"], ["run", "--help"], ["create", "--help"]):
            code, output, _ = self.run_program(*arguments)
            self.assertEqual(code, 0)
            self.assertIn("用法：", output)
            self.assertNotIn("Usage", output)

    def test_errors(self):
        # Of the command, of the engine, with a number of 64 bits, of GLib.
        cases = ((2, ["nonsense"], "“nonsense”不是命令"),
                 (1, ["start", "nothing"], "没有名为“nothing”的虚拟机"),
                 (2, ["run", "--headless", "--memory", "x", "--kernel", PROGRAM], "不是有效的大小"),
                 (1, ["run", "--headless", "--memory", "134217729", "--kernel", PROGRAM],
                  "内存：134217729 不是 4096 字节的倍数"),
                 (1, ["run", "--headless", "--kernel", "/dev/null"], "不是普通文件"))
        for expected, arguments, text in cases:
            code, _, error = self.run_program(*arguments)
            self.assertEqual(code, expected, error)
            self.assertIn(text, error)

    def test_programs_read_the_same(self):
        kernel = self.folder / "kernel"
        kernel.write_bytes((bytes(0x30) + b"RISCV\0\0\0RSC\x05").ljust(65536, b"\0"))
        code, _, error = self.run_program("create", "机器", "--arch", "riscv64", "--kernel",
                                          str(kernel), "--memory", "64M")
        self.assertEqual(code, 0, error)
        _, output, _ = self.run_program("list", "--json")
        self.assertEqual(json.loads(output)[0]["state"], "off")
        _, output, _ = self.run_program("list")
        self.assertIn("机器", output)
        self.assertIn("已关机", output)

    def test_other_languages(self):
        for language in ("C.UTF-8", "C"):
            code, output, _ = self.run_program("--help", LANG=language)
            self.assertEqual(code, 0)
            self.assertIn("Usage:", output)

    def test_locale_is_missing(self):
        """The text is UTF-8 in any case, and never half translated."""
        code, output, _ = self.run_program("--help", locales="none")
        self.assertEqual(code, 0)
        self.assertIn("“", output)
        self.assertEqual("用法：" in output, "选项：" in output)
        self.assertTrue("用法：" in output or "Usage:" in output)

    def test_moved_installation(self):
        binaries, share = self.folder / "usr/bin", self.folder / "usr/share/locale"
        binaries.mkdir(parents=True)
        shutil.copy(PROGRAM, binaries / "diorama")
        shutil.copytree(CATALOGUES, share, ignore=shutil.ignore_patterns("*.p", "meson*"))
        code, output, _ = self.run_program("--help", program=binaries / "diorama",
                                           DIORAMA_LOCALE_DIR="")
        self.assertEqual(code, 0)
        self.assertIn("用法：", output)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
