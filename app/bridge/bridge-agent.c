/* SPDX-License-Identifier: GPL-3.0-or-later
 * The client of the guest agent.
 *
 * Nothing is known of what is under way in the line: the guest may have gone back to a snapshot in
 * the middle of an answer. So each call begins with guest-sync-delimited and a random number, whose
 * answer comes behind a byte that JSON cannot have; what came before it is of no interest. The
 * command follows only then: no agent that awakes later does what was wanted long ago. */
#include "app/bridge/bridge-agent.h"

#include <stdatomic.h>
#include <string.h>

#include "app/library/library-json.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

#define MARK 0xff
#define MAX_LINE 4096
#define MAX_DEPTH 8
#define RING_SIZE (16u << 10)
#define LOOK_US (5 * 1000) /* between two looks at what came */
#define SYNC_MS 1000       /* until an agent that does not answer is asked again */

typedef enum {
  IDLE,
  SEEKING,   /* the mark */
  SYNCING,   /* the line behind it */
  ANSWERING, /* the line that answers the command */
} Stage;

typedef struct {
  DioAgentCommand command;
  gint64 deadline_us;
  GTask *task;
} Call;

struct DioAgent {
  DioChar *line;
  uint64_t position;              /* in what came */
  _Atomic bool listening, coming; /* somebody waits for an answer; a look is due */
  GSource *look;
  GSource *timer;
  GQueue calls; /* of Call*; the first is under way */
  Stage stage;
  gint64 number; /* of the sync */
  GByteArray *text;
  unsigned ended; /* calls */
};

static void begin (DioAgent *agent);

/* ---- Calls ---- */

static void
clear_source (GSource **source)
{
  if (*source)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

/* Ends the first call; @error is consumed, NULL: it was good. */
static void
end (DioAgent *agent, GError *error)
{
  Call *call = g_queue_pop_head (&agent->calls);
  clear_source (&agent->timer);
  atomic_store (&agent->listening, false);
  agent->stage = IDLE;
  agent->ended++;
  if (error)
    g_task_return_error (call->task, error);
  else
    g_task_return_boolean (call->task, TRUE);
  g_object_unref (call->task);
  g_free (call);
  begin (agent);
}

static GError *
new_error (const char *words)
{
  return g_error_new_literal (DIO_ERROR, DIO_ERROR_FAILED, words);
}

static void
set_timer (DioAgent *agent, unsigned ms, GSourceFunc callback)
{
  clear_source (&agent->timer);
  agent->timer = g_timeout_source_new (ms);
  g_source_set_callback (agent->timer, callback, agent, NULL);
  g_source_attach (agent->timer, g_main_context_get_thread_default ());
}

static unsigned
left_ms (DioAgent *agent)
{
  const Call *call = g_queue_peek_head (&agent->calls);
  return MAX (call->deadline_us - g_get_monotonic_time (), 0) / 1000;
}

/* ---- What is sent ---- */

static void
send_command (DioAgent *agent, const char *name, const char *argument, gint64 value)
{
  g_autoptr (JsonObject) object = json_object_new ();
  json_object_set_string_member (object, "execute", name);
  if (argument) {
    JsonObject *arguments = json_object_new ();
    json_object_set_int_member (arguments, argument, value);
    json_object_set_object_member (object, "arguments", arguments);
  }
  g_autofree char *text = dio_json_object_to_text (object, FALSE);
  dio_char_memory_feed (agent->line, text, strlen (text));
  dio_char_memory_feed (agent->line, "\n", 1);
}

static gboolean
late_cb (gpointer data)
{
  end (data, new_error (_ ("The guest agent does not answer in time")));
  return G_SOURCE_REMOVE;
}

static gboolean
sync_cb (gpointer data)
{
  begin (data);
  return G_SOURCE_REMOVE;
}

/* Looks for an agent that does the first call, if there is one. */
static void
begin (DioAgent *agent)
{
  const uint8_t mark = MARK;
  unsigned left;
  if (g_queue_is_empty (&agent->calls))
    return;
  left = left_ms (agent);
  if (left == 0) {
    end (agent, new_error (_ ("There is no guest agent that answers")));
    return;
  }
  if (agent->stage == IDLE)
    g_bytes_unref (dio_char_memory_read (agent->line, &agent->position));
  agent->stage = SEEKING;
  agent->number = g_random_int ();
  atomic_store (&agent->listening, true);
  /* The mark ends whatever line the agent is in. */
  dio_char_memory_feed (agent->line, &mark, 1);
  send_command (agent, "guest-sync-delimited", "id", agent->number);
  set_timer (agent, MIN (left, SYNC_MS), sync_cb);
}

static void
send_call (DioAgent *agent)
{
  const Call *call = g_queue_peek_head (&agent->calls);
  agent->stage = ANSWERING;
  g_byte_array_set_size (agent->text, 0);
  switch (call->command) {
  case DIO_AGENT_PING:
    send_command (agent, "guest-ping", NULL, 0);
    break;
  case DIO_AGENT_SET_TIME:
    send_command (agent, "guest-set-time", "time", g_get_real_time () * 1000);
    break;
  case DIO_AGENT_SHUT_DOWN:
    send_command (agent, "guest-shutdown", NULL, 0);
    end (agent, NULL);
    return;
  }
  set_timer (agent, left_ms (agent), late_cb);
}

/* ---- What comes ---- */

static gboolean
is_sync (DioAgent *agent, JsonObject *answer)
{
  JsonNode *node = answer ? json_object_get_member (answer, "return") : NULL;
  return node && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_INT64
         && json_node_get_int (node) == agent->number;
}

/* The description in the agent's error, shortened, as it may be shown to people. */
static GError *
refusal (JsonObject *answer)
{
  JsonNode *node = json_object_get_member (answer, "error");
  JsonNode *words = node && JSON_NODE_HOLDS_OBJECT (node)
                        ? json_object_get_member (json_node_get_object (node), "desc")
                        : NULL;
  const char *text = words && JSON_NODE_HOLDS_VALUE (words) ? json_node_get_string (words) : NULL;
  g_autofree char *valid = g_utf8_make_valid (text ? text : "?", -1);
  g_autofree char *shorter = g_utf8_substring (valid, 0, MIN (g_utf8_strlen (valid, -1), 200));
  return g_error_new (DIO_ERROR, DIO_ERROR_FAILED, _ ("The guest agent refuses: %s"), shorter);
}

static void
handle_answer (DioAgent *agent, JsonObject *answer, const GError *reason)
{
  if (answer && json_object_has_member (answer, "return"))
    end (agent, NULL);
  else if (answer)
    end (agent, refusal (answer));
  else
    end (agent, g_error_new (DIO_ERROR, DIO_ERROR_FAILED,
                             _ ("The guest agent’s answer cannot be read: %s"), reason->message));
}

static void
handle_line (DioAgent *agent)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) answer =
      dio_json_parse_object ((char *) agent->text->data, agent->text->len, MAX_DEPTH, &error);
  g_byte_array_set_size (agent->text, 0);
  if (agent->stage == ANSWERING)
    handle_answer (agent, answer, error);
  else if (is_sync (agent, answer))
    send_call (agent);
  else
    agent->stage = SEEKING;
}

