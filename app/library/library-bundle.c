/* SPDX-License-Identifier: GPL-3.0-or-later
 * Bundles: loading, making, the trash. */
#include "app/library/library-bundle-private.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/library/library-journal.h"
#include "app/library/library-size.h"
#include "core/backend/block/block-create.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

#define NEW_SUFFIX ".new"
#define FOLDER_MAX_BYTES 200
#define MAX_FOLDER_TRIES 1000

char *
dio_bundle_default_library (void)
{
  const char *path = g_getenv ("DIORAMA_LIBRARY");
  if (path && *path)
    return g_canonicalize_filename (path, NULL);
  return g_build_filename (g_get_user_data_dir (), "diorama", "machines", NULL);
}

gboolean
dio_bundle_same_name (const char *a, const char *b)
{
  g_autofree char *folded_a = g_utf8_casefold (a, -1);
  g_autofree char *folded_b = g_utf8_casefold (b, -1);
  g_autofree char *normal_a = g_utf8_normalize (folded_a, -1, G_NORMALIZE_ALL_COMPOSE);
  g_autofree char *normal_b = g_utf8_normalize (folded_b, -1, G_NORMALIZE_ALL_COMPOSE);
  return g_strcmp0 (normal_a, normal_b) == 0;
}

char *
dio_bundle_folder_name (const char *name)
{
  g_autofree char *normal = g_utf8_normalize (name, -1, G_NORMALIZE_DEFAULT_COMPOSE);
  GString *folder = g_string_new (NULL);
  for (const char *p = normal ? normal : ""; *p; p = g_utf8_next_char (p)) {
    gunichar c = g_utf8_get_char (p);
    gboolean bad = g_unichar_iscntrl (c) || g_unichar_type (c) == G_UNICODE_FORMAT
                   || (c < 0x80 && strchr ("/\\:*?\"<>|", c)) || (c == '.' && folder->len == 0);
    if (folder->len + 6 > FOLDER_MAX_BYTES)
      break;
    if (bad)
      g_string_append_c (folder, '-');
    else
      g_string_append_unichar (folder, c);
  }
  g_strstrip (folder->str);
  folder->len = strlen (folder->str);
  while (folder->len && folder->str[folder->len - 1] == '.')
    g_string_truncate (folder, folder->len - 1);
  if (folder->len == 0)
    g_string_assign (folder, "machine");
  return g_string_free (folder, FALSE);
}

int
dio_bundle_open_folder (DioFiles *files, const char *path, GError **error)
{
  int fd = dio_file_open (files, AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0)
    dio_set_error_errno (error, -fd, _ ("The folder “%s” cannot be opened"), path);
  return fd;
}

DioLock *
dio_bundle_lock_library (DioFiles *files, const char *library, GError **error)
{
  int fd = dio_bundle_open_folder (files, library, error);
  if (fd < 0)
    return NULL;
  DioLock *lock = dio_lock_wait (files, fd, ".lock", library, error);
  dio_file_close (files, fd);
  return lock;
}

DioManifest *
dio_bundle_load (DioFiles *files, const char *path, GError **error)
{
  int fd = dio_bundle_open_folder (files, path, error);
  if (fd < 0)
    return NULL;
  gsize length;
  g_autofree char *text =
      dio_file_load (files, fd, DIO_MANIFEST_FILE, DIO_MANIFEST_MAX_BYTES, &length, error);
  dio_file_close (files, fd);
  return text ? dio_manifest_parse (text, length, DIO_MANIFEST_FILE, error) : NULL;
}

gboolean
dio_bundle_save (DioFiles *files, const char *path, const DioManifest *manifest, GError **error)
{
  int fd = dio_bundle_open_folder (files, path, error);
  if (fd < 0)
    return FALSE;
  gsize length;
  g_autofree char *text = dio_manifest_to_text (manifest, &length);
  gboolean good = dio_file_write_atomic (files, fd, DIO_MANIFEST_FILE, text, length, error);
  dio_file_close (files, fd);
  return good;
}

/* Checks one name of the manifest; NULL and absolute ones pass. */
static gboolean
check_inside (DioFiles *files, int dir_fd, const char *file, const char *key, GError **error)
{
  if (!file || *file == '/')
    return TRUE;
  int fd = dio_file_open_inside (files, dir_fd, file, O_RDONLY, error);
  if (fd < 0) {
    g_prefix_error (error, "%s: %s: ", DIO_MANIFEST_FILE, key);
    return FALSE;
  }
  dio_file_close (files, fd);
  return TRUE;
}

