/* SPDX-License-Identifier: GPL-3.0-or-later
 * The client of the guest agent against a scripted agent: honest, late, absent and hostile ones. */
#include <string.h>

#include "app/bridge/bridge-agent.h"
#include "core/base/base-error.h"
#include "core/base/base-loop.h"

#define MIB (1u << 20)

/* What the agent does with a command. */
typedef enum {
  HONEST,
  SILENT,   /* knows nothing */
  NOISY,    /* old answers first, and to another number */
  REFUSING, /* with a long description */
  FLOODING, /* a megabyte without an end before each answer */
  LONG,     /* honest about the number, then a line without an end */
  DEEP,     /* the same, then a hundred thousand brackets */
  WRONG,    /* the same, then what is no JSON */
} Manner;

typedef struct {
  DioLoop *loop;
  DioAgent *agent;
  DioChar *line;
  Manner manner;
  GString *text;
  _Atomic unsigned syncs, commands;
  _Atomic int64_t time_ns;
  _Atomic bool shut_down;
} Peer;

static void
say (Peer *peer, const char *bytes, gsize length)
{
  peer->line->ops->write (peer->line, (const uint8_t *) bytes, length);
}

static void
say_much (Peer *peer, char byte)
{
  g_autofree char *much = g_malloc (MIB);
  memset (much, byte, MIB);
  say (peer, much, MIB);
}

static void
answer_sync (Peer *peer, gint64 number)
{
  g_autofree char *good = g_strdup_printf ("\xff{\"return\": %" G_GINT64_FORMAT "}\n", number);
  peer->syncs++;
  if (peer->manner == SILENT)
    return;
  if (peer->manner == FLOODING)
    say_much (peer, 'x');
  if (peer->manner == NOISY) {
    const char *noise = "{\"return\": {}}\n\xff{\"return\": 7}\n\xff\xff{]\n";
    say (peer, noise, strlen (noise));
  }
  say (peer, good, strlen (good));
}

static void
answer_command (Peer *peer, const char *text)
{
  const char *time = strstr (text, "\"time\":");
  peer->commands++;
  if (time)
    peer->time_ns = g_ascii_strtoll (time + 7, NULL, 10);
  peer->shut_down |= strstr (text, "guest-shutdown") != NULL;
  switch (peer->manner) {
  case REFUSING:
    say (peer, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no way ", 50);
    g_usleep (20000);
    for (unsigned i = 0; i < 1000; i++)
      say (peer, "\xc3\xa4", 2);
    say (peer, "\"}}\n", 4);
    break;
  case LONG:
    say_much (peer, ' ');
    break;
  case DEEP:
    for (unsigned i = 0; i < 1000; i++)
      say (peer, "[", 1);
    say (peer, "\n", 1);
    break;
  case WRONG:
    say (peer, "yes\n", 4);
    break;
  default:
    say (peer, "{\"return\": {}}\n", 15);
  }
}

static size_t
can_receive (void *opaque)
{
  return 64;
}

static void
receive (void *opaque, const uint8_t *data, size_t length)
{
  Peer *peer = opaque;
  for (size_t i = 0; i < length; i++) {
    if (data[i] == 0xff) {
      g_string_truncate (peer->text, 0);
    } else if (data[i] != '\n') {
      g_string_append_c (peer->text, (char) data[i]);
    } else {
      const char *id = strstr (peer->text->str, "\"id\":");
      if (id)
        answer_sync (peer, g_ascii_strtoll (id + 5, NULL, 10));
      else
        answer_command (peer, peer->text->str);
      g_string_truncate (peer->text, 0);
    }
  }
}

static const DioCharHandlers handlers = { .can_receive = can_receive, .receive = receive };

static void
set_up (Peer *peer, gconstpointer data)
{
  peer->manner = GPOINTER_TO_INT (data);
  peer->agent = dio_agent_new ();
  peer->line = dio_agent_get_char (peer->agent);
  peer->text = g_string_new (NULL);
  peer->loop = dio_loop_new ("peer", NULL);
  peer->line->ops->set_handlers (peer->line, peer->loop, &handlers, peer);
}

static void
tear_down (Peer *peer, gconstpointer data)
{
  peer->line->ops->set_handlers (peer->line, NULL, NULL, NULL);
  dio_loop_free (peer->loop);
  dio_agent_free (peer->agent);
  g_string_free (peer->text, TRUE);
}

typedef struct {
  gboolean done;
  GError *error;
} Result;

static void
done_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Result *got = user_data;
  dio_agent_call_finish (NULL, result, &got->error);
  got->done = TRUE;
}

