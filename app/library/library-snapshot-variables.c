/* SPDX-License-Identifier: GPL-3.0-or-later
 * The variables of firmware in snapshots of machines that are off: a small file, whole in the state
 * file. */
#include "app/library/library-snapshot-private.h"
#include "core/base/base-error.h"

gboolean
dio_snapshots_add_variables (DioSnapshots *self, DioStateFile *state, GError **error)
{
  gsize length;
  g_autoptr (GError) local = NULL;
  char *contents = dio_file_load (self->files, self->bundle_fd, DIO_BUNDLE_VARIABLES,
                                  DIO_BUNDLE_MAX_VARIABLES, &length, &local);

  if (g_error_matches (local, DIO_ERROR, DIO_ERROR_NOT_FOUND))
    return TRUE;
  if (!contents) {
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
  }
  g_autoptr (GBytes) bytes = g_bytes_new_take (contents, length);
  dio_state_file_add (state, DIO_STATE_VARIABLES, bytes);
  return TRUE;
}

gboolean
dio_snapshots_put_variables (DioSnapshots *self, const char *id, int fd, const char *name,
                             gboolean empty, gboolean *put, GError **error)
{
  g_autofree char *file = dio_snapshot_state_name (id);
  g_autoptr (DioStateFile) state =
      dio_state_file_read (self->files, self->dir_fd, file, DIO_STATE_VARIABLES, error);

  if (!state)
    return FALSE;
  GBytes *bytes = dio_state_file_get (state, DIO_STATE_VARIABLES);
  gsize length = bytes ? g_bytes_get_size (bytes) : 0;
  *put = (bytes || empty) && length <= DIO_BUNDLE_MAX_VARIABLES;
  return !*put
         || dio_file_write_atomic (self->files, fd, name,
                                   bytes ? g_bytes_get_data (bytes, NULL) : "", length, error);
}
