/* SPDX-License-Identifier: GPL-3.0-or-later
 * An evaluator of intermediate representation, by the interpreter's expressions. */
#include "tests/support/ir-eval.h"

#include <string.h>

#include "core/fp/fp.h"
#include "core/interp/interp-sem.h"
#include "tests/support/ir-eval-vec.h"

typedef struct {
  const DioIrBlock *block;
  IrEvalState *state;
  uint64_t *values;
  int64_t instruction;
  IrEvalExit exit;
} Run;

/* ---- The world ---- */

static uint64_t
mix (uint64_t a, uint64_t b)
{
  uint64_t z = (a ^ b) * UINT64_C (0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
  return (z ^ (z >> 27)) * UINT64_C (0x94d049bb133111eb);
}

static void
note (Run *run, uint64_t what)
{
  run->state->log = mix (run->state->log, what);
}

/* What the world has to say at this instruction. */
static uint64_t
oracle (const Run *run)
{
  return mix (run->state->seed, (uint64_t) run->instruction) >> 8;
}

static void
note_registers (Run *run)
{
  const IrEvalState *state = run->state;
  for (unsigned r = 0; r < 32; r++) {
    note (run, state->x[r]);
    note (run, state->f[r]);
  }
  note (run, state->fflags | state->frm << 8 | state->fp_on << 16 | state->fp_dirty << 17);
}

/* A system operation sees everything and may change everything. */
static uint64_t
do_system (Run *run, uint64_t what)
{
  IrEvalState *state = run->state;
  uint64_t random = oracle (run);
  note_registers (run);
  note (run, what);
  state->fp_on = random % 8 != 0;
  state->frm = (random >> 8) % 6;
  state->fflags ^= (random >> 16) & 31;
  state->x[1 + (random >> 24) % 31] = mix (random, 1);
  state->f[(random >> 32) % 32] = mix (random, 2);
  return mix (random, 3);
}

static bool
leave (Run *run, IrEvalEnd end, uint64_t target, int64_t cause)
{
  run->exit = (IrEvalExit){ end, run->instruction, target, cause };
  return false;
}

/* False when an access to @address faults. */
static bool
access_memory (Run *run, uint64_t address)
{
  unsigned rate = run->state->fault_rate;
  if (rate && oracle (run) % rate == 0)
    return leave (run, IR_EVAL_FAULT, address, 0);
  run->state->accesses++;
  return true;
}

static uint64_t
load (Run *run, uint64_t address, unsigned size)
{
  uint64_t value = 0;
  for (unsigned i = 0; i < size; i++)
    value |= (uint64_t) run->state->memory[(address + i) % IR_EVAL_MEMORY] << (8 * i);
  note (run, address);
  note (run, size);
  return value;
}

static void
store (Run *run, uint64_t address, unsigned size, uint64_t value)
{
  for (unsigned i = 0; i < size; i++)
    run->state->memory[(address + i) % IR_EVAL_MEMORY] = (uint8_t) (value >> (8 * i));
  note (run, address);
  note (run, size + 100);
  note (run, size == 8 ? value : value & ((UINT64_C (1) << (8 * size)) - 1));
}

/* ---- Floating point ---- */

#define CALL1(name)                                                                                \
  case DIO_IR_FP_##name:                                                                           \
    return (Val) dio_fp_##name (mode, flags, a);
#define CALL2(name)                                                                                \
  case DIO_IR_FP_##name:                                                                           \
    return (Val) dio_fp_##name (mode, flags, a, b);
#define CALL3(name)                                                                                \
  case DIO_IR_FP_##name:                                                                           \
    return (Val) dio_fp_##name (mode, flags, a, b, c);
#define TEST1(name)                                                                                \
  case DIO_IR_FP_##name:                                                                           \
    return (Val) dio_fp_##name (flags, a);
#define TEST2(name)                                                                                \
  case DIO_IR_FP_##name:                                                                           \
    return (Val) dio_fp_##name (flags, a, b);
#define PURE1(name)                                                                                \
  case DIO_IR_FP_##name:                                                                           \
    return (Val) dio_fp_##name (a);

uint64_t
ir_eval_fp (int64_t function, uint8_t *flags, DioFpMode mode, uint64_t a, uint64_t b, uint64_t c)
{
  switch (function) {
    CALL1 (sqrt32)
    CALL1 (sqrt64)
    CALL1 (f32_to_i32)
    CALL1 (f32_to_u32)
    CALL1 (f32_to_i64)
    CALL1 (f32_to_u64)
    CALL1 (f64_to_i32)
    CALL1 (f64_to_u32)
    CALL1 (f64_to_i64)
    CALL1 (f64_to_u64)
    CALL1 (i32_to_f32)
    CALL1 (u32_to_f32)
    CALL1 (i64_to_f32)
    CALL1 (u64_to_f32)
    CALL1 (i32_to_f64)
    CALL1 (u32_to_f64)
    CALL1 (i64_to_f64)
    CALL1 (u64_to_f64)
    CALL1 (f32_to_f64)
    CALL1 (f64_to_f32)
    CALL1 (round32)
    CALL1 (roundx32)
    CALL1 (round64)
    CALL1 (roundx64)
    CALL2 (add32)
    CALL2 (sub32)
    CALL2 (mul32)
    CALL2 (div32)
    CALL2 (add64)
    CALL2 (sub64)
    CALL2 (mul64)
    CALL2 (div64)
    CALL2 (min32)
    CALL2 (max32)
    CALL2 (minm32)
    CALL2 (maxm32)
    CALL2 (min64)
    CALL2 (max64)
    CALL2 (minm64)
    CALL2 (maxm64)
    CALL3 (fma32)
    CALL3 (fma64)
    TEST1 (f64_to_i32_mod)
    TEST2 (eq32)
    TEST2 (lt32)
    TEST2 (le32)
    TEST2 (ltq32)
    TEST2 (leq32)
    TEST2 (eq64)
    TEST2 (lt64)
    TEST2 (le64)
    TEST2 (ltq64)
    TEST2 (leq64)
    PURE1 (class32)
    PURE1 (class64)
    CALL1 (flush32)
    CALL1 (flush64)
    CALL1 (recip32)
    CALL1 (recip64)
    CALL1 (rsqrt32)
    CALL1 (rsqrt64)
    CALL1 (recipx32)
    CALL1 (recipx64)
    CALL1 (f64_to_i32_js)
    CALL1 (f16_to_f32)
    CALL1 (f16_to_f64)
    CALL1 (f32_to_f16)
    CALL1 (f64_to_f16)
    CALL1 (f64_to_f32_odd)
    CALL2 (mulx32)
    CALL2 (mulx64)
    CALL2 (recip_step32)
    CALL2 (recip_step64)
    CALL2 (rsqrt_step32)
    CALL2 (rsqrt_step64)
    TEST2 (compare32)
    TEST2 (compare64)
    TEST2 (comparee32)
    TEST2 (comparee64)
  default:
    g_assert_not_reached ();
  }
}

/* ---- Operations ---- */

#define UNARY(name)                                                                                \
  case DIO_IR_##name:                                                                              \
    *value = name (a);                                                                             \
    return true;
#define BINARY(name)                                                                               \
  case DIO_IR_##name:                                                                              \
    *value = name (a, b);                                                                          \
    return true;

/* True when @op is a function of its arguments alone. */
static bool
do_pure (Run *run, const DioIrOp *op, uint64_t a, uint64_t b, uint64_t c, uint64_t *value)
{
  switch (op->opcode) {
  case DIO_IR_NOP:
    return true;
  case DIO_IR_CONST:
    *value = CONST (op->immediate);
    return true;
  case DIO_IR_PC:
    *value = ADD (run->state->pc, CONST (op->immediate));
    return true;
  case DIO_IR_ADD_SHL:
    *value = ADD (a, SHL (b, CONST (op->immediate)));
    return true;
  case DIO_IR_WIDEN:
    *value = a;
    return true;
  case DIO_IR_SELECT:
    *value = SELECT (a, b, c);
    return true;
  case DIO_IR_CRC32:
    *value = CRC32 ((DioVecCrc) (op->immediate >> 8 & 1), (unsigned) op->immediate & 15, a, b);
    return true;
#include "core/interp/interp-words.inc"
  default:
    return false;
  }
}

#define LOAD_OP(NAME, kind)                                                                        \
  case DIO_IR_LOAD_##NAME:                                                                         \
    if (!access_memory (run, address))                                                             \
      return false;                                                                                \
    *value = INTERP_WIDEN_##kind (load (run, address, INTERP_SIZE_##kind));                        \
    return true;
#define STORE_OP(bits)                                                                             \
  case DIO_IR_STORE_##bits:                                                                        \
    if (!access_memory (run, address))                                                             \
      return false;                                                                                \
    store (run, address, bits / 8, b);                                                             \
    return true;
/* The interpreter's words want aligned host memory. */
#define AMO_OP(name, bits)                                                                         \
  case DIO_IR_AMO_##name##_##bits: {                                                               \
    if (!access_memory (run, a))                                                                   \
      return false;                                                                                \
    uint##bits##_t cell = (uint##bits##_t) load (run, a, bits / 8);                                \
    *value = interp_amo_##name##_##bits (&cell, b);                                                \
    store (run, a, bits / 8, cell);                                                                \
    return true;                                                                                   \
  }
