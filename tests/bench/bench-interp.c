/* SPDX-License-Identifier: GPL-3.0-or-later
 * Runs bare-metal measuring programs on the interpreter alone, without a board: guest instructions
 * a second. usage: bench-interp PROGRAM.bin... */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/core/guest/rig.h"

static bool
measure (const char *path)
{
  g_autofree char *data = NULL;
  g_autofree char *name = g_path_get_basename (path);
  g_autoptr (GError) error = NULL;
  size_t length;
  if (!g_file_get_contents (path, &data, &length, &error)) {
    fprintf (stderr, "%s\n", error->message);
    return false;
  }
  Rig *rig = rig_new (64 << 20, 1);
  rig_load (rig, RIG_RAM, data, length);
  bool finished = rig_run (rig, 60 * G_USEC_PER_SEC) && rig->finish_value == 0x5555;
  const char *line = strstr (rig->output->str, "bench ");
  const char *ticks = line ? strstr (line, " ticks ") : NULL;
  const char *instructions = line ? strstr (line, " instructions ") : NULL;
  if (finished && ticks && instructions)
    printf ("%-24s %8.1f MIPS  %12s instructions\n", name,
            strtod (instructions + 14, NULL) * 10 / strtod (ticks + 7, NULL),
            g_strchomp (g_strdup (instructions + 14)));
  else
    printf ("%-24s failed: %s\n", name, rig->output->str);
  rig_free (rig);
  return finished;
}

int
main (int argc, char **argv)
{
  bool good = argc > 1;
  for (int i = 1; i < argc; i++)
    good = measure (argv[i]) && good;
  return good ? 0 : 1;
}
