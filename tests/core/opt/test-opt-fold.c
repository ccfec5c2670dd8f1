/* SPDX-License-Identifier: GPL-3.0-or-later
 * Folding, before and after: every pure operation on constants, and each rule where it applies and
 * where it must not. */
#include <string.h>

#include "tests/core/opt/opt-test.h"
#include "tests/support/ir-eval.h"

static void
assert_folds (const char *before, const char *after)
{
  opt_assert (DIO_OPT_FOLD, before, after);
}

static void
assert_kept (const char *text)
{
  opt_assert_kept (DIO_OPT_FOLD, text);
}

/* "OPERATION %1, C" of a register, into x3, is @after. */
static void
assert_constant (const char *operation, const char *constant, const char *after)
{
  g_autofree char *before = g_strdup_printf ("%%1 = get x1\n%%2 = const %s\n%%3 = %s %%1, %%2\n"
                                             "set x3, %%3\n",
                                             constant, operation);
  assert_folds (before, after);
}

#define X "%1 = get x1\n"
#define XY "%1 = get x1\n%2 = get x2\n"
#define IS_X X "set x3, %1\n"
#define IS(c) "%3 = const " #c "\nset x3, %3\n"
#define IS_OP(operation) X "%3 = " operation " %1\nset x3, %3\n"
#define IS_OP_OF(operation, c) X "%2 = const " c "\n%3 = " operation " %1, %2\nset x3, %3\n"

/* ---- Constants ---- */

/* The value that a block sets x1 to, from constants: what folding makes of it. */
static uint64_t
folded_value (DioOptContext *context, const DioIrBlock *block)
{
  g_autoptr (DioIrBlock) copy = opt_copy (block);
  dio_opt_fold (context, copy);
  const DioIrOp *set = dio_ir_block_op (copy, copy->ops->len - 2);
  g_assert_cmpuint (set->opcode, ==, DIO_IR_SET_X);
  const DioIrOp *value = dio_ir_block_op (copy, set->arguments[0]);
  if (value->opcode != DIO_IR_CONST) {
    g_autofree char *text = dio_ir_block_to_text (copy);
    g_error ("not folded:\n%s", text);
  }
  return (uint64_t) value->immediate;
}

static uint32_t
append_constant (DioIrBlock *block, GRand *rng)
{
  return dio_ir_block_append (block, DIO_IR_CONST, (int64_t) ir_eval_number (rng), 0, 0, 0, 0);
}

/* A block that applies @opcode to constants and sets x1 to the result. */
static void
make_constant (DioIrBlock *block, DioIrOpcode opcode, int64_t immediate, GRand *rng)
{
  const DioIrOpInfo *info = &dio_ir_op_info[opcode];
  uint32_t arguments[DIO_IR_MAX_ARGUMENTS] = { 0 };
  dio_ir_block_clear (block);
  dio_ir_block_append (block, DIO_IR_INSN, 0, 0, 0, 0, 0);
  for (unsigned a = 0; a < info->n_arguments; a++) {
    arguments[a] = append_constant (block, rng);
    if (info->arguments[a] == DIO_IR_I1) {
      uint32_t other = append_constant (block, rng);
      arguments[a] = dio_ir_block_append (block, DIO_IR_LT, 0, arguments[a], other, 0, 0);
    }
  }
  uint32_t result = dio_ir_block_append (block, opcode, immediate, arguments[0], arguments[1],
                                         arguments[2], arguments[3]);
  if (info->result == DIO_IR_I1)
    result = dio_ir_block_append (block, DIO_IR_WIDEN, 0, result, 0, 0, 0);
  dio_ir_block_append (block, DIO_IR_SET_X, 1, result, 0, 0, 0);
  dio_ir_block_append (block, DIO_IR_EXIT, 4, 0, 0, 0, 0);
}

static void
assert_evaluates (DioOptContext *context, DioIrOpcode opcode, GRand *rng)
{
  g_autoptr (DioIrBlock) block = dio_ir_block_new ();
  int64_t immediate = 0;
  if (dio_ir_op_info[opcode].immediate == DIO_IR_IMM_FP)
    immediate = g_rand_boolean (rng) ? DIO_IR_FP_class32 : DIO_IR_FP_class64;
  else if (dio_ir_op_info[opcode].immediate == DIO_IR_IMM_SHIFT)
    immediate = g_rand_int_range (rng, 1, 4);
  IrEvalState state;
  make_constant (block, opcode, immediate, rng);
  ir_eval_randomize (&state, rng);
  ir_eval_block (block, &state, NULL);
  uint64_t value = folded_value (context, block);
  if (value != state.x[1]) {
    g_autofree char *text = dio_ir_block_to_text (block);
    g_error ("%" G_GINT64_MODIFIER "x instead of %" G_GINT64_MODIFIER "x:\n%s", value, state.x[1],
             text);
  }
}

static void
test_every_op (void)
{
  g_autoptr (GRand) rng = g_rand_new_with_seed (5);
  g_autoptr (DioOptContext) context = dio_opt_context_new ();
  unsigned n = 0;
  for (unsigned opcode = 0; opcode < DIO_IR_N_OPS; opcode++) {
    const DioIrOpInfo *info = &dio_ir_op_info[opcode];
    if (info->effects != DIO_IR_PURE || !info->n_arguments || dio_ir_op_has_vectors (opcode))
      continue;
    for (unsigned round = 0; round < 3000; round++)
      assert_evaluates (context, opcode, rng);
    n++;
  }
  g_assert_cmpuint (n, >=, 40);
}

