/* SPDX-License-Identifier: GPL-3.0-or-later
 * Changing what a machine is made of.
 *
 * New files get names that nothing in the bundle has, machine.json is replaced in one step, and
 * only then the files go that it no longer names: a crash in between leaves the old machine or the
 * new one, and at worst a file too many, which the next change removes. */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "app/library/library-bundle-private.h"
#include "app/library/library-journal.h"
#include "core/backend/block/block-create.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

#define MAX_TRIES 1000

typedef struct {
  DioFiles *files;
  const char *path; /* the bundle */
  int fd;           /* its folder */
  GCancellable *cancellable;
  GPtrArray *made; /* names of files made here, removed when it fails */
} Change;

const char *
dio_bundle_inside (const char *path, const char *file)
{
  gsize length = strlen (path);
  if (!file || strncmp (file, path, length) != 0 || file[length] != '/')
    return NULL;
  return dio_file_is_inside (file + length + 1) ? file + length + 1 : NULL;
}

gboolean
dio_bundle_check_new_name (DioFiles *files, const char *path, const char *name, GError **error)
{
  g_autofree char *library = g_path_get_dirname (path);
  g_autoptr (DioManifest) manifest = dio_bundle_load (files, path, NULL);
  if (!dio_manifest_check_name (name, error))
    return FALSE;
  return (manifest && dio_bundle_same_name (manifest->config->name, name))
         || dio_bundle_require_free_name (files, library, name, error);
}

/* A name that nothing in the bundle has: ROLE, ROLE1, ROLE2, ... or ROLE0.qcow2, ROLE1.qcow2, ...
 */
static char *
free_file_name (Change *change, const char *role, const char *suffix)
{
  for (unsigned n = 0; n < MAX_TRIES; n++) {
    g_autofree char *name =
        n == 0 && !*suffix ? g_strdup (role) : g_strdup_printf ("%s%u%s", role, n, suffix);
    struct statx status;
    if (dio_file_stat (change->files, change->fd, name, AT_SYMLINK_NOFOLLOW, &status) == -ENOENT)
      return g_steal_pointer (&name);
  }
  return g_strdup (role); /* making it fails and says so */
}

static bool
progress_cb (uint64_t done, uint64_t total, void *data)
{
  return !g_cancellable_is_cancelled (data);
}

/* *@file, a path of the host, as machine.json names it: copied into the bundle if need be. */
static gboolean
place_file (Change *change, const char *role, char **file, GError **error)
{
  const char *inside = dio_bundle_inside (change->path, *file);
  if (!*file)
    return TRUE;
  char *name = inside ? g_strdup (inside) : free_file_name (change, role, "");
  if (!inside) {
    g_autoptr (GError) local = NULL;
    if (!dio_file_copy (change->files, *file, change->fd, name, progress_cb, change->cancellable,
                        &local)) {
      if (!g_cancellable_set_error_if_cancelled (change->cancellable, error))
        g_propagate_error (error, g_steal_pointer (&local));
      g_free (name);
      return FALSE;
    }
    g_ptr_array_add (change->made, g_strdup (name));
  }
  g_free (*file);
  *file = name;
  return TRUE;
}

