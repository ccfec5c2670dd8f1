/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fuzzes the client of the guest agent: the input is what an agent says. Where it has a NUL byte
 * stands the good answer to the synchronisation, which no input could guess. */
#include <string.h>

#include "app/bridge/bridge-agent.h"

#define SEED 1

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
done_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  gboolean good = dio_agent_call_finish (NULL, result, &error);

  if (good != !error || (error && !g_utf8_validate (error->message, -1, NULL)))
    __builtin_trap ();
  *(gboolean *) user_data = TRUE;
}

static void
run_pending (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    continue;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  gboolean done = FALSE;
  char sync[64];

  g_random_set_seed (SEED);
  g_snprintf (sync, sizeof sync, "\xff{\"return\": %u}\n", g_random_int ());
  g_random_set_seed (SEED);

  DioAgent *agent = dio_agent_new ();
  DioChar *line = dio_agent_get_char (agent);
  dio_agent_call_async (agent, DIO_AGENT_PING, 20, done_cb, &done);
  for (size_t i = 0; i < size; i++)
    if (data[i])
      line->ops->write (line, data + i, 1);
    else
      line->ops->write (line, (const uint8_t *) sync, strlen (sync));
  while (!done)
    g_main_context_iteration (NULL, TRUE);
  dio_agent_free (agent);
  run_pending ();
  return 0;
}