static void
call (Peer *peer, DioAgentCommand command, unsigned timeout_ms, GError **error)
{
  Result result = { 0 };
  dio_agent_call_async (peer->agent, command, timeout_ms, done_cb, &result);
  while (!result.done)
    g_main_context_iteration (NULL, TRUE);
  if (result.error)
    g_propagate_error (error, result.error);
}

static void
test_honest (Peer *peer, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  call (peer, DIO_AGENT_PING, 20000, &error);
  g_assert_no_error (error);
  call (peer, DIO_AGENT_SET_TIME, 20000, &error);
  g_assert_no_error (error);
  g_assert_cmpint (ABS (peer->time_ns / 1000 - g_get_real_time ()), <, 20 * G_USEC_PER_SEC);
  g_assert_cmpint (peer->time_ns % G_GINT64_CONSTANT (1000000000), !=, 0);
  call (peer, DIO_AGENT_SHUT_DOWN, 20000, &error);
  g_assert_no_error (error);
  call (peer, DIO_AGENT_PING, 20000, &error); /* the line is in order behind it */
  g_assert_no_error (error);
  g_assert_true (peer->shut_down);
  g_assert_cmpuint (peer->commands, ==, 4);
}

/* The time is that of the moment when somebody listens. */
static void
test_late (Peer *peer, gconstpointer data)
{
  Result result = { 0 };
  gint64 before;
  dio_agent_call_async (peer->agent, DIO_AGENT_SET_TIME, 20000, done_cb, &result);
  while (peer->syncs < 2)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (peer->commands, ==, 0);
  before = g_get_real_time ();
  peer->manner = HONEST;
  while (!result.done)
    g_main_context_iteration (NULL, TRUE);
  g_assert_no_error (result.error);
  g_assert_cmpint (peer->time_ns / 1000, >=, before);
}

static void
test_absent (Peer *peer, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  gint64 before = g_get_monotonic_time ();
  call (peer, DIO_AGENT_PING, 1500, &error);
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FAILED);
  g_assert_cmpint (g_get_monotonic_time () - before, <, 20 * G_USEC_PER_SEC);
  g_assert_cmpuint (peer->commands, ==, 0);
}

/* It ends, in time or with an answer, and the next one may be better. */
static void
test_hostile (Peer *peer, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  Manner manner = GPOINTER_TO_INT (data);
  call (peer, DIO_AGENT_PING, 3000, &error);
  if (manner == NOISY || manner == FLOODING)
    g_assert_no_error (error);
  else
    g_assert_error (error, DIO_ERROR, DIO_ERROR_FAILED);
  if (error) {
    g_test_message ("%s", error->message);
    g_assert_true (g_utf8_validate (error->message, -1, NULL));
    g_assert_cmpuint (strlen (error->message), <, 1000);
  }
  g_clear_error (&error);
  peer->manner = HONEST;
  call (peer, DIO_AGENT_PING, 20000, &error);
  g_assert_no_error (error);
}

static void
test_order (Peer *peer, gconstpointer data)
{
  Result results[3] = { 0 };
  for (unsigned i = 0; i < 3; i++)
    dio_agent_call_async (peer->agent, i == 1 ? DIO_AGENT_SET_TIME : DIO_AGENT_PING, 20000, done_cb,
                          &results[i]);
  while (!results[2].done)
    g_main_context_iteration (NULL, TRUE);
  for (unsigned i = 0; i < 3; i++) {
    g_assert_true (results[i].done);
    g_assert_no_error (results[i].error);
  }
  g_assert_cmpint (peer->time_ns, !=, 0);
  g_assert_cmpuint (peer->commands, ==, 3);
}

static void
test_freed (void)
{
  DioAgent *agent = dio_agent_new ();
  Result results[2] = { 0 };
  for (unsigned i = 0; i < 2; i++)
    dio_agent_call_async (agent, DIO_AGENT_PING, 20000, done_cb, &results[i]);
  dio_agent_free (agent);
  while (!results[1].done)
    g_main_context_iteration (NULL, TRUE);
  for (unsigned i = 0; i < 2; i++) {
    g_assert_error (results[i].error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    g_clear_error (&results[i].error);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, manner, func)                                                                    \
  g_test_add ("/app/agent/" name, Peer, GINT_TO_POINTER (manner), set_up, func, tear_down)
  ADD ("honest", HONEST, test_honest);
  ADD ("order", HONEST, test_order);
  ADD ("late", SILENT, test_late);
  ADD ("absent", SILENT, test_absent);
  ADD ("noisy", NOISY, test_hostile);
  ADD ("refusing", REFUSING, test_hostile);
  ADD ("flooding", FLOODING, test_hostile);
  ADD ("long", LONG, test_hostile);
  ADD ("deep", DEEP, test_hostile);
  ADD ("wrong", WRONG, test_hostile);
  g_test_add_func ("/app/agent/freed", test_freed);
  return g_test_run ();
}
