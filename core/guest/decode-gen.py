#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a guest's instruction decoder from decode tables: one line per instruction.

usage: decode-gen.py --prefix dio_rv --header OUT.h --source OUT.c [--fixed] TABLE.decode...

With --fixed all instructions have 32 bits; otherwise the two low bits tell the length.

A table holds four kinds of lines; '#' starts a comment.

  field NAME [s]BITS... [<<N] [+N]
      A number assembled from bit ranges of the instruction, most significant first; 's' before the
      first range: its top bit is the sign. Then shifted left, then N added.
          field imm_b  s31 7 30:25 11:8 <<1

  format NAME OPERAND[:TYPE][=FIELD|=NUMBER]... "SYNTAX"
      Where the operands come from. Operands are the members of DioInsn: rd, rs1, rs2, rs3, imm
      (16 bits, signed), rm (shares imm's place), wide (32 bits; excludes rs1, rs2, imm and rm). A
      FIELD of the same name is the default. TYPE says which register file rd..rs3 name: x
      (integers; the interpreter sends writes to a register that ignores them elsewhere), s (the
      same, but the number of that register means the stack pointer) or f; without it the number
      is a constant. rd is what the instruction makes, and so is an rs3 of type t, which else is
      like x. The syntax is for the guest's disassembler. That of riscv64: {rd} {rs1} {rs2} {rs3}
      {imm} {wide}, {target} (pc + imm or wide), {csr}, {rm} (", rtz" or nothing), {himm} {hwide}
      (in hexadecimal), {ximm} (wide >> 12).

  NAME PATTERN FORMAT [KEY=VALUE]...
      An instruction (a leaf). The pattern has 32 or 16 characters 0, 1 or '.', spaces ignored.
      Keys:
        sem=NAME        the semantic function (default: NAME with '.' as '_')
        kind=KIND       what the engine must know (default plain; see DioLeafKind)
        ext=NAME        the extension (default: the file's last "extension NAME" line)
        under=NAME      this pattern is a strict part of NAME's, and goes first
        after=NAME      overlaps NAME, which goes first where both patterns match
        where=EXPR      a condition such as rd!=0 or imm<=4, or bitmask(imm) for a predicate
                        of the guest on an operand; else the encoding is reserved. Several hold
                        all.
        syntax="..."    instead of the format's
      A 16-bit pattern is a compressed instruction: its operands name the full registers.

      A line stands for several when it has alternatives: (a|b), [a|b] and <a|b> each give a line
      with a and one with b; groups of one kind go together, and the kinds multiply.
          [add|sub]_imm_(w|x) (0|1)[0|1]0100010............. ..... ..... AddImm

  alias NAME LEAF OPERAND=NUMBER...
      A form of a leaf in which these operands have these values, for engines that treat it apart
      (the first alias that fits counts). Not for the disassembler.

Two patterns that overlap without one being declared `under` the other, and a pattern of which
nothing is left after those declared under it, are errors.
"""
import argparse
import re
import shlex
import sys

OPERANDS = ("rd", "rs1", "rs2", "rs3", "imm", "rm", "wide")
LIMITS = {"rd": (0, 255), "rs1": (0, 255), "rs2": (0, 255), "rs3": (0, 255),
          "imm": (-32768, 32767), "rm": (0, 255), "wide": (-2**31, 2**31 - 1)}
KINDS = ("plain", "load", "store", "atomic", "branch", "jump", "jump_register", "fp",
         "fence", "system", "end", "call")
WHERE = re.compile(r"^(?P<operand>rd|rs1|rs2|rs3|imm|wide)(?P<test>(?:!=|==|<=|<|>=|>)\d+)$|"
                   r"^(?P<predicate>\w+)\((?P<of>rd|rs1|rs2|rs3|imm|wide)\)$")
CHOICES = (re.compile(r"\(([^()]*\|[^()]*)\)"), re.compile(r"\[([^][]*\|[^][]*)\]"),
           re.compile(r"<([^<>]*\|[^<>]*)>"))


class TableError(Exception):
    pass


class Field:
    def __init__(self, name, words):
        self.name, self.shift, self.add, self.signed, self.ranges = name, 0, 0, False, []
        for index, word in enumerate(words):
            if word.startswith("<<"):
                self.shift = int(word[2:])
            elif word.startswith("+"):
                self.add = int(word[1:])
            else:
                if word.startswith("s"):
                    if index:
                        raise TableError(f"field {name}: only the first range can be signed")
                    self.signed, word = True, word[1:]
                high, _, low = word.partition(":")
                high, low = int(high), int(low or high)
                if not 31 >= high >= low >= 0:
                    raise TableError(f"field {name}: bad range {word}")
                self.ranges.append((high, low))
        self.width = sum(high - low + 1 for high, low in self.ranges)
        if not self.ranges or self.width > 32:
            raise TableError(f"field {name}: no or too many bits")

    def bounds(self):
        low, high = (-(1 << (self.width - 1)), (1 << (self.width - 1)) - 1) if self.signed \
            else (0, (1 << self.width) - 1)
        return (low << self.shift) + self.add, (high << self.shift) + self.add

    def bits(self):
        return sum(1 << bit for high, low in self.ranges for bit in range(low, high + 1))

    def c_expression(self):
        parts, position = [], self.width
        for index, (high, low) in enumerate(self.ranges):
            width = high - low + 1
            position -= width
            if index == 0 and self.signed:
                part = f"((int32_t) (raw << {31 - high}) >> {31 - high + low})"
                part = f"(int32_t) ((uint32_t) {part} << {position})" if position else part
            else:
                part = f"(raw >> {low} & {(1 << width) - 1:#x})" if low else \
                    f"(raw & {(1 << width) - 1:#x})"
                part = f"({part} << {position})" if position else part
            parts.append(part)
        text = " | ".join(parts)
        if self.shift:
            text = f"(uint32_t) ({text}) << {self.shift}"
        if self.add:
            text = f"({text}) + {self.add}"
        return text


class Format:
    def __init__(self, name, operands, syntax):
        self.name, self.operands, self.syntax = name, operands, syntax


def pins(values):
    """Statements that make operands constant. Engines may number the register that ignores writes
    otherwise than its reads, hence the macro."""
    return " ".join(f"o.{name} = DIO_PIN_RD ({value});" if name == "rd" else
                    f"o.{name} = {value};" for name, value in values.items())


class Leaf:
    def __init__(self, where, name, pattern, form, extension):
        self.where, self.name, self.form, self.extension = where, name, form, extension
        self.length = len(pattern) // 8
        self.mask = int(re.sub("[01]", "1", pattern).replace(".", "0"), 2)
        self.value = int(pattern.replace(".", "0"), 2)
        self.sem = self.identifier = re.sub(r"\W", "_", name)
        self.kind, self.under, self.conditions, self.syntax = "plain", None, [], form.syntax
        self.after = None

    def pins(self):
        return pins({name: source for name, (_, source) in self.form.operands.items()
                     if isinstance(source, int)})

    def contains(self, other):
        """Is every encoding of @other one of this leaf's?"""
        return other.mask & self.mask == self.mask and other.value & self.mask == self.value

    def overlaps(self, other):
        common = self.mask & other.mask
        return self.value & common == other.value & common


class Alias:
    def __init__(self, name, leaf, values):
        self.identifier, self.leaf, self.values = name, leaf, values
        self.sem, self.length, self.kind = leaf.sem, leaf.length, leaf.kind

    def pins(self):
        return pins(self.values)


def alternatives(text):
    """The lines that a line with alternatives stands for."""
    lines = [text]
    for choice in CHOICES:
        expanded = []
        for line in lines:
            groups = [match[1].split("|") for match in choice.finditer(line)]
            if len({len(group) for group in groups}) > 1:
                raise TableError("alternatives of different number")
            for index in range(len(groups[0]) if groups else 1):
                expanded.append(choice.sub(lambda match: match[1].split("|")[index], line))
        lines = expanded
    return lines


class Tables:
    def __init__(self, fixed=False):
        self.fields, self.formats, self.leaves, self.extension = {}, {}, [], ""
        self.fixed = fixed
        self.aliases = []

    def parse_operand(self, word):
        match = re.match(r"^(\w+)(?::([xsft]))?(?:=(\w+))?$", word)
        if not match or match[1] not in OPERANDS:
            raise TableError(f"bad operand {word}")
        name, kind, source = match[1], match[2], match[3] or match[1]
        if kind == "t" and name != "rs3":
            raise TableError(f"bad operand {word}: only rs3 has type t")
        if re.match(r"^\d+$", source):
            return name, (kind, int(source))
        if source not in self.fields:
            raise TableError(f"operand {name}: no field {source}")
        low, high = self.fields[source].bounds()
        if low < LIMITS[name][0] or high > LIMITS[name][1]:
            raise TableError(f"operand {name}: field {source} does not fit")
        return name, (kind, self.fields[source])

    def parse_line(self, where, line):
        words = shlex.split(line, comments=True)
        if not words:
            return
        if words[0] == "field":
            if words[1] in self.fields:
                raise TableError(f"field {words[1]} twice")
            self.fields[words[1]] = Field(words[1], words[2:])
        elif words[0] == "format":
            if words[1] in self.formats:
                raise TableError(f"format {words[1]} twice")
            operands = dict(self.parse_operand(word) for word in words[2:-1])
            if "wide" in operands and operands.keys() & {"rs1", "rs2", "imm", "rm"} or \
                    {"imm", "rm"} <= operands.keys():
                raise TableError(f"format {words[1]}: operands share a place")
            self.formats[words[1]] = Format(words[1], operands, words[-1])
        elif words[0] == "alias":
            self.parse_alias(words)
        elif words[0] == "extension":
            self.extension = words[1]
        else:
            self.parse_leaf(where, words)

    def parse_leaf(self, where, words):
        pattern, index = "", 1
        while index < len(words) and re.match(r"^[01.]+$", words[index]):
            pattern += words[index]
            index += 1
        if len(pattern) not in (16, 32):
            raise TableError(f"{words[0]}: pattern of {len(pattern)} bits")
        if index >= len(words) or words[index] not in self.formats:
            raise TableError(f"{words[0]}: no such format")
        leaf = Leaf(where, words[0], pattern, self.formats[words[index]], self.extension)
        for word in words[index + 1:]:
            key, _, value = word.partition("=")
            if key == "sem":
                leaf.sem = value
            elif key == "kind" and value in KINDS:
                leaf.kind = value
            elif key == "ext":
                leaf.extension = value
            elif key == "under":
                leaf.under = value
            elif key == "after":
                leaf.after = value
            elif key == "where" and WHERE.match(value):
                leaf.conditions.append(WHERE.match(value))
            elif key == "syntax":
                leaf.syntax = value
            else:
                raise TableError(f"{leaf.name}: bad attribute {word}")
        if leaf.length == 2 if self.fixed else (leaf.length == 2) != (pattern[-2:] != "11"):
            raise TableError(f"{leaf.name}: the two low bits tell the length")
        for name, (_, source) in leaf.form.operands.items():
            if isinstance(source, Field) and leaf.length == 2 and source.bits() >> 16:
                raise TableError(f"{leaf.name}: operand {name} lies outside 16 bits")
        for condition in leaf.conditions:
            if (condition["operand"] or condition["of"]) not in leaf.form.operands:
                raise TableError(f"{leaf.name}: condition on an operand it does not have")
        if any(other.identifier == leaf.identifier for other in self.leaves):
            raise TableError(f"{leaf.name} twice")
        self.leaves.append(leaf)

    def parse_alias(self, words):
        leaf = next((leaf for leaf in self.leaves if leaf.name == words[2]), None)
        if leaf is None:
            raise TableError(f"alias {words[1]}: no leaf {words[2]} so far")
        values = {}
        for word in words[3:]:
            name, _, value = word.partition("=")
            if name not in leaf.form.operands or name in ("rm", "wide"):
                raise TableError(f"alias {words[1]}: {leaf.name} has no operand {name}")
            values[name] = int(value)
        if any(words[1] in (leaf.identifier, leaf.name) for leaf in self.leaves) or not values:
            raise TableError(f"alias {words[1]}: bad name, or no operand")
        self.aliases.append(Alias(words[1], leaf, values))

    def parse(self, path):
        with open(path, encoding="utf-8") as stream:
            for number, line in enumerate(stream, 1):
                try:
                    for one in alternatives("" if line.startswith("#") else line):
                        self.parse_line(f"{path}:{number}", one)
                except (TableError, ValueError, IndexError) as error:
                    raise TableError(f"{path}:{number}: {error}") from None

    def check(self):
        by_name = {leaf.name: leaf for leaf in self.leaves}
        for leaf in self.leaves:
            if leaf.after and leaf.after not in by_name:
                raise TableError(f"{leaf.where}: no instruction {leaf.after}")
            if leaf.under is None:
                continue
            parent = by_name.get(leaf.under)
            if parent is None:
                raise TableError(f"{leaf.where}: no instruction {leaf.under}")
            if not parent.contains(leaf) or parent.mask == leaf.mask or \
                    parent.length != leaf.length:
                raise TableError(f"{leaf.where}: not a strict part of {leaf.under}")

        def ancestors(leaf):
            while leaf.under:
                leaf = by_name[leaf.under]
                yield leaf

        def goes_after(leaf, other):
            return leaf.after and leaf.after in (other.name, *(a.name for a in ancestors(other)))
        for index, leaf in enumerate(self.leaves):
            for other in self.leaves[:index]:
                if leaf.length == other.length and leaf.overlaps(other) and \
                        other not in ancestors(leaf) and leaf not in ancestors(other) and \
                        not goes_after(leaf, other) and not goes_after(other, leaf):
                    raise TableError(f"{leaf.where}: {leaf.name} overlaps {other.name} "
                                     f"({other.where})")
            size = 8 * leaf.length
            left = (1 << size) >> bin(leaf.mask).count("1")
            children = [c for c in self.leaves if c.under == leaf.name]
            left -= sum((1 << size) >> bin(child.mask).count("1") for child in children)
            if left <= 0:
                raise TableError(f"{leaf.where}: {leaf.name} is unreachable")


def emit_tree(out, leaves, known, indent, depth=0):
    """Emits a switch over the bits that all candidates fix, until one candidate is left."""
    pad = "  " * indent
    common = ~known
    for leaf in leaves:
        common &= leaf.mask
    if common and len(leaves) > 1:
        groups = {}
        for leaf in leaves:
            groups.setdefault(leaf.value & common, []).append(leaf)
        out.append(f"{pad}switch (raw & {common:#x}) {{")
        for value, members in sorted(groups.items()):
            out.append(f"{pad}case {value:#x}:")
            emit_tree(out, members, known | common, indent + 1)
            out.append(f"{pad}  break;")
        out.append(f"{pad}}}")
        return
    # Nothing that all fix: the ones with the most fixed bits first (`under` is a strict part).
    if len(leaves) > 1:
        # Split on a mask of one candidate when several share it, else test one by one.
        leaves = sorted(leaves, key=lambda leaf: (bool(leaf.after), -bin(leaf.mask).count("1")))
        masks = []
        for leaf in leaves:
            if (bool(leaf.after), leaf.mask) not in masks:
                masks.append((bool(leaf.after), leaf.mask))
        for after, mask in masks:
            members = [leaf for leaf in leaves if leaf.mask == mask and bool(leaf.after) == after]
            if len(members) > 1:
                out.append(f"{pad}switch (raw & {mask & ~known:#x}) {{")
                for leaf in members:
                    out.append(f"{pad}case {leaf.value & ~known:#x}:")
                    emit_leaf(out, leaf, indent + 1)
                out.append(f"{pad}}}")
            else:
                emit_tree(out, members, known, indent)
        return
    leaf = leaves[0]
    rest = leaf.mask & ~known
    if rest:
        out.append(f"{pad}if ((raw & {rest:#x}) == {leaf.value & rest:#x}) {{")
        emit_leaf(out, leaf, indent + 1)
        out.append(f"{pad}}}")
    else:
        emit_leaf(out, leaf, indent)


def emit_leaf(out, leaf, indent):
    pad = "  " * indent
    out.append(f"{pad}extract_{leaf.form.name.lower()} (insn, raw);")
    for condition in leaf.conditions:
        text = f"insn->{condition['operand']} {condition['test']}" if condition["operand"] else \
            f"{condition['predicate']} (insn->{condition['of']})"
        out.append(f"{pad}if (!({text})) {{")
        out.append(f"{pad}  return false;")
        out.append(f"{pad}}}")
    out.append(f"{pad}insn->leaf = {leaf.enum};")
    out.append(f"{pad}return true;")


def emit_header(tables, prefix, path):
    camel = "".join(part.capitalize() for part in prefix.split("_"))
    upper = prefix.upper()
    out = [
        "/* SPDX-License-Identifier: GPL-3.0-or-later",
        " * The instructions of a guest. Made by decode-gen.py from the decode tables. */",
        "#pragma once", "", '#include "core/guest/guest-insn.h"', "",
        "/* X (leaf, semantic function, length in bytes, kind, operands that are the same in every",
        " * encoding: statements on a DioInsn o) for every instruction. */",
        f"#define {upper}_LEAVES(X) \\",
    ]
    out += [f"  X ({leaf.identifier}, {leaf.sem}, {leaf.length}, {leaf.kind}, {leaf.pins()}) \\"
            for leaf in tables.leaves]
    out += ["", "", "/* The same of every alias. */", f"#define {upper}_ALIASES(X) \\"]
    out += [f"  X ({alias.identifier}, {alias.sem}, {alias.length}, {alias.kind}, "
            f"{alias.pins()}) \\" for alias in tables.aliases]
    out += ["", "", "/* Each semantic function once. */", f"#define {upper}_SEMANTICS(X) \\"]
    out += [f"  X ({sem}) \\" for sem in sorted({leaf.sem for leaf in tables.leaves})]
    out += ["", "", "/* The same of one leaf or alias by name, and the leaf it is a form of. */"]
    for leaf in tables.leaves + tables.aliases:
        for key, value in (("OF", leaf.leaf.identifier if isinstance(leaf, Alias) else
                            leaf.identifier), ("SEM", leaf.sem), ("BYTES", leaf.length), ("KIND", leaf.kind),
                           ("PINS", leaf.pins())):
            out.append(f"#define {upper}_{key}_{leaf.identifier} {value}".rstrip())
    out += ["", "typedef enum {", f"  {upper}_LEAF_ILLEGAL,"]
    out += [f"  {leaf.enum}," for leaf in tables.leaves]
    out += [f"  {upper}_N_LEAVES,", "  /* Aliases: numbers behind the leaves. */"]
    first = f" = {upper}_N_LEAVES"
    for alias in tables.aliases:
        out.append(f"  {upper}_ALIAS_{alias.identifier.upper()}{first},")
        first = ""
    out += [f"  {upper}_N_FORMS{first}", f"}} {camel}Leaf;", "",
            "/* Index 0 stands for what no table line matches. */",
            f"extern const DioLeafInfo {prefix}_leaf_info[{upper}_N_LEAVES];", "",
            "/* Decodes the instruction whose first 32 bits are @raw (a compressed one ignores the",
            " * upper half). Returns its length, 2 or 4; leaf ILLEGAL with the instruction's bits in",
            " * @insn->wide when there is none. Any thread. */",
            f"unsigned {prefix}_decode (uint32_t raw, DioInsn *insn);", "",
            "/* The first alias that a decoded instruction fits, else its leaf. Any thread. */",
            f"unsigned {prefix}_alias (const DioInsn *insn);", ""]
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("\n".join(out))


def emit_source(tables, prefix, header, predicates, path):
    upper = prefix.upper()
    out = [
        "/* SPDX-License-Identifier: GPL-3.0-or-later",
        " * Instruction decoder. Made by decode-gen.py from the decode tables. */",
        f'#include "{header}"', "",
        *([f'#include "{predicates}"', ""] if predicates else []),
        f"const DioLeafInfo {prefix}_leaf_info[{upper}_N_LEAVES] = {{",
        '  { .name = "illegal", .syntax = "{hwide}", .extension = "", .length = 4,',
        "    .kind = DIO_LEAF_END, .operands = DIO_OPERAND_WIDE },",
    ]
    for leaf in tables.leaves:
        flags = []
        for name, (kind, _) in leaf.form.operands.items():
            flags.append(f"DIO_OPERAND_{name.upper()}")
            if kind:
                flags.append(f"DIO_OPERAND_{name.upper()}_{kind.upper()}")
        syntax = leaf.syntax.replace("\\", "\\\\").replace('"', '\\"')
        out += [f'  {{ .name = "{leaf.name}", .syntax = "{syntax}", '
                f'.extension = "{leaf.extension}",',
                f"    .mask = {leaf.mask:#x}, .value = {leaf.value:#x}, .length = {leaf.length}, "
                f".kind = DIO_LEAF_{leaf.kind.upper()},",
                f"    .operands = {' | '.join(flags) or '0'} }},"]
    out += ["};", ""]
    for form in {leaf.form.name: leaf.form for leaf in tables.leaves}.values():
        out += ["static inline void", f"extract_{form.name.lower()} (DioInsn *insn, uint32_t raw)",
                "{", "  (void) insn;", "  (void) raw;"]
        for name, (_, source) in form.operands.items():
            text = source.c_expression() if isinstance(source, Field) else str(source)
            out.append(f"  insn->{name} = {text};")
        out += ["}", ""]
    for bits in (32,) if tables.fixed else (16, 32):
        out += ["static bool", f"decode_{bits} (uint32_t raw, DioInsn *insn)", "{",
                "  (void) insn;", "  (void) raw;"]
        leaves = [leaf for leaf in tables.leaves if leaf.length * 8 == bits]
        if leaves:
            emit_tree(out, leaves, ~((1 << bits) - 1), 1)
        out += ["  return false;", "}", ""]
    out += ["unsigned", f"{prefix}_decode (uint32_t raw, DioInsn *insn)", "{"]
    if tables.fixed:
        out += ["  *insn = (DioInsn) { 0 };",
                "  if (!decode_32 (raw, insn)) {",
                "    *insn = (DioInsn) { 0 };",
                "    insn->wide = raw;",
                "  }",
                "  return 4;", "}", ""]
    else:
        out += ["  bool compressed = (raw & 3) != 3;",
                "  *insn = (DioInsn) { 0 };",
                "  if (compressed ? !decode_16 (raw & 0xffff, insn) : !decode_32 (raw, insn)) {",
                "    *insn = (DioInsn) { 0 };",
                "    insn->wide = compressed ? raw & 0xffff : raw;",
                "  }",
                "  return compressed ? 2 : 4;", "}", ""]
    out += ["unsigned", f"{prefix}_alias (const DioInsn *insn)", "{", "  switch (insn->leaf) {"]
    for leaf in {alias.leaf.identifier: alias.leaf for alias in tables.aliases}.values():
        out.append(f"  case {leaf.enum}:")
        for alias in tables.aliases:
            if alias.leaf is leaf:
                test = " && ".join(f"insn->{name} == {value}"
                                   for name, value in alias.values.items())
                out += [f"    if ({test})",
                        f"      return {upper}_ALIAS_{alias.identifier.upper()};"]
        out.append("    break;")
    out += ["  default:", "    break;", "  }", "  return insn->leaf;", "}", ""]
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("\n".join(out))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--header", required=True)
    parser.add_argument("--include", required=True, help="how the source includes the header")
    parser.add_argument("--source", required=True)
    parser.add_argument("--fixed", action="store_true", help="all instructions have 32 bits")
    parser.add_argument("--predicates", help="a header with the predicates of conditions")
    parser.add_argument("tables", nargs="+")
    args = parser.parse_args()
    tables = Tables(args.fixed)
    try:
        for path in args.tables:
            tables.parse(path)
        tables.check()
    except TableError as error:
        sys.exit(f"decode-gen: {error}")
    for leaf in tables.leaves:
        leaf.enum = f"{args.prefix.upper()}_LEAF_{leaf.identifier.upper()}"
    emit_header(tables, args.prefix, args.header)
    emit_source(tables, args.prefix, args.include, args.predicates, args.source)


if __name__ == "__main__":
    main()