static void
handle_byte (DioAgent *agent, uint8_t byte)
{
  if (byte == MARK && agent->stage != ANSWERING) {
    agent->stage = SYNCING;
    g_byte_array_set_size (agent->text, 0);
  } else if (agent->stage == SEEKING) {
    return;
  } else if (byte == '\n') {
    handle_line (agent);
  } else if (agent->text->len < MAX_LINE) {
    g_byte_array_append (agent->text, &byte, 1);
  } else if (agent->stage == ANSWERING) {
    end (agent, new_error (_ ("The guest agent’s answer is too long")));
  } else {
    agent->stage = SEEKING;
  }
}

/* What stands behind the end of a call is not of the next one, which has not begun to be heard. */
static void
look (DioAgent *agent)
{
  g_autoptr (GBytes) bytes = dio_char_memory_read (agent->line, &agent->position);
  gsize length;
  const uint8_t *data = g_bytes_get_data (bytes, &length);
  unsigned ended = agent->ended;
  for (gsize i = 0; i < length && agent->stage != IDLE && agent->ended == ended; i++)
    handle_byte (agent, data[i]);
}

/* A source that notify_cb() makes ready. */
typedef struct {
  GSource source;
  DioAgent *agent;
} Look;

static gboolean
look_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  DioAgent *agent = ((Look *) source)->agent;
  g_source_set_ready_time (source, -1);
  atomic_store (&agent->coming, false);
  look (agent);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs look_functions = { .dispatch = look_dispatch };

/* Any thread. A guest that floods the line costs one look in so many microseconds, and none while
 * nobody waits for an answer. */
static void
notify_cb (void *data)
{
  DioAgent *agent = data;
  if (atomic_load (&agent->listening) && !atomic_exchange (&agent->coming, true))
    g_source_set_ready_time (agent->look, g_get_monotonic_time () + LOOK_US);
}

/* ---- Life ---- */

DioAgent *
dio_agent_new (void)
{
  DioAgent *agent = g_new0 (DioAgent, 1);
  agent->text = g_byte_array_new ();
  g_queue_init (&agent->calls);
  agent->look = g_source_new (&look_functions, sizeof (Look));
  ((Look *) agent->look)->agent = agent;
  g_source_attach (agent->look, g_main_context_get_thread_default ());
  agent->line = dio_char_memory_new (RING_SIZE, notify_cb, agent);
  return agent;
}

void
dio_agent_free (DioAgent *agent)
{
  if (!agent)
    return;
  clear_source (&agent->timer);
  clear_source (&agent->look);
  for (Call *call; (call = g_queue_pop_head (&agent->calls)); g_free (call)) {
    g_task_return_new_error (call->task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "%s",
                             _ ("The machine is not running"));
    g_object_unref (call->task);
  }
  dio_char_free (agent->line);
  g_byte_array_unref (agent->text);
  g_free (agent);
}

DioChar *
dio_agent_get_char (DioAgent *agent)
{
  return agent->line;
}

void
dio_agent_call_async (DioAgent *agent, DioAgentCommand command, unsigned timeout_ms,
                      GAsyncReadyCallback callback, gpointer user_data)
{
  Call *call = g_new0 (Call, 1);
  call->command = command;
  call->deadline_us = g_get_monotonic_time () + timeout_ms * INT64_C (1000);
  call->task = g_task_new (NULL, NULL, callback, user_data);
  g_task_set_source_tag (call->task, dio_agent_call_async);
  g_queue_push_tail (&agent->calls, call);
  if (agent->stage == IDLE)
    begin (agent);
}

gboolean
dio_agent_call_finish (DioAgent *agent, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
