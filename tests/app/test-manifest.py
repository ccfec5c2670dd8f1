#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""machine.json: the reader and the schema agree on good and bad files, errors name file, key and
reason, unknown keys survive a rewrite. usage: test-manifest.py TOOL SCHEMA"""

import copy
import json
import subprocess
import sys
import unittest

import jsonschema

TOOL, SCHEMA = sys.argv[1:3]
FORMAT, CONFIG, UNSUPPORTED = 3, 6, 9  # DioError

BASE = {
    "version": 1,
    "id": "0123abcd-0123-0123-0123-0123456789ab",
    "name": "Größe 1",
    "created": "2026-01-31T12:00:00Z",
    "arch": "riscv64",
    "board": "virt",
    "memory": 1 << 30,
    "cpus": 2,
    "engine": "interpreter",
    "acpi": False,
    "graphics": "ramfb",
    "firmware": "firmware",
    "kernel": "kernel",
    "initrd": "sub/initrd",
    "append": "console=ttyS0",
    "disks": [{"path": "disk0.raw", "format": "raw"},
              {"path": "/srv/other disk.img", "format": "raw", "readonly": True}],
    "display": {"width": 1024, "height": 768},
}
REQUIRED = ("version", "id", "name", "arch", "memory", "cpus")
DELETE = object()


def changed(*path_and_value):
    """BASE with the value at a path replaced (or removed)."""
    *path, value = path_and_value
    machine = copy.deepcopy(BASE)
    at = machine
    for step in path[:-1]:
        at = at[step]
    if value is DELETE:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return machine


# (the change, the key that the message must name)
BAD = [(changed(key, DELETE), key) for key in REQUIRED] + [
    (changed("version", 0), "version"),
    (changed("version", -1), "version"),
    (changed("version", "1"), "version"),
    (changed("version", 1.5), "version"),
    (changed("version", 2), "version"),
    (changed("id", 7), "id"),
    (changed("id", ""), "id"),
    (changed("id", "0123ABCD-0123-0123-0123-0123456789ab"), "id"),
    (changed("id", "../../../../../../../../../etc/passwd"), "id"),
    (changed("id", "0123abcd-0123-0123-0123-0123456789a/"), "id"),
    (changed("name", ""), "name"),
    (changed("name", "   "), "name"),
    (changed("name", "a\nb"), "name"),
    (changed("name", "a\u0085b"), "name"),
    (changed("name", "x" * 101), "name"),
    (changed("name", None), "name"),
    (changed("name", ["x"]), "name"),
    (changed("created", "yesterday"), "created"),
    (changed("created", 12), "created"),
    (changed("arch", "mips"), "arch"),
    (changed("arch", ""), "arch"),
    (changed("arch", 64), "arch"),
    (changed("board", ""), "board"),
    (changed("board", False), "board"),
    (changed("memory", 3 << 20), "memory"),
    (changed("memory", 0), "memory"),
    (changed("memory", -(1 << 30)), "memory"),
    (changed("memory", (1 << 30) + 1), "memory"),
    (changed("memory", 1 << 41), "memory"),
    (changed("memory", 1 << 62), "memory"),
    (changed("memory", 1e300), "memory"),
    (changed("memory", "1G"), "memory"),
    (changed("memory", 123456789.5), "memory"),
    (changed("memory", True), "memory"),
    (changed("cpus", 0), "cpus"),
    (changed("cpus", 65), "cpus"),
    (changed("cpus", "two"), "cpus"),
    (changed("engine", "magic"), "engine"),
    (changed("engine", 1), "engine"),
    (changed("acpi", "off"), "acpi"),
    (changed("acpi", 0), "acpi"),
    (changed("graphics", "vga"), "graphics"),
    (changed("graphics", True), "graphics"),
    (changed("kernel", "/boot/vmlinuz"), "kernel"),
    (changed("kernel", "../kernel"), "kernel"),
    (changed("kernel", "a/../../kernel"), "kernel"),
    (changed("kernel", "./kernel"), "kernel"),
    (changed("kernel", "a//b"), "kernel"),
    (changed("kernel", "kernel/"), "kernel"),
    (changed("kernel", ""), "kernel"),
    (changed("kernel", ".."), "kernel"),
    (changed("initrd", {}), "initrd"),
    (changed("firmware", "/etc/shadow"), "firmware"),
    (changed("append", 3), "append"),
    (changed("append", "x" * 2049), "append"),
    (changed("disks", {}), "disks"),
    (changed("disks", [{"path": "d", "format": "raw"}] * 17), "disks"),
    (changed("disks", 0, "disk0.raw"), "disks[0]"),
    (changed("disks", 0, "path", DELETE), "disks[0].path"),
    (changed("disks", 1, "path", "../../etc/passwd"), "disks[1].path"),
    (changed("disks", 1, "path", "/a/../b"), "disks[1].path"),
    (changed("disks", 1, "path", "/a/b/"), "disks[1].path"),
    (changed("disks", 1, "path", "//a"), "disks[1].path"),
    (changed("disks", 0, "path", 5), "disks[0].path"),
    (changed("disks", 0, "format", "qed"), "disks[0].format"),
    (changed("disks", 0, "format", DELETE), "disks[0].format"),
    (changed("disks", 1, "readonly", "yes"), "disks[1].readonly"),
    (changed("disks", 0, "limits", 5), "disks[0].limits"),
    (changed("disks", 0, "limits", {"bytes": "10M"}), "disks[0].limits.bytes"),
    (changed("disks", 0, "limits", {"bytes": 65535}), "disks[0].limits"),
    (changed("disks", 0, "limits", {"bytes": (1 << 40) + 1}), "disks[0].limits"),
    (changed("disks", 0, "limits", {"operations": -1}), "disks[0].limits.operations"),
    (changed("disks", 0, "limits", {"operations": 9}), "disks[0].limits"),
    (changed("disks", 0, "limits", {"operations": 1000001}), "disks[0].limits"),
    (changed("snapshots", []), "snapshots"),
    (changed("snapshots", {}), "snapshots.hours"),
    (changed("snapshots", {"hours": 8761}), "snapshots.hours"),
    (changed("snapshots", {"hours": "6"}), "snapshots.hours"),
    (changed("snapshots", {"hours": 6, "keep": 0}), "snapshots.keep"),
    (changed("snapshots", {"hours": 6, "keep": 101}), "snapshots.keep"),
    (changed("installing", "yes"), "installing"),
    (changed("display", []), "display"),
    (changed("display", "width", 0), "display.width"),
    (changed("display", "height", 8193), "display.height"),
    (changed("display", "height", DELETE), "display.height"),
]

GOOD = [BASE] + [changed(key, DELETE) for key in BASE if key not in REQUIRED] + [
    changed("memory", 64 << 20),
    changed("memory", 1 << 40),
    changed("memory", float(1 << 30)),
    changed("cpus", 64),
    changed("snapshots", {"hours": 0}),
    changed("snapshots", {"hours": 6, "keep": 3, "else": [1]}),
    changed("installing", True),
    changed("installing", False),
    changed("name", "日本語 の 機械"),
    changed("name", "a/b\\c:*?"),
    changed("name", "x" * 100),
    changed("kernel", "..kernel"),
    changed("kernel", ".kernel/..a"),
    changed("disks", []),
    changed("disks", 0, "path", "a/b/c"),
    changed("disks", 0, "limits", {"bytes": 65536}),
    changed("disks", 1, "limits", {"bytes": 1 << 40, "operations": 10, "burst": [1]}),
    changed("created", "2026-01-31T12:00:00.25Z"),
    changed("later", {"anything": [1, 2]}),
]

GOOD_TEXT = json.dumps(BASE)
SYNTAX = [
    "", " ", "[]", "null", "7", '"text"', "{", "}", "{]", "[" * 100000, '{"a":' * 50000,
    GOOD_TEXT[:-1], GOOD_TEXT + "x", GOOD_TEXT + GOOD_TEXT, GOOD_TEXT.replace(":", "=", 1),
    GOOD_TEXT.replace("1024", "01024"), GOOD_TEXT.replace("1024", "1024."),
    GOOD_TEXT.replace("1024", "0x400"), GOOD_TEXT.replace("1024", "+1024"),
    GOOD_TEXT.replace("1024", "NaN"), GOOD_TEXT.replace("true", "True"),
    GOOD_TEXT.replace('"', "'"), GOOD_TEXT.replace("console", "con\nsole"),
    GOOD_TEXT.replace("console", "con\\sole"), GOOD_TEXT.replace("console", "con\\u12"),
    GOOD_TEXT.replace("console", "con\\u0000"), GOOD_TEXT.replace("{", "{ // comment\n", 1),
    GOOD_TEXT.replace("}]", "},]"), "var x = " + GOOD_TEXT, "\ufeff" + GOOD_TEXT,
    GOOD_TEXT.replace("console", "con\x01sole"),
]
BAD_BYTES = [b"\xff\xfe" + GOOD_TEXT.encode(), GOOD_TEXT.replace("console", "@").encode()
             .replace(b"@", b"\xc3\x28"), b"\x80", GOOD_TEXT.encode("utf-16")]


class Reader:
    def __init__(self):
        self.process = subprocess.Popen([TOOL], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, encoding="utf-8")

    def read(self, text):
        data = text if isinstance(text, bytes) else text.encode()
        # A zero byte cannot pass as a string: it would end the text for the tool.
        line = json.dumps(data.replace(b"\0", b"\x01").decode("latin-1"))
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        assert self.process.wait() == 0
        self.process.stdout.close()


class ManifestTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.reader = Reader()
        with open(SCHEMA, encoding="utf-8") as schema:
            cls.schema = json.load(schema)
        jsonschema.Draft7Validator.check_schema(cls.schema)
        cls.validator = jsonschema.Draft7Validator(cls.schema)

    @classmethod
    def tearDownClass(cls):
        cls.reader.close()

    def test_good(self):
        for machine in GOOD:
            with self.subTest(machine=machine):
                self.assertEqual([], [e.message for e in self.validator.iter_errors(machine)])
                answer = self.reader.read(json.dumps(machine))
                self.assertNotIn("error", answer)
                written = json.loads(answer["text"])
                self.assertEqual([], [e.message for e in self.validator.iter_errors(written)])
                # Rewriting what was written changes nothing.
                self.assertEqual(answer["text"], self.reader.read(answer["text"])["text"])
                for key, value in machine.items():
                    if key != "created":
                        self.assertEqual(value, written[key], key)

    def test_bad(self):
        self.assertGreaterEqual(len(BAD), 50)
        for machine, key in BAD:
            with self.subTest(machine=machine):
                self.assertFalse(self.validator.is_valid(machine), "the schema takes it")
                answer = self.reader.read(json.dumps(machine))
                self.assertIn("error", answer, "the reader takes it")
                self.assertTrue(answer["error"].startswith(f"machine.json: {key}: "),
                                answer["error"])
                self.assertEqual(UNSUPPORTED if machine.get("version") == 2 else CONFIG,
                                 answer["code"])

    def test_syntax(self):
        for text in SYNTAX + BAD_BYTES:
            with self.subTest(text=text[:80]):
                answer = self.reader.read(text)
                self.assertIn("error", answer)
                self.assertRegex(answer["error"], r"^machine\.json:\d+:\d+: ")
                self.assertEqual(FORMAT, answer["code"])

    def test_messages(self):
        answer = self.reader.read(json.dumps(changed("memory", 3 << 20)))
        self.assertEqual("machine.json: memory: 3 MiB is less than the minimum of 64 MiB",
                         answer["error"])
        answer = self.reader.read(json.dumps(changed("version", 2)))
        self.assertIn("newer than this Diorama", answer["error"])

    def test_more_than_there_is_room_for(self):
        machine = changed("snapshots", {"hours": 6, "keep": 100})
        self.assertTrue(self.validator.is_valid(machine))
        written = json.loads(self.reader.read(json.dumps(machine))["text"])
        self.assertEqual({"hours": 6, "keep": 48}, written["snapshots"])

    def test_unknown_keys_survive(self):
        machine = changed("later", {"deep": [1, {"x": None}]})
        machine["disks"][0]["cache"] = "writeback"
        machine["display"]["scale"] = 2
        written = json.loads(self.reader.read(json.dumps(machine))["text"])
        self.assertEqual({"deep": [1, {"x": None}]}, written["later"])
        self.assertEqual("writeback", written["disks"][0]["cache"])
        self.assertEqual(2, written["display"]["scale"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