#define ATOMIC_OPS(bits)                                                                           \
  AMO_OP (swap, bits)                                                                              \
  AMO_OP (add, bits)                                                                               \
  AMO_OP (xor, bits)                                                                               \
  AMO_OP (and, bits)                                                                               \
  AMO_OP (or, bits)                                                                                \
  AMO_OP (min, bits)                                                                               \
  AMO_OP (max, bits)                                                                               \
  AMO_OP (minu, bits)                                                                              \
  AMO_OP (maxu, bits)                                                                              \
  case DIO_IR_LOAD_RESERVED_##bits:                                                                \
    if (!access_memory (run, a))                                                                   \
      return false;                                                                                \
    *value = INTERP_WIDEN_s##bits (load (run, a, bits / 8));                                       \
    return true;                                                                                   \
  case DIO_IR_STORE_CONDITIONAL_##bits:                                                            \
    if (!access_memory (run, a))                                                                   \
      return false;                                                                                \
    *value = oracle (run) >> 16 & 1;                                                               \
    if (*value == 0)                                                                               \
      store (run, a, bits / 8, b);                                                                 \
    return true;
#define INTERP_WIDEN_s64(v) (v)

static bool
do_memory (Run *run, const DioIrOp *op, uint64_t a, uint64_t b, uint64_t *value)
{
  uint64_t address = ADD (a, CONST (op->immediate));
  switch (op->opcode) {
    LOAD_OP (S8, s8)
    LOAD_OP (U8, u8)
    LOAD_OP (S16, s16)
    LOAD_OP (U16, u16)
    LOAD_OP (S32, s32)
    LOAD_OP (U32, u32)
    LOAD_OP (U64, u64)
    STORE_OP (8)
    STORE_OP (16)
    STORE_OP (32)
    STORE_OP (64)
    ATOMIC_OPS (32)
    ATOMIC_OPS (64)
  case DIO_IR_FENCE:
    note_registers (run);
    return true;
  default:
    g_assert_not_reached ();
  }
}

