/* SPDX-License-Identifier: GPL-3.0-or-later
 * The code generator, operation by operation: random numbers in operands that are in every kind of
 * place, on processors that lack this and that, against the interpreter's expressions; then whole
 * random blocks. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/fp/fp.h"
#include "core/opt/opt.h"
#include "tests/core/jit/jit-run.h"

#define STATES 3
#define RANDOM_BLOCKS 6000
#define SEED 20

static const char *const processors[] = {
  "",
  "features=-all",
  "features=-bmi2,-avx,-fma,-lzcnt,-popcnt,-bmi1",
};

/* Where an operand is when it is used. */
typedef enum {
  PINNED,   /* a guest register that has one of the host's */
  MEMORY,   /* one that has none */
  CONSTANT, /* of the block */
  VALUE,    /* made just before */
  SPILLED,  /* made before more than there are registers for */
  SAME,     /* what the first operand is */
  N_PLACES
} Place;

static const char *const place_names[] = { "pinned", "memory",  "constant",
                                           "value",  "spilled", "same" };

/* Guest registers. Pinned ones are named often; all of RESULT_* are written. */
enum {
  X_PINNED = 1,
  X_RESULT = 5,
  X_MEMORY = 11,
  X_RESULT_MEMORY = 15,
  X_SOURCE = 20,
  X_SUM = 25,
};

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
op2 (Builder *b, DioIrOpcode opcode, uint32_t x, uint32_t y)
{
  return dio_ir_block_append (b->block, opcode, 0, x, y, 0, 0);
}

static bool
is_truth (DioIrOpcode opcode)
{
  return dio_ir_op_info[opcode].result == DIO_IR_I1;
}

/* Naming them makes them worth a register. */
static void
pin (Builder *b)
{
  for (unsigned i = 0; i < 4; i++) {
    for (unsigned r = X_PINNED; r <= X_RESULT; r++)
      op0 (b, DIO_IR_GET_X, r);
    for (unsigned r = X_PINNED; r <= X_RESULT; r++)
      op0 (b, DIO_IR_GET_F, r);
  }
}

static uint32_t
operand (Builder *b, Place place, unsigned i, bool fp)
{
  DioIrOpcode get = fp ? DIO_IR_GET_F : DIO_IR_GET_X;
  switch (place) {
  case PINNED:
    return op0 (b, get, X_PINNED + i);
  case MEMORY:
    return op0 (b, get, X_MEMORY + i);
  case CONSTANT:
    return op0 (b, DIO_IR_CONST, (int64_t) ir_eval_number (b->rng));
  case SAME:
    return i ? b->operands[0] : op0 (b, get, X_PINNED);
  default:
    b->spill |= place == SPILLED;
    return op1 (b, DIO_IR_NOT, 0, op0 (b, get, X_SOURCE + i));
  }
}

/* Makes more values than there are registers, and uses them up. */
static void
crowd (Builder *b)
{
  uint32_t values[20];
  for (unsigned i = 0; i < G_N_ELEMENTS (values); i++)
    values[i] = op2 (b, DIO_IR_ADD, op0 (b, DIO_IR_GET_X, X_MEMORY + i % 4),
                     op0 (b, DIO_IR_CONST, (int) i * 77));
  uint32_t sum = values[0];
  for (unsigned i = 1; i < G_N_ELEMENTS (values); i++)
    sum = op2 (b, DIO_IR_XOR, sum, values[i]);
  dio_ir_block_append (b->block, DIO_IR_SET_X, X_SUM, sum, 0, 0, 0);
}

static bool
gives_single (int64_t name)
{
  return g_str_has_suffix (dio_ir_fp_names[name], "32")
         && !g_str_has_suffix (dio_ir_fp_names[name], "_to_i32")
         && !g_str_has_suffix (dio_ir_fp_names[name], "_to_u32");
}

