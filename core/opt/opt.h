/* SPDX-License-Identifier: GPL-3.0-or-later
 * The optimiser of blocks: passes over a straight list of operations, for blocks that are compiled
 * in a vCPU's thread, so each is linear in the length of the block and allocates nothing for it.
 *
 * Passes work in place: they change operations and arguments, and what they remove becomes NOP.
 * Nothing moves to another instruction, so the instruction before an operation that faults is the
 * one it belongs to, and a fault, a taken branch or a system operation finds the registers as
 * before. The verifier accepts a block after each pass if it did before. Truth values (i1) keep the
 * place where they are made, which is before their use. */
#pragma once

#include "core/ir/ir-block.h"

/* Scratch memory of the passes, and what they did. Belongs to one thread at a time. */
typedef struct DioOptContext DioOptContext;

/* In the order in which dio_opt_block() runs them. */
typedef enum {
  DIO_OPT_FP,
  DIO_OPT_FLAGS,
  DIO_OPT_GETSET,
  DIO_OPT_FOLD,
  DIO_OPT_CSE,
  DIO_OPT_NARROW,
  DIO_OPT_FUSE,
  DIO_OPT_DCE,
  DIO_OPT_N_PASSES
} DioOptPass;

/* Operations are those that are neither NOP nor the mark of an instruction. */
typedef struct {
  uint64_t blocks;
  uint64_t instructions;
  uint64_t before[DIO_OPT_N_PASSES]; /* operations */
  uint64_t after;                    /* the last pass */
} DioOptStatistics;

DioOptContext *dio_opt_context_new (void);
void dio_opt_context_free (DioOptContext *context);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DioOptContext, dio_opt_context_free)

/* The sums over all blocks since the context was made. */
const DioOptStatistics *dio_opt_statistics (const DioOptContext *context);

/* The name of a pass in dumps ("fold"). Static string. */
const char *dio_opt_pass_name (DioOptPass pass);

/* Runs all passes over @block, which the verifier must accept. */
void dio_opt_block (DioOptContext *context, DioIrBlock *block);

/* One pass alone. Each returns how many operations it turned into NOP. */
unsigned dio_opt_run (DioOptContext *context, DioIrBlock *block, DioOptPass pass);

unsigned dio_opt_fp (DioOptContext *context, DioIrBlock *block);
unsigned dio_opt_flags (DioOptContext *context, DioIrBlock *block);
unsigned dio_opt_getset (DioOptContext *context, DioIrBlock *block);
unsigned dio_opt_fold (DioOptContext *context, DioIrBlock *block);
unsigned dio_opt_cse (DioOptContext *context, DioIrBlock *block);
unsigned dio_opt_narrow (DioOptContext *context, DioIrBlock *block);
unsigned dio_opt_fuse (DioOptContext *context, DioIrBlock *block);
unsigned dio_opt_dce (DioOptContext *context, DioIrBlock *block);