/* By the flags of the comparison. */
static bool
fp_holds (const DioIrOp *op, uint64_t a, uint64_t b)
{
  uint8_t exceptions = 0;
  uint32_t nzcv = op->opcode == DIO_IR_FP_HOLDS_32
                      ? dio_fp_soft_compare32 (&exceptions, (uint32_t) a, (uint32_t) b)
                      : dio_fp_soft_compare64 (&exceptions, a, b);
  bool n = nzcv >> 31, z = nzcv >> 30 & 1, c = nzcv >> 29 & 1, v = nzcv >> 28 & 1;
  const bool even[] = { z, c, n, v, c && !z, n == v, n == v && !z };
  unsigned condition = (unsigned) op->immediate & 15;
  return condition >> 1 == 7 || even[condition >> 1] != (condition & 1);
}

/* False when the block ends here. */
static bool
do_state (Run *run, const DioIrOp *op, const uint64_t *v, uint64_t *value)
{
  IrEvalState *state = run->state;
  uint64_t pc = state->pc + (uint64_t) op->immediate;
  switch (op->opcode) {
  case DIO_IR_INSN:
    run->instruction = op->immediate;
    return true;
  case DIO_IR_GET_X:
    *value = state->x[op->immediate];
    return true;
  case DIO_IR_SET_X:
    state->x[op->immediate] = v[0];
    return true;
  case DIO_IR_GET_F:
    *value = state->f[op->immediate];
    return true;
  case DIO_IR_SET_F:
    state->f[op->immediate] = v[0];
    return true;
  case DIO_IR_FP_REQUIRE:
    state->fp_dirty |= state->fp_on;
    return state->fp_on || leave (run, IR_EVAL_ILLEGAL, 0, 0);
  case DIO_IR_FP_ROUNDING:
    *value = state->frm;
    return state->frm <= DIO_FP_RMM || leave (run, IR_EVAL_ILLEGAL, 0, 0);
  case DIO_IR_FP_CALL1:
  case DIO_IR_FP_CALL2:
  case DIO_IR_FP_CALL3:
    *value = ir_eval_fp (op->immediate, &state->fflags, (DioFpMode) v[0], v[1], v[2], v[3]);
    return true;
  case DIO_IR_FP_TEST1:
  case DIO_IR_FP_TEST2:
  case DIO_IR_FP_PURE1:
    *value = ir_eval_fp (op->immediate, &state->fflags, 0, v[0], v[1], 0);
    return true;
  case DIO_IR_FP_HOLDS_32:
  case DIO_IR_FP_HOLDS_64:
    *value = fp_holds (op, v[0], v[1]);
    return true;
  case DIO_IR_TRAP_IF:
    return !v[0] || leave (run, IR_EVAL_TRAP, v[1], op->immediate);
  case DIO_IR_ILLEGAL_IF:
    return !v[0] || leave (run, IR_EVAL_ILLEGAL, 0, 0);
  case DIO_IR_SYSTEM:
    do_system (run, g_str_hash (op->note));
    return true;
  case DIO_IR_CSR_READ:
  case DIO_IR_CSR_WRITE:
  case DIO_IR_CSR_SET:
  case DIO_IR_CSR_CLEAR:
  case DIO_IR_CACHE_BLOCK:
  case DIO_IR_FENCE_VMA:
    *value = do_system (run, mix (op->opcode, mix ((uint64_t) op->immediate, mix (v[0], v[1]))));
    return true;
  case DIO_IR_EXIT:
    return leave (run, IR_EVAL_LEAVE, pc, 0);
  case DIO_IR_BRANCH:
    return !v[0] || leave (run, IR_EVAL_LEAVE, pc, 0);
  case DIO_IR_JUMP:
    return leave (run, IR_EVAL_LEAVE, v[0], 0);
  case DIO_IR_CHANGED:
    return leave (run, IR_EVAL_CHANGED, pc, 0);
  case DIO_IR_HALT:
    return leave (run, IR_EVAL_HALT, pc, 0);
  case DIO_IR_RETURN:
    return leave (run, IR_EVAL_RETURN, 0, 0);
  case DIO_IR_TRAP:
    return leave (run, IR_EVAL_TRAP, v[0], op->immediate);
  case DIO_IR_ILLEGAL:
    return leave (run, IR_EVAL_ILLEGAL, 0, 0);
  case DIO_IR_ENVIRONMENT_CALL:
    return leave (run, IR_EVAL_CALL, 0, 0);
  default:
    return do_memory (run, op, v[0], v[1], value);
  }
}

