/* SPDX-License-Identifier: GPL-3.0-or-later
 * Power cuts during everything that changes disk images: from the log of a workload the states are
 * built that a disk may be in afterwards, and each is opened and judged:
 *
 *   - qemu-img check finds no error, at most lost clusters (for all images in a long run, for some
 *     in a short one), and our own check agrees;
 *   - each sector has what it had at the last flush that was promised to the guest, or something
 *     that was written later;
 *   - the image is used on: changed, closed, and found without errors again.
 *
 * CRASH_IMAGES images for each workload (default: 45); ./dev crash makes many, all judged by QEMU.
 * The seed of a failure is printed and can be given with --seed. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "core/backend/block/block-job.h"
#include "tests/core/backend/block/rig.h"
#include "tests/support/replay.h"

#define SECTOR 512
#define DEFAULT_IMAGES 45
#define DISK "disk.qcow2"
#define BASE "base.qcow2"

typedef struct {
  char *folder, *path, *base;
  const RigKind *kind;
  FilesLog *log;
  DioFiles *files;
  uint64_t size;      /* of the disk, the largest that it has */
  uint64_t half_size; /* another that it may have; 0: none */
  RigModel model;
  GPtrArray *states; /* the bytes after each change; of uint8_t* */
  bool overlay;
  bool exact;       /* nothing of the guest's may change at all */
  bool may_be_none; /* the image may be missing or none yet */
  unsigned images, judged_by_qemu;
  unsigned qemu_each;
} Cut;

static unsigned
wanted_images (void)
{
  const char *text = g_getenv ("CRASH_IMAGES");
  return text ? (unsigned) atoi (text) : DEFAULT_IMAGES;
}

/* ---- The judge ---- */

static bool
sector_is_allowed (const Cut *cut, uint64_t at, const uint8_t *sector, guint from)
{
  for (guint i = from; i < cut->states->len; i++)
    if (memcmp ((uint8_t *) g_ptr_array_index (cut->states, i) + at, sector, SECTOR) == 0)
      return true;
  return false;
}

static void
judge_bytes (const Cut *cut, DioBlockNode *node, const ReplayImage *image)
{
  guint from = cut->exact ? cut->states->len - 1 : (guint) image->acknowledged;
  g_autofree uint8_t *bytes = g_malloc (cut->size);
  if (node->size != cut->size && node->size != cut->half_size)
    g_error ("%s: the size is %" G_GUINT64_FORMAT, image->how, node->size);
  g_assert_cmpint (dio_block_node_read (node, 0, bytes, node->size), ==, 0);
  for (uint64_t at = 0; at < node->size; at += SECTOR)
    if (!sector_is_allowed (cut, at, bytes + at, from))
      g_error ("%s: the sector at %" G_GUINT64_FORMAT
               " has neither what was promised nor anything later",
               image->how, at);
}

static void
judge_structure (DioBlockNode *node, const char *how)
{
  g_autoptr (GError) error = NULL;
  DioQcow2Check check = { .text = g_string_new (NULL) };
  g_assert_true (dio_qcow2_check (node, DIO_QCOW2_REPAIR_NOTHING, &check, NULL, NULL, &error));
  g_assert_no_error (error);
  if (check.corruptions || check.errors)
    g_error ("%s: %s", how, check.text->str);
  g_string_free (check.text, TRUE);
}

static DioBlockNode *
open_chain (const Cut *cut, const char *root, DioBlockOpenFlags flags, bool writable_base)
{
  DioFiles *host = dio_files_host ();
  g_autofree char *path = g_build_filename (root, DISK, NULL);
  g_autofree char *base = g_build_filename (root, BASE, NULL);
  DioBlockNode *below = NULL;
  if (cut->overlay)
    below = rig_open (host, base, "qcow2", writable_base ? 0 : DIO_BLOCK_OPEN_READONLY, NULL);
  return rig_open (host, path, "qcow2", flags, below);
}