static gboolean
import_disk (Change *change, DioDiskConfig *disk, GError **error)
{
  const DioBlockJob job = { progress_cb, change->cancellable };
  g_autofree char *name = free_file_name (change, "disk", ".qcow2");
  g_autoptr (GError) local = NULL;
  g_ptr_array_add (change->made, g_strdup (name));
  if (dio_bundle_import_disk (change->files, change->path, name, disk, &job, &local))
    return TRUE;
  if (!g_cancellable_set_error_if_cancelled (change->cancellable, error))
    g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

static gboolean
place_disks (Change *change, DioMachineConfig *config, GError **error)
{
  for (guint i = 0; config->disks && i < config->disks->len; i++) {
    DioDiskConfig *disk = g_ptr_array_index (config->disks, i);
    g_autofree char *absolute = g_canonicalize_filename (disk->path, NULL);
    const char *inside = dio_bundle_inside (change->path, absolute);
    g_free (disk->path);
    disk->path = g_strdup (inside ? inside : absolute);
    if (dio_bundle_must_import (disk) && !import_disk (change, disk, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
add_new_disk (Change *change, DioMachineConfig *config, const DioBlockCreate *disk, GError **error)
{
  if (!disk->size)
    return TRUE;
  g_autofree char *suffix = g_strconcat (".", disk->format, NULL);
  g_autofree char *name = free_file_name (change, "disk", suffix);
  g_autofree char *file = g_build_filename (change->path, name, NULL);
  if (!dio_block_create (change->files, file, disk, error))
    return FALSE;
  g_ptr_array_add (change->made, g_strdup (name));
  dio_machine_config_add_disk (config, name, disk->format, FALSE);
  return TRUE;
}

static gboolean
check_space (Change *change, const DioMachineConfig *config, GError **error)
{
  const char *const files[] = { config->firmware, config->kernel, config->initrd };
  guint64 bytes = DIO_BUNDLE_SPACE_MARGIN;
  for (gsize i = 0; i < G_N_ELEMENTS (files); i++)
    if (!dio_bundle_inside (change->path, files[i])
        && !dio_bundle_add_size (change->files, files[i], &bytes, error))
      return FALSE;
  g_autofree char *library = g_path_get_dirname (change->path);
  return dio_file_check_space (change->files, change->fd, bytes, library, error);
}

/* @file is one that a copy of a @role was given: the role and perhaps a number. */
static gboolean
is_copy_of (const char *file, const char *role)
{
  gsize length = strlen (role);
  return g_str_has_prefix (file, role)
         && strspn (file + length, "0123456789") == strlen (file + length);
}

/* Removes copies that machine.json does not name any more. What cannot be removed stays. */
static void
remove_unused (Change *change, const DioMachineConfig *config)
{
  static const char *const roles[] = { "firmware", "kernel", "initrd" };
  const char *const used[] = { config->firmware, config->kernel, config->initrd };
  DIR *dir = opendir (change->path);
  for (struct dirent *entry; dir && (entry = readdir (dir));) {
    gboolean unused = FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS (roles); i++)
      unused |= is_copy_of (entry->d_name, roles[i]);
    for (gsize i = 0; i < G_N_ELEMENTS (used); i++)
      unused &= g_strcmp0 (entry->d_name, used[i]) != 0;
    if (unused)
      dio_file_unlink (change->files, change->fd, entry->d_name, 0);
  }
  if (dir)
    closedir (dir);
}

static gboolean
write_manifest (Change *change, const DioManifest *manifest, const char *old_name, GError **error)
{
  const char *name = manifest->config->name;
  g_autofree char *library = g_path_get_dirname (change->path);
  g_autoptr (DioLock) names = dio_bundle_lock_library (change->files, library, error);
  if (!names
      || (!dio_bundle_same_name (name, old_name)
          && !dio_bundle_require_free_name (change->files, library, name, error)))
    return FALSE;
  gsize length;
  g_autofree char *text = dio_manifest_to_text (manifest, &length);
  /* What was written must be readable: a configuration that is not is refused here. */
  g_autoptr (DioManifest) check = dio_manifest_parse (text, length, DIO_MANIFEST_FILE, error);
  return check
         && dio_file_write_atomic (change->files, change->fd, DIO_MANIFEST_FILE, text, length,
                                   error);
}

static gboolean
apply (Change *change, DioManifest *manifest, const DioBlockCreate *new_disk, const char *old_name,
       GError **error)
{
  DioMachineConfig *config = manifest->config;
  if (!dio_manifest_check_name (config->name, error) || !check_space (change, config, error)
      || !place_file (change, "firmware", &config->firmware, error)
      || !place_file (change, "kernel", &config->kernel, error)
      || !place_file (change, "initrd", &config->initrd, error))
    return FALSE;
  config->installing |= new_disk->size && dio_bundle_is_first_disk (config);
  config->installing &= dio_bundle_has_installer (config);
  return place_disks (change, config, error) && add_new_disk (change, config, new_disk, error)
         && !g_cancellable_set_error_if_cancelled (change->cancellable, error)
         && write_manifest (change, manifest, old_name, error);
}

static void
note_change (const char *path)
{
  DioJournal *journal = dio_journal_open (path);
  dio_journal_add (journal, "changed", NULL, 0, 1, NULL, g_get_real_time ());
  dio_journal_close (journal);
  dio_journal_flush ();
}

/* With the bundle locked. */
static gboolean
configure_locked (Change *change, const DioMachineConfig *config, const DioBlockCreate *new_disk,
                  GError **error)
{
  g_autoptr (DioManifest) manifest = dio_bundle_load (change->files, change->path, error);
  if (!manifest)
    return FALSE;
  g_autofree char *old_name = g_strdup (manifest->config->name);
  dio_machine_config_free (manifest->config);
  manifest->config = dio_machine_config_copy (config);
  if (!apply (change, manifest, new_disk, old_name, error)) {
    for (guint i = 0; i < change->made->len; i++)
      dio_file_unlink (change->files, change->fd, g_ptr_array_index (change->made, i), 0);
    return FALSE;
  }
  remove_unused (change, manifest->config);
  note_change (change->path);
  return TRUE;
}

gboolean
dio_bundle_configure (DioFiles *files, const char *path, const DioMachineConfig *config,
                      guint64 new_disk_size, const char *new_disk_format, GCancellable *cancellable,
                      GError **error)
{
  int fd = dio_bundle_open_folder (files, path, error);
  if (fd < 0)
    return FALSE;
  g_autoptr (GPtrArray) made = g_ptr_array_new_with_free_func (g_free);
  const DioBlockCreate new_disk = {
    .format = new_disk_format ? new_disk_format : DIO_BUNDLE_DISK_FORMAT,
    .size = new_disk_size,
  };
  Change change = { files, path, fd, cancellable, made };
  g_autoptr (DioLock) lock = dio_lock_take (files, fd, DIO_LOCK_FILE, config->name, error);
  gboolean good = lock && configure_locked (&change, config, &new_disk, error);
  dio_file_close (files, fd);
  return good;
}
