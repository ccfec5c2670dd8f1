/* SPDX-License-Identifier: GPL-3.0-or-later
 * The images that disks and snapshots share: which stand on which, and which nobody needs.
 *
 * A disk is known by the path that machine.json gives it. As long as there was no snapshot, that is
 * the file. The first snapshot makes that file an image of the tree, which is only read from then
 * on, and the disk goes on in an overlay; so it goes with each. A snapshot names the images that
 * its disks end in; the disks of the machine as it is now end in images that no snapshot names.
 *
 * An image without anyone who names it, and with one other on it, is merged with that one: what the
 * upper has is written into the lower. The upper reads the same at any instant of that, so a crash
 * costs nothing; the tree is then written with the lower in the place of the upper. Two more rules
 * make that safe: what a running machine has open is merged by way of the machine's own block, and
 * then only below the image that is written; and an image that has a second name in another bundle
 * (a linked clone) gets a file of its own first. */
#include <errno.h>
#include <string.h>

#include "app/library/library-snapshot-private.h"
#include "core/backend/block/block-live.h"
#include "core/backend/block/qcow2.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

void
dio_snapshot_image_free (DioSnapshotImage *image)
{
  g_free (image->file);
  g_free (image->format);
  g_free (image->backing);
  g_free (image);
}

void
dio_snapshot_disk_free (DioSnapshotDisk *disk)
{
  g_free (disk->path);
  g_free (disk->image);
  g_free (disk);
}

GPtrArray *
dio_snapshots_new_images (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) dio_snapshot_image_free);
}

GPtrArray *
dio_snapshots_new_disks (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) dio_snapshot_disk_free);
}

/* ---- Looking ---- */

DioSnapshotImage *
dio_snapshots_find_image (GPtrArray *images, const char *file)
{
  for (guint i = 0; file && i < images->len; i++) {
    DioSnapshotImage *image = g_ptr_array_index (images, i);
    if (strcmp (image->file, file) == 0)
      return image;
  }
  return NULL;
}

DioSnapshotDisk *
dio_snapshots_find_disk (GPtrArray *disks, const char *path)
{
  for (guint i = 0; i < disks->len; i++) {
    DioSnapshotDisk *disk = g_ptr_array_index (disks, i);
    if (strcmp (disk->path, path) == 0)
      return disk;
  }
  return NULL;
}

DioSnapshotImage *
dio_snapshots_add_image (GPtrArray *images, const char *file, const char *format, guint64 size,
                         const char *backing)
{
  DioSnapshotImage *image = g_new0 (DioSnapshotImage, 1);
  image->file = g_strdup (file);
  image->format = g_strdup (format);
  image->size = size;
  image->backing = g_strdup (backing);
  g_ptr_array_add (images, image);
  return image;
}

void
dio_snapshots_put_disk (GPtrArray *disks, const char *path, const char *image)
{
  DioSnapshotDisk *disk = dio_snapshots_find_disk (disks, path);
  if (!disk) {
    disk = g_new0 (DioSnapshotDisk, 1);
    disk->path = g_strdup (path);
    g_ptr_array_add (disks, disk);
  }
  g_free (disk->image);
  disk->image = g_strdup (image);
}

/* Backing images come first, so that this ends. */
static void
add_chain (GPtrArray *images, const char *file, DioDiskConfig *disk)
{
  const DioSnapshotImage *image = dio_snapshots_find_image (images, file);
  if (!image)
    return;
  if (image->backing)
    add_chain (images, image->backing, disk);
  dio_disk_config_add_image (disk, image->file, image->format);
}

static void
set_chain (GPtrArray *images, const char *file, DioDiskConfig *disk)
{
  g_clear_pointer (&disk->chain, g_ptr_array_unref);
  add_chain (images, file, disk);
}

void
dio_snapshots_add_chains (DioSnapshots *self, DioMachineConfig *config)
{
  GPtrArray *disks = config->disks;
  pthread_mutex_lock (&self->lock);
  for (guint i = 0; disks && i < disks->len; i++) {
    DioDiskConfig *disk = g_ptr_array_index (disks, i);
    const DioSnapshotDisk *now = dio_snapshots_find_disk (self->disks, disk->path);
    if (now)
      set_chain (self->images, now->image, disk);
  }
  pthread_mutex_unlock (&self->lock);
}