/* The image goes on as if nothing had been. */
static void
use_on (const Cut *cut, const ReplayImage *image, const char *path)
{
  DioBlockNode *node = open_chain (cut, image->root, 0, false);
  RigModel model = { .node = node, .bytes = g_malloc (cut->size), .most = 64 * KIB };
  uint64_t offset, length;
  model.random = g_rand_new_with_seed (image->number);
  g_assert_cmpint (dio_block_node_read (node, 0, model.bytes, node->size), ==, 0);
  for (unsigned i = 0; i < 8; i++)
    g_assert_cmpint (rig_change (&model, &offset, &length), ==, 0);
  rig_compare (node, model.bytes);
  g_assert_cmpint (dio_block_node_close (node), ==, 0);
  node = rig_open (dio_files_host (), path, "qcow2", DIO_BLOCK_OPEN_READONLY | DIO_BLOCK_OPEN_CHECK,
                   NULL);
  judge_structure (node, image->how);
  dio_block_node_close (node);
  g_rand_free (model.random);
  g_free (model.bytes);
}

static bool
is_image (const char *path)
{
  uint8_t magic[4] = { 0 };
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  bool good = fd >= 0 && pread (fd, magic, 4, 0) == 4 && memcmp (magic, "QFI\xfb", 4) == 0;
  if (fd >= 0)
    close (fd);
  return good;
}

static void
judge_file (Cut *cut, const char *path, const ReplayImage *image)
{
  bool lazy = cut->kind->create.lazy_refcounts;
  /* With lazy counts the dirty bit says that a repair has to come first. */
  if (!lazy && image->number % cut->qemu_each == 0) {
    rig_check_leaks_only (path, image->how);
    cut->judged_by_qemu++;
  }
  if (lazy)
    return;
  DioBlockNode *node = rig_open (dio_files_host (), path, "qcow2",
                                 DIO_BLOCK_OPEN_READONLY | DIO_BLOCK_OPEN_CHECK, NULL);
  judge_structure (node, image->how);
  dio_block_node_close (node);
}

static void
judge_cb (const ReplayImage *image, void *data)
{
  Cut *cut = data;
  g_autofree char *path = g_build_filename (image->root, DISK, NULL);
  g_autofree char *base = g_build_filename (image->root, BASE, NULL);
  cut->images++;
  if (cut->may_be_none && !image->acknowledged && !is_image (path))
    return;
  judge_file (cut, path, image);
  if (cut->overlay)
    judge_file (cut, base, image);
  DioBlockNode *node = open_chain (cut, image->root, 0, false);
  judge_bytes (cut, node, image);
  dio_block_node_close (node);
  use_on (cut, image, path);
}

/* ---- Workloads ---- */

static void
cut_init (Cut *cut, const RigKind *kind, uint64_t size)
{
  *cut = (Cut){ .kind = kind, .size = size, .folder = rig_folder_new () };
  cut->path = g_build_filename (cut->folder, DISK, NULL);
  cut->base = g_build_filename (cut->folder, BASE, NULL);
  cut->states = g_ptr_array_new_with_free_func (g_free);
  cut->model = (RigModel){ .bytes = g_malloc0 (size), .most = 200 * KIB };
  cut->model.random = g_rand_new_with_seed (g_test_rand_int ());
  cut->qemu_each = g_getenv ("CRASH_IMAGES") ? 1 : 8;
}

static void
start_log (Cut *cut)
{
  cut->log = files_log_new (dio_files_host (), cut->folder);
  cut->files = &cut->log->files;
}

static void
keep_state (Cut *cut)
{
  g_ptr_array_add (cut->states, g_memdup2 (cut->model.bytes, cut->size));
}

static void
promise (Cut *cut)
{
  files_log_mark (cut->log, cut->states->len - 1);
}

static void
judge (Cut *cut)
{
  replay_images (cut->log, g_test_rand_int (), wanted_images (), judge_cb, cut);
  g_test_message ("%u images, %u of them judged by qemu-img too", cut->images, cut->judged_by_qemu);
  g_assert_cmpuint (cut->images, >, 0);
  files_log_free (cut->log);
  g_ptr_array_unref (cut->states);
  g_rand_free (cut->model.random);
  g_free (cut->model.bytes);
  g_free (cut->path);
  g_free (cut->base);
  rig_folder_free (cut->folder);
}

static void
change (Cut *cut, unsigned count)
{
  for (unsigned i = 0; i < count; i++) {
    uint64_t offset, length;
    g_assert_cmpint (rig_change (&cut->model, &offset, &length), ==, 0);
    keep_state (cut);
    if (i % 7 == 6) {
      g_assert_cmpint (dio_block_node_flush (cut->model.node), ==, 0);
      promise (cut);
    }
  }
}

