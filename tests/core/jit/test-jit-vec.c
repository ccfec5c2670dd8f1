/* SPDX-License-Identifier: GPL-3.0-or-later
 * The code generator's vectors: every operation with random lanes in operands that are in every
 * kind of place, on processors that lack this and that, against the functions of core/vec and
 * core/fp; faults between them; memory through the TLB; then whole random blocks. */
#include <inttypes.h>
#include <string.h>

#include "core/opt/opt.h"
#include "core/vec/vec.h"
#include "tests/core/jit/jit-run.h"

#define STATES 3
#define RANDOM_BLOCKS 2500
#define SEED 41

static const char *const processors[] = {
  "",
  "features=-avx2",
  "features=-avx,-sha,-pclmul",
  "features=-sse42,-aes",
  "features=-sse41",
  "features=-all",
};

/* Where an operand is when it is used. */
typedef enum { PINNED, MEMORY, CONSTANT, VALUE, SPILLED, SAME, N_PLACES } Place;

static const char *const place_names[] = { "pinned", "memory",  "constant",
                                           "value",  "spilled", "same" };

/* Where the result goes: to a guest register with or without one of the host's, to that of the
 * first or of the second operand, or nowhere. */
typedef enum { TO_PINNED, TO_MEMORY, TO_FIRST, TO_SECOND, TO_NOTHING, N_RESULTS } Result;

/* Guest registers. Those below V_MEMORY are named often. */
enum { V_PINNED = 0, V_RESULT = 4, V_MEMORY = 12, V_RESULT_MEMORY = 16, V_SOURCE = 20, V_SUM = 25 };

typedef struct {
  DioIrBlock *block;
  GRand *rng;
  uint32_t operands[3];
  bool spill;
} Builder;

static uint32_t
op0 (Builder *b, DioIrOpcode opcode, int64_t immediate)
{
  return dio_ir_block_append (b->block, opcode, immediate, 0, 0, 0, 0);
}

static uint32_t
op1 (Builder *b, DioIrOpcode opcode, int64_t immediate, uint32_t x)
{
  return dio_ir_block_append (b->block, opcode, immediate, x, 0, 0, 0);
}

static uint32_t
op2 (Builder *b, DioIrOpcode opcode, int64_t immediate, uint32_t x, uint32_t y)
{
  return dio_ir_block_append (b->block, opcode, immediate, x, y, 0, 0);
}

static uint32_t
constant (Builder *b, int64_t value)
{
  return op0 (b, DIO_IR_CONST, value);
}

static uint32_t
some_constant (Builder *b)
{
  DioVec vector = ir_eval_vector_number (b->rng);
  uint32_t low = constant (b, (int64_t) vector[0]);
  return op2 (b, DIO_IR_VEC_MAKE, 0, low, constant (b, (int64_t) vector[1]));
}

static uint32_t
inverted (Builder *b, uint32_t value)
{
  return op1 (b, DIO_IR_VEC1, DIO_IR_VEC_IMMEDIATE (DIO_IR_VEC_not, 3), value);
}

static uint32_t
operand (Builder *b, Place place, unsigned i)
{
  switch (place) {
  case PINNED:
    return op0 (b, DIO_IR_GET_V, V_PINNED + i);
  case MEMORY:
    return op0 (b, DIO_IR_GET_V, V_MEMORY + i);
  case CONSTANT:
    return some_constant (b);
  case SAME:
    return i ? b->operands[0] : op0 (b, DIO_IR_GET_V, V_PINNED);
  default:
    b->spill |= place == SPILLED;
    return inverted (b, op0 (b, DIO_IR_GET_V, V_SOURCE + i));
  }
}

/* Makes more vectors than there are registers, and uses them up. */
static void
crowd (Builder *b)
{
  uint32_t values[18];
  for (unsigned i = 0; i < G_N_ELEMENTS (values); i++)
    values[i] = op2 (b, DIO_IR_VEC2, DIO_IR_VEC_IMMEDIATE (DIO_IR_VEC_add, i % 4),
                     op0 (b, DIO_IR_GET_V, V_MEMORY + i % 4), op0 (b, DIO_IR_GET_V, V_SOURCE));
  uint32_t sum = values[0];
  for (unsigned i = 1; i < G_N_ELEMENTS (values); i++)
    sum = op2 (b, DIO_IR_VEC2, DIO_IR_VEC_IMMEDIATE (DIO_IR_VEC_xor, 3), sum, values[i]);
  op1 (b, DIO_IR_SET_V, V_SUM, sum);
}

static Builder
begin (GRand *rng)
{
  Builder b = { .block = dio_ir_block_new (), .rng = rng };
  op0 (&b, DIO_IR_INSN, 0);
  for (unsigned i = 0; i < 4; i++)
    for (unsigned r = V_PINNED; r <= V_RESULT; r++)
      op0 (&b, DIO_IR_GET_V, r);
  return b;
}

static void
set (Builder *b, Result where, uint32_t value)
{
  static const unsigned registers[] = { V_RESULT, V_RESULT_MEMORY, V_PINNED, V_PINNED + 1 };
  if (where != TO_NOTHING)
    op1 (b, DIO_IR_SET_V, registers[where], value);
}

