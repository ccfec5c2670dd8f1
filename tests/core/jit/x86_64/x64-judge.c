/* SPDX-License-Identifier: GPL-3.0-or-later
 * Judges what the x86-64 encoder wrote. */
#include "tests/core/jit/x86_64/x64-judge.h"

#include <string.h>

static char *
take_buffer (void)
{
  static _Thread_local char buffers[8][96];
  static _Thread_local unsigned next;
  return buffers[next++ % 8];
}

unsigned
judge_below (Judge *judge, unsigned limit)
{
  return (unsigned) g_rand_int_range (judge->random, 0, (gint32) limit);
}

unsigned
judge_reg (Judge *judge)
{
  return judge_below (judge, 16);
}

unsigned
judge_width (Judge *judge, unsigned mask)
{
  for (;;) {
    unsigned log2 = judge_below (judge, 4);
    if (mask & 1u << log2)
      return 1u << log2;
  }
}

int32_t
judge_imm (Judge *judge)
{
  static const int32_t edges[] = { 0,      1,     -1,      127,       128,       -128,
                                   -129,   255,   256,     32767,     32768,     -32768,
                                   -32769, 65535, 0xff7f0, INT32_MAX, INT32_MIN, 0x12345678 };
  unsigned which = judge_below (judge, G_N_ELEMENTS (edges) + 4);
  if (which < G_N_ELEMENTS (edges))
    return edges[which];
  return (int32_t) g_rand_int (judge->random) >> (which & 1 ? 24 : 0);
}

static unsigned
random_index (Judge *judge)
{
  unsigned index = judge_reg (judge);
  return index == DIO_X64_RSP ? DIO_X64_R12 : index;
}

DioX64Mem
judge_mem (Judge *judge)
{
  int32_t disp = judge_below (judge, 4) ? judge_imm (judge) : 0;
  switch (judge_below (judge, 8)) {
  case 0:
    return dio_x64_mem (DIO_X64_NONE, disp);
  case 1:
    return dio_x64_mem_index (DIO_X64_NONE, random_index (judge), judge_below (judge, 4), disp);
  case 2:
    return dio_x64_mem_abs (judge->a.at + judge->a.exec_delta + disp / 2);
  case 3:
  case 4:
    return dio_x64_mem (judge_reg (judge), disp);
  default:
    return dio_x64_mem_index ((int) judge_reg (judge), random_index (judge), judge_below (judge, 4),
                              disp);
  }
}

