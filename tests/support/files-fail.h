/* SPDX-License-Identifier: GPL-3.0-or-later
 * A layer of files whose calls fail when a test wants them to, and one whose calls take their
 * time, so that they overtake each other. */
#pragma once

#include <stdatomic.h>

#include "core/file/file.h"

typedef enum {
  FILES_FAIL,       /* nothing is done */
  FILES_FAIL_TORN,  /* half of a write is done (whole sectors), any other call is not */
  FILES_FAIL_AFTER, /* all is done, the answer is lost */
  FILES_FAIL_SHORT, /* no error: reads and writes come in pieces */
} FilesFailHow;

typedef struct {
  DioFiles files;
  uint64_t ops;  /* what counts: 1 << DioFileOp, or'ed; 0: every operation */
  unsigned nth;  /* the call of these that fails, from 1; 0: none */
  bool for_ever; /* and all after it */
  int error;
  FilesFailHow how;
  _Atomic unsigned count;  /* calls of these so far */
  _Atomic unsigned failed; /* how many had an error or were cut short */
} FilesFail;

#define FILES_OP(op) (UINT64_C (1) << (op))

/* Nothing fails until @nth is set. */
void files_fail_init (FilesFail *fail, DioFiles *below);

/* Calls wait up to @most_us before they are done and after. */
typedef struct {
  DioFiles files;
  unsigned most_us;
} FilesDelay;

void files_delay_init (FilesDelay *delay, DioFiles *below, unsigned most_us);
