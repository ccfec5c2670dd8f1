/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the tests of passes share. */
#include "tests/core/opt/opt-test.h"

#include <string.h>

#include "core/guest/riscv64/riscv64-leaves.h"
#include "core/guest/riscv64/riscv64-lift.h"
#include "tests/support/ir-eval.h"

/* ---- Text ---- */

/* The block that @text stands for. */
static DioIrBlock *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  const char *start = g_str_has_prefix (text, "insn") ? "" : "insn +0\n";
  bool ends = strstr (text, "exit") || strstr (text, "jump");
  g_autofree char *whole = g_strconcat (start, text, ends ? "" : "exit +4\n", NULL);
  DioIrBlock *block = dio_ir_block_parse (whole, &error);
  g_assert_no_error (error);
  dio_ir_block_verify (block, &error);
  g_assert_no_error (error);
  return block;
}

static unsigned
count_operations (const DioIrBlock *block)
{
  unsigned n = 0;
  for (uint32_t i = 0; i < block->ops->len; i++)
    n += dio_ir_block_op (block, i)->opcode != DIO_IR_NOP;
  return n;
}

void
opt_assert_aligned (DioOptPass pass, unsigned pc_zeros, const char *before, const char *after)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioOptContext) context = dio_opt_context_new ();
  g_autoptr (DioIrBlock) block = parse (before);
  g_autoptr (DioIrBlock) expected = parse (after);
  unsigned n = count_operations (block);
  block->pc_zeros = pc_zeros;
  unsigned removed = dio_opt_run (context, block, pass);
  dio_ir_block_verify (block, &error);
  g_assert_no_error (error);
  g_autofree char *text = dio_ir_block_to_text (block);
  g_autofree char *expected_text = dio_ir_block_to_text (expected);
  if (strcmp (text, expected_text) != 0)
    g_error ("%s of\n%sgives\n%snot\n%s", dio_opt_pass_name (pass), before, text, expected_text);
  /* It says the truth about how much it removed. */
  g_assert_cmpuint (count_operations (block), ==, n - removed);
}

void
opt_assert (DioOptPass pass, const char *before, const char *after)
{
  opt_assert_aligned (pass, 0, before, after);
}

void
opt_assert_kept (DioOptPass pass, const char *text)
{
  opt_assert (pass, text, text);
}

DioIrBlock *
opt_copy (const DioIrBlock *block)
{
  DioIrBlock *copy = dio_ir_block_new ();
  g_array_append_vals (copy->ops, block->ops->data, block->ops->len);
  copy->pc_zeros = block->pc_zeros;
  return copy;
}

/* ---- Random instructions ---- */

/* A random word that decodes to @leaf, with registers 8 to 11 where it is free to. */
static uint32_t
word_of (GRand *rng, unsigned leaf)
{
  const DioLeafInfo *info = &dio_rv_leaf_info[leaf];
  uint32_t registers = info->length == 2 ? UINT32_C (0x0318) : UINT32_C (0x018c0c00);
  uint32_t eight = info->length == 2 ? 0 : UINT32_C (0x00840400);
  for (unsigned attempt = 0; attempt < 1000; attempt++) {
    uint32_t word = g_rand_int (rng);
    if (attempt < 500)
      word = (word & ~registers) | eight;
    if (g_rand_boolean (rng))
      word &= UINT32_C (0x01ffffff); /* small immediates of most formats */
    word = info->value | (word & ~info->mask);
    if (info->length == 2)
      word &= 0xffff;
    DioInsn insn;
    dio_rv_decode (word, &insn);
    if (insn.leaf == leaf)
      return word;
  }
  g_error ("no encoding of %s", info->name);
}

/* Mostly of the kinds that leave the block's other instructions something to do. */
static unsigned
random_leaf (GRand *rng)
{
  for (;;) {
    unsigned leaf = (unsigned) g_rand_int_range (rng, 1, DIO_RV_N_LEAVES);
    switch (dio_rv_leaf_info[leaf].kind) {
    case DIO_LEAF_JUMP:
    case DIO_LEAF_JUMP_REGISTER:
    case DIO_LEAF_END:
    case DIO_LEAF_SYSTEM:
    case DIO_LEAF_FENCE:
      if (g_rand_int_range (rng, 0, 8) == 0)
        return leaf;
      break;
    default:
      return leaf;
    }
  }
}

