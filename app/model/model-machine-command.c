/* SPDX-License-Identifier: GPL-3.0-or-later
 * What is asked of a machine that runs: commands, which the state may forbid, keys and pictures. */
#include "app/job/job-thread.h"
#include "app/model/model-machine-private.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "render/scanout/scanout-png.h"

/* ---- Commands ---- */

static void
command_done_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  if (g_task_propagate_boolean (G_TASK (result), &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

/* Sends @command when the state is one of @allowed (bits); else refuses. */
static void
send_command (DioMachineItem *self, DioBridgeCommand command, unsigned allowed, const char *remote,
              GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  if (self->state == DIO_ITEM_ELSEWHERE) {
    dio_machine_remote_command_async (self, remote, callback, user_data);
    return;
  }
  GTask *task = g_task_new (self, cancellable, callback, user_data);
  if (allowed & 1u << self->state)
    dio_bridge_command_async (self->bridge, command, command_done_cb, task);
  else {
    const char *format = self->state == DIO_ITEM_PAUSED     ? _ ("“%s” is paused")
                         : self->state == DIO_ITEM_RUNNING  ? _ ("“%s” is not paused")
                         : self->state == DIO_ITEM_STARTING ? _ ("“%s” is just starting")
                                                            : _ ("“%s” is not running");
    dio_machine_item_return_busy (self, task, format);
    g_object_unref (task);
  }
}

void
dio_machine_item_pause_async (DioMachineItem *self, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (DIO_IS_MACHINE_ITEM (self));
  send_command (self, DIO_BRIDGE_PAUSE, 1u << DIO_ITEM_RUNNING, "pause", cancellable, callback,
                user_data);
}

void
dio_machine_item_resume_async (DioMachineItem *self, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (DIO_IS_MACHINE_ITEM (self));
  send_command (self, DIO_BRIDGE_RESUME, 1u << DIO_ITEM_PAUSED, "resume", cancellable, callback,
                user_data);
}

void
dio_machine_item_reset_async (DioMachineItem *self, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (DIO_IS_MACHINE_ITEM (self));
  send_command (self, DIO_BRIDGE_RESET, 1u << DIO_ITEM_RUNNING | 1u << DIO_ITEM_PAUSED, "reset",
                cancellable, callback, user_data);
}

void
dio_machine_item_power_button_async (DioMachineItem *self, GCancellable *cancellable,
                                     GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (DIO_IS_MACHINE_ITEM (self));
  send_command (self, DIO_BRIDGE_POWER_BUTTON, 1u << DIO_ITEM_RUNNING, "power-button", cancellable,
                callback, user_data);
}

void
dio_machine_item_force_off_async (DioMachineItem *self, GCancellable *cancellable,
                                  GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (DIO_IS_MACHINE_ITEM (self));
  if (self->state == DIO_ITEM_STARTING || self->state == DIO_ITEM_STOPPING) {
    /* It ends as soon as it can. */
    self->stop_requested = TRUE;
    g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
    g_task_return_boolean (task, TRUE);
    return;
  }
  send_command (self, DIO_BRIDGE_STOP, 1u << DIO_ITEM_RUNNING | 1u << DIO_ITEM_PAUSED, "force-off",
                cancellable, callback, user_data);
}

gboolean
dio_machine_item_command_finish (DioMachineItem *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* ---- Keys, clicks and pictures ---- */

static gboolean
require_running (DioMachineItem *self, GError **error)
{
  if (self->scanout && dio_machine_item_is_active (self))
    return TRUE;
  g_set_error (error, DIO_ERROR, DIO_ERROR_BUSY, _ ("“%s” is not running"), self->name);
  return FALSE;
}

gboolean
dio_machine_item_type_text (DioMachineItem *self, const char *text, GError **error)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), FALSE);
  return require_running (self, error) && dio_typer_add_text (self->typer, text, error);
}

void
dio_machine_item_send_keys (DioMachineItem *self, const guint16 *codes, gsize count)
{
  g_return_if_fail (DIO_IS_MACHINE_ITEM (self));
  if (require_running (self, NULL))
    dio_typer_add_chord (self->typer, codes, count);
}

/* The centre of the last of @size pixels is the end of the axis. */
static guint16
to_axis (guint at, guint32 size)
{
  return size > 1 ? (guint64) at * DIO_INPUT_ABS_MAX / (size - 1) : 0;
}

gboolean
dio_machine_item_click (DioMachineItem *self, guint x, guint y, guint16 button, GError **error)
{
  guint32 width, height;

  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), FALSE);
  if (!require_running (self, error))
    return FALSE;
  g_autoptr (GBytes) picture = dio_scanout_snapshot (self->scanout, 0, &width, &height);
  if (!picture) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FAILED, _ ("The screen of “%s” is off"), self->name);
    return FALSE;
  }
  if (x >= width || y >= height) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("%u, %u is not on the screen, which has %u × %u pixels"), x, y, width, height);
    return FALSE;
  }
  dio_typer_add_click (self->typer, to_axis (x, width), to_axis (y, height), button);
  return TRUE;
}

gboolean
dio_machine_item_save_screenshot (DioMachineItem *self, const char *path, GError **error)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), FALSE);
  return require_running (self, error) && dio_scanout_write_png (self->scanout, path, error);
}

typedef struct {
  GBytes *pixels;
  uint32_t width, height;
  char *path;
} Screenshot;

static void
screenshot_free (gpointer data)
{
  Screenshot *shot = data;
  g_clear_pointer (&shot->pixels, g_bytes_unref);
  g_free (shot->path);
  g_free (shot);
}

static void
screenshot_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  Screenshot *shot = task_data;
  GError *error = NULL;
  if (dio_scanout_write_pixels_png (shot->pixels, shot->width, shot->height, shot->path, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
dio_machine_item_save_screenshot_async (DioMachineItem *self, const char *path,
                                        GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (DIO_IS_MACHINE_ITEM (self));
  g_autoptr (GTask) task = g_task_new (self, NULL, callback, user_data);
  GError *error = NULL;
  Screenshot *shot = g_new0 (Screenshot, 1);
  shot->path = g_strdup (path);
  g_task_set_task_data (task, shot, screenshot_free);
  if (require_running (self, &error)) {
    /* The copy is quick; compressing it is not. */
    shot->pixels = dio_scanout_snapshot (self->scanout, 0, &shot->width, &shot->height);
    if (!shot->pixels)
      g_set_error (&error, DIO_ERROR, DIO_ERROR_FAILED, _ ("The screen of “%s” is off"),
                   self->name);
  }
  if (error)
    g_task_return_error (task, error);
  else
    dio_job_thread_run (task, screenshot_thread);
}
