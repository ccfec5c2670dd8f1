/* SPDX-License-Identifier: GPL-3.0-or-later
 * All Linux measuring programs in one static binary.
 *
 *   suite --list            prints a line "NAME GROUP" for each program
 *   suite NAME [SCALE]      runs one: prints "NAME begin", works, prints "NAME SECONDS CHECKSUM"
 *   suite nothing           does nothing: what `exec` starts
 *
 * The seconds are the guest's own CLOCK_MONOTONIC around the work. The first line lets somebody at
 * the other end of the console hold them against a clock of another machine. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/linux/suite.h"

/* The rounds are such that a host of 2020 takes 0.05 to 0.3 s. */
static const SuiteProgram programs[] = {
  /* clang-format off */
  { "records",   "integer", 3000000, NULL, suite_records },
  { "database",  "integer",     100, NULL, suite_database },
  { "deflate",   "integer",      24, suite_deflate_prepare, suite_deflate },
  { "hash",      "integer",     450, NULL, suite_hash },
  { "transcend", "float",    360000, NULL, suite_transcend },
  { "fft",       "float",       600, suite_fft_prepare, suite_fft },
  { "stream",    "memory",       12, suite_stream_prepare, suite_stream },
  { "chase",     "memory",  1000000, suite_chase_prepare, suite_chase },
  { "strings",   "memory",    16000, suite_strings_prepare, suite_strings },
  { "getppid",   "system",   500000, NULL, suite_getppid },
  { "signal",    "system",    15000, NULL, suite_signal },
  { "pipe",      "system",    10000, NULL, suite_pipe },
  { "fork",      "system",     1000, NULL, suite_fork },
  { "exec",      "system",      300, NULL, suite_exec },
  { "fault",     "system",       12, NULL, suite_fault },
  { "mmap",      "system",    10000, NULL, suite_mmap },
  { "file",      "system",      200, NULL, suite_file },
  { "memcpy",    "strings",   40000, suite_strings_prepare, suite_memcpy },
  { "memset",    "strings",   40000, suite_strings_prepare, suite_memset },
  { "strlen",    "strings",   40000, suite_strings_prepare, suite_strlen },
  { "memcmp",    "strings",   40000, suite_strings_prepare, suite_memcmp },
  { "memchr",    "strings",   40000, suite_strings_prepare, suite_memchr },
  { "strcpy",    "strings",   40000, suite_strings_prepare, suite_strcpy },
  { "recursion", "calls",       500, NULL, suite_recursion },
  { "qsort",     "calls",       100, NULL, suite_qsort },
  { "tree",      "calls",      8000, NULL, suite_tree },
  { "parallel1", "threads",    6000, NULL, suite_parallel1 },
  { "parallel2", "threads",    6000, NULL, suite_parallel2 },
  { "mutex",     "threads", 3000000, NULL, suite_mutex },
  { "futex",     "threads",   20000, NULL, suite_futex },
  /* clang-format on */
};

/* Those that bare metal runs too. */
static const struct {
  const BenchProgram *program;
  const char *group;
  unsigned rounds;
} shared[] = {
  /* clang-format off */
  { &bench_bytecode, "integer",     240 },
  { &bench_core,     "integer",   30000 },
  { &bench_sha256,   "integer",    9000 },
  { &bench_sort,     "integer",     200 },
  { &bench_lu,       "float",        40 },
  { &bench_mandel,   "float",        45 },
  { &bench_nbody,    "float",    900000 },
  /* clang-format on */
};

#define COUNT(array) (sizeof (array) / sizeof (array)[0])

void
suite_fail (const char *what)
{
  int error = errno;
  fprintf (stderr, "%s: %s\n", what, strerror (error));
  exit (1);
}

static void
list_programs (void)
{
  for (unsigned i = 0; i < COUNT (shared); i++)
    printf ("%s %s\n", shared[i].program->name, shared[i].group);
  for (unsigned i = 0; i < COUNT (programs); i++)
    printf ("%s %s\n", programs[i].name, programs[i].group);
}

static int
find_program (const char *name, SuiteProgram *found)
{
  for (unsigned i = 0; i < COUNT (shared); i++)
    if (strcmp (shared[i].program->name, name) == 0) {
      *found = (SuiteProgram){ .name = name,
                               .group = shared[i].group,
                               .rounds = shared[i].rounds,
                               .run = shared[i].program->run };
      return 1;
    }
  for (unsigned i = 0; i < COUNT (programs); i++)
    if (strcmp (programs[i].name, name) == 0) {
      *found = programs[i];
      return 1;
    }
  return 0;
}

static double
now (void)
{
  struct timespec time;
  clock_gettime (CLOCK_MONOTONIC, &time);
  return (double) time.tv_sec + (double) time.tv_nsec / 1e9;
}

static void
measure (const SuiteProgram *program, double scale)
{
  double wanted = program->rounds * scale + 0.5;
  unsigned rounds = wanted < 1 ? 1 : wanted < 4e9 ? (unsigned) wanted : 4000000000u;
  if (program->prepare)
    program->prepare ();
  printf ("%s begin\n", program->name);
  fflush (stdout);
  /* A serial port may still be sending; fails where there is none. */
  tcdrain (STDOUT_FILENO);
  double start = now ();
  uint64_t sum = program->run (rounds);
  double end = now ();
  printf ("%s %.6f %016llx\n", program->name, end - start, (unsigned long long) sum);
}

int
main (int argc, char **argv)
{
  SuiteProgram program;
  char *rest = NULL;
  double scale = 1;
  if (argc == 2 && strcmp (argv[1], "nothing") == 0)
    return 0;
  if (argc == 2 && strcmp (argv[1], "--list") == 0) {
    list_programs ();
    return 0;
  }
  if (argc == 3)
    scale = strtod (argv[2], &rest);
  if (argc < 2 || argc > 3 || (rest && (*rest || !(scale > 0)))) {
    fprintf (stderr, "usage: %s --list | NAME [SCALE]\n", argv[0]);
    return 2;
  }
  if (!find_program (argv[1], &program)) {
    fprintf (stderr, "%s: there is no program %s\n", argv[0], argv[1]);
    return 2;
  }
  measure (&program, scale);
  return 0;
}