static void
print_state (const IrEvalState *state)
{
  for (unsigned r = 0; r < 32; r++)
    g_printerr ("x%-2u %016" PRIx64 "  v%-2u %016" PRIx64 " %016" PRIx64 "\n", r, state->x[r], r,
                state->v[r][1], state->v[r][0]);
  g_printerr ("flags %02x saturated %u mode %x\n", state->fflags, state->saturated, state->fp_mode);
}

static IrEvalState
some_state (GRand *rng, const DioJitEntry *entry, unsigned fault_rate)
{
  IrEvalState state;
  ir_eval_randomize (&state, rng);
  state.fault_rate = fault_rate;
  state.fflags = (uint8_t) (g_rand_boolean (rng) ? 0 : DIO_FP_NX);
  state.fp_mode = DIO_FP_RULES_ARM | (g_rand_boolean (rng) ? DIO_FP_NAN_DEFAULT : 0);
  state.pc = (state.pc & ~(uint64_t) DIO_PAGE_MASK) | (entry->address & DIO_PAGE_MASK);
  return state;
}

/* Compiles a copy of @block and compares it with the evaluator in a few states, the first vectors
 * being @first if that is not NULL; false if it is refused. */
static bool
compare_with (JitRun *run, const DioIrBlock *block, GRand *rng, unsigned fault_rate,
              const DioVec *first, const char *what)
{
  DioIrBlock *copy = dio_ir_block_new ();
  g_array_append_vals (copy->ops, block->ops->data, block->ops->len);
  DioJitEntry *entry = jit_run_compile (run, copy);
  if (!entry)
    return false;
  for (unsigned i = 0; i < STATES; i++) {
    IrEvalState start = some_state (rng, entry, fault_rate);
    if (first)
      memcpy (start.v, first, 2 * sizeof *first);
    IrEvalState expected = start, actual = start;
    IrEvalExit want = ir_eval_block (block, &expected, NULL);
    IrEvalExit have = jit_run_as (run, entry, &actual, &expected, want);
    const char *difference = ir_eval_difference (&expected, want, &actual, have);
    if (difference) {
      g_autofree char *text = dio_ir_block_to_text (block);
      g_printerr ("Before:\n");
      print_state (&start);
      g_printerr ("Expected:\n");
      print_state (&expected);
      g_printerr ("Compiled:\n");
      print_state (&actual);
      g_error ("%s: %s is wrong:\n%s", what, difference, text);
    }
  }
  return true;
}

static bool
compare (JitRun *run, const DioIrBlock *block, GRand *rng, unsigned fault_rate, const char *what)
{
  return compare_with (run, block, rng, fault_rate, NULL, what);
}

/* ---- Operations ---- */

/* Appends the operation to test; arguments are vectors. */
typedef uint32_t Make (Builder *b, const void *data, const uint32_t *arguments);

static void
check (JitRun *run, GRand *rng, unsigned n, Make *make, const void *data, const char *name)
{
  for (Place p = 0; p < N_PLACES; p++)
    for (Place q = 0; q < (n > 1 ? N_PLACES : 1); q++) {
      /* Of pairs a part, another one for each operation and processor. */
      if (n > 1 && g_rand_int_range (rng, 0, 3))
        continue;
      Builder b = begin (rng);
      const Place places[] = { p, q, (Place) g_rand_int_range (rng, 0, N_PLACES) };
      for (unsigned i = 0; i < n; i++)
        b.operands[i] = operand (&b, places[i], i);
      if (b.spill)
        crowd (&b);
      uint32_t result = make (&b, data, b.operands);
      set (&b, (Result) g_rand_int_range (rng, 0, N_RESULTS), result);
      op0 (&b, DIO_IR_EXIT, 4);
      g_autoptr (DioIrBlock) block = b.block;
      g_autofree char *what = g_strdup_printf ("%s (%s, %s)", name, place_names[p], place_names[q]);
      if (!compare (run, block, rng, 0, what))
        g_error ("%s is refused", what);
    }
}

/* Sizes and amounts that make sense: [from, to] by bits of a lane. */
typedef struct {
  const char *prefix; /* of names */
  unsigned sizes;     /* bit mask */
  int from, to;       /* amounts; to < 0: bits of a lane plus to + 1 */
  bool rounds;
} Range;

static const Range ranges[] = {
  { "shl", 15, 0, -2, false },      { "sshr", 15, 1, -1, false },
  { "ushr", 15, 1, -1, false },     { "srshr", 15, 1, -1, false },
  { "urshr", 15, 1, -1, false },    { "sli", 15, 0, -2, false },
  { "sri", 15, 1, -1, false },      { "sqshl_by", 15, 0, -2, false },
  { "uqshl_by", 15, 0, -2, false }, { "sqshlu_by", 15, 0, -2, false },
  { "shrn", 7, 0, -1, true },       { "sqshrn", 7, 0, -1, true },
  { "uqshrn", 7, 0, -1, true },     { "sqshrun", 7, 0, -1, true },
  { "sxtl", 7, 0, 0, false },       { "uxtl", 7, 0, 0, false },
  { "pmull", 9, 0, 0, false },      { "sqdmull", 7, 0, 0, false },
  { "saddlp", 7, 0, 0, false },     { "uaddlp", 7, 0, 0, false },
  { "addv", 7, 0, 1, false },       { "smaxv", 7, 0, 1, false },
  { "sminv", 7, 0, 1, false },      { "umaxv", 7, 0, 1, false },
  { "uminv", 7, 0, 1, false },      { "saddlv", 7, 0, 1, false },
  { "uaddlv", 7, 0, 1, false },     { "ext", 1, 0, 15, false },
  { "lookup", 1, 0, 3, false },     { "sdot", 4, 0, 0, false },
  { "udot", 4, 0, 0, false },       { "urecpe", 4, 0, 0, false },
  { "ursqrte", 4, 0, 0, false },    { "aes", 1, 0, 0, false },
  { "sha1", 4, 0, 0, false },       { "sha256", 4, 0, 0, false },
  { "rev", 7, 1, 3, false },        { "", 15, 0, 0, false },
};

