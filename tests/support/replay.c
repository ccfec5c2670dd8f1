/* SPDX-License-Identifier: GPL-3.0-or-later
 * Building of crash images.
 *
 * A cut is a point in the log. What is durable there, and stands before everything that is not, is
 * folded into a base that all images of this and later points share; an image is the base and some
 * of the operations that are pending. */
#include "tests/support/replay.h"

#include <string.h>
#include <unistd.h>

#include "core/file/file-util.h"

#define RANDOM_SUBSETS 64

enum { DROP = 0, APPLY = 1, TEAR_512 = 2, TEAR_4096 = 3 };

typedef struct {
  GByteArray *data;
  GHashTable *names;
} Object;

typedef struct {
  FilesLog *log;
  GRand *random; /* of what is in the images */
  GRand *choice; /* of which images are built */
  double chance;
  ReplayCheck check; /* NULL: images are only counted */
  void *data;
  char *folder;
  Object *base; /* by index; of which the first `folded` operations are part */
  guint folded;
  bool *durable; /* by operation */
  uint8_t *how;  /* by operation: DROP, ... for the next image */
  uint64_t acknowledged;
  unsigned counted, built;
} Replay;

static FilesLogEntry *
entry_at (Replay *replay, guint index)
{
  return g_ptr_array_index (replay->log->entries, index);
}

static bool
is_data (const FilesLogEntry *entry)
{
  return entry->op == DIO_FILE_OP_WRITE || entry->op == DIO_FILE_OP_TRUNCATE
         || entry->op == DIO_FILE_OP_ALLOCATE;
}

static bool
is_name (const FilesLogEntry *entry)
{
  return entry->op == DIO_FILE_OP_OPEN || entry->op == DIO_FILE_OP_MKDIR
         || entry->op == DIO_FILE_OP_RENAME || entry->op == DIO_FILE_OP_LINK
         || entry->op == DIO_FILE_OP_UNLINK;
}

static bool
is_sync (const FilesLogEntry *entry)
{
  return entry->op == DIO_FILE_OP_SYNC || entry->op == DIO_FILE_OP_DATASYNC;
}

/* ---- Performing operations on objects in memory ---- */

static void
resize (GByteArray *bytes, uint64_t length)
{
  guint old = bytes->len;
  g_assert_cmpuint (length, <, 1u << 30);
  g_byte_array_set_size (bytes, (guint) length);
  if (bytes->len > old)
    memset (bytes->data + old, 0, bytes->len - old);
}

static void
write_units (Replay *replay, GByteArray *bytes, const FilesLogEntry *entry, uint64_t unit)
{
  uint64_t done = 0;
  while (done < entry->length) {
    /* Units are those of the disk, not of the operation. */
    uint64_t here = MIN (unit - (entry->offset + done) % unit, entry->length - done);
    if (g_rand_boolean (replay->random))
      memcpy (bytes->data + entry->offset + done, entry->data + done, here);
    done += here;
  }
}

static void
apply_data (Replay *replay, GByteArray *bytes, const FilesLogEntry *entry, int how)
{
  uint64_t end = entry->offset + entry->length;
  if (entry->op == DIO_FILE_OP_TRUNCATE) {
    resize (bytes, entry->length);
    return;
  }
  bool keep_size = entry->op == DIO_FILE_OP_ALLOCATE && entry->flags & FALLOC_FL_KEEP_SIZE;
  if (end > bytes->len && !keep_size)
    resize (bytes, end);
  if (entry->op == DIO_FILE_OP_ALLOCATE) {
    if (entry->flags & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE) && entry->offset < bytes->len)
      memset (bytes->data + entry->offset, 0, MIN (end, bytes->len) - entry->offset);
  } else if (how == APPLY) {
    memcpy (bytes->data + entry->offset, entry->data, entry->length);
  } else {
    write_units (replay, bytes, entry, how == TEAR_512 ? 512 : 4096);
  }
}

static void
apply_name (Object *objects, const FilesLogEntry *entry)
{
  GHashTable *names = objects[entry->object].names;
  gpointer target = GUINT_TO_POINTER (entry->target + 1);
  switch (entry->op) {
  case DIO_FILE_OP_RENAME:
    g_hash_table_remove (names, entry->name);
    g_hash_table_insert (objects[entry->other_object].names, g_strdup (entry->other_name), target);
    break;
  case DIO_FILE_OP_LINK:
    g_hash_table_insert (objects[entry->other_object].names, g_strdup (entry->other_name), target);
    break;
  case DIO_FILE_OP_UNLINK:
    g_hash_table_remove (names, entry->name);
    break;
  default:
    g_hash_table_insert (names, g_strdup (entry->name), target);
    break;
  }
}

static GHashTable *
copy_names (GHashTable *names)
{
  GHashTable *copy = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GHashTableIter iter;
  gpointer name, index;
  g_hash_table_iter_init (&iter, names);
  while (g_hash_table_iter_next (&iter, &name, &index))
    g_hash_table_insert (copy, g_strdup (name), index);
  return copy;
}