/* Of the operands; "f64_to_..." and "add64" do not. */
static bool
takes_single (int64_t name)
{
  return strstr (dio_ir_fp_names[name], "f32_to") || g_str_has_prefix (dio_ir_fp_names[name], "f32")
         || (!strstr (dio_ir_fp_names[name], "_to_") && strstr (dio_ir_fp_names[name], "32"));
}

static bool
takes_integer (int64_t name)
{
  const char *text = dio_ir_fp_names[name];
  return strstr (text, "_to_") && (text[0] == 'i' || text[0] == 'u');
}

static bool
gives_float (int64_t name)
{
  const char *text = dio_ir_fp_names[name];
  if (strstr (text, "_to_f"))
    return true;
  return !strstr (text, "_to_") && !strstr (text, "eq") && !strstr (text, "lt")
         && !strstr (text, "le") && !strstr (text, "class");
}

/* Where the result goes: to a guest register with or without one of the host's, to that of the
 * first operand, or nowhere. */
typedef enum { TO_PINNED, TO_MEMORY, TO_OPERAND, TO_NOTHING, N_RESULTS } Result;

static void
set (Builder *b, Result where, uint32_t value, bool fp)
{
  static const unsigned registers[] = { X_RESULT, X_RESULT_MEMORY, X_PINNED };
  if (where != TO_NOTHING)
    dio_ir_block_append (b->block, fp ? DIO_IR_SET_F : DIO_IR_SET_X, registers[where], value, 0, 0,
                         0);
}

static uint32_t
rounding (Builder *b)
{
  if (g_rand_boolean (b->rng))
    return op0 (b, DIO_IR_FP_ROUNDING, 0);
  return op0 (b, DIO_IR_CONST, g_rand_int_range (b->rng, 0, 5));
}

/* A block that does @opcode, with @name if it is one of floating point. */
static DioIrBlock *
build (GRand *rng, DioIrOpcode opcode, int64_t name, const Place *places, Result where)
{
  const DioIrOpInfo *info = &dio_ir_op_info[opcode];
  bool fp = info->immediate == DIO_IR_IMM_FP;
  bool rounded = opcode >= DIO_IR_FP_CALL1 && opcode <= DIO_IR_FP_CALL3;
  bool vector = fp && !takes_integer (name);
  Builder b = { .block = dio_ir_block_new (), .rng = rng };
  uint32_t arguments[DIO_IR_MAX_ARGUMENTS] = { 0 };
  op0 (&b, DIO_IR_INSN, 0);
  pin (&b);
  for (unsigned i = 0, n = info->n_arguments - rounded; i < n; i++)
    b.operands[i] = operand (&b, places[i], i, vector || opcode == DIO_IR_UNBOX);
  if (b.spill)
    crowd (&b);
  for (unsigned i = 0, n = info->n_arguments - rounded; i < n; i++) {
    uint32_t value = b.operands[i];
    if (vector && takes_single (name))
      value = op1 (&b, DIO_IR_UNBOX, 0, value);
    if (info->arguments[i + rounded] == DIO_IR_I1)
      value = op2 (&b, DIO_IR_LTU, value, op0 (&b, DIO_IR_CONST, 100));
    arguments[i + rounded] = value;
  }
  if (rounded)
    arguments[0] = rounding (&b);
  int64_t immediate = info->immediate == DIO_IR_IMM_SHIFT ? g_rand_int_range (rng, 1, 4)
                      : info->immediate == DIO_IR_IMM_DISPLACEMENT
                          ? g_rand_int_range (rng, -5000, 5000)
                      : info->immediate == DIO_IR_IMM_PC ? (int64_t) (int32_t) ir_eval_number (rng)
                                                         : name;
  uint32_t result = dio_ir_block_append (b.block, opcode, immediate, arguments[0], arguments[1],
                                         arguments[2], arguments[3]);
  if (is_truth (opcode))
    result = op1 (&b, DIO_IR_WIDEN, 0, result);
  bool to_vector = (fp && gives_float (name)) || opcode == DIO_IR_BOX || opcode == DIO_IR_UNBOX;
  if (fp && gives_float (name) && gives_single (name) && g_rand_boolean (rng))
    result = op1 (&b, DIO_IR_BOX, 0, result);
  if (info->result != DIO_IR_VOID)
    set (&b, where, result, to_vector);
  op0 (&b, DIO_IR_EXIT, 4);
  return b.block;
}