void
opt_random_code (DioIrBlock *block, unsigned n, GRand *rng)
{
  g_autoptr (GByteArray) code = g_byte_array_new ();
  for (unsigned i = 0; i < n; i++) {
    unsigned leaf = random_leaf (rng);
    uint32_t word = GUINT32_TO_LE (word_of (rng, leaf));
    g_byte_array_append (code, (const uint8_t *) &word, dio_rv_leaf_info[leaf].length);
  }
  dio_ir_block_clear (block);
  dio_rv_lift (block, code->data, code->len, n);
}

/* ---- Random operations ---- */

static uint32_t
append_constant (DioIrBlock *block, int64_t constant)
{
  return dio_ir_block_append (block, DIO_IR_CONST, constant, 0, 0, 0, 0);
}

/* The value of @type among the last @reach operations that a random walk back finds, else a new
 * one: with a short reach operations form chains, in which most values have one use. */
static uint32_t
random_value (DioIrBlock *block, DioIrType type, uint32_t reach, GRand *rng)
{
  uint32_t n = block->ops->len;
  for (uint32_t back = 1; back <= MIN (reach, n); back += (uint32_t) g_rand_int_range (rng, 1, 4))
    if (dio_ir_op_info[dio_ir_block_op (block, n - back)->opcode].result == type)
      return n - back;
  if (type == DIO_IR_I64) {
    DioIrOpcode get = g_rand_int_range (rng, 0, 4) ? DIO_IR_GET_X : DIO_IR_GET_F;
    return dio_ir_block_append (block, get, g_rand_int_range (rng, 1, 6), 0, 0, 0, 0);
  }
  uint32_t a = random_value (block, DIO_IR_I64, 8, rng), b = append_constant (block, 0);
  if (g_rand_boolean (rng))
    b = random_value (block, DIO_IR_I64, 16, rng);
  return dio_ir_block_append (block, DIO_IR_EQ + (unsigned) g_rand_int_range (rng, 0, 6), 0, a, b,
                              0, 0);
}

/* Shapes that rules are about and that chance would seldom make. */
static uint32_t
random_argument (DioIrBlock *block, DioIrOpcode opcode, unsigned argument, GRand *rng)
{
  static const uint8_t amounts[] = { 1, 2, 3, 8, 30, 31, 32, 48, 56, 63 };
  static const uint8_t masks[] = { 1, 5, 6, 8, 16, 31, 32, 63 };
  const DioIrOpInfo *info = &dio_ir_op_info[opcode];
  unsigned amount = amounts[g_rand_int_range (rng, 0, G_N_ELEMENTS (amounts))];
  unsigned width = masks[g_rand_int_range (rng, 0, G_N_ELEMENTS (masks))];
  int64_t mask = (int64_t) ((UINT64_C (1) << width) - 1);
  if (info->arguments[argument] != DIO_IR_I64 || argument > 1 || g_rand_int_range (rng, 0, 3) == 0)
    return random_value (block, info->arguments[argument], 64, rng);
  if (info->immediate == DIO_IR_IMM_DISPLACEMENT && argument == 0) {
    uint32_t a = random_value (block, DIO_IR_I64, 8, rng);
    uint32_t b = append_constant (block, (int64_t) ir_eval_number (rng));
    return dio_ir_block_append (block, DIO_IR_ADD, 0, a, b, 0, 0);
  }
  if (argument == 0 || g_rand_int_range (rng, 0, 3) == 0)
    return random_value (block, DIO_IR_I64, 3, rng);
  switch (opcode) {
  case DIO_IR_SHL:
  case DIO_IR_SHR:
  case DIO_IR_SAR:
    return append_constant (block, amount);
  case DIO_IR_AND:
  case DIO_IR_XOR:
    return append_constant (block, g_rand_boolean (rng) ? mask : ~mask);
  case DIO_IR_EQ:
  case DIO_IR_NE:
  case DIO_IR_LTU:
  case DIO_IR_GEU:
    return append_constant (block, g_rand_boolean (rng) ? amount - 1 : mask);
  default:
    return append_constant (block, (int64_t) ir_eval_number (rng));
  }
}

