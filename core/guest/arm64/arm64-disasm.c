/* SPDX-License-Identifier: GPL-3.0-or-later
 * The arm64 disassembler: fills in the syntax that the decode tables give for each instruction.
 *
 * The mnemonic is what a leaf's name has before the first _, and the letter behind the last one is
 * the width of registers without a letter of their own. {Xrd} is operand rd as an X register. */
#include "core/guest/arm64/arm64-disasm.h"

#include <glib.h>
#include <inttypes.h>
#include <string.h>

#include "core/guest/arm64/arm64-leaves.h"
#include "core/guest/arm64/arm64-simd-imm.h"

typedef struct {
  GString *out;
  const DioLeafInfo *info;
  const DioInsn *insn;
  uint64_t pc;
  char width; /* of the leaf */
} Writer;

static const char conditions[16][3] = { "eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc",
                                        "hi", "ls", "ge", "lt", "gt", "le", "al", "nv" };
static const char extends[8][5] = {
  "uxtb", "uxth", "uxtw", "uxtx", "sxtb", "sxth", "sxtw", "sxtx"
};

/* ---- Registers ---- */

/* The place of an operand among rd, rs1, rs2, rs3, or -1. */
static int
operand_of (const char *name)
{
  static const char *const names[] = { "rd", "rs1", "rs2", "rs3" };
  for (int i = 0; i < 4; i++)
    if (strcmp (name, names[i]) == 0)
      return i;
  return -1;
}

static unsigned
operand_value (const Writer *w, int operand)
{
  const uint8_t values[] = { w->insn->rd, w->insn->rs1, w->insn->rs2, w->insn->rs3 };
  return values[operand];
}

static void
append_integer (Writer *w, unsigned number, char width, bool stack)
{
  if (number != 31)
    g_string_append_printf (w->out, "%c%u", width, number);
  else if (stack)
    g_string_append (w->out, width == 'w' ? "wsp" : "sp");
  else
    g_string_append (w->out, width == 'w' ? "wzr" : "xzr");
}

/* A vector with the arrangement of its lanes, where rs3 is size and Q. */
static void
append_vector (Writer *w, unsigned number)
{
  static const char arrangements[8][4] = { "8b", "16b", "4h", "8h", "2s", "4s", "1d", "2d" };
  bool has = (w->info->operands & DIO_OPERAND_RS3)
             && !(w->info->operands & (DIO_OPERAND_RS3_X | DIO_OPERAND_RS3_F | DIO_OPERAND_RS3_T));
  g_string_append_printf (w->out, "v%u", number);
  if (has && w->insn->rs3 < 8)
    g_string_append_printf (w->out, ".%s", arrangements[w->insn->rs3]);
}

static void
append_register (Writer *w, char width, int operand)
{
  unsigned number = operand_value (w, operand);
  bool integer =
      w->info->operands
      & ((DIO_OPERAND_RD_X | DIO_OPERAND_RD_S) << operand | (operand == 3 ? DIO_OPERAND_RS3_T : 0));
  bool stack = w->info->operands & DIO_OPERAND_RD_S << operand;
  if (width == 'h' && !integer && !(w->info->operands & DIO_OPERAND_RD_F << operand))
    g_string_append_printf (w->out, "%u", number); /* {hrd}: a constant */
  else if (width == 'v')
    append_vector (w, number);
  else if (width == 'z')
    g_string_append_printf (w->out, "%c%u", "bhsd"[w->insn->rs3 & 3], number);
  else if (width == 'w' || width == 'x')
    append_integer (w, number, width, stack);
  else
    g_string_append_printf (w->out, "%c%u", width, number);
}

/* ---- Other operands ---- */

static void
append_extend (Writer *w)
{
  unsigned option = (unsigned) w->insn->imm;
  bool wide = w->width == 'x' && (option & 3) == 3;
  append_integer (w, w->insn->rs2, wide ? 'x' : 'w', false);
  g_string_append_printf (w->out, ", %s", extends[option & 7]);
  if (w->insn->rs3)
    g_string_append_printf (w->out, " #%u", w->insn->rs3);
}

/* log2 of the size of a register-indexed access. */
static unsigned
access_log2 (const Writer *w)
{
  const char *name = w->info->name;
  if (strchr ("bhsdq", w->width))
    return (unsigned) (strchr ("bhsdq", w->width) - "bhsdq");
  if (g_str_has_prefix (name, "ldrb") || g_str_has_prefix (name, "strb")
      || g_str_has_prefix (name, "ldrsb"))
    return 0;
  if (g_str_has_prefix (name, "ldrh") || g_str_has_prefix (name, "strh")
      || g_str_has_prefix (name, "ldrsh"))
    return 1;
  return g_str_has_prefix (name, "ldrsw") || w->width == 'w' ? 2 : 3;
}

