/* SPDX-License-Identifier: GPL-3.0-or-later
 * Runs bare-metal measuring programs on the interpreter alone, without a board: guest instructions
 * per second of this thread's processor time, the best of some rounds, so that other load matters
 * little. usage: bench-interp [--rounds N] PROGRAM.bin... */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/core/guest/rig.h"

static double
cpu_seconds (void)
{
  struct timespec now;
  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

/* One run; millions of instructions a second, or 0 and a message. */
static double
run_once (const char *name, const char *data, size_t length, uint64_t *instructions)
{
  Rig *rig = rig_new (64 << 20, 1);
  rig_load (rig, RIG_RAM, data, length);
  double start = cpu_seconds ();
  bool finished = rig_run (rig, 120 * G_USEC_PER_SEC) && rig->finish_value == 0x5555;
  double seconds = cpu_seconds () - start;
  *instructions = rig->hart->interp.cpu.stats.instructions;
  if (!finished)
    fprintf (stderr, "%s failed: %s\n", name, rig->output->str);
  rig_free (rig);
  return finished ? (double) *instructions / seconds / 1e6 : 0;
}

static bool
measure (const char *path, int rounds)
{
  g_autofree char *data = NULL;
  g_autofree char *name = g_path_get_basename (path);
  g_autoptr (GError) error = NULL;
  size_t length;
  uint64_t instructions = 0;
  double best = 0;
  if (!g_file_get_contents (path, &data, &length, &error)) {
    fprintf (stderr, "%s\n", error->message);
    return false;
  }
  for (int i = 0; i < rounds; i++) {
    double mips = run_once (name, data, length, &instructions);
    if (mips == 0)
      return false;
    best = MAX (best, mips);
  }
  printf ("%-24s %8.1f MIPS  %12" G_GUINT64_FORMAT " instructions\n", name, best, instructions);
  return true;
}

int
main (int argc, char **argv)
{
  int rounds = 3, first = 1;
  if (argc > 2 && !strcmp (argv[1], "--rounds")) {
    rounds = MAX (atoi (argv[2]), 1);
    first = 3;
  }
  bool good = argc > first;
  for (int i = first; i < argc; i++)
    good = measure (argv[i], rounds) && good;
  return good ? 0 : 1;
}