/* Fills a closed image with something to lose. */
static void
fill (Cut *cut, const char *path, unsigned changes)
{
  cut->model.node = rig_open (dio_files_host (), path, "qcow2", 0, NULL);
  for (unsigned i = 0; i < changes; i++) {
    uint64_t offset, length;
    g_assert_cmpint (rig_change (&cut->model, &offset, &length), ==, 0);
  }
  g_assert_cmpint (dio_block_node_close (cut->model.node), ==, 0);
}

static void
test_create (gconstpointer data)
{
  Cut cut;
  cut_init (&cut, data, MIB);
  cut.may_be_none = true;
  keep_state (&cut);
  start_log (&cut);
  rig_create (cut.files, cut.path, cut.kind, cut.size);
  keep_state (&cut);
  promise (&cut);
  judge (&cut);
}

static void
test_write (gconstpointer data)
{
  Cut cut;
  cut_init (&cut, data, MIB);
  rig_create (dio_files_host (), cut.path, cut.kind, cut.size);
  fill (&cut, cut.path, 10);
  start_log (&cut);
  keep_state (&cut);
  cut.model.node = rig_open (cut.files, cut.path, "qcow2", 0, NULL);
  change (&cut, 45);
  g_assert_cmpint (dio_block_node_close (cut.model.node), ==, 0);
  promise (&cut);
  judge (&cut);
}

static void
make_overlay (Cut *cut)
{
  RigKind kind = *cut->kind;
  rig_create (dio_files_host (), cut->base, cut->kind, cut->size);
  fill (cut, cut->base, 15);
  kind.create.backing = BASE;
  kind.create.backing_format = "qcow2";
  rig_create (dio_files_host (), cut->path, &kind, cut->size);
  cut->overlay = true;
}

/* Copies of what the image below has. */
static void
test_overlay (gconstpointer data)
{
  Cut cut;
  cut_init (&cut, data, MIB);
  make_overlay (&cut);
  start_log (&cut);
  keep_state (&cut);
  DioBlockNode *below = rig_open (cut.files, cut.base, "qcow2", DIO_BLOCK_OPEN_READONLY, NULL);
  cut.model.node = rig_open (cut.files, cut.path, "qcow2", 0, below);
  change (&cut, 40);
  g_assert_cmpint (dio_block_node_close (cut.model.node), ==, 0);
  promise (&cut);
  judge (&cut);
}

/* Much data at once: new blocks of counts and, with small clusters, new reference tables. */
static void
test_grow (gconstpointer data)
{
  Cut cut;
  cut_init (&cut, data, 12 * MIB);
  cut.model.most = MIB;
  rig_create (dio_files_host (), cut.path, cut.kind, cut.size);
  start_log (&cut);
  keep_state (&cut);
  cut.model.node = rig_open (cut.files, cut.path, "qcow2", 0, NULL);
  for (unsigned i = 0; i < 20; i++) {
    uint64_t at = i * 600 * KIB;
    memset (cut.model.bytes + at, (int) i + 1, 600 * KIB);
    g_assert_cmpint (dio_block_node_write (cut.model.node, at, cut.model.bytes + at, 600 * KIB), ==,
                     0);
    if (i % 5 == 4) {
      g_assert_cmpint (dio_block_node_flush (cut.model.node), ==, 0);
      keep_state (&cut);
      promise (&cut);
    }
  }
  g_assert_cmpint (dio_block_node_close (cut.model.node), ==, 0);
  judge (&cut);
}

/* Everything is discarded piece by piece, and the space used again. */
static void
test_discard (gconstpointer data)
{
  Cut cut;
  cut_init (&cut, data, MIB);
  rig_create (dio_files_host (), cut.path, cut.kind, cut.size);
  memset (cut.model.bytes, 0x77, cut.size);
  DioBlockNode *node = rig_open (dio_files_host (), cut.path, "qcow2", 0, NULL);
  g_assert_cmpint (dio_block_node_write (node, 0, cut.model.bytes, cut.size), ==, 0);
  dio_block_node_close (node);
  start_log (&cut);
  keep_state (&cut);
  node = cut.model.node = rig_open (cut.files, cut.path, "qcow2", 0, NULL);
  for (unsigned i = 0; i < 8; i++) {
    uint64_t at = i * 128 * KIB;
    g_assert_cmpint (dio_block_node_discard (node, at, 128 * KIB), ==, 0);
    g_assert_cmpint (dio_block_node_read (node, at, cut.model.bytes + at, 128 * KIB), ==, 0);
    keep_state (&cut);
    if (i % 2) {
      g_assert_cmpint (dio_block_node_flush (node), ==, 0);
      promise (&cut);
      change (&cut, 3);
    }
  }
  g_assert_cmpint (dio_block_node_close (node), ==, 0);
  promise (&cut);
  judge (&cut);
}