static void
print_state (const IrEvalState *state)
{
  for (unsigned r = 0; r < 32; r++)
    g_printerr ("x%-2u %016" PRIx64 "  f%-2u %016" PRIx64 "\n", r, state->x[r], r, state->f[r]);
  g_printerr ("fflags %02x\n", state->fflags);
}

/* Then it is only run while that is the rounding. */
static bool
names_nearest (const DioIrBlock *block)
{
  for (uint32_t i = 0; i < block->ops->len; i++) {
    const DioIrOp *op = dio_ir_block_op (block, i);
    if (op->opcode < DIO_IR_FP_CALL1 || op->opcode > DIO_IR_FP_CALL3)
      continue;
    const DioIrOp *rounding = dio_ir_block_op (block, op->arguments[0]);
    if (rounding->opcode == DIO_IR_CONST && rounding->immediate == DIO_FP_RNE)
      return true;
  }
  return false;
}

/* Compares compiled code with the evaluator. */
static void
compare_from (JitRun *run, const DioIrBlock *block, DioJitEntry *entry, const IrEvalState *start,
              const char *what)
{
  IrEvalState expected = *start, actual = *start;
  IrEvalExit want = ir_eval_block (block, &expected, NULL);
  IrEvalExit have = jit_run (run, entry, &actual);
  /* Not what compiled code tells. */
  have.instruction = want.instruction;
  actual.log = expected.log;
  actual.fp_dirty = expected.fp_dirty;
  const char *difference = ir_eval_difference (&expected, want, &actual, have);
  if (!difference)
    return;
  g_autofree char *text = dio_ir_block_to_text (block);
  print_state (start);
  g_printerr ("Expected:\n");
  print_state (&expected);
  g_printerr ("Compiled:\n");
  print_state (&actual);
  g_error ("%s: %s is wrong:\n%s", what, difference, text);
}

static DioJitEntry *
compile_copy (JitRun *run, const DioIrBlock *block)
{
  DioIrBlock *copy = dio_ir_block_new ();
  g_array_append_vals (copy->ops, block->ops->data, block->ops->len);
  return jit_run_compile (run, copy);
}

static void
randomize (IrEvalState *start, const DioIrBlock *block, const DioJitEntry *entry, GRand *rng)
{
  ir_eval_randomize (start, rng);
  start->fault_rate = 0;
  start->frm = names_nearest (block) ? DIO_FP_RNE : (uint8_t) g_rand_int_range (rng, 0, 4);
  start->fp_on = true;
  start->pc = (start->pc & ~(uint64_t) DIO_PAGE_MASK) | (entry->address & DIO_PAGE_MASK);
}

/* Compiles a copy of @block and compares it with the evaluator in a few states; false if it is
 * refused. */
static bool
compare (JitRun *run, const DioIrBlock *block, GRand *rng, const char *what)
{
  DioJitEntry *entry = compile_copy (run, block);
  if (!entry)
    return false;
  for (unsigned i = 0; i < STATES; i++) {
    IrEvalState start;
    randomize (&start, block, entry, rng);
    compare_from (run, block, entry, &start, what);
  }
  return true;
}