static uint32_t
make_vec (Builder *b, const void *data, const uint32_t *x)
{
  const int64_t *immediate = data;
  DioIrOpcode opcode = ir_eval_vec_opcode (DIO_IR_IMMEDIATE_NAME (*immediate));
  return dio_ir_block_append (b->block, opcode, *immediate, x[0], x[1], x[2], 0);
}

static void
check_vec (JitRun *run, GRand *rng, unsigned name, unsigned size, int amount)
{
  int64_t immediate = DIO_IR_VEC_IMMEDIATE (name, DIO_VEC_N (size, (unsigned) amount));
  unsigned n = dio_ir_op_info[ir_eval_vec_opcode (name)].n_arguments;
  g_autofree char *what =
      g_strdup_printf ("%s size %u amount %x", dio_ir_vec_names[name], size, (unsigned) amount);
  check (run, rng, n, make_vec, &immediate, what);
}

static void
test_lanes (const void *data)
{
  g_autoptr (GRand) rng = g_rand_new_with_seed (SEED);
  JitRun *run = jit_run_new_with_vectors (data);
  for (unsigned name = 0; name < DIO_IR_N_VEC; name++) {
    const Range *range = ranges;
    while (*range->prefix && !g_str_equal (dio_ir_vec_names[name], range->prefix)
           && !((g_str_equal (range->prefix, "aes") || g_str_has_prefix (range->prefix, "sha1")
                 || g_str_has_prefix (range->prefix, "sha256"))
                && g_str_has_prefix (dio_ir_vec_names[name], range->prefix)))
      range++;
    for (unsigned size = 0; size < 4; size++) {
      if (!(range->sizes >> size & 1))
        continue;
      int to = range->to < 0 ? (8 << size) + range->to + 1 : range->to;
      for (int amount = range->from; amount <= to; amount += to > 16 ? 1 + (int) size : 1) {
        if (g_str_equal (range->prefix, "rev") && (unsigned) amount <= size)
          continue;
        check_vec (run, rng, name, size, amount);
        if (range->rounds && amount)
          check_vec (run, rng, name, size, amount | DIO_VEC_ROUND);
      }
    }
  }
  jit_run_free (run);
}

/* ---- Floating point ---- */

typedef struct {
  DioIrOpcode opcode;
  int64_t immediate;
  int direction, scale;
  bool fixed; /* the mode is a constant */
} Lanes;

static uint32_t
make_mode (Builder *b, int direction, int scale, bool fixed)
{
  if (fixed)
    return constant (b, DIO_FP_RULES_ARM | direction | (int64_t) scale << DIO_FP_SCALE_SHIFT);
  uint32_t mode = op0 (b, DIO_IR_FP_MODE, 0);
  if (direction >= 0)
    mode = op2 (b, DIO_IR_OR, 0, op2 (b, DIO_IR_AND, 0, mode, constant (b, ~INT64_C (7))),
                constant (b, direction));
  if (scale)
    mode = op2 (b, DIO_IR_OR, 0, mode, constant (b, (int64_t) scale << DIO_FP_SCALE_SHIFT));
  return mode;
}

static uint32_t
make_lanes (Builder *b, const void *data, const uint32_t *x)
{
  const Lanes *lanes = data;
  if (lanes->opcode == DIO_IR_VEC_FP_TEST2)
    return op2 (b, lanes->opcode, lanes->immediate, x[0], x[1]);
  uint32_t mode = make_mode (b, lanes->direction, lanes->scale, lanes->fixed);
  return dio_ir_block_append (b->block, lanes->opcode, lanes->immediate, mode, x[0], x[1], x[2]);
}