/* ---- Arithmetic ---- */

static void
test_identities (void)
{
  static const struct {
    const char *operation, *constant, *after;
  } cases[] = {
    { "add", "0", IS_X },
    { "sub", "0", IS_X },
    { "sub", "5", IS_OP_OF ("add", "-5") },
    { "sub", "-9223372036854775808", IS_OP_OF ("add", "-9223372036854775808") },
    { "mul", "0", IS (0) },
    { "mul", "1", IS_X },
    { "mul", "-1", IS_OP ("neg") },
    { "mul", "8", IS_OP_OF ("shl", "3") },
    { "mul", "-9223372036854775808", IS_OP_OF ("shl", "63") },
    { "mul", "6", IS_OP_OF ("mul", "6") },
    { "mulh", "0", IS (0) },
    { "mulhu", "0", IS (0) },
    { "mulhsu", "0", IS (0) },
    { "mulhu", "1", IS_OP_OF ("mulhu", "1") },
    { "div", "0", IS (-1) },
    { "div", "1", IS_X },
    { "div", "-1", IS_OP ("neg") },
    { "div", "4", IS_OP_OF ("div", "4") },
    { "divu", "0", IS (-1) },
    { "divu", "1", IS_X },
    { "divu", "-1", IS_OP_OF ("divu", "-1") },
    { "divu", "4", IS_OP_OF ("shr", "2") },
    { "divu", "-9223372036854775808", IS_OP_OF ("shr", "63") },
    { "rem", "0", IS_X },
    { "rem", "1", IS (0) },
    { "rem", "-1", IS (0) },
    { "rem", "4", IS_OP_OF ("rem", "4") },
    { "remu", "0", IS_X },
    { "remu", "1", IS (0) },
    { "remu", "-1", IS_OP_OF ("remu", "-1") },
    { "remu", "16", IS_OP_OF ("and", "15") },
    { "and", "0", IS (0) },
    { "and", "-1", IS_X },
    { "and", "255", IS_OP ("zext8") },
    { "and", "65535", IS_OP ("zext16") },
    { "and", "4294967295", IS_OP ("zext32") },
    { "and", "15", IS_OP_OF ("and", "15") },
    { "or", "0", IS_X },
    { "or", "-1", IS (-1) },
    { "or", "1", IS_OP_OF ("or", "1") },
    { "xor", "0", IS_X },
    { "xor", "-1", IS_OP ("not") },
    { "xor", "1", IS_OP_OF ("xor", "1") },
    { "shl", "0", IS_X },
    { "shl", "64", IS_X },
    { "shl", "65", IS_OP_OF ("shl", "1") },
    { "shr", "0", IS_X },
    { "sar", "-1", IS_OP_OF ("sar", "63") },
    { "rotl", "64", IS_X },
    { "rotr", "8", IS_OP_OF ("rotr", "8") },
    { "rotl32", "32", IS_OP ("zext32") },
    { "rotr32", "0", IS_OP ("zext32") },
  };
  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_constant (cases[i].operation, cases[i].constant, cases[i].after);
}

static void
test_same (void)
{
  assert_folds (X "%3 = sub %1, %1\nset x3, %3\n", IS (0));
  assert_folds (X "%3 = xor %1, %1\nset x3, %3\n", IS (0));
  assert_folds (X "%3 = and %1, %1\nset x3, %3\n", IS_X);
  assert_folds (X "%3 = or %1, %1\nset x3, %3\n", IS_X);
  assert_kept (X "%3 = add %1, %1\nset x3, %3\n");
  assert_folds (X "%2 = not %1\n%3 = not %2\nset x3, %3\n", IS_X);
  assert_folds (X "%2 = neg %1\n%3 = neg %2\nset x3, %3\n", IS_X);
  assert_folds (X "%2 = bswap %1\n%3 = bswap %2\nset x3, %3\n", IS_X);
  assert_folds (XY "%3 = neg %1\n%4 = add %3, %2\nset x3, %4\n",
                XY "%4 = sub %2, %1\nset x3, %4\n");
  assert_folds (XY "%3 = neg %1\n%4 = sub %2, %3\nset x3, %4\n",
                XY "%4 = add %2, %1\nset x3, %4\n");
  assert_folds (XY "%3 = sub %1, %2\n%4 = neg %3\nset x3, %4\n",
                XY "%4 = sub %2, %1\nset x3, %4\n");
  assert_folds (X "%2 = const 0\n%3 = sub %2, %1\nset x3, %3\n", IS_OP ("neg"));
  assert_folds (X "%2 = const -1\n%3 = sub %2, %1\nset x3, %3\n", IS_OP ("not"));
  /* Constants go behind where it does not matter. */
  assert_folds ("%1 = const 3\n%2 = get x2\n%3 = add %1, %2\nset x3, %3\n",
                "%1 = const 3\n%2 = get x2\n%3 = add %2, %1\nset x3, %3\n");
  assert_kept ("%1 = const 3\n%2 = get x2\n%3 = sub %1, %2\nset x3, %3\n");
}

/* (x op c) op d of @operation is x op @both. */
static void
assert_chain (const char *operation, const char *c, const char *d, const char *both)
{
  g_autofree char *before =
      g_strdup_printf ("%%1 = get x1\n%%2 = const %s\n%%3 = %s %%1, %%2\n%%4 = const %s\n"
                       "%%5 = %s %%3, %%4\nset x3, %%5\n",
                       c, operation, d, operation);
  g_autofree char *after = g_strdup_printf (
      "%%1 = get x1\n%%4 = const %s\n%%5 = %s %%1, %%4\nset x3, %%5\n", both, operation);
  assert_folds (before, after);
}