/* All places of up to three operands, of which the third is like the first. */
static void
check_operation (JitRun *run, GRand *rng, DioIrOpcode opcode, int64_t name)
{
  const DioIrOpInfo *info = &dio_ir_op_info[opcode];
  bool rounded = opcode >= DIO_IR_FP_CALL1 && opcode <= DIO_IR_FP_CALL3;
  unsigned n = info->n_arguments - rounded;
  for (Place p = 0; p < (n ? N_PLACES : 1); p++)
    for (Place q = 0; q < (n > 1 ? N_PLACES : 1); q++)
      for (Result where = 0; where < N_RESULTS; where++) {
        Place places[] = { p, q, (Place) g_rand_int_range (rng, 0, N_PLACES) };
        g_autoptr (DioIrBlock) block = build (rng, opcode, name, places, where);
        g_autofree char *what =
            g_strdup_printf ("%s %s (%s, %s)", info->name,
                             info->immediate == DIO_IR_IMM_FP ? dio_ir_fp_names[name] : "",
                             place_names[p], place_names[q]);
        if (!compare (run, block, rng, what))
          g_error ("%s is refused", what);
      }
}

static bool
is_compiled (DioIrOpcode opcode)
{
  return opcode == DIO_IR_CONST || opcode == DIO_IR_PC
         || (opcode >= DIO_IR_ADD && opcode <= DIO_IR_STORE_64)
         || (opcode >= DIO_IR_AMO_swap_32 && opcode <= DIO_IR_BOX);
}

static void
test_operations (const void *data)
{
  g_autoptr (GRand) rng = g_rand_new_with_seed (SEED);
  JitRun *run = jit_run_new (data, 1);
  for (DioIrOpcode opcode = 0; opcode < DIO_IR_N_OPS; opcode++)
    if (is_compiled (opcode) && opcode != DIO_IR_FENCE)
      check_operation (run, rng, opcode, 0);
  jit_run_free (run);
}

static DioIrOpcode
fp_opcode (int64_t name)
{
  const char *text = dio_ir_fp_names[name];
  if (g_str_has_prefix (text, "class"))
    return DIO_IR_FP_PURE1;
  if (g_str_has_suffix (text, "_mod"))
    return DIO_IR_FP_TEST1;
  if (g_str_has_prefix (text, "eq") || g_str_has_prefix (text, "lt")
      || g_str_has_prefix (text, "le") || g_str_has_prefix (text, "compare"))
    return DIO_IR_FP_TEST2;
  if (g_str_has_prefix (text, "fma"))
    return DIO_IR_FP_CALL3;
  if (strstr (text, "_step"))
    return DIO_IR_FP_CALL2;
  if (strstr (text, "_to_") || g_str_has_prefix (text, "sqrt") || g_str_has_prefix (text, "round")
      || g_str_has_prefix (text, "flush") || g_str_has_prefix (text, "recip")
      || g_str_has_prefix (text, "rsqrt"))
    return DIO_IR_FP_CALL1;
  return DIO_IR_FP_CALL2;
}

static void
test_floating_point (const void *data)
{
  g_autoptr (GRand) rng = g_rand_new_with_seed (SEED);
  JitRun *run = jit_run_new (data, 1);
  for (int64_t name = 0; name < DIO_IR_N_FP; name++)
    check_operation (run, rng, fp_opcode (name), name);
  jit_run_free (run);
}

/* ---- Operations that one instruction of the host does ---- */

typedef enum {
  INVERTED,       /* x & ~y */
  INVERTED_FIRST, /* ~x & y */
  INVERTED_WORD,  /* the same of 32 bits */
  WORD,           /* an operation of 32 bits */
  COMPARED_WORDS,
  TESTED_BITS, /* x & y, compared with zero */
  CHOSEN,      /* one of what is compared, or the sum */
  N_SHAPES
} Shape;

static const char *const shape_names[] = { "inverted", "inverted first", "inverted word",
                                           "word",     "compared words", "tested bits",
                                           "chosen" };

static DioIrOpcode
some_opcode (Builder *b, DioIrOpcode first, DioIrOpcode last)
{
  return (DioIrOpcode) g_rand_int_range (b->rng, (int) first, (int) last + 1);
}