/* 0: of no vectors; else the operation of lanes. */
static DioIrOpcode
lanes_opcode (int64_t name)
{
  const char *text = dio_ir_fp_names[name];
  if (strstr (text, "class") || strstr (text, "_mod") || strstr (text, "_js")
      || g_str_has_prefix (text, "compare") || strstr (text, "ltq") || strstr (text, "leq"))
    return 0;
  if (strstr (text, "_to_") && strncmp (strstr (text, "_to_") - 2, strstr (text, "_to_") + 5, 2)
      && !strstr (text, "f16") && !strstr (text, "f64_to_f32") && !strstr (text, "f32_to_f64"))
    return 0;
  if (g_str_has_prefix (text, "eq") || g_str_has_prefix (text, "lt")
      || g_str_has_prefix (text, "le"))
    return DIO_IR_VEC_FP_TEST2;
  if (g_str_has_prefix (text, "fma"))
    return DIO_IR_VEC_FP3;
  if (strstr (text, "_step"))
    return DIO_IR_VEC_FP2;
  if (strstr (text, "_to_") || g_str_has_prefix (text, "sqrt") || g_str_has_prefix (text, "round")
      || g_str_has_prefix (text, "flush") || g_str_has_prefix (text, "recip")
      || g_str_has_prefix (text, "rsqrt"))
    return DIO_IR_VEC_FP1;
  return DIO_IR_VEC_FP2;
}

static bool
rounds (int64_t name)
{
  const char *text = dio_ir_fp_names[name];
  return g_str_has_prefix (text, "round") || strstr (text, "_to_i") || strstr (text, "_to_u")
         || g_str_has_prefix (text, "add");
}

static bool
scales (int64_t name)
{
  const char *text = dio_ir_fp_names[name];
  return strstr (text, "_to_i") || strstr (text, "_to_u") || g_str_has_prefix (text, "i")
         || g_str_has_prefix (text, "u");
}

static void
check_lanes (JitRun *run, GRand *rng, int64_t name)
{
  const char *text = dio_ir_fp_names[name];
  bool wide = strstr (text, "64") != NULL;
  for (unsigned lanes = 1; lanes <= (wide ? 2 : 4); lanes *= 2)
    for (int direction = -1; direction <= (rounds (name) ? 4 : 0); direction++)
      for (int scale = 0; scale <= (scales (name) ? 7 : 0); scale += 7) {
        Lanes how = { lanes_opcode (name), DIO_IR_LANES_IMMEDIATE (name, lanes, wide ? 64 : 32),
                      direction, scale, direction >= 0 && g_rand_boolean (rng) };
        unsigned n = dio_ir_op_info[how.opcode].n_arguments;
        g_autofree char *what = g_strdup_printf ("%s of %u lanes", text, lanes);
        check (run, rng, how.opcode == DIO_IR_VEC_FP_TEST2 ? 2 : n - 1, make_lanes, &how, what);
      }
}

static void
test_floating_point_lanes (const void *data)
{
  g_autoptr (GRand) rng = g_rand_new_with_seed (SEED);
  JitRun *run = jit_run_new_with_vectors (data);
  for (int64_t name = 0; name < DIO_IR_N_FP; name++)
    if (lanes_opcode (name))
      check_lanes (run, rng, name);
  jit_run_free (run);
}

/* Scalars: words of vectors, and back. */
static DioIrOpcode
scalar_opcode (int64_t name)
{
  const char *text = dio_ir_fp_names[name];
  if (g_str_has_prefix (text, "class"))
    return DIO_IR_FP_PURE1;
  if (g_str_has_suffix (text, "_mod"))
    return DIO_IR_FP_TEST1;
  if (strstr (text, "_js"))
    return DIO_IR_FP_CALL1;
  if (g_str_has_prefix (text, "compare") || strstr (text, "ltq") || strstr (text, "leq"))
    return DIO_IR_FP_TEST2;
  switch (lanes_opcode (name)) {
  case DIO_IR_VEC_FP_TEST2:
    return DIO_IR_FP_TEST2;
  case DIO_IR_VEC_FP3:
    return DIO_IR_FP_CALL3;
  case DIO_IR_VEC_FP2:
    return DIO_IR_FP_CALL2;
  default:
    return DIO_IR_FP_CALL1;
  }
}

static uint32_t
make_scalar (Builder *b, const void *data, const uint32_t *x)
{
  const Lanes *how = data;
  const DioIrOpInfo *info = &dio_ir_op_info[how->opcode];
  bool has_mode = how->opcode >= DIO_IR_FP_CALL1 && how->opcode <= DIO_IR_FP_CALL3;
  bool single = !strstr (dio_ir_fp_names[how->immediate], "64")
                || g_str_has_prefix (dio_ir_fp_names[how->immediate], "f32");
  uint32_t arguments[4] = { 0 };
  for (unsigned i = 0, n = info->n_arguments - has_mode; i < n; i++) {
    uint32_t word = op1 (b, DIO_IR_VEC_LOW, 0, x[i]);
    arguments[i + has_mode] = single ? op1 (b, DIO_IR_ZEXT32, 0, word) : word;
  }
  if (has_mode)
    arguments[0] = make_mode (b, how->direction, how->scale, how->fixed);
  uint32_t result = dio_ir_block_append (b->block, how->opcode, how->immediate, arguments[0],
                                         arguments[1], arguments[2], arguments[3]);
  if (g_rand_boolean (b->rng))
    op1 (b, DIO_IR_SET_X, 3, result);
  return op2 (b, DIO_IR_VEC_MAKE, 0, result, constant (b, 0));
}

