/* SPDX-License-Identifier: GPL-3.0-or-later
 * Which loops sweep over memory, by following what is added to general registers in one round.
 * Arithmetic is that of the guest, modulo 2^64. */
#include "core/jit/jit-sweep.h"

#include <string.h>

/* A value as a sum of variables, as they are when a round begins, times factors, and a constant. */
typedef struct {
  bool known;
  uint8_t n;
  uint8_t vars[DIO_JIT_SWEEP_TERMS]; /* ascending */
  uint64_t factors[DIO_JIT_SWEEP_TERMS];
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

/* What is added to @var to make the address of the access @op, or UINT32_MAX. */
static uint32_t
index_of (const DioIrBlock *ir, const DioIrOp *op, unsigned var)
{
  const DioIrOp *sum = dio_ir_block_op (ir, op->arguments[0]);
  for (unsigned a = 0; sum->opcode == DIO_IR_ADD && a < 2; a++) {
    const DioIrOp *base = dio_ir_block_op (ir, sum->arguments[a]);
    if (base->opcode == DIO_IR_GET_X && base->immediate == var)
      return sum->arguments[!a];
  }
  return UINT32_MAX;
}

/* Makes pointer number @i indexed if it can be. */
static void
find_base (DioJitSweep *sweep, unsigned i, const DioIrBlock *ir)
{
  DioJitSweepPointer *pointer = &sweep->pointers[i];
  for (unsigned term = 0; pointer->n_terms > 1 && term < pointer->n_terms; term++) {
    unsigned var = pointer->vars[term];
    bool indexed = true;
    for (uint32_t at = 0; indexed && at < ir->ops->len; at++) {
      const DioIrOp *op = dio_ir_block_op (ir, at);
      indexed = sweep->pointer[at] != i || index_of (ir, op, var) != UINT32_MAX;
      indexed &= op->opcode != DIO_IR_SET_X || op->immediate != var;
    }
    if (!indexed)
      continue;
    pointer->indexed = true;
    pointer->base = (uint8_t) var;
    return;
  }
}

void
dio_jit_sweep_index (DioIrBlock *ir, const DioJitSweep *sweep)
{
  for (uint32_t at = 0; at < ir->ops->len; at++) {
    DioIrOp *op = &g_array_index (ir->ops, DioIrOp, at);
    if (sweep->pointer[at] == DIO_JIT_SWEEP_NO_POINTER)
      continue;
    const DioJitSweepPointer *pointer = &sweep->pointers[sweep->pointer[at]];
    if (pointer->indexed)
      op->arguments[0] = index_of (ir, op, pointer->base);
  }
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
  for (unsigned i = 0; i < sweep->n; i++)
    find_base (sweep, i, block->ir);
  return sweep->n > 0;
}

/* ---- Pairs ---- */

static bool
is_get (const DioIrBlock *ir, uint32_t value, unsigned var)
{
  const DioIrOp *op = dio_ir_block_op (ir, value);
  return op->opcode == DIO_IR_GET_X && op->immediate == var;
}

/* Does @at make a vector of the pair as it is there? @since: where it was last set. */
static bool
is_joined (const DioIrBlock *ir, uint32_t at, const DioJitSweepPair *pair, uint32_t since)
{
  const DioIrOp *op = dio_ir_block_op (ir, at);
  return op->opcode == DIO_IR_VEC_MAKE && is_get (ir, op->arguments[0], pair->low)
         && is_get (ir, op->arguments[1], pair->high) && op->arguments[0] >= since
         && op->arguments[1] >= since;
}

/* Do the two operations from @at on set the pair to the halves of a vector that was loaded? */
static bool
sets_pair (const DioIrBlock *ir, uint32_t at, const DioJitSweepPair *pair)
{
  const DioIrOp *set[2], *half[2];
  for (unsigned i = 0; i < 2; i++) {
    set[i] = dio_ir_block_op (ir, at + i);
    if (set[i]->opcode != DIO_IR_SET_X)
      return false;
    half[i] = dio_ir_block_op (ir, set[i]->arguments[0]);
  }
  return set[0]->immediate == pair->low && set[1]->immediate == pair->high
         && half[0]->opcode == DIO_IR_VEC_LOW && half[1]->opcode == DIO_IR_VEC_HIGH
         && half[0]->arguments[0] == half[1]->arguments[0]
         && dio_ir_block_op (ir, half[0]->arguments[0])->opcode == DIO_IR_LOAD_V128;
}

static bool
uses_pair (const DioIrBlock *ir, const DioIrOp *op, const DioJitSweepPair *pair)
{
  for (unsigned a = 0; a < dio_ir_op_info[op->opcode].n_arguments; a++)
    if (is_get (ir, op->arguments[a], pair->low) || is_get (ir, op->arguments[a], pair->high))
      return true;
  return false;
}

/* Nothing else is done with either register. */
static bool
check_pair (const DioIrBlock *ir, DioJitSweepPair *pair)
{
  uint32_t since = 0;
  for (uint32_t i = 0; i < ir->ops->len; i++) {
    const DioIrOp *op = dio_ir_block_op (ir, i);
    if (uses_pair (ir, op, pair) && !is_joined (ir, i, pair, since))
      return false;
    if (op->opcode != DIO_IR_SET_X || (op->immediate != pair->low && op->immediate != pair->high))
      continue;
    if (!sets_pair (ir, i, pair))
      return false;
    pair->written = true;
    since = ++i;
  }
  return pair->low != pair->high;
}

/* A variable for a pair, or 0. */
static unsigned
unused_vector (const DioJitRegion *region, const DioIrBlock *ir, const DioJitSweepPair *pairs,
               unsigned n_pairs)
{
  uint64_t used = region->pinned;
  for (uint32_t i = 0; i < ir->ops->len; i++) {
    int var = dio_jit_var (dio_ir_block_op (ir, i));
    if (var >= 0)
      used |= UINT64_C (1) << var;
  }
  for (unsigned i = 0; i < n_pairs; i++)
    used |= UINT64_C (1) << pairs[i].vector;
  uint64_t unused = ~used >> DIO_JIT_F;
  return unused ? DIO_JIT_F + (unsigned) __builtin_ctzll (unused) : 0;
}

unsigned
dio_jit_sweep_find_pairs (const DioJitRegion *region, const DioIrBlock *ir, DioJitSweepPair *pairs,
                          unsigned max)
{
  unsigned n = 0;
  for (uint32_t i = 0; i < ir->ops->len && n < max; i++) {
    const DioIrOp *op = dio_ir_block_op (ir, i);
    if (op->opcode != DIO_IR_VEC_MAKE)
      continue;
    const DioIrOp *low = dio_ir_block_op (ir, op->arguments[0]);
    const DioIrOp *high = dio_ir_block_op (ir, op->arguments[1]);
    if (low->opcode != DIO_IR_GET_X || high->opcode != DIO_IR_GET_X)
      continue;
    DioJitSweepPair pair = { .low = (uint8_t) low->immediate, .high = (uint8_t) high->immediate };
    bool known = false;
    for (unsigned k = 0; k < n; k++)
      known |= pairs[k].low == pair.low;
    if (known || !check_pair (ir, &pair))
      continue;
    pair.vector = (uint8_t) unused_vector (region, ir, pairs, n);
    if (!pair.vector)
      return n;
    pairs[n++] = pair;
  }
  return n;
}

static void
join_pair (DioIrBlock *ir, const DioJitSweepPair *pair)
{
  int64_t vector = pair->vector - DIO_JIT_F;
  for (uint32_t i = 0; i < ir->ops->len; i++) {
    DioIrOp *op = &g_array_index (ir->ops, DioIrOp, i);
    if (is_joined (ir, i, pair, 0)) {
      *op = (DioIrOp){ .opcode = DIO_IR_GET_V, .immediate = vector };
    } else if (op->opcode == DIO_IR_SET_X && op->immediate == pair->low) {
      uint32_t half = op->arguments[0];
      *op++ = (DioIrOp){ .opcode = DIO_IR_NOP };
      *op = (DioIrOp){ .opcode = DIO_IR_SET_V,
                       .immediate = vector,
                       .arguments = { dio_ir_block_op (ir, half)->arguments[0] } };
    }
  }
}

DioIrBlock *
dio_jit_sweep_join_pairs (const DioIrBlock *ir, const DioJitSweepPair *pairs, unsigned n_pairs)
{
  DioIrBlock *joined = dio_ir_block_new ();
  joined->pc_zeros = ir->pc_zeros;
  g_array_append_vals (joined->ops, ir->ops->data, ir->ops->len);
  for (unsigned i = 0; i < n_pairs; i++)
    join_pair (joined, &pairs[i]);
  return joined;
}