DioMachineConfig *
dio_bundle_prepare (DioFiles *files, const char *path, const DioManifest *manifest, GError **error)
{
  int fd = dio_bundle_open_folder (files, path, error);
  if (fd < 0)
    return NULL;
  const DioMachineConfig *config = manifest->config;
  gboolean good = check_inside (files, fd, config->firmware, "firmware", error)
                  && check_inside (files, fd, config->kernel, "kernel", error)
                  && check_inside (files, fd, config->initrd, "initrd", error);
  for (guint i = 0; good && config->disks && i < config->disks->len; i++) {
    const DioDiskConfig *disk = g_ptr_array_index (config->disks, i);
    g_autofree char *key = g_strdup_printf ("disks[%u].path", i);
    if (!disk->chain)
      good = check_inside (files, fd, disk->path, key, error);
    for (guint j = 0; good && disk->chain && j < disk->chain->len; j++)
      good = check_inside (files, fd, ((DioBlockImage *) g_ptr_array_index (disk->chain, j))->path,
                           key, error);
  }
  dio_file_close (files, fd);
  if (!good)
    return NULL;
  DioMachineConfig *resolved = dio_manifest_resolve (manifest, path);
  resolved->variables = g_build_filename (path, DIO_BUNDLE_VARIABLES, NULL);
  return resolved;
}

/* Making a bundle. */

typedef struct {
  DioFiles *files;
  GCancellable *cancellable;
  DioFileProgress progress;
  void *data;
  guint64 before; /* bytes of the files that are copied already */
  guint64 total;
  double importing; /* bytes of the image that is being converted */
  const char *library;
  DioManifest *manifest;
  DioBlockCreate new_disk;
} Creation;

static bool
progress_cb (uint64_t done, uint64_t total, void *data)
{
  Creation *creation = data;
  if (g_cancellable_is_cancelled (creation->cancellable))
    return false;
  return !creation->progress
         || creation->progress (creation->before + done, creation->total, creation->data);
}

gboolean
dio_bundle_add_size (DioFiles *files, const char *path, guint64 *total, GError **error)
{
  struct statx status;
  if (!path)
    return TRUE;
  int result = dio_file_stat (files, AT_FDCWD, path, 0, &status);
  if (result < 0) {
    dio_set_error_errno (error, -result, _ ("%s cannot be read"), path);
    return FALSE;
  }
  *total += status.stx_size;
  return TRUE;
}

/* Copies *@file into the bundle as NAME and names it so in the manifest. */
static gboolean
copy_in (Creation *creation, int dir_fd, char **file, const char *name, GError **error)
{
  if (!*file)
    return TRUE;
  g_autoptr (GError) local = NULL;
  if (!dio_file_copy (creation->files, *file, dir_fd, name, progress_cb, creation, &local)) {
    if (!g_cancellable_set_error_if_cancelled (creation->cancellable, error))
      g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
  }
  dio_bundle_add_size (creation->files, *file, &creation->before, NULL);
  g_free (*file);
  *file = g_strdup (name);
  return TRUE;
}

/* Conversion counts bytes of the disk, all else bytes of files. */
static bool
import_progress_cb (uint64_t done, uint64_t total, void *data)
{
  Creation *creation = data;
  return progress_cb (total ? (guint64) ((double) done / (double) total * creation->importing) : 0,
                      0, creation);
}

/* Disks that Diorama only reads become disk0.qcow2, disk1.qcow2, ... in the bundle at @path; the
 * others are used where they are. */