static void
test_chains (void)
{
  assert_chain ("add", "5", "-7", "-2");
  assert_chain ("add", "9223372036854775807", "1", "-9223372036854775808");
  assert_chain ("mul", "3", "5", "15");
  assert_chain ("and", "60", "15", "12");
  assert_chain ("or", "1", "2", "3");
  assert_chain ("xor", "7", "2", "5");
  assert_chain ("shl", "3", "5", "8");
  assert_chain ("shr", "30", "33", "63");
  assert_chain ("sar", "40", "40", "63");
  assert_folds (X "%2 = const 32\n%3 = shl %1, %2\n%4 = const 32\n%5 = shl %3, %4\nset x3, %5\n",
                "%5 = const 0\nset x3, %5\n");
  assert_folds (X "%2 = const 60\n%3 = shr %1, %2\n%4 = const 4\n%5 = shr %3, %4\nset x3, %5\n",
                "%5 = const 0\nset x3, %5\n");
  /* Sums that are used otherwise, and constants that are. */
  assert_kept (X "%2 = const 5\n%3 = add %1, %2\nset x2, %3\n%5 = const 7\n%6 = add %3, %5\n"
                 "set x3, %6\n");
  assert_kept (X "%2 = const 5\n%3 = add %1, %2\n%4 = add %3, %2\nset x3, %4\n");
}

static void
test_pc (void)
{
  assert_folds ("%1 = pc +8\n%2 = const 4096\n%3 = add %1, %2\nset x1, %3\n%5 = const -8\n"
                "%6 = add %3, %5\nset x2, %6\n",
                "%3 = pc +4104\nset x1, %3\n%6 = pc +4096\nset x2, %6\n");
  /* As far as offsets go. */
  assert_kept ("%1 = pc +8\n%2 = const 2147483647\n%3 = add %1, %2\nset x1, %3\n");
  assert_kept ("%1 = pc +8\n%2 = const 9223372036854775807\n%3 = add %1, %2\nset x1, %3\n");
  /* A far jump is an exit if the address is known to be even. */
  const char *far = "%1 = pc +8\n%2 = const -2\n%3 = and %1, %2\njump %3\n";
  opt_assert_aligned (DIO_OPT_FOLD, 1, far, "exit +8\n");
  opt_assert_aligned (DIO_OPT_FOLD, 0, far, far);
  const char *odd = "%1 = pc +7\n%2 = const -2\n%3 = and %1, %2\njump %3\n";
  opt_assert_aligned (DIO_OPT_FOLD, 1, odd, odd);
  const char *four = "%1 = pc +8\n%2 = const -4\n%3 = and %1, %2\njump %3\n";
  opt_assert_aligned (DIO_OPT_FOLD, 1, four, four);
  opt_assert_aligned (DIO_OPT_FOLD, 2, four, "exit +8\n");
}

/* What sign injections of floating point are made of. */
static void
test_injection (void)
{
#define MASKS(value)                                                                               \
  "%3 = const 9223372036854775807\n%4 = and %1, %3\n%5 = const -9223372036854775808\n"             \
  "%6 = and " value ", %5\n%7 = or %4, %6\nset f3, %7\n"
  assert_folds ("%1 = get f1\n" MASKS ("%1"), "%1 = get f1\nset f3, %1\n");
  assert_folds ("%1 = get f1\n%2 = not %1\n" MASKS ("%2"),
                "%1 = get f1\n%5 = const -9223372036854775808\n%7 = xor %1, %5\nset f3, %7\n");
  assert_kept ("%1 = get f1\n%2 = get f2\n" MASKS ("%2"));
  assert_folds ("%1 = get f1\n%2 = const -9223372036854775808\n%3 = and %1, %2\n%4 = xor %1, %3\n"
                "set f3, %4\n",
                "%1 = get f1\n%2 = const 9223372036854775807\n%4 = and %1, %2\nset f3, %4\n");
  /* The masks leave something out, or overlap. */
  assert_kept ("%1 = get f1\n%2 = const 3\n%3 = and %1, %2\n%4 = const 4\n%5 = and %1, %4\n"
               "%6 = or %3, %5\nset f3, %6\n");
  assert_kept ("%1 = get f1\n%2 = not %1\n%3 = const -2\n%4 = and %1, %3\n%5 = const 3\n"
               "%6 = and %2, %5\n%7 = or %4, %6\nset f3, %7\n");
  assert_kept ("%1 = get f1\n%2 = get f2\n%3 = const 9223372036854775807\n%4 = and %1, %3\n"
               "%5 = xor %2, %4\nset f3, %5\n");
  /* The constant is in use. */
  assert_kept ("%1 = get f1\n%2 = const -9223372036854775808\n%3 = and %1, %2\n%4 = xor %1, %3\n"
               "set f3, %4\nset f4, %2\n");
  /* Single precision: a mask that fits an instruction. */
  assert_folds ("%1 = get f1\n%2 = unbox %1\n%3 = const 2147483648\n%4 = not %3\n%5 = and %2, %4\n"
                "set f3, %5\n",
                "%1 = get f1\n%2 = unbox %1\n%4 = const 2147483647\n%5 = and %2, %4\nset f3, %5\n");
}

/* ---- Widths ---- */