DioMachineConfig *
dio_snapshots_prepare (DioSnapshots *self, DioManifest *manifest, GError **error)
{
  dio_snapshots_add_chains (self, manifest->config);
  DioMachineConfig *config = dio_bundle_prepare (self->files, self->path, manifest, error);
  if (config && self->writable)
    dio_generation_take (self->files, self->bundle_fd, manifest->id, config->generation);
  return config;
}

void
dio_snapshots_set_running (DioSnapshots *self, gboolean running)
{
  pthread_mutex_lock (&self->lock);
  self->running = running;
  pthread_mutex_unlock (&self->lock);
}

void
dio_snapshots_lend (DioSnapshots *self, GPtrArray *blocks)
{
  pthread_mutex_lock (&self->lock);
  g_clear_pointer (&self->lent, g_ptr_array_unref);
  self->lent = blocks ? g_ptr_array_ref (blocks) : NULL;
  pthread_mutex_unlock (&self->lock);
}

DioBlockNode *
dio_snapshots_open_image (DioSnapshots *self, GPtrArray *images, const char *file,
                          DioBlockOpenFlags flags, GError **error)
{
  DioDiskConfig disk = { .path = (char *) file };
  set_chain (images, file, &disk);
  for (guint i = 0; disk.chain && i < disk.chain->len; i++) {
    DioBlockImage *image = g_ptr_array_index (disk.chain, i);
    char *path = g_build_filename (self->path, image->path, NULL);
    g_free (image->path);
    image->path = path;
  }
  DioBlockNode *node = NULL;
  if (disk.chain)
    node = dio_disk_config_open (&disk, self->files, flags, error);
  else
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT,
                 _ ("The disk “%s” is not among those of the snapshots"), file);
  g_clear_pointer (&disk.chain, g_ptr_array_unref);
  return node;
}

/* ---- New overlays ---- */

/* A name of a file that is not there yet. */
static char *
new_file (void)
{
  g_autofree char *id = g_uuid_string_random ();
  return g_strdup_printf (DIO_SNAPSHOT_FOLDER "/%s" DIO_SNAPSHOT_IMAGE_SUFFIX, id);
}

/* How the overlay in the folder of the snapshots calls @file, for other programs. */
static char *
name_for_others (const char *file)
{
  const char *name = g_str_has_prefix (file, DIO_SNAPSHOT_FOLDER "/")
                         ? file + strlen (DIO_SNAPSHOT_FOLDER "/")
                         : NULL;
  return name ? g_strdup (name) : g_strconcat ("../", file, NULL);
}

char *
dio_snapshots_make_overlay (DioSnapshots *self, GPtrArray *images, const char *below,
                            GError **error)
{
  DioSnapshotImage *image = dio_snapshots_find_image (images, below);
  g_return_val_if_fail (image, NULL);
  if (!image->size) {
    g_autoptr (DioBlockNode) node = dio_snapshots_open_image (
        self, images, below, DIO_BLOCK_OPEN_READONLY | DIO_BLOCK_OPEN_UNLOCKED, error);
    if (!node)
      return NULL;
    image->size = node->size;
  }
  g_autofree char *name = name_for_others (below);
  g_autofree char *file = new_file ();
  g_autofree char *path = g_build_filename (self->path, file, NULL);
  DioBlockCreate create = {
    .format = "qcow2",
    .size = image->size,
    .backing = name,
    .backing_format = image->format,
  };
  if (!dio_block_create (self->files, path, &create, error))
    return NULL;
  dio_snapshots_add_image (images, file, "qcow2", image->size, below);
  return g_steal_pointer (&file);
}

/* A file that another bundle has too keeps the name that is right there: what it would take to have
 * both right is a copy. What fails is done by the next purge. */
static void
name_backing (DioSnapshots *self, const DioSnapshotImage *image, const DioSnapshotImage *below)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = name_for_others (below->file);
  struct statx status;
  int result =
      dio_file_stat (self->files, self->bundle_fd, image->file, AT_SYMLINK_NOFOLLOW, &status);
  if (result == 0 && status.stx_nlink == 1
      && !dio_qcow2_set_backing_name (self->files, self->bundle_fd, image->file, name,
                                      below->format, &error))
    g_debug ("%s", error->message);
}

void
dio_snapshots_name_backings_locked (DioSnapshots *self, const char *only)
{
  for (guint i = 0; i < self->images->len; i++) {
    const DioSnapshotImage *image = g_ptr_array_index (self->images, i);
    const DioSnapshotImage *below = dio_snapshots_find_image (self->images, image->backing);
    if (below && strcmp (image->format, "qcow2") == 0 && (!only || strcmp (below->file, only) == 0))
      name_backing (self, image, below);
  }
}

