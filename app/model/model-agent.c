/* SPDX-License-Identifier: GPL-3.0-or-later
 * What a machine asks of the agent in its guest, if there is one. Nothing waits for it: a guest
 * without an agent has its battery-backed clock, which is right, and reads it when it likes. */
#include "app/model/model-machine-private.h"

#define SET_TIME_MS 60000 /* memory comes back page by page meanwhile */
#define SHUT_DOWN_MS 5000

static void
answered_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  if (!dio_agent_call_finish (NULL, result, &error))
    g_debug ("guest agent: %s", error->message);
}

void
dio_machine_agent_set_time (DioMachineItem *self)
{
  if (self->agent)
    dio_agent_call_async (self->agent, DIO_AGENT_SET_TIME, SET_TIME_MS, answered_cb, NULL);
}

void
dio_machine_item_ask_to_shut_down (DioMachineItem *self)
{
  g_return_if_fail (DIO_IS_MACHINE_ITEM (self));
  if (self->agent && self->state == DIO_ITEM_RUNNING)
    dio_agent_call_async (self->agent, DIO_AGENT_SHUT_DOWN, SHUT_DOWN_MS, answered_cb, NULL);
}