static void
test_floating_point_words (const void *data)
{
  g_autoptr (GRand) rng = g_rand_new_with_seed (SEED);
  JitRun *run = jit_run_new_with_vectors (data);
  for (int64_t name = 0; name < DIO_IR_N_FP; name++)
    for (int direction = -1; direction <= (rounds (name) ? 4 : 0); direction++)
      for (int scale = 0; scale <= (scales (name) ? 7 : 0); scale += 7) {
        Lanes how = { scalar_opcode (name), name, direction, scale,
                      direction >= 0 && g_rand_boolean (rng) };
        unsigned n = dio_ir_op_info[how.opcode].n_arguments
                     - (how.opcode >= DIO_IR_FP_CALL1 && how.opcode <= DIO_IR_FP_CALL3);
        check (run, rng, n, make_scalar, &how, dio_ir_fp_names[name]);
      }
  jit_run_free (run);
}

/* Conditions of comparisons, as numbers and as what selects. */
static uint32_t
make_holds (Builder *b, const void *data, const uint32_t *x)
{
  const Lanes *how = data;
  uint32_t words[2], numbers[2];
  bool single = how->opcode == DIO_IR_FP_HOLDS_32, flushes = g_rand_boolean (b->rng);
  for (unsigned i = 0; i < 2; i++) {
    words[i] = op1 (b, DIO_IR_VEC_LOW, 0, x[i]);
    /* What is loaded as a single may be compared as a double. */
    if (single || g_rand_int_range (b->rng, 0, 4) == 0)
      words[i] = op1 (b, DIO_IR_ZEXT32, 0, words[i]);
    numbers[i] = flushes ? op2 (b, DIO_IR_FP_CALL1, single ? DIO_IR_FP_flush32 : DIO_IR_FP_flush64,
                                op0 (b, DIO_IR_FP_MODE, 0), words[i])
                         : words[i];
  }
  /* The exceptions of the comparison, which its conditions may raise again. */
  dio_ir_block_append (b->block, DIO_IR_FP_TEST2,
                       single ? DIO_IR_FP_compare32 : DIO_IR_FP_compare64, numbers[0], numbers[1],
                       0, 0);
  uint32_t truth = op2 (b, how->opcode, how->immediate, numbers[0], numbers[1]);
  uint32_t low = g_rand_boolean (b->rng) ? op1 (b, DIO_IR_WIDEN, 0, truth)
                                         : dio_ir_block_append (b->block, DIO_IR_SELECT, 0, truth,
                                                                words[0], words[1], 0);
  return op2 (b, DIO_IR_VEC_MAKE, 0, low, constant (b, 0));
}

static void
test_holds (const void *data)
{
  g_autoptr (GRand) rng = g_rand_new_with_seed (SEED);
  JitRun *run = jit_run_new_with_vectors (data);
  for (int64_t condition = 0; condition < 16; condition++)
    for (unsigned k = 0; k < 8; k++) {
      Lanes how = { k & 1 ? DIO_IR_FP_HOLDS_32 : DIO_IR_FP_HOLDS_64, condition, -1, 0, false };
      check (run, rng, 2, make_holds, &how, "fp.holds");
    }
  jit_run_free (run);
}

/* Results that are rounded up to the smallest normal number, from what is so much below it that a
 * format without a smallest number would round it up too: arm calls them tiny, the host does not.
 */
static void
test_tiny (const void *data)
{
  const DioVec f32[] = { dio_vec_dup (2, 0x3f800001), dio_vec_dup (2, 0x007fffff) };
  const DioVec f64[] = { dio_vec_dup (3, UINT64_C (0x3ff0000000000001)),
                         dio_vec_dup (3, UINT64_C (0x000fffffffffffff)) };
  const DioVec wide[] = { dio_vec_dup (3, UINT64_C (0x380fffffffffffff)),
                          dio_vec_dup (3, UINT64_C (0xb80fffffffffffff)) };
  static const DioIrFp names[] = { DIO_IR_FP_mul32, DIO_IR_FP_mul64, DIO_IR_FP_fma32,
                                   DIO_IR_FP_fma64, DIO_IR_FP_f64_to_f32 };
  g_autoptr (GRand) rng = g_rand_new_with_seed (SEED);
  JitRun *run = jit_run_new_with_vectors (data);
  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    for (unsigned k = 0; k < 2; k++) {
      bool is_wide = strstr (dio_ir_fp_names[names[i]], "64") != NULL;
      Lanes how = { lanes_opcode (names[i]),
                    DIO_IR_LANES_IMMEDIATE (names[i], is_wide ? 2 : 4, is_wide ? 64 : 32), -1, 0,
                    false };
      Builder b = begin (rng);
      uint32_t x[3] = { op0 (&b, DIO_IR_GET_V, 0), op0 (&b, DIO_IR_GET_V, 1) };
      x[2] = op2 (&b, DIO_IR_VEC_MAKE, 0, constant (&b, 0), constant (&b, 0));
      if (k) {
        how.opcode = scalar_opcode (names[i]);
        how.immediate = names[i];
      }
      op1 (&b, DIO_IR_SET_V, 2, (k ? make_scalar : make_lanes) (&b, &how, x));
      op0 (&b, DIO_IR_EXIT, 4);
      g_autoptr (DioIrBlock) block = b.block;
      const DioVec *first = names[i] == DIO_IR_FP_f64_to_f32 ? wide : is_wide ? f64 : f32;
      g_assert_true (compare_with (run, block, rng, 0, first, dio_ir_fp_names[names[i]]));
    }
  jit_run_free (run);
}