void
dio_snapshots_remove_file (DioSnapshots *self, const char *file)
{
  dio_file_unlink (self->files, self->bundle_fd, file, 0);
}

/* ---- What nobody needs ---- */

static gboolean
in_snapshot_locked (DioSnapshots *self, const char *file)
{
  for (guint i = 0; i < self->infos->len; i++) {
    const DioSnapshotInfo *info = g_ptr_array_index (self->infos, i);
    for (guint j = 0; j < info->disks->len; j++)
      if (strcmp (g_ptr_array_index (info->disks, j), file) == 0)
        return TRUE;
  }
  return FALSE;
}

static gboolean
is_named_locked (DioSnapshots *self, const char *file)
{
  for (guint i = 0; i < self->disks->len; i++)
    if (strcmp (((DioSnapshotDisk *) g_ptr_array_index (self->disks, i))->image, file) == 0)
      return TRUE;
  return in_snapshot_locked (self, file);
}

/* ---- Rows ---- */

unsigned
dio_snapshots_row_length (GPtrArray *images, const char *file)
{
  unsigned n = 0;
  for (const DioSnapshotImage *image = dio_snapshots_find_image (images, file); image;
       image = dio_snapshots_find_image (images, image->backing))
    n++;
  return n;
}

gboolean
dio_snapshots_has_room_locked (DioSnapshots *self)
{
  for (guint i = 0; i < self->disks->len; i++)
    if (dio_snapshots_row_length (self->images,
                                  ((DioSnapshotDisk *) g_ptr_array_index (self->disks, i))->image)
        > DIO_SNAPSHOT_MAX_ROW)
      return FALSE;
  return TRUE;
}

/* The only image on @file, or NULL; *@count is how many there are. */
static DioSnapshotImage *
child_locked (DioSnapshots *self, const char *file, guint *count)
{
  DioSnapshotImage *child = NULL;
  *count = 0;
  for (guint i = 0; i < self->images->len; i++) {
    DioSnapshotImage *image = g_ptr_array_index (self->images, i);
    if (g_strcmp0 (image->backing, file) == 0) {
      child = image;
      ++*count;
    }
  }
  return *count == 1 ? child : NULL;
}

/* What keeps the image @file from being merged: how many snapshots that are not deleted end in it,
 * and that several images stand on it. */
static guint
count_reasons_locked (DioSnapshots *self, const char *file)
{
  guint count, reasons;
  child_locked (self, file, &count);
  reasons = count > 1 ? 1 : 0;
  for (guint i = 0; i < self->infos->len; i++) {
    const DioSnapshotInfo *info = g_ptr_array_index (self->infos, i);
    for (guint j = 0; !info->deleted_s && j < info->disks->len; j++)
      reasons += strcmp (g_ptr_array_index (info->disks, j), file) == 0;
  }
  return reasons;
}

gboolean
dio_snapshots_lengthens_row_locked (DioSnapshots *self, const DioSnapshotInfo *info)
{
  for (guint i = 0; i < self->disks->len; i++) {
    const char *top = ((DioSnapshotDisk *) g_ptr_array_index (self->disks, i))->image;
    guint length = 0;
    gboolean lengthens = FALSE;
    for (const DioSnapshotImage *image = dio_snapshots_find_image (self->images, top); image;
         image = dio_snapshots_find_image (self->images, image->backing)) {
      guint reasons = count_reasons_locked (self, image->file);
      length += strcmp (image->file, top) == 0 || reasons > 0;
      for (guint j = 0; j < info->disks->len; j++)
        lengthens |= reasons == 1 && strcmp (g_ptr_array_index (info->disks, j), image->file) == 0;
    }
    if (lengthens && length > DIO_SNAPSHOT_ROW)
      return TRUE;
  }
  return FALSE;
}

gboolean
dio_snapshots_is_base_locked (DioSnapshots *self, const char *file)
{
  guint children;
  child_locked (self, file, &children);
  return children > 0 || in_snapshot_locked (self, file);
}

/* A disk that is again the one file that it is known by. */
static void
forget_plain_disks_locked (DioSnapshots *self)
{
  for (guint i = self->disks->len; i > 0; i--) {
    const DioSnapshotDisk *disk = g_ptr_array_index (self->disks, i - 1);
    const DioSnapshotImage *image = dio_snapshots_find_image (self->images, disk->image);
    guint children;
    if (!image || image->backing || strcmp (disk->path, disk->image) != 0)
      continue;
    g_autofree char *file = g_strdup (disk->path);
    child_locked (self, file, &children);
    DioSnapshotDisk *taken = g_ptr_array_steal_index (self->disks, i - 1);
    if (children || is_named_locked (self, file)) {
      g_ptr_array_insert (self->disks, (gint) i - 1, taken);
      continue;
    }
    dio_snapshot_disk_free (taken);
    guint index;
    g_ptr_array_find (self->images, image, &index);
    g_ptr_array_remove_index (self->images, index);
  }
}