/* Extending @value, made from %1 and %2, does nothing, or does something. */
static void
assert_extension (const char *extension, const char *value, bool nothing)
{
  g_autofree char *before = g_strdup_printf (
      "%s%%9 = %s\nset x3, %%9\n%%11 = %s %%9\nset x4, %%11\n", XY, value, extension);
  g_autofree char *after = g_strdup_printf ("%s%%9 = %s\nset x3, %%9\nset x4, %%9\n", XY, value);
  opt_assert (DIO_OPT_FOLD, before, nothing ? after : before);
}

static void
test_extensions (void)
{
  static const struct {
    const char *value;
    const char *nothing, *something; /* the narrowest that does nothing, the widest that does */
  } cases[] = {
    { "load.s8 0, %1", "sext8", "zext32" },
    { "load.u8 0, %1", "zext8", "sext8" },
    { "load.s16 0, %1", "sext16", "sext8" },
    { "load.u16 0, %1", "zext16", "sext16" },
    { "load.s32 0, %1", "sext32", "zext32" },
    { "load.u32 0, %1", "zext32", "sext32" },
    { "load.s32 0, %1", "sext32", "sext16" },
    { "lr.32 %1", "sext32", "zext32" },
    { "amo.max.32 %1, %2", "sext32", "sext16" },
    { "sc.64 %1, %2", "zext8", NULL },
    { "clz %1", "sext8", NULL },
    { "cpop %1", "zext8", NULL },
    { "rotl32 %1, %2", "zext32", "sext32" },
    { "unbox %1", "zext32", "sext32" },
    { "sext8 %1", "sext8", "zext32" },
    { "sext32 %1", "sext32", "sext16" },
    { "zext16 %1", "zext16", "sext16" },
    { "zext16 %1", "sext32", "zext8" },
    { "load.u64 0, %1", NULL, "sext32" },
    { "get x3", NULL, "zext32" },
    { "add %1, %2", NULL, "sext32" },
    { "fp.add32 %1, %1, %2", "zext32", "sext32" },
    { "fp.f64_to_i32 %1, %2", "sext32", "zext32" },
    { "fp.f32_to_u32 %1, %2", "zext32", "sext32" },
    { "fp.test.lt64 %1, %2", "zext8", NULL },
    { "fp.pure.class32 %1", "zext16", "zext8" },
    { "fp.f64_to_i64 %1, %2", NULL, "sext32" },
  };
  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++) {
    if (cases[i].nothing)
      assert_extension (cases[i].nothing, cases[i].value, true);
    if (cases[i].something)
      assert_extension (cases[i].something, cases[i].value, false);
  }
}

/* Widths through arithmetic. */
static void
test_widths (void)
{
  assert_folds (X "%2 = sext32 %1\n%3 = const 4\n%4 = sar %2, %3\n%5 = sext32 %4\nset x3, %5\n",
                X "%2 = sext32 %1\n%3 = const 4\n%4 = sar %2, %3\nset x3, %4\n");
  assert_folds (XY "%3 = sext32 %1\n%4 = sext32 %2\nset x4, %3\nset x5, %4\n%7 = rem %3, %4\n"
                   "%8 = sext32 %7\nset x3, %8\n",
                XY "%3 = sext32 %1\n%4 = sext32 %2\nset x4, %3\nset x5, %4\n%7 = rem %3, %4\n"
                   "set x3, %7\n");
  /* The lowest number by -1 does not fit. */
  assert_kept (XY "%3 = sext32 %1\n%4 = sext32 %2\n%5 = div %3, %4\n%6 = sext32 %5\nset x3, %6\n");
  assert_folds (X "%2 = zext32 %1\n%3 = const 1\n%4 = shr %2, %3\n%5 = sext32 %4\nset x3, %5\n",
                X "%2 = zext32 %1\n%3 = const 1\n%4 = shr %2, %3\nset x3, %4\n");
  assert_folds (X "%2 = load.u8 0, %1\n%3 = const 8\n%4 = shl %2, %3\n%5 = zext16 %4\nset x3, %5\n",
                X "%2 = load.u8 0, %1\n%3 = const 8\n%4 = shl %2, %3\nset x3, %4\n");
  assert_folds (X "%2 = load.u8 0, %1\n%3 = const 8\n%4 = shr %2, %3\nset x3, %4\n",
                X "%2 = load.u8 0, %1\n%4 = const 0\nset x3, %4\n");
  assert_folds (X "%2 = load.u8 0, %1\n%3 = const 256\n%4 = and %2, %3\nset x3, %4\n",
                X "%2 = load.u8 0, %1\n%4 = const 0\nset x3, %4\n");
  assert_folds (X "%2 = load.u8 0, %1\n%3 = const 511\n%4 = and %2, %3\nset x3, %4\n",
                X "%2 = load.u8 0, %1\nset x3, %2\n");
}

