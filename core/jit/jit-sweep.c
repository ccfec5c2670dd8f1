/* SPDX-License-Identifier: GPL-3.0-or-later
 * Which loops sweep over memory, by following what is added to general registers in one round.
 * Arithmetic is that of the guest, modulo 2^64. */
#include "core/jit/jit-sweep.h"

#include <string.h>

/* A value as a sum of variables, as they are when a round begins, times factors, and a constant. */
typedef struct {
  bool known;
  uint8_t n;
  uint8_t vars[2]; /* ascending */
  uint64_t factors[2];
  uint64_t constant;
} Sum;

typedef struct {
  Sum values[DIO_JIT_SWEEP_OPS];
  Sum vars[DIO_JIT_F]; /* what general registers hold */
} Round;

/* ---- Sums ---- */

static Sum
of_constant (uint64_t constant)
{
  return (Sum){ .known = true, .constant = constant };
}

static Sum
of_var (unsigned var)
{
  return (Sum){ .known = true, .n = 1, .vars = { (uint8_t) var }, .factors = { 1 } };
}

static void
add_term (Sum *sum, uint8_t var, uint64_t factor)
{
  unsigned at = 0;
  while (at < sum->n && sum->vars[at] < var)
    at++;
  if (at < sum->n && sum->vars[at] == var) {
    sum->factors[at] += factor;
    if (sum->factors[at])
      return;
    for (sum->n--; at < sum->n; at++) {
      sum->vars[at] = sum->vars[at + 1];
      sum->factors[at] = sum->factors[at + 1];
    }
    return;
  }
  if (sum->n == G_N_ELEMENTS (sum->vars)) {
    sum->known = false;
    return;
  }
  for (unsigned i = sum->n++; i > at; i--) {
    sum->vars[i] = sum->vars[i - 1];
    sum->factors[i] = sum->factors[i - 1];
  }
  sum->vars[at] = var;
  sum->factors[at] = factor;
}

/* a + b times @factor. */
static Sum
sum_of (const Sum *a, const Sum *b, uint64_t factor)
{
  Sum sum = *a;
  sum.known = a->known && b->known;
  sum.constant += b->constant * factor;
  for (unsigned i = 0; sum.known && i < b->n; i++)
    if ((b->factors[i] * factor) != 0)
      add_term (&sum, b->vars[i], b->factors[i] * factor);
  return sum;
}

static Sum
shifted (const Sum *value, const Sum *count)
{
  Sum zero = of_constant (0);
  if (!count->known || count->n || count->constant > 63)
    return (Sum){ 0 };
  return sum_of (&zero, value, UINT64_C (1) << count->constant);
}

static Sum
value_of (const Round *round, const DioIrOp *op)
{
  const Sum *a = &round->values[op->arguments[0]], *b = &round->values[op->arguments[1]];
  switch (op->opcode) {
  case DIO_IR_CONST:
    return of_constant ((uint64_t) op->immediate);
  case DIO_IR_GET_X:
    return round->vars[op->immediate];
  case DIO_IR_ADD:
    return sum_of (a, b, 1);
  case DIO_IR_ADD_SHL:
    return sum_of (a, b, UINT64_C (1) << op->immediate);
  case DIO_IR_SUB:
    return sum_of (a, b, UINT64_MAX);
  case DIO_IR_SHL:
    return shifted (a, b);
  default:
    return (Sum){ 0 };
  }
}

/* By how much @var moves in a round. */
static bool
step_of (const Round *round, unsigned var, uint64_t *step)
{
  const Sum *end = &round->vars[var];
  *step = end->constant;
  return end->known && end->n == 1 && end->vars[0] == var && end->factors[0] == 1;
}

/* ---- Accesses ---- */

unsigned
dio_jit_plain_access (unsigned opcode, bool *writes)
{
  static const uint8_t bytes[] = {
    [DIO_IR_LOAD_S8] = 1,     [DIO_IR_LOAD_U8] = 1,  [DIO_IR_LOAD_S16] = 2, [DIO_IR_LOAD_U16] = 2,
    [DIO_IR_LOAD_S32] = 4,    [DIO_IR_LOAD_U32] = 4, [DIO_IR_LOAD_U64] = 8, [DIO_IR_STORE_8] = 1,
    [DIO_IR_STORE_16] = 2,    [DIO_IR_STORE_32] = 4, [DIO_IR_STORE_64] = 8, [DIO_IR_LOAD_V128] = 16,
    [DIO_IR_STORE_V128] = 16,
  };
  if (writes)
    *writes =
        (opcode >= DIO_IR_STORE_8 && opcode <= DIO_IR_STORE_64) || opcode == DIO_IR_STORE_V128;
  return opcode < G_N_ELEMENTS (bytes) ? bytes[opcode] : 0;
}

