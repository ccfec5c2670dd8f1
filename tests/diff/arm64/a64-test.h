/* SPDX-License-Identifier: GPL-3.0-or-later
 * A differential test case of arm64 before it is run, and what came out of it; the parts of the
 * harness. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "core/guest/guest-insn.h"
#include "tests/diff/arm64/a64-case.h"

#define A64_UNITS_MAX 64

typedef enum {
  A64_SINGLE,   /* one instruction of a certain leaf */
  A64_SEQUENCE, /* up to A64_UNITS_MAX instructions */
  A64_N_KINDS
} A64Kind;

typedef struct {
  uint64_t number; /* with the seed, everything follows from this */
  A64Kind kind;
  unsigned leaf; /* of A64_SINGLE */
  uint64_t slot;
  unsigned units;
  uint32_t code[A64_UNITS_MAX];
  A64Case c;
  uint64_t window[A64_WINDOW_MAX / 8];
} A64Test;

/* The end of a case in the terms of the architecture. */
typedef struct {
  A64State state;
  int cause; /* exception class, or -1: the end of the code was reached */
  bool has_fault;
  uint64_t fault;
  uint64_t window[A64_WINDOW_MAX / 8];
} A64Outcome;

/* a64-generate.c: fills tests[0..A64_BATCH) with the cases of @batch, and the code of @shared. */
void a64_generate_batch (uint64_t seed, uint64_t batch, A64Test *tests, A64Shared *shared);
/* The same code again for a changed case alone. */
void a64_place (const A64Test *test, A64Shared *shared);
/* May the oracle of this machine judge @leaf? */
bool a64_leaf_is_judged (unsigned leaf);

/* a64-engine.c */
typedef struct A64Engine A64Engine;
/* @compiler: options of the compiler, or NULL: the interpreter. */
A64Engine *a64_engine_new (const char *compiler);
uint64_t a64_engine_compiled (A64Engine *engine); /* instructions */
void a64_engine_free (A64Engine *engine);
void a64_engine_start_batch (A64Engine *engine, const A64Shared *shared);
void a64_engine_end_batch (A64Engine *engine, const A64Shared *shared, void *data);
void a64_engine_run (A64Engine *engine, const A64Test *test, A64Outcome *outcome);