const char *
judge_gpr (unsigned w, unsigned reg)
{
  static const char *const low[4][8] = {
    { "al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil" },
    { "ax", "cx", "dx", "bx", "sp", "bp", "si", "di" },
    { "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi" },
    { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi" },
  };
  static const char *const suffixes[4] = { "b", "w", "d", "" };
  unsigned log2 = w == 1 ? 0 : w == 2 ? 1 : w == 4 ? 2 : 3;
  if (reg < 8)
    return low[log2][reg];
  char *text = take_buffer ();
  g_snprintf (text, 96, "r%u%s", reg, suffixes[log2]);
  return text;
}

const char *
judge_xmm (unsigned reg)
{
  char *text = take_buffer ();
  g_snprintf (text, 96, "xmm%u", reg);
  return text;
}

const char *
judge_ymm (unsigned reg)
{
  char *text = take_buffer ();
  g_snprintf (text, 96, "ymm%u", reg);
  return text;
}

static const char *
size_name (unsigned w)
{
  switch (w) {
  case 1:
    return "byte ";
  case 2:
    return "word ";
  case 4:
    return "dword ";
  case 8:
    return "qword ";
  case 16:
    return "oword ";
  default:
    return "?";
  }
}

static const char *
signed_hex (int64_t value)
{
  char *text = take_buffer ();
  uint64_t absolute = value < 0 ? -(uint64_t) value : (uint64_t) value;
  g_snprintf (text, 96, "%c0x%" PRIx64, value < 0 ? '-' : '+', absolute);
  return text;
}

const char *
judge_mem_text (Judge *judge, unsigned w, DioX64Mem mem)
{
  char *text = take_buffer ();
  const char *size = judge->show_size && w ? size_name (w) : "";
  if (mem.base == DIO_X64_RIP_ADDRESS) {
    g_snprintf (text, 96, "%s[rip:0x%" PRIx64 "]", size, (uint64_t) (uintptr_t) mem.target);
    return text;
  }
  const char *base = mem.base >= 0 ? judge_gpr (8, (unsigned) mem.base) : "";
  const char *index = mem.index >= 0 ? judge_gpr (8, (unsigned) mem.index) : NULL;
  if (index)
    g_snprintf (text, 96, "%s[%s+%s*%u%s]", size, base, index, 1u << mem.scale,
                signed_hex (mem.disp));
  else
    g_snprintf (text, 96, "%s[%s%s]", size, base, signed_hex (mem.disp));
  return text;
}

const char *
judge_imm_text (unsigned w, int64_t imm)
{
  char *text = take_buffer ();
  uint64_t mask = w >= 8 ? UINT64_MAX : (UINT64_C (1) << 8 * w) - 1;
  g_snprintf (text, 96, "0x%" PRIx64, (uint64_t) imm & mask);
  return text;
}

void
judge_expect (Judge *judge, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_vsnprintf (judge->expected, sizeof judge->expected, format, arguments);
  va_end (arguments);
}

static void
append_mem (GString *text, csh capstone, const cs_insn *insn, const cs_x86_op *op, bool show_size)
{
  if (show_size && insn->id != X86_INS_LEA)
    g_string_append (text, size_name (op->size));
  if (op->mem.base == X86_REG_RIP) {
    g_string_append_printf (text, "[rip:0x%" PRIx64 "]",
                            insn->address + insn->size + (uint64_t) op->mem.disp);
    return;
  }
  g_string_append_c (text, '[');
  if (op->mem.base != X86_REG_INVALID)
    g_string_append (text, cs_reg_name (capstone, op->mem.base));
  if (op->mem.index != X86_REG_INVALID && op->mem.index != X86_REG_RIZ)
    g_string_append_printf (text, "+%s*%d", cs_reg_name (capstone, op->mem.index), op->mem.scale);
  g_string_append_printf (text, "%s]", signed_hex (op->mem.disp));
}

/* Branches have no width but that of an address. */
static unsigned
imm_width (const cs_x86 *x86)
{
  return x86->operands[0].type == X86_OP_IMM ? 8 : x86->operands[0].size;
}

static char *
spell (csh capstone, const cs_insn *insn, bool show_size)
{
  const cs_x86 *x86 = &insn->detail->x86;
  GString *text = g_string_new (insn->mnemonic);
  for (unsigned i = 0; i < x86->op_count; i++) {
    const cs_x86_op *op = &x86->operands[i];
    g_string_append (text, i ? ", " : " ");
    if (op->type == X86_OP_REG)
      g_string_append (text, cs_reg_name (capstone, op->reg));
    else if (op->type == X86_OP_MEM)
      append_mem (text, capstone, insn, op, show_size);
    else
      g_string_append (text, judge_imm_text (imm_width (x86), op->imm));
  }
  return g_string_free (text, FALSE);
}

static void
open_capstone (Judge *judge)
{
  g_assert_cmpint (cs_open (CS_ARCH_X86, CS_MODE_64, &judge->capstone), ==, CS_ERR_OK);
  cs_option (judge->capstone, CS_OPT_DETAIL, CS_OPT_ON);
  judge->insn = cs_malloc (judge->capstone);
}

static void
close_capstone (Judge *judge)
{
  cs_free (judge->insn, 1);
  cs_close (&judge->capstone);
}

/* Exactly one instruction of @size bytes. */
static char *
disassemble_one (Judge *judge, const uint8_t *code, size_t size, uint64_t address)
{
  size_t left = size;
  if (!cs_disasm_iter (judge->capstone, &code, &left, &address, judge->insn))
    return g_strdup ("nothing that can be disassembled");
  if (left)
    return g_strdup_printf ("%zu bytes too many", left);
  return spell (judge->capstone, judge->insn, judge->show_size);
}

char *
judge_disassemble (const uint8_t *code, size_t size, uint64_t address)
{
  Judge judge = { .show_size = true };
  open_capstone (&judge);
  GString *text = g_string_new (NULL);
  while (size && cs_disasm_iter (judge.capstone, &code, &size, &address, judge.insn)) {
    g_autofree char *line = spell (judge.capstone, judge.insn, true);
    g_string_append_printf (text, "%s\n", line);
  }
  if (size)
    g_string_append (text, "?\n");
  close_capstone (&judge);
  return g_string_free (text, FALSE);
}

static char *
hex (const uint8_t *code, size_t size)
{
  GString *text = g_string_new (NULL);
  for (size_t i = 0; i < size; i++)
    g_string_append_printf (text, " %02x", code[i]);
  return g_string_free (text, FALSE);
}

static bool
compare (Judge *judge, const char *name)
{
  size_t size = dio_x64_size (&judge->a);
  uint64_t address = (uintptr_t) judge->code + (uintptr_t) judge->a.exec_delta;
  g_autofree char *found = disassemble_one (judge, judge->code, size, address);
  bool equal = strcmp (found, judge->expected) == 0;
  if (!equal) {
    g_autofree char *bytes = hex (judge->code, size);
    g_test_message ("%s: wanted \"%s\", got \"%s\" from%s", name, judge->expected, found, bytes);
    g_test_fail ();
  }
  g_assert_false (judge->a.overflow);
  return equal;
}

void
judge_run (const char *name, JudgeForm form, const void *data, unsigned count, bool show_size)
{
  Judge judge = { .random = g_rand_new_with_seed (g_str_hash (name)),
                  .data = data,
                  .show_size = show_size };
  open_capstone (&judge);
  bool passed = true;
  for (unsigned i = 0; i < count && passed; i++) {
    dio_x64_init (&judge.a, judge.code, sizeof judge.code);
    judge.a.exec_delta = (ptrdiff_t) g_rand_int (judge.random) << 4;
    form (&judge);
    passed = compare (&judge, name);
  }
  close_capstone (&judge);
  g_rand_free (judge.random);
}