/* Only the low bits matter. */
static void
test_low (void)
{
  assert_folds (X "%2 = zext32 %1\n%3 = sext32 %2\nset x3, %3\n", IS_OP ("sext32"));
  assert_folds (X "%2 = sext16 %1\n%3 = zext8 %2\nset x3, %3\n", IS_OP ("zext8"));
  assert_kept (X "%2 = sext8 %1\n%3 = zext16 %2\nset x3, %3\n");
  assert_folds (X "%2 = const 65535\n%3 = and %1, %2\n%4 = zext8 %3\nset x3, %4\n",
                X "%4 = zext8 %1\nset x3, %4\n");
  assert_folds (X "%2 = sext32 %1\n%3 = const 7\n%4 = and %2, %3\nset x3, %4\n",
                X "%3 = const 7\n%4 = and %1, %3\nset x3, %4\n");
  assert_kept (X "%2 = sext32 %1\n%3 = const -2\n%4 = and %2, %3\nset x3, %4\n");
  /* Through arithmetic whose low bits come from low bits. */
  assert_folds (XY "%3 = sext32 %1\n%4 = zext32 %2\n%5 = add %3, %4\n%6 = sext32 %5\nset x3, %6\n",
                XY "%5 = add %1, %2\n%6 = sext32 %5\nset x3, %6\n");
  assert_kept (XY "%3 = sext32 %1\n%4 = shl %3, %2\n%5 = sext32 %4\nset x3, %5\n");
  assert_kept (XY "%3 = zext32 %1\n%4 = divu %3, %2\n%5 = sext32 %4\nset x3, %5\n");
  assert_kept (XY "%3 = sext32 %1\n%4 = add %3, %2\nset x4, %4\n%6 = sext32 %4\nset x3, %6\n");
  /* Stored, boxed, shifted by. */
  assert_folds (XY "%3 = sext32 %1\nstore.32 0, %2, %3\n", XY "store.32 0, %2, %1\n");
  assert_folds (XY "%3 = zext8 %1\nstore.8 0, %2, %3\n", XY "store.8 0, %2, %1\n");
  assert_kept (XY "%3 = zext8 %1\nstore.16 0, %2, %3\n");
  assert_kept (XY "%3 = sext32 %1\nstore.64 0, %2, %3\n");
  assert_kept (XY "%3 = sext32 %1\nstore.32 0, %3, %2\n");
  assert_folds (XY "%3 = sext32 %1\n%4 = amo.min.32 %2, %3\nset x3, %4\n",
                XY "%4 = amo.min.32 %2, %1\nset x3, %4\n");
  assert_folds (X "%2 = zext32 %1\n%3 = box %2\nset f3, %3\n", X "%3 = box %1\nset f3, %3\n");
  assert_folds (XY "%3 = const 63\n%4 = and %2, %3\n%5 = shl %1, %4\nset x3, %5\n",
                XY "%5 = shl %1, %2\nset x3, %5\n");
  assert_kept (XY "%3 = const 31\n%4 = and %2, %3\n%5 = shl %1, %4\nset x3, %5\n");
  assert_folds (XY "%3 = const 31\n%4 = and %2, %3\n%5 = rotr32 %1, %4\nset x3, %5\n",
                XY "%5 = rotr32 %1, %2\nset x3, %5\n");
  assert_kept (XY "%3 = const 31\n%4 = and %2, %3\n%5 = rotr %1, %4\nset x3, %5\n");
}

/* Extensions by two shifts, and what else such pairs are. */
static void
test_shift_pairs (void)
{
#define PAIR(k, operation, n)                                                                      \
  X "%2 = const " #k "\n%3 = shl %1, %2\n%4 = const " #n "\n%5 = " operation " %3, %4\nset x3, "   \
    "%5\n"
  assert_folds (PAIR (32, "shr", 32), X "%5 = zext32 %1\nset x3, %5\n");
  assert_folds (PAIR (48, "sar", 48), X "%5 = sext16 %1\nset x3, %5\n");
  assert_folds (PAIR (56, "shr", 56), X "%5 = zext8 %1\nset x3, %5\n");
  assert_folds (PAIR (32, "shr", 30),
                X "%3 = zext32 %1\n%4 = const 2\n%5 = shl %3, %4\nset x3, %5\n");
  assert_folds (PAIR (48, "sar", 50),
                X "%3 = sext16 %1\n%4 = const 2\n%5 = sar %3, %4\nset x3, %5\n");
  assert_folds (PAIR (32, "shr", 63),
                X "%3 = zext32 %1\n%4 = const 31\n%5 = shr %3, %4\nset x3, %5\n");
  assert_kept (PAIR (20, "shr", 20));
  assert_kept (X "%2 = const 32\n%3 = shl %1, %2\nset x2, %3\n%5 = shr %3, %2\nset x3, %5\n");
  /* What is extended is that wide already. */
  assert_folds (X "%2 = load.u32 0, %1\n%3 = const 32\n%4 = shl %2, %3\n%5 = const 29\n"
                  "%6 = shr %4, %5\nset x3, %6\n",
                X "%2 = load.u32 0, %1\n%5 = const 3\n%6 = shl %2, %5\nset x3, %6\n");
}

/* The other load does it. */
static void
test_loads (void)
{
  assert_folds (X "%2 = load.s32 4, %1\n%3 = zext32 %2\nset x3, %3\n",
                X "%2 = load.u32 4, %1\nset x3, %2\n");
  assert_folds (X "%2 = load.u8 4, %1\n%3 = sext8 %2\nset x3, %3\n",
                X "%2 = load.s8 4, %1\nset x3, %2\n");
  assert_folds (X "%2 = load.u16 4, %1\n%3 = sext16 %2\nset x3, %3\n",
                X "%2 = load.s16 4, %1\nset x3, %2\n");
  assert_kept (X "%2 = load.s32 4, %1\n%3 = zext32 %2\nset x3, %3\nset x4, %2\n");
  assert_kept (X "%2 = load.u16 4, %1\n%3 = sext8 %2\nset x3, %3\n");
  assert_kept (X "%2 = load.u64 4, %1\n%3 = sext32 %2\nset x3, %3\n");
}

