/* SPDX-License-Identifier: GPL-3.0-or-later
 * A region: what is compiled as a whole. A small graph of guest basic blocks within one physical
 * page, with one or more entries, and the facts about it that code generation needs: which guest
 * registers live in host registers for all of it, which may differ from their copy in the state of
 * the vCPU, and which must be loaded on entry.
 *
 * Guest registers are variables, numbered over both files: x0..x31 are 0..31, f0..f31 are 32..63.
 * Where a guest has vector registers, of 128 bits, those are 32..63 and there are no others. Sets
 * of variables are words of 64 bits. */
#pragma once

#include "core/ir/ir-block.h"

#define DIO_JIT_MAX_BLOCKS 64
#define DIO_JIT_MAX_INSNS 512
#define DIO_JIT_NO_BLOCK 0xff

#define DIO_JIT_F 32 /* the first variable of the floating-point or vector file */
#define DIO_JIT_N_VARS 64

/* Why a block ends where it does. */
typedef enum {
  DIO_JIT_END_JUMP,      /* as its IR says: branch, exit, jump */
  DIO_JIT_END_INTERPRET, /* the instruction at its end is done by the interpreter, which goes on
                            from there */
} DioJitBlockEnd;

/* Who may want the condition flags before all are set anew. */
typedef enum {
  DIO_JIT_FLAGS_DEAD,  /* nobody */
  DIO_JIT_FLAGS_LEFT,  /* whoever finds the guest's state where the block, at its end, leaves the
                          region or polls */
  DIO_JIT_FLAGS_SHOWN, /* whoever finds the guest's state at a fault or outside of the region */
  DIO_JIT_FLAGS_READ,  /* an operation of the region */
} DioJitFlags;

/* Of DioJitBlock.clean: above how many bytes. */
enum { DIO_JIT_CLEAN_8, DIO_JIT_CLEAN_4, DIO_JIT_N_CLEAN };

typedef struct {
  uint16_t offset; /* of its first byte in the page */
  uint16_t bytes;
  uint16_t n_insns;
  uint8_t end;     /* DioJitBlockEnd */
  uint8_t taken;   /* block that the branch leads to when taken, or DIO_JIT_NO_BLOCK */
  uint8_t next;    /* block that follows otherwise, or DIO_JIT_NO_BLOCK */
  bool entry;      /* may be entered from outside */
  bool taken_back; /* the edge to @taken closes a loop */
  bool next_back;  /* the edge to @next does */
  bool loop_head;  /* some edge that closes a loop leads to it */
  uint8_t depth;   /* of loops around it */
  DioIrBlock *ir;  /* ends with EXIT, or BRANCH and EXIT, or JUMP; PCs are relative to the block */

  uint8_t flags; /* on entry, DioJitFlags: what may become of the condition flags */

  uint64_t used;    /* read before written in the block */
  uint64_t defined; /* written in the block */
  uint64_t dirty;   /* on entry: may differ from the vCPU's copy */
  uint64_t needed;  /* on entry: must be in their host registers */

  /* On entry, vector registers that have zeros above 8 bytes, and which of these above 4, if the
   * region was entered where its entry says so. Worth looking at there: the others of which that
   * is true are not in it. */
  uint64_t clean[DIO_JIT_N_CLEAN];
} DioJitBlock;

typedef struct {
  uint64_t page; /* address in RAM of the page's first byte */
  unsigned n_blocks;
  DioJitBlock blocks[DIO_JIT_MAX_BLOCKS]; /* by offset */
  uint8_t order[DIO_JIT_MAX_BLOCKS];      /* in which they go into memory */
  unsigned n_insns;
  uint64_t pinned;             /* variables that have a host register */
  int8_t host[DIO_JIT_N_VARS]; /* which (general or vector register of the host), or -1 */
  bool checks_fp;              /* on entry, that the guest may compute in floating point */
  bool requires_fp;            /* some instruction may not be run while the guest may not compute */
  bool has_fp;                 /* some operation needs the host's FPU in guest mode */
} DioJitRegion;

/* Finds the edges that close loops, their heads, and how many loops are around each block. Every
 * way round within the region has such an edge. */
void dio_jit_region_find_loops (DioJitRegion *region);

/* Finds the order of the blocks: by offset, but what a block goes on to without a jump comes right
 * behind it, and not the end of that block which has an entry of its own. */
void dio_jit_region_find_order (DioJitRegion *region);

/* Computes everything but offsets, edges, entries and IR, which are given; heads of loops become
 * entries too, as a poll goes on there. @pool_x and @pool_f list host registers to give to
 * variables of the two files, best first. */
void dio_jit_region_analyse (DioJitRegion *region, const uint8_t *pool_x, unsigned n_pool_x,
                             const uint8_t *pool_f, unsigned n_pool_f);

/* What becomes of the flags from operation @from of block @index on. */
DioJitFlags dio_jit_region_flags (const DioJitRegion *region, unsigned index, uint32_t from);

/* The variable that @op reads or writes as GET or SET, or -1. */
static inline int
dio_jit_var (const DioIrOp *op)
{
  switch (op->opcode) {
  case DIO_IR_GET_X:
  case DIO_IR_SET_X:
    return (int) op->immediate;
  case DIO_IR_GET_F:
  case DIO_IR_SET_F:
  case DIO_IR_GET_V:
  case DIO_IR_SET_V:
    return DIO_JIT_F + (int) op->immediate;
  default:
    return -1;
  }
}

static inline bool
dio_jit_is_set (const DioIrOp *op)
{
  return op->opcode == DIO_IR_SET_X || op->opcode == DIO_IR_SET_F || op->opcode == DIO_IR_SET_V;
}
