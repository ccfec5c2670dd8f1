/* SPDX-License-Identifier: GPL-3.0-or-later
 * Changing what a machine of the library is made of. */
#include "app/job/job-thread.h"
#include "app/model/model-machine-private.h"
#include "app/model/model-validate.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

gboolean
dio_machine_item_validate (DioMachineItem *self, const DioMachineConfig *config,
                           guint64 new_disk_size, const char **field, GError **error)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), FALSE);
  const char *ignored;
  if (!field)
    field = &ignored;
  *field = "name";
  if (g_strcmp0 (config->name, self->name) != 0
      && !dio_bundle_check_new_name (dio_files_host (), self->path, config->name, error))
    return FALSE;
  return dio_validate_config (config, &self->host, field, error)
         && dio_validate_new_disk (self->path, new_disk_size, field, error);
}

const DioBoardType *const *
dio_machine_item_get_boards (DioMachineItem *self)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), NULL);
  return self->host.boards;
}

typedef struct {
  char *path;
  DioMachineConfig *config;
  guint64 new_disk_size;
  char *new_disk_format;
} Configuration;

static void
configuration_free (gpointer data)
{
  Configuration *configuration = data;
  dio_machine_config_free (configuration->config);
  g_free (configuration->path);
  g_free (configuration->new_disk_format);
  g_free (configuration);
}

static void
configure_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  Configuration *configuration = task_data;
  GError *error = NULL;
  const char *field;
  if (dio_validate_loads (configuration->config, &field, &error)
      && dio_bundle_configure (dio_files_host (), configuration->path, configuration->config,
                               configuration->new_disk_size, configuration->new_disk_format,
                               cancellable, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
configured_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  DioMachineItem *self = DIO_MACHINE_ITEM (object);
  GError *error = NULL;
  gboolean good = g_task_propagate_boolean (G_TASK (result), &error);
  self->configuring = FALSE;
  if (good)
    dio_machine_item_clear_error (self);
  dio_machine_item_reload (self);
  if (good)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
dio_machine_item_configure_async (DioMachineItem *self, const DioMachineConfig *config,
                                  guint64 new_disk_size, const char *new_disk_format,
                                  GCancellable *cancellable, GAsyncReadyCallback callback,
                                  gpointer user_data)
{
  g_return_if_fail (DIO_IS_MACHINE_ITEM (self));
  g_return_if_fail (self->path);
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, dio_machine_item_configure_async);
  g_task_set_check_cancellable (task, FALSE);
  GError *error = NULL;
  if (dio_machine_item_is_active (self) || self->configuring)
    g_set_error (&error, DIO_ERROR, DIO_ERROR_BUSY, _ ("“%s” is running; turn it off first"),
                 self->name);
  if (error || !dio_machine_item_validate (self, config, new_disk_size, NULL, &error)) {
    g_task_return_error (task, error);
    return;
  }
  self->configuring = TRUE;
  Configuration *configuration = g_new0 (Configuration, 1);
  configuration->path = g_strdup (self->path);
  configuration->config = dio_machine_config_copy (config);
  configuration->new_disk_size = new_disk_size;
  configuration->new_disk_format = g_strdup (new_disk_format);
  g_autoptr (GTask) work = g_task_new (self, cancellable, configured_cb, g_steal_pointer (&task));
  g_task_set_check_cancellable (work, FALSE);
  g_task_set_task_data (work, configuration, configuration_free);
  dio_job_thread_run (work, configure_thread);
}