GPtrArray *
dio_snapshots_drop_images_locked (DioSnapshots *self)
{
  GPtrArray *files = g_ptr_array_new_with_free_func (g_free);
  forget_plain_disks_locked (self);
  /* From the top down, so that what falls with another is seen. */
  for (guint i = self->images->len; i > 0; i--) {
    const DioSnapshotImage *image = g_ptr_array_index (self->images, i - 1);
    guint children;
    child_locked (self, image->file, &children);
    if (children || is_named_locked (self, image->file))
      continue;
    g_ptr_array_add (files, g_strdup (image->file));
    g_ptr_array_remove_index (self->images, i - 1);
  }
  return files;
}

void
dio_snapshots_remove_files (DioSnapshots *self, GPtrArray *files)
{
  for (guint i = 0; i < files->len; i++)
    dio_snapshots_remove_file (self, g_ptr_array_index (files, i));
}

/* ---- Copies, to go back to when a commit fails ---- */

void
dio_snapshots_save_disks_locked (DioSnapshots *self, DioSnapshotDisks *saved)
{
  saved->images = dio_snapshots_new_images ();
  saved->disks = dio_snapshots_new_disks ();
  for (guint i = 0; i < self->images->len; i++) {
    const DioSnapshotImage *image = g_ptr_array_index (self->images, i);
    dio_snapshots_add_image (saved->images, image->file, image->format, image->size,
                             image->backing);
  }
  for (guint i = 0; i < self->disks->len; i++) {
    const DioSnapshotDisk *disk = g_ptr_array_index (self->disks, i);
    dio_snapshots_put_disk (saved->disks, disk->path, disk->image);
  }
}

void
dio_snapshots_restore_disks_locked (DioSnapshots *self, DioSnapshotDisks *saved)
{
  g_ptr_array_unref (self->images);
  g_ptr_array_unref (self->disks);
  self->images = g_steal_pointer (&saved->images);
  self->disks = g_steal_pointer (&saved->disks);
}

void
dio_snapshots_clear_disks (DioSnapshotDisks *saved)
{
  g_clear_pointer (&saved->images, g_ptr_array_unref);
  g_clear_pointer (&saved->disks, g_ptr_array_unref);
}

/* ---- Merging ---- */

/* The machine that runs has it open. */
static gboolean
is_open_locked (DioSnapshots *self, const char *file)
{
  for (guint i = 0; self->running && i < self->disks->len; i++) {
    const DioSnapshotDisk *disk = g_ptr_array_index (self->disks, i);
    for (const DioSnapshotImage *image = dio_snapshots_find_image (self->images, disk->image);
         image; image = dio_snapshots_find_image (self->images, image->backing))
      if (strcmp (image->file, file) == 0)
        return TRUE;
  }
  return FALSE;
}

/* The machine that runs writes it. */
static gboolean
is_written_locked (DioSnapshots *self, const char *file)
{
  for (guint i = 0; i < self->disks->len; i++)
    if (strcmp (((DioSnapshotDisk *) g_ptr_array_index (self->disks, i))->image, file) == 0)
      return TRUE;
  return FALSE;
}

/* The block that was lent of the disk whose chain the image @file is in; NULL when there is none,
 * or the machine that lent it has other images than the tree by now. */
static DioBlock *
lent_block_locked (DioSnapshots *self, const char *file)
{
  for (guint i = 0; i < self->disks->len; i++) {
    const char *top = ((DioSnapshotDisk *) g_ptr_array_index (self->disks, i))->image;
    const DioSnapshotImage *image = dio_snapshots_find_image (self->images, top);
    while (image && strcmp (image->file, file) != 0)
      image = dio_snapshots_find_image (self->images, image->backing);
    g_autofree char *path = image ? g_build_filename (self->path, top, NULL) : NULL;
    for (guint j = 0; path && j < self->lent->len; j++) {
      DioBlock *block = g_ptr_array_index (self->lent, j);
      if (strcmp (dio_block_get_node (block)->path, path) == 0)
        return block;
    }
  }
  return NULL;
}