static void
test_boxes (void)
{
  assert_folds (X "%2 = zext32 %1\n%3 = box %2\nset f1, %3\n%5 = unbox %3\nset x3, %5\n",
                X "%3 = box %1\nset f1, %3\n%5 = zext32 %1\nset x3, %5\n");
  assert_folds (XY "%3 = fp.add32 %1, %1, %2\n%4 = box %3\nset f1, %4\n%6 = unbox %4\n"
                   "%7 = fp.mul32 %1, %6, %6\nset x3, %7\n",
                XY "%3 = fp.add32 %1, %1, %2\n%4 = box %3\nset f1, %4\n"
                   "%7 = fp.mul32 %1, %3, %3\nset x3, %7\n");
  /* A badly boxed one changes. */
  assert_kept ("%1 = get f1\n%2 = unbox %1\n%3 = box %2\nset f3, %3\n");
  assert_folds ("%1 = const 5\n%2 = unbox %1\nset f3, %2\n", "%2 = const 2143289344\nset f3, %2\n");
}

/* ---- Truth ---- */

static void
test_truth (void)
{
  /* A truth value that became a number, and a truth value again. */
#define LESS XY "%3 = lt %1, %2 : i1\n%4 = widen %3\nset x4, %4\n"
  assert_folds (LESS "%6 = const 0\n%7 = ne %4, %6 : i1\nbranch +8, %7\n",
                LESS "%7 = lt %1, %2 : i1\nbranch +8, %7\n");
  assert_folds (LESS "%6 = const 0\n%7 = eq %4, %6 : i1\nbranch +8, %7\n",
                LESS "%7 = ge %1, %2 : i1\nbranch +8, %7\n");
  assert_folds (LESS "%6 = const 1\n%7 = eq %4, %6 : i1\nbranch +8, %7\n",
                LESS "%7 = lt %1, %2 : i1\nbranch +8, %7\n");
  assert_folds (LESS "%6 = const 1\n%7 = ne %4, %6 : i1\n%8 = select %7, %1, %2\nset x3, %8\n",
                LESS "%7 = ge %1, %2 : i1\n%8 = select %7, %1, %2\nset x3, %8\n");
  assert_folds (XY
                "%3 = ltu %1, %2 : i1\n%4 = widen %3\n%5 = const 1\n%6 = xor %4, %5\nset x3, %6\n",
                XY "%4 = geu %1, %2 : i1\n%6 = widen %4\nset x3, %6\n");
  assert_kept (XY
               "%3 = lt %1, %2 : i1\n%4 = widen %3\n%5 = const 3\n%6 = xor %4, %5\nset x3, %6\n");
  assert_kept (LESS "%6 = const 1\n%7 = xor %4, %6\nset x3, %7\n");
}

static void
test_comparisons (void)
{
#define TAKEN(comparison) comparison "branch +8, %9\n"
  /* How guests write x == 0 and x != 0. */
  assert_folds (TAKEN (X "%2 = const 1\n%9 = ltu %1, %2 : i1\n"),
                TAKEN (X "%2 = const 0\n%9 = eq %1, %2 : i1\n"));
  assert_folds (TAKEN (X "%2 = const 1\n%9 = geu %1, %2 : i1\n"),
                TAKEN (X "%2 = const 0\n%9 = ne %1, %2 : i1\n"));
  assert_folds (TAKEN (X "%2 = const 0\n%9 = ltu %2, %1 : i1\n"),
                TAKEN (X "%2 = const 0\n%9 = ne %1, %2 : i1\n"));
  assert_folds (TAKEN (X "%2 = const 0\n%9 = geu %2, %1 : i1\n"),
                TAKEN (X "%2 = const 0\n%9 = eq %1, %2 : i1\n"));
  assert_folds (TAKEN (X "%2 = const 3\n%9 = ne %2, %1 : i1\n"),
                TAKEN (X "%2 = const 3\n%9 = ne %1, %2 : i1\n"));
  assert_kept (TAKEN (X "%2 = const 0\n%9 = lt %2, %1 : i1\n"));
  assert_kept (TAKEN (X "%2 = const 1\n%9 = lt %1, %2 : i1\n"));
  /* And x == y, and x == c. */
  assert_folds (TAKEN (XY "%3 = sub %1, %2\n%4 = const 0\n%9 = eq %3, %4 : i1\n"),
                TAKEN (XY "%9 = eq %1, %2 : i1\n"));
  assert_folds (TAKEN (XY "%3 = xor %1, %2\n%4 = const 1\n%9 = ltu %3, %4 : i1\n"),
                TAKEN (XY "%9 = eq %1, %2 : i1\n"));
  assert_folds (TAKEN (X "%2 = const -5\n%3 = add %1, %2\n%4 = const 2\n%9 = ne %3, %4 : i1\n"),
                TAKEN (X "%4 = const 7\n%9 = ne %1, %4 : i1\n"));
  assert_folds (TAKEN (X "%2 = const 5\n%3 = xor %1, %2\n%4 = const 3\n%9 = eq %3, %4 : i1\n"),
                TAKEN (X "%4 = const 6\n%9 = eq %1, %4 : i1\n"));
  assert_kept (TAKEN (XY "%3 = sub %1, %2\n%4 = const 1\n%9 = eq %3, %4 : i1\n"));
  assert_kept (TAKEN (XY "%3 = sub %1, %2\nset x4, %3\n%5 = const 0\n%9 = eq %3, %5 : i1\n"));
}