static DioVec
load_vector (Run *run, uint64_t address)
{
  uint64_t low = load (run, address, 8);
  return dio_vec_make (low, load (run, address + 8, 8));
}

static void
store_vector (Run *run, uint64_t address, DioVec vector)
{
  store (run, address, 8, vector[0]);
  store (run, address + 8, 8, vector[1]);
}

/* As two words. */
static bool
do_vector_memory (Run *run, const DioIrOp *op, const uint64_t *w, const DioVec *q, DioVec *vector)
{
  uint64_t address = ADD (w[0], CONST (op->immediate));
  if (!access_memory (run, address))
    return false;
  if (op->opcode == DIO_IR_STORE_V128) {
    store_vector (run, address, q[1]);
    return true;
  }
  *vector = load_vector (run, address);
  if (op->opcode == DIO_IR_COMPARE_SWAP_V128 && (*vector)[0] == q[1][0] && (*vector)[1] == q[1][1])
    store_vector (run, address, q[2]);
  return true;
}

static bool
is_vector_memory (unsigned opcode)
{
  return opcode == DIO_IR_LOAD_V128 || opcode == DIO_IR_STORE_V128
         || opcode == DIO_IR_LOAD_RESERVED_V128 || opcode == DIO_IR_COMPARE_SWAP_V128;
}

