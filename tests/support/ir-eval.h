/* SPDX-License-Identifier: GPL-3.0-or-later
 * An evaluator of intermediate representation: runs one block on a small machine whose every
 * observation can be compared with that of another block. */
#pragma once

#include "core/fp/fp-types.h"
#include "core/ir/ir-block.h"
#include "core/vec/vec-types.h"

#define IR_EVAL_MEMORY 256

/* A machine. Addresses wrap around the memory, but are compared in full. What the world does
 * (faults of accesses, results of system operations) depends on the seed and the instruction, so
 * that it is the same for a block and for what was made of it. */
typedef struct {
  uint64_t x[32], f[32];
  DioVec v[32];
  DioFpMode fp_mode;
  uint8_t saturated;
  uint64_t pc; /* of the block's start */
  uint8_t fflags, frm;
  bool fp_on, fp_dirty;
  uint8_t memory[IR_EVAL_MEMORY];
  uint64_t seed;
  unsigned fault_rate; /* one access of so many faults; 0: none */
  unsigned accesses;   /* that did not fault */
  uint64_t log;        /* of accesses and of what system operations could see, in order */
} IrEvalState;

typedef enum {
  IR_EVAL_LEAVE, /* to target */
  IR_EVAL_CHANGED,
  IR_EVAL_HALT,
  IR_EVAL_RETURN,
  IR_EVAL_TRAP,  /* with a cause */
  IR_EVAL_FAULT, /* of an access to target */
  IR_EVAL_ILLEGAL,
  IR_EVAL_CALL,
} IrEvalEnd;

typedef struct {
  IrEvalEnd end;
  int64_t instruction; /* its offset from the start of the block */
  uint64_t target;
  int64_t cause;
} IrEvalExit;

/* Runs a block that verifies, from and to @state. @values, if not NULL, has room for the value of
 * each operation; truth values are 0 and 1. */
IrEvalExit ir_eval_block (const DioIrBlock *block, IrEvalState *state, uint64_t *values);

/* A random machine: registers hold small and large numbers, well and badly boxed ones, and some the
 * same. */
void ir_eval_randomize (IrEvalState *state, GRand *rng);

/* A number of which simplifications go wrong: edges of all widths, powers of two, random ones. */
uint64_t ir_eval_number (GRand *rng);

/* The same for vectors of any lanes, floating point included. */
DioVec ir_eval_vector_number (GRand *rng);

/* The operation that does vector function @name of core/ir/ir-vec.inc. */
DioIrOpcode ir_eval_vec_opcode (unsigned name);

/* NULL if both ended alike in the same state, else what differs. Static string. */
const char *ir_eval_difference (const IrEvalState *a, IrEvalExit a_exit, const IrEvalState *b,
                                IrEvalExit b_exit);