/* ---- Words and lanes ---- */

static uint32_t
some_half (Builder *b, uint32_t vector)
{
  switch (g_rand_int_range (b->rng, 0, 8)) {
  case 0:
  case 1:
    return op1 (b, DIO_IR_VEC_LOW, 0, vector);
  case 2:
  case 3:
    return op1 (b, DIO_IR_VEC_HIGH, 0, vector);
  case 4:
    return constant (b, 0);
  case 5:
    return constant (b, (int64_t) ir_eval_number (b->rng));
  case 6:
    return op0 (b, DIO_IR_GET_X, g_rand_int_range (b->rng, 1, 32));
  default:
    return op1 (b, DIO_IR_ZEXT32, 0, op1 (b, DIO_IR_VEC_LOW, 0, vector));
  }
}

static uint32_t
make_halves (Builder *b, const void *data, const uint32_t *x)
{
  uint32_t low = some_half (b, x[0]);
  uint32_t high = g_rand_int_range (b->rng, 0, 8) ? some_half (b, x[1]) : low;
  if (g_rand_int_range (b->rng, 0, 4) == 0)
    op1 (b, DIO_IR_SET_X, 5, low);
  return op2 (b, DIO_IR_VEC_MAKE, 0, low, high);
}

static int64_t
some_lane (Builder *b)
{
  int size = g_rand_int_range (b->rng, 0, 4);
  return size | g_rand_int_range (b->rng, 0, 16 >> size) << 8;
}

static uint32_t
make_dup (Builder *b, const void *data, const uint32_t *x)
{
  int64_t lane = some_lane (b);
  uint32_t word =
      g_rand_int_range (b->rng, 0, 3) ? op1 (b, DIO_IR_VEC_LANE, lane, x[0]) : some_half (b, x[0]);
  if (g_rand_int_range (b->rng, 0, 4) == 0)
    op1 (b, DIO_IR_SET_X, 5, word);
  return op1 (b, DIO_IR_VEC_DUP,
              g_rand_int_range (b->rng, 0, 4) ? lane & 0xff : g_rand_int_range (b->rng, 0, 4),
              word);
}

static uint32_t
make_insert (Builder *b, const void *data, const uint32_t *x)
{
  int64_t lane = some_lane (b);
  uint32_t word =
      g_rand_boolean (b->rng) ? op1 (b, DIO_IR_VEC_LANE, lane, x[1]) : some_half (b, x[1]);
  return op2 (b, DIO_IR_VEC_INSERT, some_lane (b), x[0], word);
}

static uint32_t
make_crc32 (Builder *b, const void *data, const uint32_t *x)
{
  int64_t immediate = 1 << g_rand_int_range (b->rng, 0, 4) | g_rand_int_range (b->rng, 0, 2) << 8;
  uint32_t crc = op2 (b, DIO_IR_CRC32, immediate, some_half (b, x[0]), some_half (b, x[1]));
  return op2 (b, DIO_IR_VEC_MAKE, 0, crc, constant (b, 0));
}

/* A round of AES, its first half used once or twice. */
static uint32_t
make_aes (Builder *b, const void *data, const uint32_t *x)
{
  bool back = g_rand_boolean (b->rng);
  uint32_t first =
      op2 (b, DIO_IR_VEC2, DIO_IR_VEC_IMMEDIATE (back ? DIO_IR_VEC_aesd : DIO_IR_VEC_aese, 0), x[0],
           x[1]);
  if (g_rand_boolean (b->rng))
    op1 (b, DIO_IR_SET_V, V_SUM + 1, first);
  return op1 (b, DIO_IR_VEC1, DIO_IR_VEC_IMMEDIATE (back ? DIO_IR_VEC_aesimc : DIO_IR_VEC_aesmc, 0),
              first);
}

/* Extended lanes multiplied, as the widening products of arm are. */
static uint32_t
make_long_product (Builder *b, const void *data, const uint32_t *x)
{
  unsigned size = (unsigned) g_rand_int_range (b->rng, 0, 3);
  uint32_t factors[2];
  for (unsigned i = 0; i < 2; i++) {
    DioIrVec how = g_rand_boolean (b->rng) ? DIO_IR_VEC_sxtl : DIO_IR_VEC_uxtl;
    factors[i] = op1 (b, DIO_IR_VEC1, DIO_IR_VEC_IMMEDIATE (how, size), x[i]);
  }
  return op2 (b, DIO_IR_VEC2, DIO_IR_VEC_IMMEDIATE (DIO_IR_VEC_mul, size + 1), factors[0],
              factors[1]);
}

static void
test_words (const void *data)
{
  static const struct {
    Make *make;
    const char *name;
  } table[] = { { make_halves, "halves" },      { make_dup, "dup" },
                { make_insert, "insert" },      { make_crc32, "crc32" },
                { make_aes, "a round of AES" }, { make_long_product, "a widening product" } };
  g_autoptr (GRand) rng = g_rand_new_with_seed (SEED);
  JitRun *run = jit_run_new_with_vectors (data);
  for (unsigned i = 0; i < G_N_ELEMENTS (table); i++)
    for (unsigned k = 0; k < 40; k++)
      check (run, rng, 2, table[i].make, NULL, table[i].name);
  jit_run_free (run);
}