static gboolean
place_disks (Creation *creation, const char *path, DioMachineConfig *config, guint *n_imported,
             GError **error)
{
  const DioBlockJob job = { import_progress_cb, creation };
  for (guint i = 0; config->disks && i < config->disks->len; i++) {
    DioDiskConfig *disk = g_ptr_array_index (config->disks, i);
    char *absolute = g_canonicalize_filename (disk->path, NULL);
    g_free (disk->path);
    disk->path = absolute;
    if (!dio_bundle_must_import (disk))
      continue;
    g_autoptr (GError) local = NULL;
    guint64 size = 0;
    dio_bundle_add_size (creation->files, disk->path, &size, NULL);
    creation->importing = (double) size;
    g_autofree char *name = g_strdup_printf ("disk%u.qcow2", (*n_imported)++);
    if (!dio_bundle_import_disk (creation->files, path, name, disk, &job, &local)) {
      if (!g_cancellable_set_error_if_cancelled (creation->cancellable, error))
        g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
    creation->before += size;
  }
  return TRUE;
}

static gboolean
add_sizes (Creation *creation, const DioMachineConfig *config, GError **error)
{
  gboolean good = dio_bundle_add_size (creation->files, config->firmware, &creation->total, error)
                  && dio_bundle_add_size (creation->files, config->kernel, &creation->total, error)
                  && dio_bundle_add_size (creation->files, config->initrd, &creation->total, error);
  for (guint i = 0; good && config->disks && i < config->disks->len; i++) {
    const DioDiskConfig *disk = g_ptr_array_index (config->disks, i);
    if (dio_bundle_must_import (disk))
      good = dio_bundle_add_size (creation->files, disk->path, &creation->total, error);
  }
  return good;
}

/* Everything inside the bundle at @path, opened as @fd. */
static gboolean
fill_bundle (Creation *creation, const char *path, int fd, const char *library,
             DioManifest *manifest, const DioBlockCreate *new_disk, GError **error)
{
  DioMachineConfig *config = manifest->config;
  DioFiles *files = creation->files;
  guint n_imported = 0;
  if (!add_sizes (creation, config, error)
      || !dio_file_check_space (files, fd, creation->total + DIO_BUNDLE_SPACE_MARGIN, library,
                                error)
      || !place_disks (creation, path, config, &n_imported, error))
    return FALSE;
  if (!copy_in (creation, fd, &config->firmware, "firmware", error)
      || !copy_in (creation, fd, &config->kernel, "kernel", error)
      || !copy_in (creation, fd, &config->initrd, "initrd", error))
    return FALSE;
  if (new_disk->size) {
    g_autofree char *name = g_strdup_printf ("disk%u.%s", n_imported, new_disk->format);
    g_autofree char *disk = g_build_filename (path, name, NULL);
    if (!dio_block_create (files, disk, new_disk, error))
      return FALSE;
    config->installing |= dio_bundle_is_first_disk (config) && dio_bundle_has_installer (config);
    dio_machine_config_add_disk (config, name, new_disk->format, FALSE);
  }
  if (g_cancellable_set_error_if_cancelled (creation->cancellable, error))
    return FALSE;
  gsize length;
  g_autofree char *text = dio_manifest_to_text (manifest, &length);
  /* What was written must be readable: a configuration that is not is refused here. */
  g_autoptr (DioManifest) check = dio_manifest_parse (text, length, DIO_MANIFEST_FILE, error);
  if (!check || !dio_file_write_atomic (files, fd, DIO_MANIFEST_FILE, text, length, error))
    return FALSE;
  DioJournal *journal = dio_journal_open (path);
  dio_journal_add (journal, "created", NULL, 0, 1, NULL, g_get_real_time ());
  dio_journal_close (journal);
  dio_journal_flush ();
  return TRUE;
}

/* Renames OLD in @old_fd to "@folder.diorama" in @fd, with " 2", " 3", ... when taken. Returns the
 * new name. */
static char *
rename_to_free (DioFiles *files, int old_fd, const char *old, int fd, const char *folder,
                GError **error)
{
  int result = -EEXIST;
  for (unsigned n = 1; n < MAX_FOLDER_TRIES; n++) {
    g_autofree char *name = n == 1 ? g_strconcat (folder, DIO_BUNDLE_SUFFIX, NULL)
                                   : g_strdup_printf ("%s %u" DIO_BUNDLE_SUFFIX, folder, n);
    result = dio_file_rename (files, old_fd, old, fd, name, RENAME_NOREPLACE);
    /* A file system without RENAME_NOREPLACE: an existing bundle is not empty, so that a plain
     * rename cannot replace it. */
    if (result == -EINVAL || result == -ENOSYS)
      result = dio_file_rename (files, old_fd, old, fd, name, 0);
    if (result == 0)
      return g_steal_pointer (&name);
    if (result != -EEXIST && result != -ENOTEMPTY && result != -ENOTDIR)
      break;
  }
  dio_set_error_errno (error, -result, _ ("“%s” cannot be made"), folder);
  return NULL;
}

static gboolean
name_is_taken (DioFiles *files, const char *library, const char *name)
{
  g_auto (GStrv) bundles = dio_bundle_list (library, NULL);
  for (char **path = bundles; path && *path; path++) {
    g_autoptr (DioManifest) manifest = dio_bundle_load (files, *path, NULL);
    if (manifest && dio_bundle_same_name (manifest->config->name, name))
      return TRUE;
  }
  return FALSE;
}

gboolean
dio_bundle_require_free_name (DioFiles *files, const char *library, const char *name,
                              GError **error)
{
  if (!name_is_taken (files, library, name))
    return TRUE;
  g_set_error (error, DIO_ERROR, DIO_ERROR_EXISTS, _ ("There is already a machine called “%s”"),
               name);
  return FALSE;
}

static char *
create_in (DioFiles *files, int library_fd, const char *library, const char *name,
           DioBundleFill fill, void *data, GError **error)
{
  g_autofree char *folder = dio_bundle_folder_name (name);
  g_autofree char *hidden =
      g_strdup_printf (".%s" DIO_BUNDLE_SUFFIX ".%08x" NEW_SUFFIX, folder, g_random_int ());
  int result = dio_file_mkdir (files, library_fd, hidden, 0700);
  if (result < 0) {
    dio_set_error_errno (error, -result, _ ("“%s” cannot be made in the library folder “%s”"), name,
                         library);
    return NULL;
  }
  g_autofree char *path = g_build_filename (library, hidden, NULL);
  g_autofree char *final = NULL;
  int fd = dio_bundle_open_folder (files, path, error);
  if (fd >= 0) {
    /* Held while it is made: tells a crashed making from one in progress. */
    g_autoptr (DioLock) lock = dio_lock_take (files, fd, DIO_LOCK_FILE, name, error);
    if (lock && fill (path, fd, data, error)) {
      g_autoptr (DioLock) names = NULL;
      result = dio_file_sync (files, fd);
      if (result < 0)
        dio_set_error_errno (error, -result, _ ("“%s” cannot be made in the library folder “%s”"),
                             name, library);
      else
        names = dio_bundle_lock_library (files, library, error);
      if (names && dio_bundle_require_free_name (files, library, name, error))
        final = rename_to_free (files, library_fd, hidden, library_fd, folder, error);
    }
    dio_file_close (files, fd);
  }
  if (!final) {
    dio_file_remove_tree (files, library_fd, hidden, NULL);
    return NULL;
  }
  dio_file_sync (files, library_fd);
  return g_build_filename (library, final, NULL);
}

char *
dio_bundle_create_with (DioFiles *files, const char *library, const char *name, DioBundleFill fill,
                        void *data, GError **error)
{
  if (!dio_manifest_check_name (name, error)
      || !dio_bundle_require_free_name (files, library, name, error))
    return NULL;
  int library_fd = dio_bundle_open_folder (files, library, error);
  if (library_fd < 0)
    return NULL;
  g_autoptr (GError) local = NULL;
  char *path = create_in (files, library_fd, library, name, fill, data, &local);
  dio_file_close (files, library_fd);
  if (!path)
    g_propagate_error (error, g_steal_pointer (&local));
  return path;
}

static gboolean
fill_new_cb (const char *path, int fd, void *data, GError **error)
{
  Creation *creation = data;
  return fill_bundle (creation, path, fd, creation->library, creation->manifest,
                      &creation->new_disk, error);
}

char *
dio_bundle_create (DioFiles *files, const char *library, const DioMachineConfig *config,
                   guint64 new_disk_size, const char *new_disk_format, GCancellable *cancellable,
                   DioFileProgress progress, void *data, GError **error)
{
  if (!dio_manifest_check_name (config->name, error))
    return NULL;
  g_autoptr (DioManifest) manifest = dio_manifest_new (config);
  Creation creation = {
    .files = files,
    .cancellable = cancellable,
    .progress = progress,
    .data = data,
    .library = library,
    .manifest = manifest,
    .new_disk = {
      .format = new_disk_format ? new_disk_format : DIO_BUNDLE_DISK_FORMAT,
      .size = new_disk_size,
    },
  };
  return dio_bundle_create_with (files, library, config->name, fill_new_cb, &creation, error);
}

/* The library's folder. */

static gboolean
is_bundle_name (const char *name)
{
  return name[0] != '.' && g_str_has_suffix (name, DIO_BUNDLE_SUFFIX);
}

static int
compare_strings (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

char **
dio_bundle_list (const char *library, GError **error)
{
  DIR *dir = opendir (library);
  if (!dir) {
    dio_set_error_errno (error, errno, _ ("The folder “%s” cannot be opened"), library);
    return NULL;
  }
  g_autoptr (GPtrArray) paths = g_ptr_array_new ();
  for (struct dirent *entry; (entry = readdir (dir));) {
    struct stat st;
    if (is_bundle_name (entry->d_name)
        && fstatat (dirfd (dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0
        && S_ISDIR (st.st_mode))
      g_ptr_array_add (paths, g_build_filename (library, entry->d_name, NULL));
  }
  closedir (dir);
  g_ptr_array_sort (paths, compare_strings);
  g_ptr_array_add (paths, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&paths), FALSE);
}

/* Reading a folder needs no `DioFiles`: it changes nothing. NULL when that is not possible. */
static DIR *
open_listing (int dir_fd, const char *name)
{
  int fd = openat (dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *dir = fd >= 0 ? fdopendir (fd) : NULL;
  if (!dir && fd >= 0)
    close (fd);
  return dir;
}

static void
clean_unfinished (DioFiles *files, int library_fd, const char *name)
{
  struct statx status;
  int fd = dio_file_open (files, library_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
  if (fd < 0)
    return;
  /* A folder this young may be between mkdir and its lock. */
  gboolean young = dio_file_stat (files, fd, "", AT_EMPTY_PATH, &status) == 0
                   && status.stx_mtime.tv_sec > time (NULL) - 5;
  gboolean has_lock = dio_file_stat (files, fd, DIO_LOCK_FILE, AT_SYMLINK_NOFOLLOW, &status) == 0;
  gboolean dead = has_lock ? !dio_lock_is_held (files, fd, DIO_LOCK_FILE, NULL) : !young;
  dio_file_close (files, fd);
  if (dead)
    dio_file_remove_tree (files, library_fd, name, NULL);
}

static void
clean_trash (DioFiles *files, int library_fd)
{
  DIR *dir = open_listing (library_fd, DIO_BUNDLE_TRASH);
  if (!dir)
    return;
  time_t oldest = time (NULL) - DIO_BUNDLE_TRASH_DAYS * 24 * 60 * 60;
  for (struct dirent *entry; (entry = readdir (dir));) {
    struct statx status;
    if (entry->d_name[0] != '.'
        && dio_file_stat (files, dirfd (dir), entry->d_name, AT_SYMLINK_NOFOLLOW, &status) == 0
        && status.stx_mtime.tv_sec < oldest)
      dio_file_remove_tree (files, dirfd (dir), entry->d_name, NULL);
  }
  closedir (dir);
}

void
dio_bundle_clean_library (DioFiles *files, const char *library)
{
  DIR *dir = opendir (library);
  if (!dir)
    return;
  for (struct dirent *entry; (entry = readdir (dir));)
    if (entry->d_name[0] == '.' && g_str_has_suffix (entry->d_name, NEW_SUFFIX)
        && strstr (entry->d_name, DIO_BUNDLE_SUFFIX "."))
      clean_unfinished (files, dirfd (dir), entry->d_name);
  clean_trash (files, dirfd (dir));
  closedir (dir);
}

/* The trash: .trash/ID/NAME.diorama, so that the folder's name is kept; the time is that of the
 * folder ID. */

static int
open_trash (DioFiles *files, int library_fd, const char *id, gboolean create, GError **error)
{
  g_autofree char *path = g_build_filename (DIO_BUNDLE_TRASH, id, NULL);
  if (create) {
    dio_file_mkdir (files, library_fd, DIO_BUNDLE_TRASH, 0700);
    dio_file_mkdir (files, library_fd, path, 0700);
  }
  int fd = dio_file_open_beneath (files, library_fd, path, O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0)
    dio_set_error_errno (error, -fd, _ ("The trash of the library cannot be opened"));
  return fd;
}

gboolean
dio_bundle_trash (DioFiles *files, const char *path, const char *id, const char *name,
                  GError **error)
{
  g_autofree char *library = g_path_get_dirname (path);
  g_autofree char *folder = g_path_get_basename (path);
  int library_fd = dio_bundle_open_folder (files, library, error);
  if (library_fd < 0)
    return FALSE;
  gboolean good = FALSE;
  int fd = dio_file_open (files, library_fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
  if (fd < 0)
    dio_set_error_errno (error, -fd, _ ("“%s” cannot be opened"), name);
  else {
    g_autoptr (DioLock) lock = dio_lock_take (files, fd, DIO_LOCK_FILE, name, error);
    int trash = lock ? open_trash (files, library_fd, id, TRUE, error) : -1;
    if (trash >= 0) {
      /* An earlier machine of this identity may lie there. */
      dio_file_remove_tree (files, trash, folder, NULL);
      int result = dio_file_rename (files, library_fd, folder, trash, folder, 0);
      good = result == 0;
      if (!good)
        dio_set_error_errno (error, -result, _ ("“%s” cannot be moved to the trash"), name);
      dio_file_sync (files, trash);
      dio_file_sync (files, library_fd);
      dio_file_close (files, trash);
    }
    dio_file_close (files, fd);
  }
  dio_file_close (files, library_fd);
  return good;
}

char *
dio_bundle_restore (DioFiles *files, const char *library, const char *id, GError **error)
{
  if (!dio_file_is_inside (id) || strchr (id, '/')) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND, _ ("“%s” is not in the trash"), id);
    return NULL;
  }
  int library_fd = dio_bundle_open_folder (files, library, error);
  if (library_fd < 0)
    return NULL;
  char *result = NULL;
  int trash = open_trash (files, library_fd, id, FALSE, error);
  if (trash >= 0) {
    g_autofree char *found = NULL;
    DIR *dir = open_listing (trash, ".");
    for (struct dirent *entry; dir && !found && (entry = readdir (dir));)
      if (is_bundle_name (entry->d_name))
        found = g_strdup (entry->d_name);
    if (dir)
      closedir (dir);
    if (!found)
      g_set_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND, _ ("“%s” is not in the trash"), id);
    else {
      g_autofree char *folder = g_strndup (found, strlen (found) - strlen (DIO_BUNDLE_SUFFIX));
      g_autofree char *name = rename_to_free (files, trash, found, library_fd, folder, error);
      if (name) {
        result = g_build_filename (library, name, NULL);
        dio_file_sync (files, library_fd);
        g_autofree char *empty = g_build_filename (DIO_BUNDLE_TRASH, id, NULL);
        dio_file_unlink (files, library_fd, empty, AT_REMOVEDIR);
      }
    }
    dio_file_close (files, trash);
  }
  dio_file_close (files, library_fd);
  return result;
}

gboolean
dio_bundle_rename (DioFiles *files, const char *path, const char *name, GError **error)
{
  g_autofree char *library = g_path_get_dirname (path);
  if (!dio_manifest_check_name (name, error))
    return FALSE;
  g_autoptr (DioLock) names = dio_bundle_lock_library (files, library, error);
  if (!names)
    return FALSE;
  g_autoptr (DioManifest) manifest = dio_bundle_load (files, path, error);
  if (!manifest)
    return FALSE;
  if (!dio_bundle_same_name (manifest->config->name, name)
      && !dio_bundle_require_free_name (files, library, name, error))
    return FALSE;
  g_free (manifest->config->name);
  manifest->config->name = g_strdup (name);
  return dio_bundle_save (files, path, manifest, error);
}

gboolean
dio_bundle_has_installer (const DioMachineConfig *config)
{
  gboolean medium = FALSE;
  for (guint i = 0; config->disks && i < config->disks->len; i++)
    medium |= ((const DioDiskConfig *) g_ptr_array_index (config->disks, i))->readonly;
  return medium || (config->kernel && config->initrd);
}

gboolean
dio_bundle_is_first_disk (const DioMachineConfig *config)
{
  gboolean others = FALSE;
  for (guint i = 0; config->disks && i < config->disks->len; i++)
    others |= !((const DioDiskConfig *) g_ptr_array_index (config->disks, i))->readonly;
  return !others;
}

gboolean
dio_bundle_end_installing (DioFiles *files, const char *path, GError **error)
{
  g_autofree char *library = g_path_get_dirname (path);
  /* Others write names. */
  g_autoptr (DioLock) names = dio_bundle_lock_library (files, library, error);
  g_autoptr (DioManifest) manifest = names ? dio_bundle_load (files, path, error) : NULL;
  if (!manifest)
    return FALSE;
  manifest->config->installing = false;
  return dio_bundle_save (files, path, manifest, error);
}

gboolean
dio_bundle_renew_identity (DioFiles *files, const char *path, GError **error)
{
  int fd = dio_bundle_open_folder (files, path, error);
  if (fd < 0)
    return FALSE;
  g_autoptr (DioLock) lock = dio_lock_take (files, fd, DIO_LOCK_FILE, path, error);
  dio_file_close (files, fd);
  g_autoptr (DioManifest) manifest = lock ? dio_bundle_load (files, path, error) : NULL;
  if (!manifest)
    return FALSE;
  g_free (manifest->id);
  manifest->id = g_uuid_string_random ();
  return dio_bundle_save (files, path, manifest, error);
}