static void
append_random (DioIrBlock *block, DioIrOpcode opcode, GRand *rng)
{
  const DioIrOpInfo *info = &dio_ir_op_info[opcode];
  uint32_t arguments[DIO_IR_MAX_ARGUMENTS] = { 0 };
  int64_t immediate = 0;
  for (unsigned a = 0; a < info->n_arguments; a++)
    arguments[a] = random_argument (block, opcode, a, rng);
  switch (info->immediate) {
  case DIO_IR_IMM_X:
  case DIO_IR_IMM_F:
  case DIO_IR_IMM_SHIFT:
    immediate = g_rand_int_range (rng, 1, info->immediate == DIO_IR_IMM_SHIFT ? 4 : 6);
    break;
  case DIO_IR_IMM_FP:
    immediate = g_rand_boolean (rng) ? DIO_IR_FP_class32 : DIO_IR_FP_class64;
    break;
  case DIO_IR_IMM_DISPLACEMENT:
    immediate = g_rand_int_range (rng, 0, 3) ? 0 : (int32_t) ir_eval_number (rng) / 2;
    break;
  case DIO_IR_IMM_NONE:
    break;
  default:
    immediate = g_rand_int_range (rng, -64, 64);
    break;
  }
  dio_ir_block_append (block, opcode, immediate, arguments[0], arguments[1], arguments[2],
                       arguments[3]);
}

static DioIrOpcode
random_pure (GRand *rng)
{
  /* Those that rules are about come more often. */
  static const DioIrOpcode often[] = {
    DIO_IR_ADD,    DIO_IR_SUB,   DIO_IR_AND,    DIO_IR_OR,    DIO_IR_XOR, DIO_IR_SHL,
    DIO_IR_SHR,    DIO_IR_SAR,   DIO_IR_SEXT32, DIO_IR_EQ,    DIO_IR_NE,  DIO_IR_WIDEN,
    DIO_IR_SELECT, DIO_IR_UNBOX, DIO_IR_BOX,    DIO_IR_CONST, DIO_IR_MUL, DIO_IR_NOT,
  };
  if (g_rand_boolean (rng))
    return often[g_rand_int_range (rng, 0, G_N_ELEMENTS (often))];
  for (;;) {
    DioIrOpcode opcode = (DioIrOpcode) g_rand_int_range (rng, 0, DIO_IR_N_OPS);
    if (dio_ir_op_info[opcode].effects == DIO_IR_PURE && opcode != DIO_IR_INSN
        && !dio_ir_op_has_vectors (opcode))
      return opcode;
  }
}

/* What may fault, of which an instruction has one. */
static DioIrOpcode
random_fault (GRand *rng)
{
  switch (g_rand_int_range (rng, 0, 12)) {
  case 0:
    return DIO_IR_TRAP_IF;
  case 1:
    return DIO_IR_ILLEGAL_IF;
  case 2:
  case 3:
    return DIO_IR_FP_REQUIRE;
  case 4:
  case 5:
    return DIO_IR_FP_ROUNDING;
  case 6:
    return (DioIrOpcode) g_rand_int_range (rng, DIO_IR_LOAD_RESERVED_32, DIO_IR_FENCE);
  case 7:
    return g_rand_boolean (rng) ? DIO_IR_CSR_WRITE : DIO_IR_FENCE_VMA;
  default:
    return (DioIrOpcode) g_rand_int_range (rng, DIO_IR_LOAD_S8, DIO_IR_STORE_64 + 1);
  }
}

void
opt_random_operations (DioIrBlock *block, unsigned n, GRand *rng)
{
  dio_ir_block_clear (block);
  block->pc_zeros = 1;
  for (unsigned i = 0; i < n; i++) {
    dio_ir_block_append (block, DIO_IR_INSN, 4 * i, 0, 0, 0, 0);
    for (int k = g_rand_int_range (rng, 0, 5); k > 0; k--)
      append_random (block, random_pure (rng), rng);
    if (g_rand_int_range (rng, 0, 3) == 0)
      append_random (block, random_fault (rng), rng);
    for (int k = g_rand_int_range (rng, 0, 3); k > 0; k--)
      append_random (block, g_rand_int_range (rng, 0, 4) ? DIO_IR_SET_X : DIO_IR_SET_F, rng);
    if (g_rand_int_range (rng, 0, 8) == 0)
      append_random (block, DIO_IR_FENCE, rng);
    if (g_rand_int_range (rng, 0, 16) == 0)
      append_random (block, DIO_IR_BRANCH, rng);
  }
  append_random (block, g_rand_boolean (rng) ? DIO_IR_EXIT : DIO_IR_JUMP, rng);
}
