/* SPDX-License-Identifier: GPL-3.0-or-later
 * Loops that sweep over memory: a block that goes round to itself, all of whose accesses have
 * addresses that move by a constant number of bytes each round. How many rounds stay within the
 * pages at hand is then known before they begin. */
#pragma once

#include "core/jit/jit-region.h"

#define DIO_JIT_SWEEP_POINTERS 8
#define DIO_JIT_SWEEP_TERMS 3
#define DIO_JIT_SWEEP_INSNS 64
#define DIO_JIT_SWEEP_OPS 512
/* What one pointer reaches in a round, and how far it may move: a few rounds fit into a page. */
#define DIO_JIT_SWEEP_BYTES 512
#define DIO_JIT_SWEEP_STEP 1024
#define DIO_JIT_SWEEP_NO_POINTER 0xff

/* Addresses that differ by constants: the sum of variables as they are when a round begins, each
 * shifted left, is what `low` and `high` are relative to. */
typedef struct {
  uint8_t n_terms;                   /* at least 1 */
  uint8_t vars[DIO_JIT_SWEEP_TERMS]; /* of the general registers, ascending */
  uint8_t shifts[DIO_JIT_SWEEP_TERMS];
  bool write;   /* some access is a store */
  bool indexed; /* all addresses are the sum of variable `base`, which stays as it is, and a
                   value: what to add to the address may have `base` in it */
  uint8_t base;
  int32_t step;      /* bytes a round */
  int32_t low, high; /* all bytes accessed in a round are in [low, high) */
} DioJitSweepPointer;

typedef struct {
  unsigned n;
  DioJitSweepPointer pointers[DIO_JIT_SWEEP_POINTERS];
  uint8_t pointer[DIO_JIT_SWEEP_OPS]; /* by operation: which, or DIO_JIT_SWEEP_NO_POINTER */
} DioJitSweep;

#define DIO_JIT_SWEEP_PAIRS 8

/* Two general registers that the loop only loads and stores together, as the halves of a vector. */
typedef struct {
  uint8_t low, high;
  uint8_t vector; /* variable of the vector file that stands for them */
  bool written;
} DioJitSweepPair;

/* Bytes that a plain load or store (no atomic one, and with the rights in force) accesses; 0 for
 * any other operation. @writes (or NULL): is it a store? */
unsigned dio_jit_plain_access (unsigned opcode, bool *writes);

/* Is block @index of @region such a loop, with at least one access? @sweep: what it accesses. Any
 * thread. */
bool dio_jit_sweep_find (const DioJitRegion *region, unsigned index, DioJitSweep *sweep);

/* Finds the pairs of the block @ir of @region, at most @max: their number. Each gets a variable
 * that the region has no register for and @ir does not mention. */
unsigned dio_jit_sweep_find_pairs (const DioJitRegion *region, const DioIrBlock *ir,
                                   DioJitSweepPair *pairs, unsigned max);
/* @ir with the variables of @pairs in their place; operations keep their numbers. */
DioIrBlock *dio_jit_sweep_join_pairs (const DioIrBlock *ir, const DioJitSweepPair *pairs,
                                      unsigned n_pairs);
/* The same for accesses by pointers that are indexed: their address becomes that value. */
void dio_jit_sweep_index (DioIrBlock *ir, const DioJitSweep *sweep);