/* The part of @address that is not constant, and how it moves. */
static bool
pointer_of (const Round *round, const Sum *address, DioJitSweepPointer *pointer)
{
  uint64_t step = 0;
  if (!address->known || !address->n)
    return false;
  memset (pointer, 0, sizeof *pointer);
  pointer->n_terms = address->n;
  for (unsigned i = 0; i < address->n; i++) {
    uint64_t moves, factor = address->factors[i];
    if (!step_of (round, address->vars[i], &moves) || (factor & (factor - 1)))
      return false;
    step += moves * factor;
    pointer->vars[i] = address->vars[i];
    pointer->shifts[i] = (uint8_t) __builtin_ctzll (factor);
  }
  if (step + DIO_JIT_SWEEP_STEP > 2 * DIO_JIT_SWEEP_STEP)
    return false;
  pointer->step = (int32_t) (int64_t) step;
  return true;
}

static bool
joins (const DioJitSweepPointer *a, const DioJitSweepPointer *b)
{
  return a->n_terms == b->n_terms && !memcmp (a->vars, b->vars, sizeof a->vars)
         && !memcmp (a->shifts, b->shifts, sizeof a->shifts)
         && MAX (a->high, b->high) - MIN (a->low, b->low) <= DIO_JIT_SWEEP_BYTES;
}

static bool
add_access (DioJitSweep *sweep, const Round *round, const DioIrOp *op, uint32_t at)
{
  DioJitSweepPointer pointer;
  const Sum *address = &round->values[op->arguments[0]];
  if (!pointer_of (round, address, &pointer))
    return false;
  int64_t low = (int64_t) (address->constant + (uint64_t) op->immediate);
  if (low < -DIO_IR_MAX_OFFSET || low > DIO_IR_MAX_OFFSET)
    return false;
  pointer.low = (int32_t) low;
  pointer.high = pointer.low + (int32_t) dio_jit_plain_access (op->opcode, &pointer.write);
  unsigned i = 0;
  while (i < sweep->n && !joins (&sweep->pointers[i], &pointer))
    i++;
  if (i == DIO_JIT_SWEEP_POINTERS)
    return false;
  DioJitSweepPointer *known = &sweep->pointers[i];
  sweep->pointer[at] = (uint8_t) i;
  if (i == sweep->n) {
    sweep->n++;
    *known = pointer;
    return true;
  }
  known->low = MIN (known->low, pointer.low);
  known->high = MAX (known->high, pointer.high);
  known->write |= pointer.write;
  return true;
}

/* ---- Blocks ---- */

/* Nothing that leaves the block in its midst, or may change the TLB. */
static bool
stays (const DioJitRegion *region, const DioIrOp *op)
{
  unsigned effects = dio_ir_op_info[op->opcode].effects;
  if (op->opcode == DIO_IR_FP_REQUIRE || op->opcode == DIO_IR_FP_ROUNDING)
    return region->checks_fp;
  return !(effects & ~DIO_IR_READ) || dio_jit_is_set (op) || dio_jit_plain_access (op->opcode, NULL)
         || (op->opcode >= DIO_IR_FP_CALL1 && op->opcode <= DIO_IR_FP_TEST2)
         || (op->opcode >= DIO_IR_VEC_SAT1 && op->opcode <= DIO_IR_VEC_FP_TEST2)
         || (op->opcode >= DIO_IR_FLAGS_ADD_32 && op->opcode <= DIO_IR_SET_NZCV);
}

/* Follows a round up to the branch that ends it. */
static bool
follow (const DioJitRegion *region, const DioIrBlock *ir, Round *round)
{
  uint32_t n = ir->ops->len;
  if (n < 2 || n > DIO_JIT_SWEEP_OPS || dio_ir_block_op (ir, n - 2)->opcode != DIO_IR_BRANCH)
    return false;
  for (unsigned var = 0; var < DIO_JIT_F; var++)
    round->vars[var] = of_var (var);
  for (uint32_t i = 0; i < n - 2; i++) {
    const DioIrOp *op = dio_ir_block_op (ir, i);
    if (!stays (region, op))
      return false;
    round->values[i] = value_of (round, op);
    if (op->opcode == DIO_IR_SET_X)
      round->vars[op->immediate] = round->values[op->arguments[0]];
  }
  return true;
}

bool
dio_jit_sweep_find (const DioJitRegion *region, unsigned index, DioJitSweep *sweep)
{
  const DioJitBlock *block = &region->blocks[index];
  Round round;
  sweep->n = 0;
  if (block->taken != index || block->n_insns > DIO_JIT_SWEEP_INSNS
      || !follow (region, block->ir, &round))
    return false;
  memset (sweep->pointer, DIO_JIT_SWEEP_NO_POINTER, sizeof sweep->pointer);
  for (uint32_t i = 0; i < block->ir->ops->len; i++) {
    const DioIrOp *op = dio_ir_block_op (block->ir, i);
    if (dio_jit_plain_access (op->opcode, NULL) && !add_access (sweep, &round, op, i))
      return false;
  }
  return sweep->n > 0;
}