static uint32_t
word_of (Builder *b, uint32_t value)
{
  return op1 (b, g_rand_boolean (b->rng) ? DIO_IR_SEXT32 : DIO_IR_ZEXT32, 0, value);
}

static uint32_t
sign_extended (Builder *b, uint32_t value)
{
  return b->block->ops->len && dio_ir_block_op (b->block, value)->opcode == DIO_IR_CONST
             ? op0 (b, DIO_IR_CONST, (int32_t) dio_ir_block_op (b->block, value)->immediate)
             : op1 (b, DIO_IR_SEXT32, 0, value);
}

static uint32_t
chosen (Builder *b, uint32_t x, uint32_t y)
{
  uint32_t truth =
      op2 (b, some_opcode (b, DIO_IR_EQ, DIO_IR_GEU), sign_extended (b, x), sign_extended (b, y));
  uint32_t values[] = { x, y, op2 (b, DIO_IR_ADD, x, y) };
  return dio_ir_block_append (b->block, DIO_IR_SELECT, 0, truth,
                              values[g_rand_int_range (b->rng, 0, 3)],
                              values[g_rand_int_range (b->rng, 0, 3)], 0);
}

static uint32_t
fused (Builder *b, Shape shape, uint32_t x, uint32_t y)
{
  switch (shape) {
  case INVERTED:
    return op2 (b, DIO_IR_AND, x, op1 (b, DIO_IR_NOT, 0, y));
  case INVERTED_FIRST:
    return op2 (b, DIO_IR_AND, op1 (b, DIO_IR_NOT, 0, x), y);
  case INVERTED_WORD:
    return word_of (b, op2 (b, DIO_IR_AND, x, op1 (b, DIO_IR_NOT, 0, y)));
  case WORD:
    return word_of (b, op2 (b, some_opcode (b, DIO_IR_AND, DIO_IR_NOT), x, y));
  case COMPARED_WORDS:
    return op1 (b, DIO_IR_WIDEN, 0,
                op2 (b, some_opcode (b, DIO_IR_EQ, DIO_IR_GEU), sign_extended (b, x),
                     sign_extended (b, y)));
  case TESTED_BITS:
    return op1 (b, DIO_IR_WIDEN, 0,
                op2 (b, some_opcode (b, DIO_IR_EQ, DIO_IR_NE), op2 (b, DIO_IR_AND, x, y),
                     op0 (b, DIO_IR_CONST, 0)));
  default:
    return chosen (b, x, y);
  }
}

static DioIrBlock *
build_fused (GRand *rng, Shape shape, Place p, Place q, Result where)
{
  Builder b = { .block = dio_ir_block_new (), .rng = rng };
  op0 (&b, DIO_IR_INSN, 0);
  pin (&b);
  b.operands[0] = operand (&b, p, 0, false);
  b.operands[1] = operand (&b, q, 1, false);
  if (b.spill)
    crowd (&b);
  set (&b, where, fused (&b, shape, b.operands[0], b.operands[1]), false);
  op0 (&b, DIO_IR_EXIT, 4);
  return b.block;
}

static void
test_fused (const void *data)
{
  g_autoptr (GRand) rng = g_rand_new_with_seed (SEED);
  JitRun *run = jit_run_new (data, 1);
  for (Shape shape = 0; shape < N_SHAPES; shape++)
    for (unsigned i = 0; i < N_PLACES * N_PLACES * N_RESULTS * 4; i++) {
      Place p = (Place) (i % N_PLACES), q = (Place) (i / N_PLACES % N_PLACES);
      Result where = (Result) (i / (N_PLACES * N_PLACES) % N_RESULTS);
      g_autoptr (DioIrBlock) block = build_fused (rng, shape, p, q, where);
      g_autofree char *what =
          g_strdup_printf ("%s (%s, %s)", shape_names[shape], place_names[p], place_names[q]);
      g_assert_true (compare (run, block, rng, what));
    }
  jit_run_free (run);
}

