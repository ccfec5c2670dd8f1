/* SPDX-License-Identifier: GPL-3.0-or-later
 * Runs differential test cases on our engine: one hart without a machine around it, in user mode,
 * with code and data where the oracle has them. Every trap goes to a machine-mode wfi. */
#pragma once

#include "tests/diff/diff-test.h"

typedef struct DiffEngine DiffEngine;

/* @compiler: options of the compiler (core/jit/jit-options.h), or NULL for the interpreter. */
DiffEngine *diff_engine_new (const char *compiler);
void diff_engine_free (DiffEngine *engine);
/* Instructions compiled so far. */
uint64_t diff_engine_compiled (DiffEngine *engine);

/* Brings the code of a batch in place, then takes it away; the data that was written outside the
 * windows (all else is 0) is left in DIFF_DATA_SIZE bytes at @data. */
void diff_engine_start_batch (DiffEngine *engine, const DiffShared *shared);
void diff_engine_end_batch (DiffEngine *engine, const DiffShared *shared, void *data);

void diff_engine_run (DiffEngine *engine, const DiffTest *test, DiffOutcome *outcome);
