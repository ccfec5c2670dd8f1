/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the Linux measuring programs share. They are built for the guest and for the host from the
 * same sources; a checksum must be the same everywhere, so floating-point results that depend on
 * the C library are rounded before they enter one. */
#pragma once

#include <stdint.h>

#include "tests/bench/programs/bench.h"

/* One program: @prepare is not measured and may be NULL; @run does @rounds rounds of work. */
typedef struct {
  const char *name;
  const char *group;
  unsigned rounds; /* at scale 1 */
  void (*prepare) (void);
  uint64_t (*run) (unsigned rounds);
} SuiteProgram;

/* Ends the process with a message that tells errno. */
void suite_fail (const char *what) __attribute__ ((noreturn));

/* Stirs @value into @sum, so that the order of values counts. */
static inline uint64_t
suite_mix (uint64_t sum, uint64_t value)
{
  sum = ((sum ^ value) + 1) * UINT64_C (0x9e3779b97f4a7c15);
  return sum ^ sum >> 29;
}

/* Integer. */
uint64_t suite_records (unsigned rounds);
uint64_t suite_database (unsigned rounds);
void suite_deflate_prepare (void);
uint64_t suite_deflate (unsigned rounds);
uint64_t suite_hash (unsigned rounds);

/* Float. */
uint64_t suite_transcend (unsigned rounds);
void suite_fft_prepare (void);
uint64_t suite_fft (unsigned rounds);

/* Memory. */
void suite_stream_prepare (void);
uint64_t suite_stream (unsigned rounds);
void suite_chase_prepare (void);
uint64_t suite_chase (unsigned rounds);
void suite_strings_prepare (void);
uint64_t suite_strings (unsigned rounds);
uint64_t suite_memcpy (unsigned rounds);
uint64_t suite_memset (unsigned rounds);
uint64_t suite_strlen (unsigned rounds);
uint64_t suite_memcmp (unsigned rounds);
uint64_t suite_memchr (unsigned rounds);
uint64_t suite_strcpy (unsigned rounds);

/* System. */
uint64_t suite_getppid (unsigned rounds);
uint64_t suite_signal (unsigned rounds);
uint64_t suite_pipe (unsigned rounds);
uint64_t suite_fork (unsigned rounds);
uint64_t suite_exec (unsigned rounds);
uint64_t suite_fault (unsigned rounds);
uint64_t suite_mmap (unsigned rounds);
uint64_t suite_file (unsigned rounds);

/* Calls. */
uint64_t suite_recursion (unsigned rounds);
uint64_t suite_qsort (unsigned rounds);
uint64_t suite_tree (unsigned rounds);

/* Threads. */
uint64_t suite_parallel1 (unsigned rounds);
uint64_t suite_parallel2 (unsigned rounds);
uint64_t suite_mutex (unsigned rounds);
uint64_t suite_futex (unsigned rounds);
