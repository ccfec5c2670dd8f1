/* SPDX-License-Identifier: GPL-3.0-or-later
 * For who changes the file of a disk without its machine: whether snapshots stand on it. What they
 * stand on is never written again, or it would shine through the overlays above. */
#include <stdlib.h>

#include "app/library/library-snapshot-private.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

/* The bundle that the file @path lies in, as a machine's disk or as an image of its snapshots, and
 * in *@file its name there; NULL when it lies in none. */
static char *
find_bundle (const char *path, char **file)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *name = g_path_get_basename (path);
  g_autofree char *last = g_path_get_basename (folder);
  gboolean inner = g_str_equal (last, DIO_SNAPSHOT_FOLDER);
  g_autofree char *bundle = inner ? g_path_get_dirname (folder) : g_strdup (folder);
  g_autofree char *tree = g_build_filename (bundle, DIO_SNAPSHOT_FOLDER, DIO_SNAPSHOT_TREE, NULL);
  if (!g_file_test (tree, G_FILE_TEST_EXISTS))
    return NULL;
  *file = inner ? g_build_filename (DIO_SNAPSHOT_FOLDER, name, NULL) : g_strdup (name);
  return g_steal_pointer (&bundle);
}

static gboolean
is_base (DioSnapshots *self, const char *file)
{
  pthread_mutex_lock (&self->lock);
  gboolean base = dio_snapshots_is_base_locked (self, file);
  pthread_mutex_unlock (&self->lock);
  return base;
}

gboolean
dio_snapshots_check_file (DioFiles *files, const char *path, gboolean resize, GError **error)
{
  g_autofree char *file = NULL;
  g_autofree char *real = realpath (path, NULL);
  g_autofree char *bundle = real ? find_bundle (real, &file) : NULL;
  if (!bundle)
    return TRUE;
  g_autoptr (DioSnapshots) self = dio_snapshots_open (files, bundle, FALSE, error);
  if (!self)
    return FALSE;
  gboolean base = is_base (self, file);
  if (!base && !(resize && dio_snapshots_find_image (self->images, file)))
    return TRUE;
  g_autofree char *name = g_path_get_basename (bundle);
  if (base)
    g_set_error (error, DIO_ERROR, DIO_ERROR_BUSY,
                 _ ("Snapshots of “%s” stand on “%s”, and a change would spoil them. Delete the "
                    "snapshots first, or convert the disk into a file of its own"),
                 name, path);
  else
    g_set_error (error, DIO_ERROR, DIO_ERROR_BUSY,
                 _ ("“%s” has snapshots, whose disk “%s” cannot get another size. Delete the "
                    "snapshots first, or convert the disk into a file of its own"),
                 name, path);
  return FALSE;
}