static bool
do_op (Run *run, const DioIrOp *op, const uint64_t *v, const DioVec *q, uint64_t *value,
       DioVec *vector)
{
  if (is_vector_memory (op->opcode))
    return do_vector_memory (run, op, v, q, vector);
  return ir_eval_vector (op, run->state, v, q, value, vector)
         || do_pure (run, op, v[0], v[1], v[2], value) || do_state (run, op, v, value);
}

IrEvalExit
ir_eval_block (const DioIrBlock *block, IrEvalState *state, uint64_t *values)
{
  g_autofree uint64_t *own = values ? NULL : g_new0 (uint64_t, block->ops->len);
  g_autofree DioVec *vectors = g_new0 (DioVec, block->ops->len);
  Run run = { .block = block, .state = state, .values = values ? values : own };
  for (uint32_t i = 0; i < block->ops->len; i++) {
    const DioIrOp *op = dio_ir_block_op (block, i);
    uint64_t v[DIO_IR_MAX_ARGUMENTS] = { 0 };
    DioVec q[DIO_IR_MAX_ARGUMENTS] = { { 0 } };
    for (unsigned a = 0; a < dio_ir_op_info[op->opcode].n_arguments; a++)
      v[a] = run.values[op->arguments[a]];
    for (unsigned a = 0; a < dio_ir_op_info[op->opcode].n_arguments; a++)
      q[a] = vectors[op->arguments[a]];
    run.values[i] = 0;
    if (!do_op (&run, op, v, q, &run.values[i], &vectors[i]))
      return run.exit;
  }
  g_assert_not_reached ();
}

/* ---- Machines ---- */

uint64_t
ir_eval_number (GRand *rng)
{
  uint64_t random = (uint64_t) g_rand_int (rng) << 32 | g_rand_int (rng);
  unsigned width = (unsigned) g_rand_int_range (rng, 0, 64);
  static const unsigned widths[] = { 0, 1, 6, 7, 8, 15, 16, 31, 32, 33, 63 };
  switch (g_rand_int_range (rng, 0, 8)) {
  case 0:
    return random;
  case 1:
    return random >> width;
  case 2:
    return (uint64_t) ((int64_t) random >> width);
  case 3:
    return UINT64_C (1) << width;
  case 4:
    return (UINT64_C (1) << widths[width % G_N_ELEMENTS (widths)]) - 1;
  case 5:
    return 0 - (UINT64_C (1) << widths[width % G_N_ELEMENTS (widths)]);
  case 6:
    return random % 8 - 2;
  default:
    return random % 4096 - 2048;
  }
}

