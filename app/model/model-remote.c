/* SPDX-License-Identifier: GPL-3.0-or-later
 * A machine and other processes: what its control socket answers, and asking a machine that another
 * process runs. */
#include <linux/input-event-codes.h>

#include "app/job/job-thread.h"
#include "app/model/model-machine-private.h"
#include "app/model/model-stats.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

#define REQUEST_TIMEOUT_MS 15000
#define MAX_CHORD 8

/* The server's side. */

static void
fail (DioControlCall *call, int code, const char *message)
{
  g_autoptr (GError) error = g_error_new_literal (DIO_ERROR, code, message);
  dio_control_call_fail (call, error);
}

static void
done_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  DioControlCall *call = user_data;
  g_autoptr (GError) error = NULL;
  if (dio_machine_item_command_finish (DIO_MACHINE_ITEM (object), result, &error))
    dio_control_call_reply (call, NULL);
  else
    dio_control_call_fail (call, error);
}

static const char *
string_member (JsonObject *request, const char *name)
{
  JsonNode *node = json_object_get_member (request, name);
  return node && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node) : NULL;
}

static void
answer_status (DioMachineItem *self, DioControlCall *call)
{
  JsonObject *reply = json_object_new ();
  g_autoptr (GEnumClass) states = g_type_class_ref (DIO_TYPE_ITEM_STATE);
  DioMachineStats stats;
  json_object_set_string_member (
      reply, "state", g_enum_get_value (states, dio_machine_item_get_state (self))->value_nick);
  if (dio_machine_item_get_stats (self, &stats))
    json_object_set_object_member (reply, "statistics", dio_stats_to_json (&stats));
  dio_control_call_reply (call, reply);
}

static void
typed_cb (gboolean sent, gpointer data)
{
  if (sent)
    dio_control_call_reply (data, NULL);
  else
    fail (data, DIO_ERROR_BUSY, _ ("The machine stopped before everything was typed"));
}

/* When the guest has the keys, so that what is asked next does not overtake them. */
static void
answer_when_typed (DioMachineItem *self, DioControlCall *call)
{
  if (self->typer)
    dio_typer_notify (self->typer, typed_cb, call);
  else
    typed_cb (FALSE, call);
}

static void
answer_type (DioMachineItem *self, DioControlCall *call, JsonObject *request)
{
  const char *text = string_member (request, "text");
  g_autoptr (GError) error = NULL;
  if (!text)
    fail (call, DIO_ERROR_FORMAT, _ ("The request has no text"));
  else if (dio_machine_item_type_text (self, text, &error))
    answer_when_typed (self, call);
  else
    dio_control_call_fail (call, error);
}

static void
answer_keys (DioMachineItem *self, DioControlCall *call, JsonObject *request)
{
  JsonNode *node = json_object_get_member (request, "codes");
  JsonArray *array = node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  guint count = array ? json_array_get_length (array) : 0;
  guint16 codes[MAX_CHORD];
  gboolean good = count >= 1 && count <= MAX_CHORD;
  for (guint i = 0; good && i < count; i++) {
    JsonNode *element = json_array_get_element (array, i);
    gint64 code = JSON_NODE_HOLDS_VALUE (element) ? json_node_get_int (element) : 0;
    good = code >= 1 && code <= 0x2ff;
    codes[i] = code;
  }
  if (!good) {
    fail (call, DIO_ERROR_FORMAT, _ ("The request has no usable key codes"));
    return;
  }
  dio_machine_item_send_keys (self, codes, count);
  answer_when_typed (self, call);
}

static gint64
int_member (JsonObject *request, const char *name)
{
  JsonNode *node = json_object_get_member (request, name);
  return node && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_int (node) : -1;
}

static void
answer_click (DioMachineItem *self, DioControlCall *call, JsonObject *request)
{
  gint64 x = int_member (request, "x"), y = int_member (request, "y");
  gint64 button = int_member (request, "button");
  g_autoptr (GError) error = NULL;

  if (x < 0 || x > G_MAXUINT16 || y < 0 || y > G_MAXUINT16
      || (button && (button < BTN_LEFT || button > BTN_MIDDLE)))
    fail (call, DIO_ERROR_FORMAT, _ ("The request has no usable position or button"));
  else if (dio_machine_item_click (self, x, y, button, &error))
    answer_when_typed (self, call);
  else
    dio_control_call_fail (call, error);
}

static void
answer_screenshot (DioMachineItem *self, DioControlCall *call, JsonObject *request)
{
  const char *path = string_member (request, "path");
  if (path && g_path_is_absolute (path))
    dio_machine_item_save_screenshot_async (self, path, done_cb, call);
  else
    fail (call, DIO_ERROR_FORMAT, _ ("The request has no absolute path"));
}

static void
handle_cb (DioControlCall *call, const char *command, JsonObject *request, gpointer data)
{
  static const struct {
    const char *name;
    void (*function) (DioMachineItem *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                      gpointer user_data);
  } commands[] = {
    { "force-off", dio_machine_item_force_off_async },
    { "pause", dio_machine_item_pause_async },
    { "power-button", dio_machine_item_power_button_async },
    { "reset", dio_machine_item_reset_async },
    { "resume", dio_machine_item_resume_async },
  };
  DioMachineItem *self = data;
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    if (g_str_equal (command, commands[i].name)) {
      commands[i].function (self, NULL, done_cb, call);
      return;
    }
  if (g_str_equal (command, "status"))
    answer_status (self, call);
  else if (g_str_equal (command, "snapshot"))
    dio_machine_snapshots_handle (self, call, request);
  else if (g_str_equal (command, "type"))
    answer_type (self, call, request);
  else if (g_str_equal (command, "keys"))
    answer_keys (self, call, request);
  else if (g_str_equal (command, "click"))
    answer_click (self, call, request);
  else if (g_str_equal (command, "screenshot"))
    answer_screenshot (self, call, request);
  else
    fail (call, DIO_ERROR_UNSUPPORTED, _ ("The request’s command is not known"));
}

void
dio_machine_remote_listen (DioMachineItem *self, GError **error)
{
  self->control = dio_control_new (self->id, handle_cb, self, error);
}

/* Asking another process. */

typedef struct {
  char *id;
  JsonObject *request;
} Ask;

static void
ask_free (gpointer data)
{
  Ask *ask = data;
  g_free (ask->id);
  json_object_unref (ask->request);
  g_free (ask);
}

static void
ask_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  Ask *ask = task_data;
  GError *error = NULL;
  g_autoptr (JsonObject) reply =
      dio_control_request (ask->id, ask->request, REQUEST_TIMEOUT_MS, &error);
  if (reply)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
dio_machine_remote_command_async (DioMachineItem *self, const char *command,
                                  GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, NULL, callback, user_data);
  Ask *ask = g_new0 (Ask, 1);
  ask->id = g_strdup (self->id);
  ask->request = json_object_new ();
  json_object_set_string_member (ask->request, "command", command);
  g_task_set_task_data (task, ask, ask_free);
  dio_job_thread_run (task, ask_thread);
}