static void
test_known (void)
{
#define NEVER(comparison) X comparison "branch +8, %9\ninsn +4\n"
  assert_folds (NEVER ("%9 = ne %1, %1 : i1\n"), "insn +0\ninsn +4\n");
  assert_folds (NEVER ("%9 = lt %1, %1 : i1\n"), "insn +0\ninsn +4\n");
  assert_folds (NEVER ("%2 = const 0\n%9 = ltu %1, %2 : i1\n"), "insn +0\ninsn +4\n");
  assert_folds (NEVER ("%2 = clz %1\n%3 = const 128\n%9 = eq %2, %3 : i1\n"), "insn +0\ninsn +4\n");
  assert_folds (NEVER ("%2 = clz %1\n%3 = const 128\n%9 = geu %2, %3 : i1\n"),
                "insn +0\ninsn +4\n");
  assert_kept (NEVER ("%2 = clz %1\n%3 = const 127\n%9 = geu %2, %3 : i1\n"));
  assert_kept (NEVER ("%2 = clz %1\n%3 = const 127\n%9 = ltu %2, %3 : i1\n"));
  assert_kept (NEVER ("%9 = eq %1, %1 : i1\n"));
  assert_kept (X "%2 = clz %1\n%3 = const 127\n%4 = ltu %2, %3 : i1\n%5 = widen %4\nset x3, %5\n");
  assert_folds (X "%2 = clz %1\n%3 = const 128\n%4 = ltu %2, %3 : i1\n%5 = widen %4\nset x3, %5\n",
                "%5 = const 1\nset x3, %5\n");
  /* Traps that never happen go, those that always do stay. */
  assert_folds (X "%2 = const 0\n%3 = ne %2, %2 : i1\ntrap_if 2, %3, %1\nillegal_if %3\n",
                "insn +0\n");
  assert_kept ("%2 = const 1\n%3 = const 0\n%4 = ne %2, %3 : i1\nillegal_if %4\n");
  assert_folds (X "%2 = ge %1, %1 : i1\n%3 = widen %2\nset x3, %3\n", IS (1));
}

static void
test_select (void)
{
#define IF XY "%3 = ltu %1, %2 : i1\n"
  assert_folds (IF "%4 = select %3, %1, %1\nset x3, %4\n", X "set x3, %1\n");
  assert_folds (IF "%4 = const 1\n%5 = const 0\n%6 = select %3, %4, %5\nset x3, %6\n",
                IF "%6 = widen %3\nset x3, %6\n");
  assert_folds (IF "%4 = const 0\n%5 = const 1\n%6 = select %3, %4, %5\nset x3, %6\n",
                XY "%3 = geu %1, %2 : i1\n%6 = widen %3\nset x3, %6\n");
  assert_folds (IF "%4 = const 7\n%5 = const 7\n%6 = select %3, %4, %5\nset x3, %6\n",
                "%4 = const 7\nset x3, %4\n");
  assert_folds (XY "%3 = eq %1, %1 : i1\n%4 = select %3, %1, %2\nset x3, %4\n", X "set x3, %1\n");
  assert_folds (XY "%3 = lt %1, %1 : i1\n%4 = select %3, %1, %2\nset x3, %4\n",
                "%2 = get x2\nset x3, %2\n");
  assert_kept (IF
               "%4 = const 0\n%5 = const 1\n%6 = select %3, %4, %5\nset x3, %6\nbranch +8, %3\n");
  assert_kept (IF "%4 = const 2\n%5 = const 0\n%6 = select %3, %4, %5\nset x3, %6\n");
}

