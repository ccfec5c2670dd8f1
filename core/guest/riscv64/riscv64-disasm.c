/* SPDX-License-Identifier: GPL-3.0-or-later
 * The riscv64 disassembler: fills in the syntax that the decode tables give for each instruction.
 */
#include "core/guest/riscv64/riscv64-disasm.h"

#include <glib.h>
#include <inttypes.h>
#include <string.h>

#include "core/guest/riscv64/riscv64-leaves.h"

static const char x_names[32][5] = {
  "zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
  "a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
  "s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};

static const char f_names[32][5] = {
  "ft0", "ft1", "ft2", "ft3", "ft4",  "ft5",  "ft6", "ft7", "fs0",  "fs1",  "fa0",
  "fa1", "fa2", "fa3", "fa4", "fa5",  "fa6",  "fa7", "fs2", "fs3",  "fs4",  "fs5",
  "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
};

/* clang-format off */
static const struct {
  uint16_t number;
  char name[14];
} csr_names[] = {
  { 0x001, "fflags" }, { 0x002, "frm" }, { 0x003, "fcsr" },
  { 0x100, "sstatus" }, { 0x104, "sie" }, { 0x105, "stvec" }, { 0x106, "scounteren" },
  { 0x10a, "senvcfg" }, { 0x140, "sscratch" }, { 0x141, "sepc" }, { 0x142, "scause" },
  { 0x143, "stval" }, { 0x144, "sip" }, { 0x14d, "stimecmp" }, { 0x180, "satp" },
  { 0x300, "mstatus" }, { 0x301, "misa" }, { 0x302, "medeleg" }, { 0x303, "mideleg" },
  { 0x304, "mie" }, { 0x305, "mtvec" }, { 0x306, "mcounteren" }, { 0x30a, "menvcfg" },
  { 0x320, "mcountinhibit" }, { 0x340, "mscratch" }, { 0x341, "mepc" }, { 0x342, "mcause" },
  { 0x343, "mtval" }, { 0x344, "mip" }, { 0x747, "mseccfg" },
  { 0xb00, "mcycle" }, { 0xb02, "minstret" },
  { 0xc00, "cycle" }, { 0xc01, "time" }, { 0xc02, "instret" },
  { 0xf11, "mvendorid" }, { 0xf12, "marchid" }, { 0xf13, "mimpid" }, { 0xf14, "mhartid" },
  { 0xf15, "mconfigptr" },
};
/* clang-format on */

static void
append_csr (GString *out, unsigned number)
{
  if (number >= 0x3b0 && number <= 0x3ef)
    g_string_append_printf (out, "pmpaddr%u", number - 0x3b0);
  else if (number >= 0x3a0 && number <= 0x3af)
    g_string_append_printf (out, "pmpcfg%u", number - 0x3a0);
  else if (number >= 0xb03 && number <= 0xb1f)
    g_string_append_printf (out, "mhpmcounter%u", number - 0xb00);
  else if (number >= 0xc03 && number <= 0xc1f)
    g_string_append_printf (out, "hpmcounter%u", number - 0xc00);
  else if (number >= 0x323 && number <= 0x33f)
    g_string_append_printf (out, "mhpmevent%u", number - 0x320);
  else {
    for (unsigned i = 0; i < G_N_ELEMENTS (csr_names); i++) {
      if (csr_names[i].number == number) {
        g_string_append (out, csr_names[i].name);
        return;
      }
    }
    g_string_append_printf (out, "%u", number);
  }
}

static void
append_set (GString *out, unsigned set)
{
  for (unsigned bit = 0; bit < 4; bit++)
    if (set & 8u >> bit)
      g_string_append_c (out, "iorw"[bit]);
  if (!set)
    g_string_append (out, "unknown");
}

static void
append_register (GString *out, const DioLeafInfo *info, unsigned operand, unsigned number)
{
  if (info->operands & DIO_OPERAND_RD_X << operand)
    g_string_append (out, x_names[number & 31]);
  else if (info->operands & DIO_OPERAND_RD_F << operand)
    g_string_append (out, f_names[number & 31]);
  else
    g_string_append_printf (out, "%u", number);
}

/* One {field} of a syntax. */
static void
append_field (GString *out, const char *field, const DioLeafInfo *info, const DioInsn *insn,
              uint64_t pc)
{
  static const char roundings[8][4] = { "rne", "rtz", "rdn", "rup", "rmm", "?5", "?6", "" };
  const char *const set_names[] = { "rd", "rs1", "rs2", "rs3" };
  const uint8_t registers[] = { insn->rd, insn->rs1, insn->rs2, insn->rs3 };
  for (unsigned i = 0; i < G_N_ELEMENTS (set_names); i++) {
    if (!strcmp (field, set_names[i])) {
      append_register (out, info, i, registers[i]);
      return;
    }
  }
  if (!strcmp (field, "imm"))
    g_string_append_printf (out, "%d", insn->imm);
  else if (!strcmp (field, "wide"))
    g_string_append_printf (out, "%d", insn->wide);
  else if (!strcmp (field, "hwide"))
    g_string_append_printf (out, "0x%x", (uint32_t) insn->wide);
  else if (!strcmp (field, "ximm"))
    g_string_append_printf (out, "%u", (uint32_t) insn->wide >> 12 & 0xfffff);
  else if (!strcmp (field, "target"))
    g_string_append_printf (
        out, "0x%" PRIx64,
        pc + (uint64_t) (int64_t) (info->operands & DIO_OPERAND_WIDE ? insn->wide : insn->imm));
  else if (!strcmp (field, "csr"))
    append_csr (out, (unsigned) insn->imm & 0xfff);
  else if (!strcmp (field, "rm") && insn->rm != 7)
    g_string_append_printf (out, ", %s", roundings[insn->rm & 7]);
  else if (!strcmp (field, "fence")) {
    append_set (out, (unsigned) insn->imm >> 4 & 15);
    g_string_append (out, ", ");
    append_set (out, (unsigned) insn->imm & 15);
  }
}

unsigned
dio_rv_disassemble (uint32_t raw, uint64_t pc, char *text, size_t size)
{
  static const char orders[4][6] = { "", ".rl", ".aq", ".aqrl" };
  DioInsn insn;
  unsigned length = dio_rv_decode (raw, &insn);
  const DioLeafInfo *info = &dio_rv_leaf_info[insn.leaf];
  const char *at = info->syntax;
  g_autoptr (GString) out = g_string_new (info->name);

  if (g_str_has_prefix (at, "{aqrl}")) {
    g_string_append (out, orders[insn.imm & 3]);
    at += strlen ("{aqrl}");
  }
  if (*at)
    g_string_append_c (out, ' ');
  while (*at) {
    const char *close = *at == '{' ? strchr (at, '}') : NULL;
    char field[16];
    if (close && close - at < (ptrdiff_t) sizeof field) {
      memcpy (field, at + 1, (size_t) (close - at - 1));
      field[close - at - 1] = '\0';
      append_field (out, field, info, &insn, pc);
      at = close + 1;
    } else {
      g_string_append_c (out, *at++);
    }
  }
  g_strlcpy (text, out->str, size);
  return length;
}