static uint64_t
floating_point_number (GRand *rng)
{
  static const uint64_t numbers[] = {
    0,
    UINT64_C (0x8000000080000000), /* -0 */
    UINT64_C (0x3f8000003f800000), /* 1, and some double */
    UINT64_C (0x3ff0000000000000), /* 1 */
    UINT64_C (0x7f800000ff800000), /* infinities */
    UINT64_C (0x7ff0000000000000),
    UINT64_C (0x7fc00001ffc00002), /* quiet NaNs */
    UINT64_C (0xfff8000000000003),
    UINT64_C (0x7f8000017f800003), /* signalling ones */
    UINT64_C (0x7ff0000000000001),
    UINT64_C (0x0080000000800001), /* the smallest normal numbers */
    UINT64_C (0x0010000000000000),
    UINT64_C (0x007fffff00000001), /* not normal */
    UINT64_C (0x000fffffffffffff),
    UINT64_C (0x4effffff4f000000), /* around the limits of integers */
    UINT64_C (0x41dfffffffc00000),
    UINT64_C (0x3fc000004020001f), /* 1.5, 2.5 */
    UINT64_C (0x3f7fffff3f800001), /* around 1 */
    UINT64_C (0x3fefffffffffffff),
  };
  uint64_t number = numbers[g_rand_int_range (rng, 0, G_N_ELEMENTS (numbers))];
  return g_rand_boolean (rng) ? number : number << 32 | number >> 32;
}

DioVec
ir_eval_vector_number (GRand *rng)
{
  DioVec vector;
  for (unsigned i = 0; i < 2; i++)
    switch (g_rand_int_range (rng, 0, 4)) {
    case 0:
      vector[i] = (uint64_t) g_rand_int (rng) << 32 | g_rand_int (rng);
      break;
    case 1:
      vector[i] = floating_point_number (rng);
      break;
    case 2: /* small numbers in bytes */
      vector[i] = (uint64_t) g_rand_int (rng) << 32 | (g_rand_int (rng) & 0x0f1f3f7f);
      break;
    default:
      vector[i] = ir_eval_number (rng);
      break;
    }
  return g_rand_int_range (rng, 0, 8) ? vector : dio_vec_make (vector[0], vector[0]);
}

void
ir_eval_randomize (IrEvalState *state, GRand *rng)
{
  memset (state, 0, sizeof *state);
  for (unsigned r = 0; r < 32; r++) {
    state->x[r] = r == 0 ? 0 : ir_eval_number (rng);
    if (r > 2 && g_rand_int_range (rng, 0, 8) == 0)
      state->x[r] = state->x[r - 1];
    state->f[r] = g_rand_boolean (rng) ? ir_eval_number (rng) : ir_eval_number (rng) << 40;
    if (g_rand_boolean (rng))
      state->f[r] |= UINT64_C (0xffffffff00000000);
  }
  state->pc = (uint64_t) g_rand_int (rng) << 8;
  state->fflags = (uint8_t) g_rand_int_range (rng, 0, 32);
  state->frm = (uint8_t) g_rand_int_range (rng, 0, 6);
  state->fp_on = g_rand_int_range (rng, 0, 16) != 0;
  for (unsigned i = 0; i < IR_EVAL_MEMORY; i++)
    state->memory[i] = (uint8_t) ir_eval_number (rng);
  state->seed = (uint64_t) g_rand_int (rng) << 32 | g_rand_int (rng);
  state->fault_rate = g_rand_boolean (rng) ? 8 : 0;
  for (unsigned r = 0; r < 32; r++)
    state->v[r] = ir_eval_vector_number (rng);
}

const char *
ir_eval_difference (const IrEvalState *a, IrEvalExit a_exit, const IrEvalState *b,
                    IrEvalExit b_exit)
{
  if (a_exit.end != b_exit.end || a_exit.target != b_exit.target || a_exit.cause != b_exit.cause)
    return "how it ended";
  if (a_exit.instruction != b_exit.instruction)
    return "where it ended";
  if (memcmp (a->x, b->x, sizeof a->x) != 0)
    return "integer registers";
  if (memcmp (a->f, b->f, sizeof a->f) != 0)
    return "floating-point registers";
  if (a->fflags != b->fflags || a->frm != b->frm || a->fp_on != b->fp_on
      || a->fp_dirty != b->fp_dirty)
    return "floating-point state";
  if (memcmp (a->v, b->v, sizeof a->v) != 0)
    return "vector registers";
  if (a->saturated != b->saturated)
    return "whether it saturated";
  if (memcmp (a->memory, b->memory, sizeof a->memory) != 0)
    return "memory";
  return a->log == b->log ? NULL : "accesses";
}