/* Long chains of what loses its last use, and values with more uses than are counted. */
static void
test_long (void)
{
  g_autoptr (DioIrBlock) block = dio_ir_block_new ();
  g_autoptr (DioOptContext) context = dio_opt_context_new ();
  g_autoptr (GError) error = NULL;
  dio_ir_block_append (block, DIO_IR_INSN, 0, 0, 0, 0, 0);
  uint32_t value = dio_ir_block_append (block, DIO_IR_GET_X, 1, 0, 0, 0, 0);
  uint32_t zero = dio_ir_block_append (block, DIO_IR_CONST, 0, 0, 0, 0, 0);
  for (unsigned i = 0; i < 100000; i++)
    value = dio_ir_block_append (block, DIO_IR_CPOP, 0, value, 0, 0, 0);
  uint32_t nothing = dio_ir_block_append (block, DIO_IR_MUL, 0, value, zero, 0, 0);
  for (unsigned i = 0; i < 600; i++)
    value = dio_ir_block_append (block, DIO_IR_ADD, 0, 1, nothing, 0, 0);
  dio_ir_block_append (block, DIO_IR_SET_X, 2, value, 0, 0, 0);
  dio_ir_block_append (block, DIO_IR_EXIT, 4, 0, 0, 0, 0);
  dio_opt_block (context, block);
  g_autofree char *text = dio_ir_block_to_text (block);
  dio_ir_block_verify (block, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (text, ==, "insn +0\n  %1 = get x1\n  set x2, %1\n  exit +4\n");
}

static void
test_vectors (void)
{
  assert_folds ("%1 = get x1\n%2 = get x2\n%3 = vec.make %1, %2\n%4 = vec.low %3\n"
                "%5 = vec.high %3\nset x3, %4\nset x4, %5\n",
                "%1 = get x1\n%2 = get x2\nset x3, %1\nset x4, %2\n");
  assert_folds ("%1 = get v1\n%2 = vec.low %1\n%3 = vec.high %1\n%4 = vec.make %2, %3\n"
                "set v2, %4\n",
                "%1 = get v1\nset v2, %1\n");
  assert_kept ("%1 = get v1\n%2 = vec.low %1\n%3 = vec.high %1\n%4 = vec.make %3, %2\n"
               "set v2, %4\n");
  /* What has no upper half; 32 bits of every lane of 64 are one. */
  static const char *const halves[] = { "vec.shrn 1024, %1", "vec.uaddlv 256, %1",
                                        "vec.sat.sqshrn 0, %1", "vec.fp.sqrt64 16385, %8, %1",
                                        "vec.fp.sqrt32 8194, %8, %1" };
  static const char *const wholes[] = { "vec.ushr 1024, %1", "vec.fp.sqrt64 16386, %8, %1",
                                        "vec.fp.sqrt32 8196, %8, %1" };
  for (unsigned i = 0; i < G_N_ELEMENTS (halves) + G_N_ELEMENTS (wholes); i++) {
    bool half = i < G_N_ELEMENTS (halves);
    const char *made = half ? halves[i] : wholes[i - G_N_ELEMENTS (halves)];
    g_autofree char *start =
        g_strdup_printf ("%%8 = fp.mode\n%%9 = %s\n%%10 = vec.low %%9\n", made);
    g_autofree char *before =
        g_strconcat ("%1 = get v1\n%2 = const 0\n", start,
                     "%11 = vec.make %10, %2\nset v2, %11\nset x1, %10\n", NULL);
    g_autofree char *after =
        g_strconcat ("%1 = get v1\n", start, "set v2, %9\nset x1, %10\n", NULL);
    opt_assert (DIO_OPT_FOLD, before, half ? after : before);
  }
}

/* What is done to halves lane by lane is one again, unless zeros do not stay zeros, or a lane of
 * the upper half is put in. */
static void
test_halves (void)
{
  static const char *const halves[] = {
    "vec.xor 3, %4, %5", "vec.add 2, %4, %5", "vec.bsl 3, %4, %5, %4",
    "vec.sshr 1282, %4", "vec.rev 512, %4",   "vec.insert 769, %4, %1",
  };
  static const char *const wholes[] = { "vec.xor 3, %4, %6", "vec.cmeq 2, %4, %5", "vec.not 3, %4",
                                        "vec.ext 256, %4, %5", "vec.insert 514, %4, %1" };
  for (unsigned i = 0; i < G_N_ELEMENTS (halves) + G_N_ELEMENTS (wholes); i++) {
    bool half = i < G_N_ELEMENTS (halves);
    const char *made = half ? halves[i] : wholes[i - G_N_ELEMENTS (halves)];
    g_autofree char *start =
        g_strconcat ("%1 = get x1\n%2 = get x2\n%3 = const 0\n%4 = vec.make %1, %3\n"
                     "%5 = vec.make %2, %3\n%6 = get v6\nset v5, %5\nset v4, %4\n%9 = ",
                     made, "\n%10 = vec.low %9\n", NULL);
    g_autofree char *before = g_strconcat (start, "%11 = vec.make %10, %3\nset v2, %11\n", NULL);
    g_autofree char *after = g_strconcat (start, "set v2, %9\n", NULL);
    g_autofree char *removed = g_strdup (after);
    char *dead = strstr (removed, "%10 = ");
    memmove (dead, strchr (dead, '\n') + 1, strlen (strchr (dead, '\n')));
    opt_assert (DIO_OPT_FOLD, before, half ? removed : before);
  }
  assert_folds ("%1 = get v1\n%2 = vec.lane 3, %1\n%3 = vec.lane 259, %1\nset x1, %2\nset x2, %3\n",
                "%1 = get v1\n%2 = vec.low %1\n%3 = vec.high %1\nset x1, %2\nset x2, %3\n");
  assert_kept ("%1 = get v1\n%2 = vec.lane 258, %1\nset x1, %2\n");
  assert_folds ("%1 = get v1\n%2 = vec.shl 2, %1\nset v2, %2\n", "%1 = get v1\nset v2, %1\n");
  assert_kept ("%1 = get v1\n%2 = vec.shl 258, %1\nset v2, %2\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/opt/fold/every-op", test_every_op);
  g_test_add_func ("/core/opt/fold/identities", test_identities);
  g_test_add_func ("/core/opt/fold/same", test_same);
  g_test_add_func ("/core/opt/fold/chains", test_chains);
  g_test_add_func ("/core/opt/fold/pc", test_pc);
  g_test_add_func ("/core/opt/fold/injection", test_injection);
  g_test_add_func ("/core/opt/fold/extensions", test_extensions);
  g_test_add_func ("/core/opt/fold/widths", test_widths);
  g_test_add_func ("/core/opt/fold/low", test_low);
  g_test_add_func ("/core/opt/fold/shift-pairs", test_shift_pairs);
  g_test_add_func ("/core/opt/fold/loads", test_loads);
  g_test_add_func ("/core/opt/fold/boxes", test_boxes);
  g_test_add_func ("/core/opt/fold/truth", test_truth);
  g_test_add_func ("/core/opt/fold/comparisons", test_comparisons);
  g_test_add_func ("/core/opt/fold/known", test_known);
  g_test_add_func ("/core/opt/fold/select", test_select);
  g_test_add_func ("/core/opt/fold/long", test_long);
  g_test_add_func ("/core/opt/fold/vectors", test_vectors);
  g_test_add_func ("/core/opt/fold/halves", test_halves);
  return g_test_run ();
}