static void
append_index (Writer *w)
{
  unsigned option = (unsigned) w->insn->imm >> 1 & 7, scaled = (unsigned) w->insn->imm & 1;
  append_integer (w, w->insn->rs2, option & 1 ? 'x' : 'w', false);
  if (option == 3 && !scaled)
    return;
  g_string_append_printf (w->out, ", %s", option == 3 ? "lsl" : extends[option]);
  if (scaled)
    g_string_append_printf (w->out, " #%u", access_log2 (w));
}

static void
append_sysreg (Writer *w)
{
  unsigned n = (unsigned) w->insn->wide;
  g_string_append_printf (w->out, "s%u_%u_c%u_c%u_%u", n >> 14, n >> 11 & 7, n >> 7 & 15,
                          n >> 3 & 15, n & 7);
}

static void
append_shift (Writer *w)
{
  static const char shifts[4][4] = { "lsl", "lsr", "asr", "ror" };
  if (w->insn->imm || w->insn->rs3)
    g_string_append_printf (w->out, ", %s #%d", shifts[w->insn->rs3 & 3], w->insn->imm);
}

static void
append_barrier (Writer *w)
{
  static const char names[16][6] = { "#0", "oshld", "oshst", "osh", "#4",  "nshld", "nshst", "nsh",
                                     "#8", "ishld", "ishst", "ish", "#12", "ld",    "st",    "sy" };
  unsigned type = (unsigned) w->insn->imm & 15;
  if (strcmp (w->info->name, "isb") != 0)
    g_string_append (w->out, names[type]);
  else if (type != 15)
    g_string_append_printf (w->out, "#%u", type);
}

static double
fp_immediate (unsigned imm8)
{
  uint64_t bits = dio_a64_expand_fp64 (imm8);
  double value;
  memcpy (&value, &bits, sizeof value);
  return value;
}

static void
append_list (Writer *w)
{
  int count = w->info->name[2] - '0';
  if (w->info->name[2] == '1' && g_ascii_isdigit (w->info->name[4]))
    count = w->info->name[4] - '0';
  g_string_append_c (w->out, '{');
  for (int i = 0; i < count; i++)
    g_string_append_printf (w->out, "%sv%d", i ? ", " : " ", (w->insn->rd + i) % 32);
  g_string_append (w->out, " }");
}

static bool
append_number (Writer *w, const char *field)
{
  const DioInsn *o = w->insn;
  int64_t value;
  if (strcmp (field, "imm") == 0)
    value = o->imm;
  else if (strcmp (field, "himm") == 0)
    value = (uint16_t) o->imm;
  else if (strcmp (field, "imm16") == 0)
    value = o->imm * 16;
  else if (strcmp (field, "hwide") == 0)
    value = (uint32_t) o->wide;
  else if (strcmp (field, "immr") == 0)
    value = o->imm >> 6 & 63;
  else if (strcmp (field, "imms") == 0)
    value = o->imm & 63;
  else if (strcmp (field, "fbits") == 0)
    value = 64 - o->imm;
  else if (strcmp (field, "bitmask") == 0)
    value = (int64_t) (dio_a64_bitmask[(uint16_t) o->imm & 8191]
                       & (w->width == 'w' ? UINT32_MAX : UINT64_MAX));
  else
    return false;
  g_string_append_printf (w->out, "%" PRId64, value);
  return true;
}

