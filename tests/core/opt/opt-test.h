/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the tests of passes share: blocks as text before and after, and random blocks. */
#pragma once

#include "core/opt/opt.h"

/* Runs @pass over the block @before; the result must read @after, up to blanks. Both may leave out
 * the first instruction, "insn +0", and an exit at the end. */
void opt_assert (DioOptPass pass, const char *before, const char *after);

/* The same for a pass that must leave the block alone. */
void opt_assert_kept (DioOptPass pass, const char *text);

/* As opt_assert(), of a block whose address has low bits that are 0. */
void opt_assert_aligned (DioOptPass pass, unsigned pc_zeros, const char *before, const char *after);

/* The same operations in another block. */
DioIrBlock *opt_copy (const DioIrBlock *block);

/* Fills @block with up to @n random instructions of riscv64, of few registers, or with random
 * operations of @n instructions that no guest has. */
void opt_random_code (DioIrBlock *block, unsigned n, GRand *rng);
void opt_random_operations (DioIrBlock *block, unsigned n, GRand *rng);