static gboolean
can_merge_locked (DioSnapshots *self, const DioSnapshotImage *image, const DioSnapshotImage *upper,
                  gboolean lent)
{
  if (!is_open_locked (self, image->file))
    return TRUE;
  return lent && !self->disposable && !is_written_locked (self, upper->file)
         && (!image->size || image->size == upper->size)
         && (!self->lent || lent_block_locked (self, image->file));
}

/* An image that is to take in what stands on it. */
static DioSnapshotImage *
find_mergeable_locked (DioSnapshots *self, gboolean lent, DioSnapshotImage **upper)
{
  for (guint i = 0; i < self->images->len; i++) {
    DioSnapshotImage *image = g_ptr_array_index (self->images, i);
    guint count;
    *upper = child_locked (self, image->file, &count);
    if (*upper && !is_named_locked (self, image->file)
        && can_merge_locked (self, image, *upper, lent))
      return image;
  }
  return NULL;
}

gboolean
dio_snapshots_can_merge (DioSnapshots *self, gboolean lent)
{
  DioSnapshotImage *upper;
  pthread_mutex_lock (&self->lock);
  gboolean can = self->unswept || find_mergeable_locked (self, lent, &upper) != NULL;
  pthread_mutex_unlock (&self->lock);
  return can;
}

/* A file that another bundle has too is not written: this one gets its own. */
static gboolean
own_file (DioSnapshots *self, const char *file, DioFileProgress progress, void *data,
          GError **error)
{
  struct statx status;
  int result = dio_file_stat (self->files, self->bundle_fd, file, AT_SYMLINK_NOFOLLOW, &status);
  if (result == 0 && status.stx_nlink <= 1)
    return TRUE;
  g_autofree char *name = new_file ();
  g_autofree char *path = g_build_filename (self->path, file, NULL);
  if (result == 0
      && !dio_file_copy (self->files, path, self->bundle_fd, name, progress, data, error))
    return FALSE;
  if (result == 0)
    result = dio_file_rename (self->files, self->bundle_fd, name, self->bundle_fd, file, 0);
  if (result == 0)
    result = dio_file_sync (self->files, self->bundle_fd);
  if (result == 0)
    result = dio_file_sync (self->files, self->dir_fd);
  if (result < 0)
    dio_set_error_errno (error, -result, _ ("“%s” cannot be put in its place"), file);
  return result == 0;
}

/* @upper reads as before, and @lower as @upper. */
static gboolean
fill_lower (DioSnapshots *self, GPtrArray *images, const char *lower, const char *upper,
            DioFileProgress progress, void *data, GError **error)
{
  const DioBlockJob job = { progress, data };
  const DioSnapshotImage *image = dio_snapshots_find_image (images, upper);
  g_autofree char *path = g_build_filename (self->path, upper, NULL);
  if (!own_file (self, lower, progress, data, error))
    return FALSE;
  DioBlockNode *below = dio_snapshots_open_image (self, images, lower, 0, error);
  DioBlockNode *top = below ? dio_block_node_open (self->files, path, image->format,
                                                   DIO_BLOCK_OPEN_READONLY, below, error)
                            : NULL;
  if (!top)
    return FALSE;
  gboolean good = dio_block_merge (top, &job, error);
  int closed = dio_block_node_close (top);
  if (good && closed < 0)
    dio_set_error_errno (error, -closed, _ ("The disk “%s” could not be written"), lower);
  return good && closed == 0;
}

static void
replace (char **name, const char *from, const char *to)
{
  if (g_strcmp0 (*name, from) != 0)
    return;
  g_free (*name);
  *name = g_strdup (to);
}

static void
replace_in_snapshots_locked (DioSnapshots *self, const char *from, const char *to)
{
  for (guint i = 0; i < self->infos->len; i++) {
    const DioSnapshotInfo *info = g_ptr_array_index (self->infos, i);
    for (guint j = 0; j < info->disks->len; j++)
      replace ((char **) &g_ptr_array_index (info->disks, j), from, to);
  }
}

/* @lower is in the place of @upper. */
static void
replace_locked (DioSnapshots *self, const char *upper, const char *lower)
{
  DioSnapshotImage *above = dio_snapshots_find_image (self->images, upper);
  guint index;
  dio_snapshots_find_image (self->images, lower)->size = above->size;
  g_ptr_array_find (self->images, above, &index);
  g_ptr_array_remove_index (self->images, index);
  for (guint i = 0; i < self->images->len; i++)
    replace (&((DioSnapshotImage *) g_ptr_array_index (self->images, i))->backing, upper, lower);
  for (guint i = 0; i < self->disks->len; i++)
    replace (&((DioSnapshotDisk *) g_ptr_array_index (self->disks, i))->image, upper, lower);
  replace_in_snapshots_locked (self, upper, lower);
}