/* ---- Memory through the TLB ---- */

#define PAGE UINT64_C (0x7123456789000)

/* Loads at x1 + 16 and x1 + 64, and stores of what was loaded at x2, from x1 and x2. */
static void
test_memory (void)
{
  static uint8_t page[DIO_PAGE_SIZE];
  g_autoptr (GRand) rng = g_rand_new_with_seed (SEED);
  JitRun *run = jit_run_new_with_vectors ("");
  Builder b = { .block = dio_ir_block_new (), .rng = rng };
  op0 (&b, DIO_IR_INSN, 0);
  uint32_t from = op0 (&b, DIO_IR_GET_X, 1), to = op0 (&b, DIO_IR_GET_X, 2);
  uint32_t first = op1 (&b, DIO_IR_LOAD_V128, 16, from);
  op0 (&b, DIO_IR_INSN, 4);
  uint32_t second = op1 (&b, DIO_IR_LOAD_V128, 64, from);
  op1 (&b, DIO_IR_SET_V, 1, first);
  op0 (&b, DIO_IR_INSN, 8);
  op2 (&b, DIO_IR_STORE_V128, 0, to, second);
  op0 (&b, DIO_IR_INSN, 12);
  op2 (&b, DIO_IR_STORE_V128, 16, to, first);
  op0 (&b, DIO_IR_EXIT, 16);
  DioJitEntry *entry = jit_run_compile (run, b.block);
  g_assert_nonnull (entry);
  jit_run_map (run, PAGE, page);
  for (unsigned i = 0; i < 2000; i++) {
    IrEvalState state = some_state (rng, entry, 1);
    for (unsigned k = 0; k < DIO_PAGE_SIZE; k++)
      page[k] = (uint8_t) (k * 7 + i + k / 256);
    unsigned loads = (unsigned) g_rand_int_range (rng, 0, DIO_PAGE_SIZE - 80);
    unsigned stores = (unsigned) g_rand_int_range (rng, 0, DIO_PAGE_SIZE - 16);
    state.x[1] = PAGE + loads;
    state.x[2] = PAGE + stores;
    state.accesses = 0; /* the first that misses faults */
    uint8_t expected[32];
    memcpy (expected, page + loads + 64, 16);
    memcpy (expected + 16, page + loads + 16, 16);
    IrEvalExit exit = jit_run (run, entry, &state);
    bool fits = stores + 32 <= DIO_PAGE_SIZE;
    g_assert_cmpint (exit.end, ==, fits ? IR_EVAL_LEAVE : IR_EVAL_FAULT);
    if (!fits) {
      g_assert_cmpint (exit.instruction, ==, 12);
      g_assert_cmphex (exit.target, ==, PAGE + stores + 16);
    }
    g_assert_cmpmem (&state.v[1], 16, expected + 16, 16);
    g_assert_cmpmem (page + stores, fits ? 32 : 16, expected, fits ? 32 : 16);
  }
  jit_run_free (run);
}

/* ---- Random blocks ---- */

#define MAX_VALUES 40

typedef struct {
  Builder b;
  uint32_t vectors[MAX_VALUES], words[MAX_VALUES];
  unsigned n_vectors, n_words;
} Random;

static uint32_t
some (Random *r, const uint32_t *values, unsigned n)
{
  unsigned recent = g_rand_boolean (r->b.rng) ? MIN (n, 3) : n;
  return values[n - 1 - (unsigned) g_rand_int_range (r->b.rng, 0, (int) recent)];
}

static void
keep (Random *r, uint32_t *values, unsigned *n, uint32_t value)
{
  if (*n == MAX_VALUES) {
    memmove (values, values + 1, (MAX_VALUES - 1) * sizeof *values);
    (*n)--;
  }
  values[(*n)++] = value;
}

static void
random_vector_op (Random *r)
{
  uint32_t x[3];
  for (unsigned i = 0; i < 3; i++)
    x[i] = some (r, r->vectors, r->n_vectors);
  uint32_t value;
  static Make *const makes[] = { make_halves, make_dup, make_insert,
                                 make_crc32,  make_aes, make_long_product };
  unsigned kind = (unsigned) g_rand_int_range (r->b.rng, 0, 8);
  if (kind < 4) {
    unsigned name;
    do
      name = (unsigned) g_rand_int_range (r->b.rng, 0, DIO_IR_N_VEC);
    while (name == DIO_IR_VEC_rev);
    int64_t immediate = DIO_IR_VEC_IMMEDIATE (name, g_rand_int_range (r->b.rng, 0, 3));
    value = make_vec (&r->b, &immediate, x);
  } else if (kind < 6) {
    static const DioIrFp names[] = { DIO_IR_FP_add32, DIO_IR_FP_mul64,  DIO_IR_FP_sqrt32,
                                     DIO_IR_FP_lt64,  DIO_IR_FP_maxm32, DIO_IR_FP_f32_to_i32 };
    int64_t name = names[g_rand_int_range (r->b.rng, 0, G_N_ELEMENTS (names))];
    bool wide = strstr (dio_ir_fp_names[name], "64") != NULL;
    Lanes how = { lanes_opcode (name), DIO_IR_LANES_IMMEDIATE (name, wide ? 2 : 4, wide ? 64 : 32),
                  -1, 0, false };
    value = make_lanes (&r->b, &how, x);
  } else {
    value = makes[g_rand_int_range (r->b.rng, 0, G_N_ELEMENTS (makes))](&r->b, NULL, x);
  }
  keep (r, r->vectors, &r->n_vectors, value);
}