/* Larger, smaller, and larger again: what was behind the end does not come back. */
static void
test_resize (gconstpointer data)
{
  Cut cut;
  cut_init (&cut, data, 3 * MIB);
  cut.half_size = MIB + SECTOR * 3;
  rig_create (dio_files_host (), cut.path, cut.kind, cut.half_size);
  fill (&cut, cut.path, 10);
  start_log (&cut);
  keep_state (&cut);
  DioBlockNode *node = cut.model.node = rig_open (cut.files, cut.path, "qcow2", 0, NULL);
  for (unsigned i = 0; i < 4; i++) {
    uint64_t size = i % 2 ? cut.half_size : cut.size;
    g_assert_true (dio_block_node_resize (node, size, NULL));
    memset (cut.model.bytes + size, 0, cut.size - size);
    keep_state (&cut);
    change (&cut, 8);
  }
  g_assert_cmpint (dio_block_node_close (node), ==, 0);
  judge (&cut);
}

/* The overlay reads the same all the time. */
static void
test_merge (gconstpointer data)
{
  Cut cut;
  g_autoptr (GError) error = NULL;
  cut_init (&cut, data, MIB);
  make_overlay (&cut);
  DioBlockNode *below = rig_open (dio_files_host (), cut.base, "qcow2", 0, NULL);
  cut.model.node = rig_open (dio_files_host (), cut.path, "qcow2", 0, below);
  for (unsigned i = 0; i < 25; i++) {
    uint64_t offset, length;
    g_assert_cmpint (rig_change (&cut.model, &offset, &length), ==, 0);
  }
  dio_block_node_close (cut.model.node);
  keep_state (&cut);
  cut.exact = true;
  start_log (&cut);
  below = rig_open (cut.files, cut.base, "qcow2", 0, NULL);
  cut.model.node = rig_open (cut.files, cut.path, "qcow2", 0, below);
  dio_block_merge (cut.model.node, NULL, &error);
  g_assert_no_error (error);
  rig_compare (below, cut.model.bytes);
  g_assert_cmpint (dio_block_node_close (cut.model.node), ==, 0);
  judge (&cut);
}

/* The old file or the new one, with the same contents. */
static void
test_compact (gconstpointer data)
{
  Cut cut;
  g_autoptr (GError) error = NULL;
  cut_init (&cut, data, MIB);
  rig_create (dio_files_host (), cut.path, cut.kind, cut.size);
  fill (&cut, cut.path, 40);
  keep_state (&cut);
  cut.exact = true;
  start_log (&cut);
  dio_block_compact (cut.files, cut.path, "qcow2", NULL, NULL, &error);
  g_assert_no_error (error);
  judge (&cut);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    GTestDataFunc func;
  } workloads[] = {
    { "create", test_create }, { "write", test_write },     { "overlay", test_overlay },
    { "grow", test_grow },     { "discard", test_discard }, { "resize", test_resize },
    { "merge", test_merge },   { "compact", test_compact },
  };
  /* In memory: nobody cuts the power here, and syncs take their time. */
  if (g_access ("/dev/shm", W_OK) == 0)
    g_setenv ("TMPDIR", "/dev/shm", FALSE);
  g_test_init (&argc, &argv, NULL);
  for (size_t i = 0; i < G_N_ELEMENTS (workloads); i++)
    for (const RigKind *kind = rig_kinds; kind->name; kind++) {
      g_autofree char *name =
          g_strdup_printf ("/core/backend/block/crash/%s/%s", workloads[i].name, kind->name);
      g_test_add_data_func (name, kind, workloads[i].func);
    }
  return g_test_run ();
}