static gboolean
commit_merge (DioSnapshots *self, const char *upper, const char *lower, GError **error)
{
  DioSnapshotDisks before = { 0 };
  pthread_mutex_lock (&self->lock);
  dio_snapshots_save_disks_locked (self, &before);
  replace_locked (self, upper, lower);
  forget_plain_disks_locked (self);
  gboolean good = dio_snapshots_commit_locked (self, error);
  if (good) {
    dio_snapshots_name_backings_locked (self, lower);
    dio_snapshots_remove_file (self, upper);
  } else {
    /* As before, which is right as well: no snapshot had named the lower one. */
    dio_snapshots_restore_disks_locked (self, &before);
    replace_in_snapshots_locked (self, lower, upper);
  }
  pthread_mutex_unlock (&self->lock);
  dio_snapshots_clear_disks (&before);
  return good;
}

/* What is to be merged. */
typedef struct {
  DioSnapshots *self;
  DioSnapshotDisks copy;
  char *lower, *upper;
  DioBlock *block; /* of a machine that has both open; NULL: nobody has */
  DioFileProgress progress;
  void *data;
} Merge;

static void
merge_clear (Merge *merge)
{
  dio_snapshots_clear_disks (&merge->copy);
  g_clear_pointer (&merge->lower, g_free);
  g_clear_pointer (&merge->upper, g_free);
}

/* FALSE when there is nothing, or somebody else waits. */
static gboolean
merge_find (Merge *merge)
{
  DioSnapshots *self = merge->self;
  DioSnapshotImage *above;
  pthread_mutex_lock (&self->lock);
  const DioSnapshotImage *below =
      self->n_waiting ? NULL : find_mergeable_locked (self, self->lent != NULL, &above);
  if (below) {
    merge->lower = g_strdup (below->file);
    merge->upper = g_strdup (above->file);
    merge->block =
        is_open_locked (self, below->file) ? lent_block_locked (self, below->file) : NULL;
    dio_snapshots_save_disks_locked (self, &merge->copy);
  }
  pthread_mutex_unlock (&self->lock);
  return below != NULL;
}

/* Who waits for a merge of a machine that runs is at work with it: that comes first. */
static bool
live_progress_cb (uint64_t done, uint64_t total, void *data)
{
  Merge *merge = data;
  pthread_mutex_lock (&merge->self->lock);
  bool wanted = merge->self->n_waiting > 0;
  pthread_mutex_unlock (&merge->self->lock);
  return !wanted && (!merge->progress || merge->progress (done, total, merge->data));
}

static bool
merged_cb (void *data, GError **error)
{
  Merge *merge = data;
  return commit_merge (merge->self, merge->upper, merge->lower, error);
}

static gboolean
merge_live (Merge *merge, GError **error)
{
  const DioBlockJob job = { live_progress_cb, merge };
  g_autofree char *path = g_build_filename (merge->self->path, merge->upper, NULL);
  return own_file (merge->self, merge->lower, live_progress_cb, merge, error)
         && dio_block_merge_live (merge->block, path, &job, merged_cb, merge, error);
}

static gboolean
merge_off (Merge *merge, GError **error)
{
  return fill_lower (merge->self, merge->copy.images, merge->lower, merge->upper, merge->progress,
                     merge->data, error)
         && commit_merge (merge->self, merge->upper, merge->lower, error);
}

gboolean
dio_snapshots_merge (DioSnapshots *self, DioFileProgress progress, void *data, GError **error)
{
  Merge merge = { .self = self, .progress = progress, .data = data };
  gboolean good = TRUE;
  while (good && merge_find (&merge)) {
    g_autoptr (GError) local = NULL;
    good = merge.block ? merge_live (&merge, &local) : merge_off (&merge, &local);
    pthread_mutex_lock (&self->lock);
    /* Cut off to let somebody else in: it is done later. */
    gboolean later = self->n_waiting && merge.block;
    pthread_mutex_unlock (&self->lock);
    merge_clear (&merge);
    if (good)
      continue;
    if (later && g_error_matches (local, DIO_ERROR, DIO_ERROR_CANCELLED))
      return TRUE;
    g_propagate_error (error, g_steal_pointer (&local));
  }
  return good;
}