/* ---- Random blocks ---- */

#define MAX_VALUES 400
/* Branches leave the page, where other blocks are. */
#define BRANCH 4096

typedef struct {
  Builder b;
  uint32_t words[MAX_VALUES];
  unsigned n_words;
} Random;

static uint32_t
some_word (Random *r)
{
  /* Of late ones more often. */
  unsigned back = (unsigned) g_rand_int_range (r->b.rng, 0, g_rand_boolean (r->b.rng) ? 4 : 60);
  return r->words[r->n_words - 1 - MIN (back, r->n_words - 1)];
}

static void
keep (Random *r, uint32_t value)
{
  if (r->n_words < MAX_VALUES)
    r->words[r->n_words++] = value;
}

static void
random_pure (Random *r)
{
  DioIrOpcode opcode = (DioIrOpcode) g_rand_int_range (r->b.rng, DIO_IR_ADD, DIO_IR_SELECT + 1);
  const DioIrOpInfo *info = &dio_ir_op_info[opcode];
  uint32_t arguments[3];
  for (unsigned i = 0; i < 3; i++)
    arguments[i] = some_word (r);
  for (unsigned i = 0; i < info->n_arguments; i++)
    if (info->arguments[i] == DIO_IR_I1)
      arguments[i] = op2 (&r->b, (DioIrOpcode) g_rand_int_range (r->b.rng, DIO_IR_EQ, DIO_IR_WIDEN),
                          some_word (r), some_word (r));
  int64_t immediate = info->immediate == DIO_IR_IMM_SHIFT ? g_rand_int_range (r->b.rng, 1, 4) : 0;
  uint32_t value = dio_ir_block_append (r->b.block, opcode, immediate, arguments[0], arguments[1],
                                        arguments[2], 0);
  keep (r, is_truth (opcode) ? op1 (&r->b, DIO_IR_WIDEN, 0, value) : value);
}

static void
random_memory (Random *r)
{
  bool is_amo = g_rand_int_range (r->b.rng, 0, 4) == 0;
  DioIrOpcode opcode =
      is_amo ? (DioIrOpcode) g_rand_int_range (r->b.rng, DIO_IR_AMO_swap_32, DIO_IR_AMO_maxu_64 + 1)
             : (DioIrOpcode) g_rand_int_range (r->b.rng, DIO_IR_LOAD_S8, DIO_IR_STORE_64 + 1);
  int64_t displacement = is_amo ? 0 : g_rand_int_range (r->b.rng, -300, 300);
  uint32_t value =
      dio_ir_block_append (r->b.block, opcode, displacement, some_word (r), some_word (r), 0, 0);
  if (dio_ir_op_info[opcode].result != DIO_IR_VOID)
    keep (r, value);
}

static void
random_float (Random *r)
{
  int64_t name = g_rand_int_range (r->b.rng, 0, DIO_IR_N_FP);
  DioIrOpcode opcode = fp_opcode (name);
  bool rounded = opcode >= DIO_IR_FP_CALL1 && opcode <= DIO_IR_FP_CALL3;
  uint32_t arguments[4] = { 0 };
  if (rounded)
    arguments[0] = rounding (&r->b);
  for (unsigned i = rounded; i < dio_ir_op_info[opcode].n_arguments; i++) {
    arguments[i] = g_rand_boolean (r->b.rng)
                       ? some_word (r)
                       : op0 (&r->b, DIO_IR_GET_F, g_rand_int_range (r->b.rng, 0, 32));
    if (!takes_integer (name) && takes_single (name))
      arguments[i] = op1 (&r->b, DIO_IR_UNBOX, 0, arguments[i]);
  }
  uint32_t value = dio_ir_block_append (r->b.block, opcode, name, arguments[0], arguments[1],
                                        arguments[2], arguments[3]);
  if (gives_float (name) && gives_single (name) && g_rand_int_range (r->b.rng, 0, 4))
    value = op1 (&r->b, DIO_IR_BOX, 0, value);
  keep (r, value);
}