/* Objects that share the data of @from until something is written. */
static Object *
copy_objects (Replay *replay, const Object *from)
{
  Object *objects = g_new (Object, replay->log->objects->len);
  for (guint i = 0; i < replay->log->objects->len; i++)
    objects[i] = (Object){ g_byte_array_ref (from[i].data), copy_names (from[i].names) };
  return objects;
}

static void
free_objects (Replay *replay, Object *objects)
{
  for (guint i = 0; i < replay->log->objects->len; i++) {
    g_byte_array_unref (objects[i].data);
    g_hash_table_unref (objects[i].names);
  }
  g_free (objects);
}

/* ---- Images ---- */

/* The non-zero pages of @bytes, so that images stay sparse. */
static void
write_file (int fd, const GByteArray *bytes)
{
  static const uint8_t zeros[4096];
  g_assert_cmpint (ftruncate (fd, bytes->len), ==, 0);
  for (guint at = 0; at < bytes->len; at += sizeof zeros) {
    size_t length = MIN (sizeof zeros, bytes->len - at);
    if (memcmp (bytes->data + at, zeros, length) != 0)
      g_assert_cmpint (pwrite (fd, bytes->data + at, length, at), ==, (gssize) length);
  }
}

static void
write_tree (Replay *replay, const Object *objects, guint index, const char *path)
{
  FilesLogObject *object = g_ptr_array_index (replay->log->objects, index);
  if (!object->folder) {
    int fd = open (path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    g_assert_cmpint (fd, >=, 0);
    write_file (fd, objects[index].data);
    close (fd);
    return;
  }
  GHashTableIter iter;
  gpointer name, child;
  g_assert_cmpint (mkdir (path, 0700), ==, 0);
  g_hash_table_iter_init (&iter, objects[index].names);
  while (g_hash_table_iter_next (&iter, &name, &child)) {
    g_autofree char *inside = g_build_filename (path, name, NULL);
    write_tree (replay, objects, GPOINTER_TO_UINT (child) - 1, inside);
  }
}

static void
apply (Replay *replay, Object *objects, guint index, int how)
{
  const FilesLogEntry *entry = entry_at (replay, index);
  if (how == DROP)
    return;
  if (is_name (entry)) {
    apply_name (objects, entry);
  } else if (is_data (entry)) {
    Object *object = &objects[entry->object];
    if (object->data == replay->base[entry->object].data && objects != replay->base) {
      GByteArray *own = g_byte_array_sized_new (object->data->len);
      g_byte_array_append (own, object->data->data, object->data->len);
      g_byte_array_unref (object->data);
      object->data = own;
    }
    apply_data (replay, object->data, entry, how);
  }
}

/* The image of a cut before operation @point, with what `how` says of the pending ones. */
static void
make_image (Replay *replay, guint point, const char *kind)
{
  unsigned number = replay->counted++;
  if (!replay->check || g_rand_double (replay->choice) >= replay->chance)
    return;
  Object *objects = copy_objects (replay, replay->base);
  for (guint i = replay->folded; i < point; i++)
    apply (replay, objects, i, replay->durable[i] ? APPLY : replay->how[i]);
  write_tree (replay, objects, 0, replay->folder);
  free_objects (replay, objects);

  guint total = replay->log->entries->len;
  g_autofree char *how =
      g_strdup_printf ("image %u: %u of %u operations, %s", number, point, total, kind);
  ReplayImage image = { replay->folder, replay->acknowledged, point == total, number, how };
  replay->check (&image, replay->data);
  g_assert_true (dio_file_remove_tree (dio_files_host (), AT_FDCWD, replay->folder, NULL));
  replay->built++;
}

static void
set_all (Replay *replay, guint point, int how)
{
  memset (replay->how + replay->folded, how, point - replay->folded);
}

/* Only the first @count of the pending names have changed. */
static void
limit_names (Replay *replay, guint point, guint count)
{
  for (guint i = replay->folded; i < point; i++)
    if (!replay->durable[i] && is_name (entry_at (replay, i))) {
      replay->how[i] = count > 0 ? APPLY : DROP;
      count -= count > 0;
    }
}

static void
make_random (Replay *replay, guint point, guint n_names)
{
  for (guint i = replay->folded; i < point; i++) {
    unsigned dice = g_rand_int_range (replay->random, 0, 16);
    bool torn = dice < 2 && entry_at (replay, i)->op == DIO_FILE_OP_WRITE;
    replay->how[i] = torn ? TEAR_512 + dice : dice & 1;
  }
  limit_names (replay, point, g_rand_int_range (replay->random, 0, (gint32) n_names + 1));
  make_image (replay, point, "some of those since the last sync");
}

/* All images of a cut before the sync at @point, but for the one with everything. */
static void
make_epoch (Replay *replay, guint point)
{
  guint n_data = 0, n_names = 0;
  for (guint i = replay->folded; i < point; i++) {
    if (replay->durable[i])
      continue;
    n_data += is_data (entry_at (replay, i));
    n_names += is_name (entry_at (replay, i));
  }
  if (n_data + n_names == 0)
    return;
  set_all (replay, point, DROP);
  make_image (replay, point, "none since the last sync");
  for (guint i = replay->folded; i < point && n_data + n_names > 1; i++) {
    const FilesLogEntry *entry = entry_at (replay, i);
    if (replay->durable[i] || !is_data (entry))
      continue;
    set_all (replay, point, APPLY);
    replay->how[i] = DROP;
    make_image (replay, point, "all but one since the last sync");
  }
  for (guint i = replay->folded; i < point; i++) {
    const FilesLogEntry *entry = entry_at (replay, i);
    if (replay->durable[i] || entry->op != DIO_FILE_OP_WRITE)
      continue;
    for (int tear = TEAR_512; tear <= TEAR_4096; tear++) {
      if (entry->length <= (tear == TEAR_512 ? 512 : 4096))
        continue;
      set_all (replay, point, APPLY);
      replay->how[i] = (uint8_t) tear;
      make_image (replay, point, tear == TEAR_512 ? "one torn at 512" : "one torn at 4096");
    }
  }
  for (guint count = 0; count < n_names; count++) {
    set_all (replay, point, APPLY);
    limit_names (replay, point, count);
    make_image (replay, point, "data without all of the names");
  }
  guint subsets = n_data + n_names < 6 ? 1u << (n_data + n_names) : RANDOM_SUBSETS;
  for (guint i = 0; i < subsets; i++)
    make_random (replay, point, n_names);
}

/* ---- Points ---- */

/* What the sync at @point makes durable. */
static void
pass_sync (Replay *replay, guint point)
{
  unsigned object = entry_at (replay, point)->object;
  FilesLogObject *synced = g_ptr_array_index (replay->log->objects, object);
  guint last_name = 0;
  for (guint i = replay->folded; i < point; i++) {
    const FilesLogEntry *entry = entry_at (replay, i);
    if (!synced->folder && is_data (entry) && entry->object == object)
      replay->durable[i] = true;
    bool other = entry->op == DIO_FILE_OP_RENAME || entry->op == DIO_FILE_OP_LINK;
    if (synced->folder && is_name (entry)
        && (entry->object == object || (other && entry->other_object == object)))
      last_name = i + 1;
  }
  for (guint i = replay->folded; i < last_name; i++)
    replay->durable[i] |= is_name (entry_at (replay, i));
  while (replay->folded <= point) {
    const FilesLogEntry *entry = entry_at (replay, replay->folded);
    if ((is_data (entry) || is_name (entry)) && !replay->durable[replay->folded])
      break;
    apply (replay, replay->base, replay->folded, APPLY);
    replay->folded++;
  }
}

static void
pass (Replay *replay)
{
  guint total = replay->log->entries->len;
  for (guint point = 0; point <= total; point++) {
    const FilesLogEntry *before = point ? entry_at (replay, point - 1) : NULL;
    const FilesLogEntry *after = point < total ? entry_at (replay, point) : NULL;
    if (!before || is_data (before) || is_name (before) || point == total) {
      set_all (replay, point, APPLY);
      make_image (replay, point, "in order");
    }
    if (!after || is_sync (after))
      make_epoch (replay, point);
    if (after && is_sync (after))
      pass_sync (replay, point);
    if (after && after->op == DIO_FILE_N_OPS)
      replay->acknowledged = after->length;
  }
}

static void
run (Replay *replay, guint32 seed)
{
  FilesLog *log = replay->log;
  guint n = log->entries->len + 1;
  replay->durable = g_new0 (bool, n);
  replay->how = g_new0 (uint8_t, n);
  replay->random = g_rand_new_with_seed (seed);
  replay->choice = g_rand_new_with_seed (seed + 1);
  replay->base = g_new (Object, log->objects->len);
  for (guint i = 0; i < log->objects->len; i++) {
    FilesLogObject *object = g_ptr_array_index (log->objects, i);
    GByteArray *data = g_byte_array_new ();
    g_byte_array_append (data, object->data->data, object->data->len);
    replay->base[i] = (Object){ data, copy_names (object->names) };
  }
  pass (replay);
  free_objects (replay, replay->base);
  g_rand_free (replay->random);
  g_rand_free (replay->choice);
  g_free (replay->durable);
  g_free (replay->how);
}

unsigned
replay_images (FilesLog *log, guint32 seed, unsigned most, ReplayCheck check, void *data)
{
  Replay count = { .log = log };
  run (&count, seed);
  g_autofree char *parent = g_dir_make_tmp ("dio-replay-XXXXXX", NULL);
  Replay replay = { .log = log, .check = check, .data = data };
  replay.chance = most && most < count.counted ? (double) most / count.counted : 1;
  replay.folder = g_build_filename (parent, "image", NULL);
  run (&replay, seed);
  g_free (replay.folder);
  rmdir (parent);
  return replay.built;
}
