#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that text for people can be translated: po/POTFILES lists exactly the files that mark
some, nothing that is shown lacks its mark, and no mark is one that xgettext cannot read."""

import pathlib
import re
import sys
import xml.etree.ElementTree

LAYERS = ("app", "ui", "core", "render", "accel", "hw")
# The files that define the marks, or name them in comments only.
NO_TEXT = {"core/base/base-i18n.h", "core/vm/vm-board.h", "core/vm/vm-device.h"}
MARK = re.compile(r"\b(?:_|N_|C_|NC_|gettext|ngettext|g_dn?gettext|g_dpgettext2?) ?\(")
# What a .ui file shows; "text" of an entry is a value, yet one that a person reads.
SHOWN = {"label", "title", "subtitle", "tooltip-text", "placeholder-text", "description", "text",
         "body", "heading", "primary-text", "secondary-text"}
# Functions whose literal arguments a person sees in a window.
WIDGET = re.compile(
    r"\b(?:gtk_\w+_(?:set|new_with)_(?:label|markup|mnemonic|text|title|tooltip_text|"
    r"placeholder_text|tooltip_markup)|gtk_(?:label|button|check_button)_new(?:_with_\w+)?|"
    r"gtk_file_filter_set_name|gtk_file_chooser_native_new|gtk_window_set_title|"
    r"adw_\w+_set_(?:title|subtitle|description|heading|body|label)|adw_toast_new(?:_format)?|"
    r"adw_message_dialog_(?:add_responses?|format_\w+|set_response_label|new)|"
    r"g_menu_(?:append|insert|prepend)\w*|g_set_application_name) \(")
# Responses and actions are names; the text is every second argument.
NAMED = re.compile(r'"[a-z0-9-]+"\s*,\s*(?=(?:N?_ \(|"))')
# Functions whose literal arguments may end in front of a person, as sentences.
MESSAGE = re.compile(
    r"\b(?:g_set_error(?:_literal)?|g_error_new(?:_literal)?|g_prefix_error(?:_literal)?|"
    r"dio_set_error_errno|g_task_return_new_error|g_printerr|g_print|cli_message|cli_usage) \(")
OPTION = re.compile(r"G_OPTION_ARG_\w+,\s*[^,{}]+,\s*\"")
FORMAT_MACRO = re.compile(r'(?:_|N_|C_) \((?:\s*"(?:[^"\\]|\\.)*")*\s*G_G[A-Z0-9]+_(?:FORMAT|MODIFIER)')
MARKED = re.compile(r"\b(?:_|N_|C_|g_dngettext) \(")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|("(?:[^"\\]|\\.)*")', re.DOTALL)
# Errors of parts that only their developers use.
FOR_DEVELOPERS = ("core/ir/",)


def without_comments(text):
    """Comments become spaces, so that lines keep their numbers."""
    return COMMENT.sub(lambda m: m[1] or re.sub(r"[^\n]", " ", m[0]), text)


def arguments(text, start):
    """The text from the parenthesis before @start to the one that closes it."""
    depth, position = 1, start
    while position < len(text) and depth:
        if text[position] == '"':
            position = STRING.match(text, position).end()
            continue
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        position += 1
    return text[start:position - 1]


def unmarked(call):
    """The literals of a call that are in no mark."""
    while match := MARKED.search(call):
        inside = arguments(call, match.end())
        call = call[:match.start()] + call[match.end() + len(inside) + 1:]
    return [m[1] for m in STRING.finditer(call)]


def words(literal):
    """The words of a literal, without directives, options and file names."""
    plain = re.sub(r"%[-+0-9.*]*(?:[hlzj]*[a-zA-Z]|<\w+>)|\\.|--?[a-z][a-z-]*|\S*[./=]\S*", " ",
                   literal)
    return re.findall(r"[A-Za-z]{2,}", plain)


def problems_of_c(name, text):
    text = without_comments(text)

    def where(position):
        return f"{name}:{text.count(chr(10), 0, position) + 1}"

    for match in FORMAT_MACRO.finditer(text):
        yield f"{where(match.start())}: xgettext cannot read this macro; use those of inttypes.h"
    for match in OPTION.finditer(text):
        yield f"{where(match.start())}: the option's description is not marked with N_()"
    if name.startswith("ui/"):
        for match in WIDGET.finditer(text):
            call = NAMED.sub("", arguments(text, match.end()))
            for literal in unmarked(call):
                if words(literal) and not re.fullmatch(r"[a-z0-9.:-]+", literal):
                    yield f"{where(match.start())}: “{literal}” is shown, but not marked with _()"
    if name.startswith(FOR_DEVELOPERS):
        return
    for match in MESSAGE.finditer(text):
        for literal in unmarked(arguments(text, match.end())):
            if len(words(literal)) > 1:
                yield f"{where(match.start())}: “{literal}” is a message, but not marked with _()"


def problems_of_ui(name, text):
    for element in xml.etree.ElementTree.fromstring(text).iter():
        shown = element.tag in ("property", "attribute") and element.get("name") in SHOWN
        shown = shown or element.tag == "item" and not len(element)
        literal = (element.text or "").strip()
        if shown and re.search(r"[^\W\d_]", literal) and element.get("translatable") != "yes" \
                and element.get("bind-source") is None:
            yield f"{name}: “{literal}” is shown, but not translatable"


def is_marked(path, text):
    if path.suffix == ".ui":
        return 'translatable="yes"' in text
    if path.suffix == ".in":
        return True
    return bool(MARK.search(without_comments(text)))


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    listed = [line for line in (root / "po/POTFILES").read_text(encoding="utf-8").splitlines()
              if line and not line.startswith("#")]
    found = []
    files = [p for layer in LAYERS for p in sorted((root / layer).rglob("*"))
             if p.suffix in (".c", ".h", ".inc", ".ui")]
    files += sorted((root / "data").glob("*.desktop.in"))
    files += sorted((root / "data").glob("*.metainfo.xml.in"))
    marked = set()
    for path in files:
        name = path.relative_to(root).as_posix()
        text = path.read_text(encoding="utf-8")
        if name not in NO_TEXT and is_marked(path, text):
            marked.add(name)
        if path.suffix == ".ui":
            found += problems_of_ui(name, text)
        elif path.suffix != ".in" and name not in NO_TEXT:
            found += problems_of_c(name, text)
    found += [f"po/POTFILES: {name} has text for people, but is missing"
              for name in sorted(marked - set(listed))]
    for name in listed:
        if not (root / name).is_file():
            found.append(f"po/POTFILES: there is no {name}")
        elif name not in marked:
            found.append(f"po/POTFILES: {name} has no text for people")
    if listed != sorted(set(listed)):
        found.append("po/POTFILES: not sorted, or something is listed twice")
    for problem in found:
        print(problem)
    print(f"potfiles: {len(listed)} files with text of {len(files)}, {len(found)} problems")
    return 1 if found or not listed else 0


if __name__ == "__main__":
    sys.exit(main())