static DioIrBlock *
random_block (GRand *rng)
{
  Random r = { .b = { .block = dio_ir_block_new (), .rng = rng } };
  unsigned n = (unsigned) g_rand_int_range (rng, 3, 60);
  unsigned registers = (unsigned) g_rand_int_range (rng, 3, 32);
  for (unsigned i = 0; i < n; i++) {
    op0 (&r.b, DIO_IR_INSN, (int) i * 4);
    unsigned leaf = (unsigned) g_rand_int_range (rng, 0, 8);
    keep (&r, leaf == 0   ? op0 (&r.b, DIO_IR_PC, (int32_t) ir_eval_number (rng) / 2)
              : leaf == 1 ? op0 (&r.b, DIO_IR_CONST, (int64_t) ir_eval_number (rng))
                          : op0 (&r.b, DIO_IR_GET_X, g_rand_int_range (rng, 1, (int) registers)));
    unsigned kind = (unsigned) g_rand_int_range (rng, 0, 10);
    if (kind < 2)
      random_memory (&r);
    else if (kind < 4)
      random_float (&r);
    else
      random_pure (&r);
    bool fp = g_rand_int_range (rng, 0, 4) == 0;
    dio_ir_block_append (r.b.block, fp ? DIO_IR_SET_F : DIO_IR_SET_X,
                         g_rand_int_range (rng, fp ? 0 : 1, (int) registers), some_word (&r), 0, 0,
                         0);
  }
  if (g_rand_boolean (rng)) {
    uint32_t truth = op2 (&r.b, (DioIrOpcode) g_rand_int_range (rng, DIO_IR_EQ, DIO_IR_WIDEN),
                          some_word (&r), some_word (&r));
    dio_ir_block_append (r.b.block, DIO_IR_BRANCH, BRANCH + g_rand_int_range (rng, 0, 4000) * 2,
                         truth, 0, 0, 0);
  } else if (g_rand_boolean (rng)) {
    /* Code is where the lowest bit is 0. */
    op1 (&r.b, DIO_IR_JUMP, 0,
         op2 (&r.b, DIO_IR_AND, some_word (&r), op0 (&r.b, DIO_IR_CONST, -2)));
    return r.b.block;
  }
  op0 (&r.b, DIO_IR_EXIT, (int) n * 4);
  return r.b.block;
}

static void
test_random_blocks (const void *data)
{
  g_autoptr (GRand) rng = g_rand_new_with_seed (SEED);
  g_autoptr (DioOptContext) optimiser = dio_opt_context_new ();
  JitRun *run = jit_run_new (data, 1);
  unsigned refused = 0; /* too many values may live at once */
  for (unsigned i = 0; i < RANDOM_BLOCKS; i++) {
    g_autoptr (DioIrBlock) block = random_block (rng);
    g_autofree char *what = g_strdup_printf ("block %u", i);
    refused += !compare (run, block, rng, what);
    if (i % 2 == 0)
      continue;
    dio_opt_block (optimiser, block);
    refused += !compare (run, block, rng, what);
  }
  jit_run_free (run);
  g_test_message ("%u blocks were refused", refused);
  g_assert_cmpuint (refused, <=, RANDOM_BLOCKS / 500);
}

/* ---- Conversions to integers ---- */

/* x12 = what @name makes of f5; @rounding or, if that is negative, in the mode in force. */
static DioIrBlock *
build_conversion (GRand *rng, int64_t name, int rounding)
{
  Builder b = { .block = dio_ir_block_new (), .rng = rng };
  op0 (&b, DIO_IR_INSN, 0);
  uint32_t value = op0 (&b, DIO_IR_GET_F, 5);
  if (takes_single (name))
    value = op1 (&b, DIO_IR_UNBOX, 0, value);
  uint32_t mode = rounding < 0 ? op0 (&b, DIO_IR_FP_ROUNDING, 0) : op0 (&b, DIO_IR_CONST, rounding);
  uint32_t result = dio_ir_block_append (b.block, DIO_IR_FP_CALL1, name, mode, value, 0, 0);
  op1 (&b, DIO_IR_SET_X, 12, result);
  op0 (&b, DIO_IR_EXIT, 4);
  return b.block;
}

