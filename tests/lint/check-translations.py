#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the catalogues of po/LINGUAS: nothing in them is fuzzy or untranslated, directives agree
(msgfmt --check), access keys are kept and unique in a menu's own way, and only little of the
program's text is missing: what was written last may wait for its translators."""

import pathlib
import re
import subprocess
import sys
import tempfile

# Of the text in the tree; a language that falls behind this is no longer a translation.
MOST_MISSING = 0.05
KEYWORDS = ("_", "N_", "C_:1c,2", "NC_:1c,2", "g_dngettext:2,3", "g_dpgettext2:2c,3")
ACCESS_KEY = re.compile(r"(?<![A-Z_])_(?=[^\s_])(?!.*[A-Z]_[A-Z])")
FIELD = re.compile(r'(msgctxt|msgid_plural|msgid|msgstr)(?:\[(\d+)\])? "((?:[^"\\]|\\.)*)"$')


def run(*command, cwd=None):
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd,
                            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
    return result.returncode, result.stdout + result.stderr


def read(path):
    """{(context, text): [translations]} of a catalogue in single lines, and what is fuzzy."""
    entries, fuzzy = {}, []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        fields, translations = {}, []
        for line in block.splitlines():
            match = FIELD.match(line)
            if match and match[1] == "msgstr":
                translations.append(match[3])
            elif match:
                fields[match[1]] = match[3]
        if not fields.get("msgid"):
            continue
        entries[fields.get("msgctxt"), fields["msgid"]] = translations
        if re.search(r"^#,.*\bfuzzy\b", block, re.MULTILINE):
            fuzzy.append(fields["msgid"])
    return entries, fuzzy


def problems(name, path, template, folder):
    code, output = run("msgfmt", "--check", "--output-file=/dev/null", str(path))
    if code or output.strip():
        yield f"{name}: {output.strip()}"
    single = folder / "single.po"
    run("msgcat", "--no-wrap", "--output-file", str(single), str(path))
    entries, fuzzy = read(single)
    if not entries:
        yield f"{name}: empty"
        return
    for text in fuzzy:
        yield f"{name}: fuzzy: “{text}”"
    for (_, text), translations in entries.items():
        if not all(translations):
            yield f"{name}: not translated: “{text}”"
        elif len(ACCESS_KEY.findall(text)) == 1 \
                and any(len(ACCESS_KEY.findall(t)) != 1 for t in translations):
            yield f"{name}: the access key of “{text}” is missing: “{translations[0]}”"
    missing = [text for key, text in ((k, k[1]) for k in template) if key not in entries]
    for text in missing:
        print(f"{name}: to be translated: “{text}”")
    if len(missing) > MOST_MISSING * len(template):
        yield f"{name}: {len(missing)} of {len(template)} texts are missing; update-po, translate"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    languages = [line for line in (root / "po/LINGUAS").read_text(encoding="utf-8").splitlines()
                 if line and not line.startswith("#")]
    found = []
    if languages != sorted(set(languages)):
        found.append("po/LINGUAS: not sorted, or something is listed twice")
    found += [f"po/LINGUAS: {path.stem} is missing"
              for path in sorted((root / "po").glob("*.po")) if path.stem not in languages]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        code, output = run("xgettext", "--from-code=UTF-8", "--no-wrap",
                           *(f"--keyword={keyword}" for keyword in KEYWORDS),
                           "--files-from=po/POTFILES", f"--output={folder}/template.pot", cwd=root)
        if code or "warning" in output:
            found.append(output.strip())
        template, _ = read(folder / "template.pot") if not code else ({}, [])
        for language in languages:
            path = root / f"po/{language}.po"
            if not path.exists():
                found.append(f"po/LINGUAS: there is no {language}.po")
            else:
                found += problems(f"{language}.po", path, template, folder)
    for problem in found:
        print(problem)
    print(f"translations: {len(template)} texts, {', '.join(languages)}, {len(found)} problems")
    return 1 if found or not template or not languages else 0


if __name__ == "__main__":
    sys.exit(main())