static void
random_access (Random *r)
{
  uint32_t address = some (r, r->words, r->n_words);
  int displacement = g_rand_int_range (r->b.rng, -200, 200);
  uint32_t value = 0;
  switch (g_rand_int_range (r->b.rng, 0, 6)) {
  case 0:
    op2 (&r->b, DIO_IR_STORE_V128, displacement, address, some (r, r->vectors, r->n_vectors));
    break;
  case 1:
    keep (r, r->words, &r->n_words, op1 (&r->b, DIO_IR_LOAD_U64, displacement, address));
    break;
  case 2:
    op2 (&r->b, DIO_IR_STORE_64, displacement, address, some (r, r->words, r->n_words));
    break;
  case 3: /* twice, so that something is swapped */
    value = op1 (&r->b, DIO_IR_LOAD_RESERVED_V128, 0, address);
    op0 (&r->b, DIO_IR_INSN, (int) r->b.block->ops->len * 4);
    value =
        dio_ir_block_append (r->b.block, DIO_IR_COMPARE_SWAP_V128, 0, address,
                             g_rand_boolean (r->b.rng) ? value : some (r, r->vectors, r->n_vectors),
                             some (r, r->vectors, r->n_vectors), 0);
    keep (r, r->vectors, &r->n_vectors, value);
    break;
  default:
    keep (r, r->vectors, &r->n_vectors, op1 (&r->b, DIO_IR_LOAD_V128, displacement, address));
    break;
  }
}

static DioIrBlock *
random_block (GRand *rng)
{
  Random r = { .b = { .block = dio_ir_block_new (), .rng = rng } };
  unsigned n = (unsigned) g_rand_int_range (rng, 3, 40);
  int registers = g_rand_int_range (rng, 3, 33);
  for (unsigned i = 0; i < n; i++) {
    op0 (&r.b, DIO_IR_INSN, (int) i * 4);
    keep (&r, r.vectors, &r.n_vectors,
          op0 (&r.b, DIO_IR_GET_V, g_rand_int_range (rng, 0, registers)));
    keep (&r, r.words, &r.n_words, op0 (&r.b, DIO_IR_GET_X, g_rand_int_range (rng, 1, 32)));
    if (g_rand_int_range (rng, 0, 3) == 0)
      random_access (&r);
    else
      random_vector_op (&r);
    if (g_rand_int_range (rng, 0, 4))
      op1 (&r.b, DIO_IR_SET_V, g_rand_int_range (rng, 0, registers),
           some (&r, r.vectors, r.n_vectors));
    if (g_rand_int_range (rng, 0, 4) == 0)
      op1 (&r.b, DIO_IR_SET_X, g_rand_int_range (rng, 1, 32),
           op1 (&r.b, DIO_IR_VEC_HIGH, 0, some (&r, r.vectors, r.n_vectors)));
  }
  op0 (&r.b, DIO_IR_EXIT, (int) n * 4);
  return r.b.block;
}

static void
test_random_blocks (const void *data)
{
  g_autoptr (GRand) rng = g_rand_new_with_seed (SEED);
  g_autoptr (DioOptContext) optimiser = dio_opt_context_new ();
  JitRun *run = jit_run_new_with_vectors (data);
  unsigned refused = 0; /* too many values may live at once */
  for (unsigned i = 0; i < RANDOM_BLOCKS; i++) {
    g_autoptr (DioIrBlock) block = random_block (rng);
    g_autofree char *what = g_strdup_printf ("block %u", i);
    refused += !compare (run, block, rng, i % 3 ? 12 : 0, what);
    if (i % 2 == 0)
      continue;
    dio_opt_block (optimiser, block);
    refused += !compare (run, block, rng, i % 3 ? 12 : 0, what);
  }
  jit_run_free (run);
  g_test_message ("%u blocks were refused", refused);
  g_assert_cmpuint (refused, <=, RANDOM_BLOCKS / 100);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    GTestDataFunc test;
  } tests[] = { { "lanes", test_lanes },
                { "words", test_words },
                { "floating-point-lanes", test_floating_point_lanes },
                { "floating-point-words", test_floating_point_words },
                { "holds", test_holds },
                { "tiny", test_tiny },
                { "blocks", test_random_blocks } };
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/jit/vec/memory", test_memory);
  for (unsigned i = 0; i < G_N_ELEMENTS (processors); i++)
    for (unsigned k = 0; k < G_N_ELEMENTS (tests); k++) {
      g_autofree char *path =
          g_strdup_printf ("/core/jit/vec/%s/%s", tests[k].name,
                           *processors[i] ? strchr (processors[i], '=') + 1 : "all");
      g_test_add_data_func (path, processors[i], tests[k].test);
    }
  return g_test_run ();
}