/* As a double or a boxed single, @steps numbers of the format further. */
static uint64_t
bits_of (double number, bool single, int steps)
{
  uint64_t bits = 0;
  if (!single) {
    memcpy (&bits, &number, sizeof number);
    return bits + (uint64_t) steps;
  }
  float rounded = (float) number;
  memcpy (&bits, &rounded, sizeof rounded);
  return UINT64_C (0xffffffff00000000) | (uint32_t) (bits + (uint64_t) steps);
}

/* Around all limits, where what does not fit must not be noted as inexact as well. */
static void
check_conversion (JitRun *run, GRand *rng, int64_t name, int rounding)
{
  static const double limits[] = { 0, 1, 0x1p31, 0x1p32, 0x1p63, 0x1p64, INFINITY, NAN };
  g_autoptr (DioIrBlock) block = build_conversion (rng, name, rounding);
  DioJitEntry *entry = compile_copy (run, block);
  g_assert_nonnull (entry);
  for (unsigned limit = 0; limit < G_N_ELEMENTS (limits); limit++)
    for (int quarters = -8; quarters <= 8; quarters++)
      for (int steps = -1; steps <= 1; steps++)
        for (int sign = -1; sign <= 1; sign += 2) {
          IrEvalState start;
          randomize (&start, block, entry, rng);
          start.fflags = 0;
          start.f[5] =
              bits_of (sign * (limits[limit] + quarters / 4.0), takes_single (name), steps);
          g_autofree char *what = g_strdup_printf ("%s of %016" PRIx64 ", %d",
                                                   dio_ir_fp_names[name], start.f[5], rounding);
          compare_from (run, block, entry, &start, what);
        }
}

static void
test_conversions (const void *data)
{
  static const int64_t names[] = {
    DIO_IR_FP_f32_to_i32, DIO_IR_FP_f32_to_u32, DIO_IR_FP_f32_to_i64, DIO_IR_FP_f32_to_u64,
    DIO_IR_FP_f64_to_i32, DIO_IR_FP_f64_to_u32, DIO_IR_FP_f64_to_i64, DIO_IR_FP_f64_to_u64,
  };
  g_autoptr (GRand) rng = g_rand_new_with_seed (SEED);
  JitRun *run = jit_run_new (data, 1);
  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    for (int rounding = -1; rounding < 5; rounding++)
      check_conversion (run, rng, names[i], rounding);
  jit_run_free (run);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (processors); i++) {
    g_autofree char *suffix = g_strdup (*processors[i] ? strchr (processors[i], '=') + 1 : "all");
    g_autofree char *one = g_strdup_printf ("/core/jit/ops/integers/%s", suffix);
    g_autofree char *two = g_strdup_printf ("/core/jit/ops/floating-point/%s", suffix);
    g_autofree char *three = g_strdup_printf ("/core/jit/ops/blocks/%s", suffix);
    g_autofree char *four = g_strdup_printf ("/core/jit/ops/conversions/%s", suffix);
    g_test_add_data_func (four, processors[i], test_conversions);
    g_test_add_data_func (one, processors[i], test_operations);
    g_test_add_data_func (two, processors[i], test_floating_point);
    g_autofree char *five = g_strdup_printf ("/core/jit/ops/fused/%s", suffix);
    g_test_add_data_func (three, processors[i], test_random_blocks);
    g_test_add_data_func (five, processors[i], test_fused);
  }
  return g_test_run ();
}