static bool
append_special (Writer *w, const char *field)
{
  const DioInsn *o = w->insn;
  if (strcmp (field, "target") == 0) {
    bool page = strcmp (w->info->name, "adrp") == 0;
    uint64_t offset = (uint64_t) (int64_t) o->wide;
    g_string_append_printf (w->out, "0x%" PRIx64,
                            page ? (w->pc & ~UINT64_C (4095)) + (offset << 12) : w->pc + offset);
  } else if (strcmp (field, "sh12") == 0) {
    g_string_append (w->out, o->rs3 ? ", lsl #12" : "");
  } else if (strcmp (field, "hw") == 0) {
    if (o->rs3)
      g_string_append_printf (w->out, ", lsl #%u", 16u * o->rs3);
  } else if (strcmp (field, "shift") == 0) {
    append_shift (w);
  } else if (strcmp (field, "rm") == 0) {
    append_extend (w);
  } else if (strcmp (field, "cond") == 0) {
    g_string_append (w->out, conditions[o->rs3 & 15]);
  } else if (strcmp (field, "bitreg") == 0) {
    append_integer (w, o->rs3, o->rd & 32 ? 'x' : 'w', false);
  } else if (strcmp (field, "offset") == 0 || strcmp (field, "offset16") == 0) {
    int scale = field[6] ? 16 : 1;
    if (o->imm)
      g_string_append_printf (w->out, ", #%d", o->imm * scale);
  } else if (strcmp (field, "at") == 0) {
    append_index (w);
  } else if (strcmp (field, "prefetch") == 0) {
    g_string_append_printf (w->out, "#%u", o->rd);
  } else if (strcmp (field, "sysreg") == 0 || strcmp (field, "sys") == 0) {
    append_sysreg (w);
  } else if (strcmp (field, "barrier") == 0) {
    append_barrier (w);
  } else if (strcmp (field, "clrex") == 0) {
    if (o->imm != 15)
      g_string_append_printf (w->out, "#%d", o->imm);
  } else if (strcmp (field, "fimm") == 0) {
    g_string_append_printf (w->out, "%.8f", fp_immediate ((unsigned) o->wide));
  } else if (strcmp (field, "list") == 0) {
    append_list (w);
  } else if (strcmp (field, "post") == 0) {
    if (o->rs2 != 31)
      g_string_append_printf (w->out, ", x%u", o->rs2);
  } else {
    return false;
  }
  return true;
}

/* One {field} of a syntax. */
static void
append_field (Writer *w, const char *field)
{
  int operand = operand_of (field);
  if (append_number (w, field) || append_special (w, field))
    return;
  if (operand >= 0)
    append_register (w, w->width, operand);
  else if (g_str_has_prefix (field, "pair")) {
    unsigned first = operand_value (w, operand_of (field + 4));
    append_integer (w, first, w->width, false);
    g_string_append (w->out, ", ");
    append_integer (w, first + 1, w->width, false);
  } else if (field[0] && operand_of (field + 1) >= 0) {
    append_register (w, field[0], operand_of (field + 1));
  }
}

/* ---- Mnemonics ---- */

/* Acquire and release of those atomics whose leaf has both. It goes before the size. */
static void
append_order (GString *out, const DioLeafInfo *info, unsigned order)
{
  static const char *const orders[4] = { "", "l", "a", "al" };
  size_t at = out->len;
  if (g_str_has_prefix (info->name, "stx") || g_str_has_prefix (info->name, "ldx")) {
    if (order)
      g_string_insert (out, 2, info->name[0] == 's' ? "l" : "a");
    return;
  }
  if (at && (out->str[at - 1] == 'b' || out->str[at - 1] == 'h') && info->name[at] == '_'
      && strcmp (out->str, "ldsub") != 0)
    at--;
  g_string_insert (out, (gssize) at, orders[order & 3]);
}

void
dio_a64_disassemble (uint32_t raw, uint64_t pc, char *text, size_t size)
{
  DioInsn insn;
  dio_a64_decode (raw, &insn);
  const DioLeafInfo *info = &dio_a64_leaf_info[insn.leaf];
  const char *at = info->syntax, *end = strchr (info->name, '_'), *last = strrchr (info->name, '_');
  g_autoptr (GString) out =
      g_string_new_len (info->name, end ? end - info->name : (gssize) strlen (info->name));
  Writer w = { .out = out, .info = info, .insn = &insn, .pc = pc, .width = last ? last[1] : 'x' };

  if (insn.leaf == DIO_A64_LEAF_B_COND)
    g_string_append_printf (out, ".%s", conditions[insn.rd & 15]);
  if (g_str_has_prefix (at, "{order}")) {
    append_order (out, info, (unsigned) insn.imm);
    at += strlen ("{order}");
  }
  if (*at)
    g_string_append_c (out, ' ');
  while (*at) {
    const char *close = *at == '{' ? strchr (at, '}') : NULL;
    char field[16];
    if (close && close - at < (ptrdiff_t) sizeof field) {
      memcpy (field, at + 1, (size_t) (close - at - 1));
      field[close - at - 1] = '\0';
      append_field (&w, field);
      at = close + 1;
    } else {
      g_string_append_c (out, *at++);
    }
  }
  g_strlcpy (text, out->str, size);
}
