/* SPDX-License-Identifier: GPL-3.0-or-later
 * A differential test case before it is run, and what came out of it. */
#pragma once

#include <glib.h>

#include "core/guest/guest-insn.h"
#include "tests/diff/diff-case.h"

#define DIFF_CODE_MAX 1024

typedef enum {
  DIFF_SINGLE,   /* one instruction of a certain leaf */
  DIFF_WORD,     /* any 32 or 16 bits */
  DIFF_SEQUENCE, /* 20 to 200 instructions */
  DIFF_N_KINDS
} DiffKind;

/* Who says what is right. */
typedef enum {
  DIFF_BY_QEMU,
  DIFF_BY_MODEL, /* diff-model.c, written from the specification */
  DIFF_N_JUDGES
} DiffJudge;

typedef struct {
  uint64_t number; /* with the seed, everything follows from this */
  DiffKind kind;
  DiffJudge judge;
  unsigned leaf;        /* of DIFF_SINGLE */
  uint64_t slot;        /* where the code is */
  unsigned code_length; /* with the jump to the stub */
  unsigned units;       /* instructions, without that jump */
  uint16_t unit[256];   /* offset of each in the code */
  bool keep[256];       /* the sequence would not end without this one */
  uint8_t code[DIFF_CODE_MAX];
  DiffCase state;
  bool cache_blocks; /* cbo.* are enabled for user mode */
  uint64_t window[DIFF_WINDOW_MAX / 8];
} DiffTest;

/* The end of a case in the terms of the architecture. */
typedef struct {
  uint64_t x[32]; /* x[0]: pc */
  uint64_t f[32];
  uint64_t fcsr;
  int cause; /* exception code, or -1: the end of the code was reached */
  uint64_t tval;
  uint64_t window[DIFF_WINDOW_MAX / 8];
} DiffOutcome;
