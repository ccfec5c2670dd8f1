/* SPDX-License-Identifier: GPL-3.0-or-later
 * No memory for what is opened, saved and loaded: each allocation whose size comes from a guest or
 * a file fails once, and the answer is an error in words. Nothing is lost, and the same again with
 * memory works. */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "app/library/library-snapshot-private.h"
#include "core/backend/block/block-create.h"
#include "core/backend/block/qcow2.h"
#include "core/base/base-error.h"
#include "core/state/store-private.h"
#include "tests/support/oom.h"

#define MIB (UINT64_C (1) << 20)
#define GIB (UINT64_C (1) << 30)

typedef struct {
  char *folder;
  int dir;
  size_t least; /* bytes of what fails; 0: as the others */
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->folder = g_dir_make_tmp ("dio-oom-XXXXXX", NULL);
  f->dir = dio_file_open (dio_files_host (), AT_FDCWD, f->folder, O_RDONLY | O_DIRECTORY, 0);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_file_close (dio_files_host (), f->dir);
  g_assert_true (dio_file_remove_tree (dio_files_host (), AT_FDCWD, f->folder, NULL));
  g_free (f->folder);
}

typedef bool (*Work) (Fixture *f, const char *what, GError **error);

/* Works again and again until nothing fails any more. Who did without some memory (a cache, a
 * parent to compare with) has succeeded nevertheless. @after looks at what was left. */
static void
loop (Fixture *f, const char *what, Work work, void (*after) (Fixture *f, const char *what),
      unsigned expected)
{
  unsigned failures = 0;
  for (unsigned i = 1;; i += 1 + i / 32) {
    g_autoptr (GError) error = NULL;
    oom_arm_from (i, f->least ? f->least : OOM_LARGE);
    bool good = work (f, what, &error);
    bool failed = oom_disarm ();
    g_assert_true (good == !error);
    if (error && !g_error_matches (error, DIO_ERROR, DIO_ERROR_MEMORY))
      g_error ("%s, allocation %u: %s", what, i, error->message);
    if (after)
      after (f, what);
    failures += failed;
    if (!failed) {
      g_assert_no_error (error);
      break;
    }
  }
  g_test_message ("%s: %u large allocations failed", what, failures);
  g_assert_cmpuint (failures, >=, expected);
}

/* ---- Images of disks ---- */

static char *
path_of (Fixture *f, const char *name)
{
  return g_build_filename (f->folder, name, NULL);
}

static void
create (Fixture *f, const char *name, DioBlockCreate how)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = path_of (f, name);
  dio_block_create (dio_files_host (), path, &how, &error);
  g_assert_no_error (error);
}

static bool
fail_errno (int result, GError **error)
{
  if (result < 0)
    dio_set_error_errno (error, -result, "%s", "a request");
  return result == 0;
}

/* Names are FORMAT or FORMAT-something. Reads all over the image, and checks what can be. */
static bool
open_image (Fixture *f, const char *name, GError **error)
{
  g_autofree char *path = path_of (f, name);
  g_autofree char *format = g_strndup (name, strcspn (name, "-"));
  bool import = dio_block_is_import (format);
  bool good = true;
  uint8_t data[4096];
  g_autoptr (DioBlockNode) node = dio_block_node_open (
      dio_files_host (), path, format, import ? DIO_BLOCK_OPEN_READONLY : 0, NULL, error);
  for (unsigned i = 0; i < 16 && good; i++)
    good = node
           && fail_errno (
               dio_block_node_read (node, node->size / 16 / 4096 * 4096 * i, data, sizeof data),
               error);
  DioQcow2Check check = { 0 };
  if (good && strcmp (format, "qcow2") == 0)
    good = dio_qcow2_check (node, DIO_QCOW2_REPAIR_NOTHING, &check, NULL, NULL, error);
  return good;
}

/* Tables of a disk of 64 TiB; very many small ones; both versions, and the wide entries. */
static void
test_qcow2 (Fixture *f, gconstpointer data)
{
  static const uint8_t word[512] = { 1 };
  create (f, "qcow2-large", (DioBlockCreate){ .format = "qcow2", .size = 65536 * GIB });
  create (f, "qcow2-v2", (DioBlockCreate){ .format = "qcow2", .size = 32768 * GIB, .version = 2 });
  create (f, "qcow2-wide",
          (DioBlockCreate){ .format = "qcow2", .size = 32768 * GIB, .extended_l2 = true });
  create (f, "qcow2-small",
          (DioBlockCreate){ .format = "qcow2", .size = 512 * MIB, .cluster_size = 512 });
  g_autofree char *path = path_of (f, "qcow2-small");
  g_autoptr (DioBlockNode) node =
      dio_block_node_open (dio_files_host (), path, "qcow2", 0, NULL, NULL);
  for (uint64_t at = 0; at < node->size; at += 32 << 10)
    g_assert_cmpint (dio_block_node_write (node, at, word, sizeof word), ==, 0);
  g_assert_cmpint (dio_block_node_close (g_steal_pointer (&node)), ==, 0);
  loop (f, "qcow2-large", open_image, NULL, 4);
  loop (f, "qcow2-v2", open_image, NULL, 3);
  loop (f, "qcow2-wide", open_image, NULL, 3);
  loop (f, "qcow2-small", open_image, NULL, 6);
}

/* A raw file whose length is no multiple of anything. */
static void
test_raw (Fixture *f, gconstpointer data)
{
  g_autofree char *path = path_of (f, "raw");
  g_autofree char *bytes = g_malloc0 (MIB + 1);
  g_assert_true (g_file_set_contents (path, bytes, MIB + 1, NULL));
  loop (f, "raw", open_image, NULL, 0);
}

static void
run_qemu_img (const char *const *argv)
{
  int status;
  g_assert_true (g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
                               NULL, &status, NULL));
  g_assert_cmpint (status, ==, 0);
}

static void
test_imports (Fixture *f, gconstpointer data)
{
  /* Name in QEMU, our name, options. */
  static const char *const formats[][3] = {
    { "vmdk", "vmdk", "subformat=monolithicSparse" },
    { "vmdk", "vmdk-packed", "subformat=streamOptimized" },
    { "vdi", "vdi", "static=off" },
    { "vpc", "vhd", "subformat=dynamic" },
    { "vhdx", "vhdx", "subformat=dynamic" },
    { "qcow2", "qcow2-packed", "cluster_size=256k,compression_type=zlib" },
    { "qcow2", "qcow2-zstd", "cluster_size=256k,compression_type=zstd" },
  };
  g_autofree char *qemu = g_find_program_in_path ("qemu-img");
  g_autofree char *raw = path_of (f, "source");
  g_autofree char *bytes = g_malloc (16 * MIB);
  if (!qemu) {
    g_test_skip ("no qemu-img");
    return;
  }
  for (uint64_t i = 0; i < 16 * MIB; i++)
    bytes[i] = (char) (i / 512 % 120 + 1);
  g_assert_true (g_file_set_contents (raw, bytes, 16 * MIB, NULL));
  for (unsigned i = 0; i < G_N_ELEMENTS (formats); i++) {
    g_autofree char *path = path_of (f, formats[i][1]);
    const char *packed = strcmp (formats[i][0], "qcow2") == 0 ? "-c" : "-q";
    const char *const argv[] = { qemu,          "convert", packed,        "-f", "raw", "-O",
                                 formats[i][0], "-o",      formats[i][2], raw,  path,  NULL };
    run_qemu_img (argv);
    loop (f, formats[i][1], open_image, NULL, 1);
  }
}

/* ---- Writing to a chain of images ---- */

#define CHAIN_SIZE (256 * MIB)
#define CLUSTER (64 << 10)

static DioBlockNode *
open_chain (Fixture *f, GError **error)
{
  g_autofree char *base = path_of (f, "base"), *top = path_of (f, "top");
  const DioBlockImage images[] = { { base, (char *) "qcow2" }, { top, (char *) "qcow2" } };
  return dio_block_node_open_chain (dio_files_host (), images, 2, 0, error);
}

/* What a guest does; the contents of the first sectors of each MiB tell what came of it. */
static bool
write_chain (Fixture *f, const char *what, GError **error)
{
  g_autoptr (DioBlockNode) node = open_chain (f, error);
  uint8_t data[512];
  bool good = node != NULL;
  memset (data, 0x22, sizeof data);
  for (uint64_t at = MIB; at < CHAIN_SIZE / 2 && good; at += 8 * MIB)
    good = fail_errno (dio_block_node_write (node, at, data, sizeof data), error);
  good = good && fail_errno (dio_block_node_flush (node), error)
         && fail_errno (dio_block_node_discard (node, 130 * MIB, 20 * MIB), error)
         && fail_errno (dio_block_node_write_zeroes (node, 160 * MIB + 4096, 8 * MIB, true), error)
         && fail_errno (dio_block_node_flush (node), error);
  if (!good)
    return false;
  int result = dio_block_node_close (g_steal_pointer (&node));
  return fail_errno (result, error);
}

static void
check_chain (Fixture *f, const char *what)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioBlockNode) node = open_chain (f, &error);
  uint8_t data[512];
  DioQcow2Check check = { 0 };
  g_assert_no_error (error);
  g_assert_true (dio_qcow2_check (node, DIO_QCOW2_REPAIR_NOTHING, &check, NULL, NULL, &error));
  g_assert_cmpuint (check.errors + check.corruptions, ==, 0);
  for (uint64_t at = 0; at < CHAIN_SIZE; at += MIB) {
    bool changed = at < CHAIN_SIZE / 2 && at % (8 * MIB) == MIB;
    bool gone = (at >= 130 * MIB && at < 150 * MIB) || (at > 160 * MIB && at <= 168 * MIB);
    g_assert_cmpint (dio_block_node_read (node, at, data, sizeof data), ==, 0);
    if (data[0] != 0x11 && !(changed && data[0] == 0x22) && !(gone && data[0] == 0))
      g_error ("%s: byte %" G_GUINT64_FORMAT " is 0x%x", what, at, data[0]);
    g_assert_cmpint (data[511], ==, data[0]); /* a sector is whole */
  }
}

static void
test_chain (Fixture *f, gconstpointer data)
{
  g_autofree char *base = path_of (f, "base");
  uint8_t sector[512];
  create (f, "base", (DioBlockCreate){ .format = "qcow2", .size = CHAIN_SIZE });
  create (
      f, "top",
      (DioBlockCreate){
          .format = "qcow2", .size = CHAIN_SIZE, .backing = "base", .backing_format = "qcow2" });
  g_autoptr (DioBlockNode) node =
      dio_block_node_open (dio_files_host (), base, "qcow2", 0, NULL, NULL);
  memset (sector, 0x11, sizeof sector);
  for (uint64_t at = 0; at < CHAIN_SIZE; at += MIB)
    g_assert_cmpint (dio_block_node_write (node, at, sector, sizeof sector), ==, 0);
  g_assert_cmpint (dio_block_node_close (g_steal_pointer (&node)), ==, 0);
  loop (f, "chain", write_chain, check_chain, 6);
}

#define TABLE (GIB / 2) /* what an L2 table tells of */
#define N_TABLES 4

/* The second and the last cluster of a table, so that all of it has changed. */
static uint64_t
place_of (unsigned i)
{
  return i % 2 ? (i / 2 + 1) * TABLE - CLUSTER : i / 2 * TABLE + CLUSTER;
}

/* Tables that the disk knows, one that it does not, and clusters to be given back. */
static DioBlockNode *
leave_unflushed (const char *path)
{
  g_autoptr (GError) error = NULL;
  DioBlockNode *node = dio_block_node_open (dio_files_host (), path, "qcow2", 0, NULL, &error);
  uint8_t sector[512];
  g_assert_no_error (error);
  memset (sector, 0x11, sizeof sector);
  for (unsigned i = 0; i < N_TABLES - 1; i++)
    g_assert_cmpint (dio_block_node_write (node, i * TABLE, sector, sizeof sector), ==, 0);
  g_assert_cmpint (dio_block_node_flush (node), ==, 0);
  memset (sector, 0x22, sizeof sector);
  for (unsigned i = 0; i < 2 * N_TABLES; i++)
    g_assert_cmpint (dio_block_node_write (node, place_of (i), sector, sizeof sector), ==, 0);
  g_assert_cmpint (dio_block_node_discard (node, 0, CLUSTER), ==, 0);
  return node;
}

static void
check_closed (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioBlockNode) node =
      dio_block_node_open (dio_files_host (), path, "qcow2", 0, NULL, &error);
  DioQcow2Check check = { 0 };
  uint8_t data[512];
  g_assert_no_error (error);
  for (unsigned i = 0; i < 2 * N_TABLES; i++) {
    g_assert_cmpint (dio_block_node_read (node, place_of (i), data, sizeof data), ==, 0);
    g_assert_cmpint (data[0], ==, 0x22);
  }
  for (unsigned i = 0; i < N_TABLES - 1; i++) {
    g_assert_cmpint (dio_block_node_read (node, i * TABLE, data, sizeof data), ==, 0);
    g_assert_cmpint (data[0], ==, i ? 0x11 : 0);
  }
  g_assert_true (dio_qcow2_check (node, DIO_QCOW2_REPAIR_NOTHING, &check, NULL, NULL, &error));
  g_assert_cmpuint (check.errors + check.corruptions, ==, 0);
}

/* A close cannot be tried again: it loses nothing, however little memory there is. */
static void
test_close (Fixture *f, gconstpointer data)
{
  g_autofree char *path = path_of (f, "closed");
  unsigned failures = 0;
  for (bool failed = true; failed; failures += failed) {
    create (f, "closed", (DioBlockCreate){ .format = "qcow2", .size = N_TABLES * TABLE });
    DioBlockNode *node = leave_unflushed (path);
    oom_arm_for_ever (failures + 1, 1024);
    g_assert_cmpint (dio_block_node_close (node), ==, 0);
    failed = oom_disarm ();
    check_closed (path);
    g_assert_cmpint (dio_file_unlink (dio_files_host (), f->dir, "closed", 0), ==, 0);
  }
  g_assert_cmpuint (failures, >=, N_TABLES - 1);
}

/* A flush brings everything to the disk as well, also if there is no memory once only: for the
 * links to tables, which are a few bytes. */
static void
test_flush (Fixture *f, gconstpointer data)
{
  g_autofree char *path = path_of (f, "flushed"), *copy = path_of (f, "copy");
  unsigned failures = 0;
  for (bool failed = true; failed; failures += failed) {
    g_autofree char *bytes = NULL;
    gsize length;
    create (f, "flushed", (DioBlockCreate){ .format = "qcow2", .size = N_TABLES * TABLE });
    DioBlockNode *node = leave_unflushed (path);
    oom_arm_from (failures + 1, 1);
    g_assert_cmpint (dio_block_node_flush (node), ==, 0);
    failed = oom_disarm ();
    /* What a power cut would leave. */
    g_assert_true (g_file_get_contents (path, &bytes, &length, NULL));
    g_assert_true (g_file_set_contents (copy, bytes, (gssize) length, NULL));
    check_closed (copy);
    g_assert_cmpint (dio_block_node_close (node), ==, 0);
    check_closed (path);
    g_assert_cmpint (dio_file_unlink (dio_files_host (), f->dir, "flushed", 0), ==, 0);
  }
  g_assert_cmpuint (failures, >=, N_TABLES);
}

/* A file that grows until its reference table does. */
static bool
grow_image (Fixture *f, const char *name, GError **error)
{
  g_autofree char *path = path_of (f, name);
  g_autoptr (DioBlockNode) node =
      dio_block_node_open (dio_files_host (), path, "qcow2", 0, NULL, error);
  static const uint8_t data[32 << 10] = { 1 };
  bool good = node != NULL;
  for (uint64_t at = 0; at < 18 * MIB && good; at += sizeof data)
    good = fail_errno (dio_block_node_write (node, at, data, sizeof data), error);
  return good && fail_errno (dio_block_node_flush (node), error);
}

static void
check_grown (Fixture *f, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = path_of (f, name);
  g_autoptr (DioBlockNode) node =
      dio_block_node_open (dio_files_host (), path, "qcow2", 0, NULL, &error);
  DioQcow2Check check = { 0 };
  g_assert_no_error (error);
  g_assert_true (dio_qcow2_check (node, DIO_QCOW2_REPAIR_NOTHING, &check, NULL, NULL, &error));
  g_assert_cmpuint (check.errors + check.corruptions, ==, 0);
  g_assert_cmpint (dio_block_node_close (g_steal_pointer (&node)), ==, 0);
  g_assert_cmpint (dio_file_unlink (dio_files_host (), f->dir, name, 0), ==, 0);
  create (f, name, (DioBlockCreate){ .format = "qcow2", .size = 64 * MIB, .cluster_size = 512 });
}

static void
test_grow (Fixture *f, gconstpointer data)
{
  create (f, "grown", (DioBlockCreate){ .format = "qcow2", .size = 64 * MIB, .cluster_size = 512 });
  f->least = 2048; /* tables are small here */
  loop (f, "grown", grow_image, check_grown, 8);
}

/* The disk itself grows, and its table with it. */
static bool
resize_image (Fixture *f, const char *name, GError **error)
{
  g_autofree char *path = path_of (f, name);
  g_autoptr (DioBlockNode) node =
      dio_block_node_open (dio_files_host (), path, "qcow2", 0, NULL, error);
  return node && dio_block_node_resize (node, 65536 * GIB, error);
}

static void
test_resize (Fixture *f, gconstpointer data)
{
  create (f, "resized", (DioBlockCreate){ .format = "qcow2", .size = GIB });
  loop (f, "resized", resize_image, NULL, 6);
}

static bool
create_image (Fixture *f, const char *name, GError **error)
{
  g_autofree char *path = path_of (f, name);
  DioBlockCreate how = { .format = "qcow2", .size = 65536 * GIB };
  dio_file_unlink (dio_files_host (), f->dir, name, 0);
  return dio_block_create (dio_files_host (), path, &how, error);
}

static void
test_create (Fixture *f, gconstpointer data)
{
  loop (f, "new", create_image, NULL, 2);
}

/* ---- States ---- */

static bool
open_state (Fixture *f, const char *what, GError **error)
{
  g_autoptr (DioStateFile) file =
      dio_state_file_read (dio_files_host (), f->dir, what, NULL, error);
  if (!file)
    return false;
  DioStore *store = dio_store_open (dio_files_host (), f->dir, false, error);
  if (!store)
    return false;
  DioVisitor *visitor = dio_visitor_new_load (dio_state_file_get (file, DIO_STATE_RAM));
  DioRamMap *map = dio_ram_map_load (visitor, store, NULL, error);
  bool good = dio_visitor_finish_load (visitor, error && *error ? NULL : error) && map;
  dio_ram_map_free (map);
  dio_store_free (store);
  return good;
}

/* The state of a machine of 64 GiB, and 2 MiB of its devices; what fails leaves nothing. */
static bool
write_state (Fixture *f, const char *what, GError **error)
{
  g_autoptr (DioStore) store = dio_store_open (dio_files_host (), f->dir, true, error);
  g_autoptr (DioRamMap) map = dio_ram_map_new (64 * GIB);
  if (!store || !map)
    return store ? fail_errno (-ENOMEM, error) : false;
  g_autoptr (DioStoreWriter) writer = dio_store_begin (store);
  DioVisitor *visitor = dio_visitor_new_save ();
  bool good = true;
  for (unsigned i = 0; i < 4000 && good; i++) { /* so that the pack has a large index */
    DioChunkId id;
    good = dio_store_put (writer, &i, sizeof i, &id, error);
  }
  good = good && dio_ram_map_save (map, writer, visitor, error);
  g_autoptr (GBytes) ram = dio_visitor_finish_save (visitor);
  if (good && !ram)
    good = fail_errno (-ENOMEM, error);
  if (!good || !dio_store_commit (writer, error))
    return false;
  g_autofree char *noise = g_try_malloc0 (2 << 20);
  if (!noise)
    return fail_errno (-ENOMEM, error);
  g_autoptr (GBytes) devices = g_bytes_new_static (noise, 2 << 20);
  g_autoptr (DioStateFile) file = dio_state_file_new ();
  dio_state_file_add (file, DIO_STATE_DEVICES, devices);
  dio_state_file_add (file, DIO_STATE_RAM, ram);
  return dio_state_file_write (file, dio_files_host (), f->dir, what, NULL, error);
}

static bool
verify_store (Fixture *f, const char *what, GError **error)
{
  g_autoptr (DioStore) store = dio_store_open (dio_files_host (), f->dir, true, error);
  uint64_t damaged = 0;
  if (!store || !dio_store_verify (store, NULL, NULL, &damaged, error))
    return false;
  g_assert_cmpuint (damaged, ==, 0);
  return true;
}

/* Half of the chunks go. */
static bool
sweep_store (Fixture *f, const char *what, GError **error)
{
  g_autoptr (DioStore) store = dio_store_open (dio_files_host (), f->dir, true, error);
  g_autoptr (DioStoreMarks) marks = store ? dio_store_marks_new (store, error) : NULL;
  if (!marks)
    return false;
  for (guint i = 0; i < 1900; i++) {
    DioChunkId id;
    g_assert_true (dio_chunk_hash (&i, sizeof i, &id));
    dio_store_mark (marks, &id);
  }
  return dio_store_sweep (marks, NULL, NULL, NULL, error);
}

static void
check_store (Fixture *f, const char *what)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioStore) store = dio_store_open (dio_files_host (), f->dir, true, &error);
  uint64_t damaged = 0;
  g_assert_no_error (error);
  g_assert_true (dio_store_verify (store, NULL, NULL, &damaged, &error));
  g_assert_cmpuint (damaged, ==, 0);
  for (guint i = 1; i < 1900; i++) {
    DioChunkId id;
    g_assert_true (dio_chunk_hash (&i, sizeof i, &id));
    g_assert_true (dio_store_has (store, &id));
  }
}

static void
test_state (Fixture *f, gconstpointer data)
{
  loop (f, "a.state", write_state, NULL, 12);
  loop (f, "a.state", open_state, NULL, 6);
  loop (f, "verify", verify_store, check_store, 4);
  loop (f, "sweep", sweep_store, check_store, 5);
}

/* ---- Bundles and their snapshots ---- */

#define MEMORY (64 * MIB)
#define USED (32 * MIB)

typedef struct {
  Fixture f;
  char *library, *path, *id; /* of the first snapshot */
  DioRam *ram;
} Bundle;

static void
fill_memory (DioRam *ram, uint32_t number)
{
  dio_ram_begin_write (ram, 0, USED);
  for (uint64_t at = 0; at < USED; at += 4096) {
    uint32_t words[2] = { number, (uint32_t) at };
    memcpy (ram->host + at, words, sizeof words);
  }
  dio_ram_note_write (ram, 0, USED);
}

static DioBlockNode *
open_disk (Bundle *b, GError **error)
{
  g_autoptr (DioSnapshots) tree = dio_snapshots_open (dio_files_host (), b->path, FALSE, error);
  g_autoptr (DioManifest) manifest =
      tree ? dio_bundle_load (dio_files_host (), b->path, error) : NULL;
  g_autoptr (DioMachineConfig) config =
      manifest ? dio_snapshots_prepare (tree, manifest, error) : NULL;
  return config ? dio_disk_config_open (g_ptr_array_index (config->disks, 0), dio_files_host (), 0,
                                        error)
                : NULL;
}

/* The first byte of the disk is the number of its state. */
static void
write_disk (Bundle *b, uint8_t number)
{
  g_autoptr (GError) error = NULL;
  uint8_t sector[512] = { number };
  DioBlockNode *node = open_disk (b, &error);
  g_assert_no_error (error);
  g_assert_cmpint (dio_block_node_write (node, 0, sector, sizeof sector), ==, 0);
  g_assert_cmpint (dio_block_node_close (node), ==, 0);
}

static uint8_t
read_disk (Bundle *b)
{
  g_autoptr (GError) error = NULL;
  uint8_t sector[512];
  g_autoptr (DioBlockNode) node = open_disk (b, &error);
  g_assert_no_error (error);
  g_assert_cmpint (dio_block_node_read (node, 0, sector, sizeof sector), ==, 0);
  return sector[0];
}

/* Of a machine that runs, or (@memory false) that is off and has variables of firmware. */
static char *
take (Bundle *b, DioSnapshots *tree, const char *name, bool memory, GError **error)
{
  g_autoptr (GBytes) devices = g_bytes_new_static (name, strlen (name));
  g_autoptr (DioSnapshotTake) it =
      dio_snapshots_begin (tree, DIO_SNAPSHOT_MANUAL, name, NULL, error);
  if (!it || !dio_snapshot_take_disks (it, error))
    return NULL;
  if (!memory)
    return dio_snapshot_take_finish (it, NULL, NULL, 0, NULL, NULL, NULL, NULL, error);
  DioRamFreeze *freeze = dio_ram_freeze (b->ram, error);
  if (!freeze)
    return NULL;
  return dio_snapshot_take_finish (it, devices, freeze, MEMORY, NULL, NULL, NULL, NULL, error);
}

static void
bundle_set_up (Bundle *b, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioMachineConfig) config = dio_machine_config_new ();
  set_up (&b->f, data);
  b->library = g_build_filename (b->f.folder, "library", NULL);
  g_assert_cmpint (g_mkdir_with_parents (b->library, 0700), ==, 0);
  config->name = g_strdup ("Tree");
  config->arch = DIO_ARCH_RISCV64;
  config->memory = MEMORY;
  b->path = dio_bundle_create (dio_files_host (), b->library, config, 16 * MIB, "qcow2", NULL, NULL,
                               NULL, &error);
  g_assert_no_error (error);
  g_autofree char *variables = g_build_filename (b->path, DIO_BUNDLE_VARIABLES, NULL);
  g_autofree char *noise = g_malloc0 (MIB);
  g_assert_true (g_file_set_contents (variables, noise, MIB, NULL));
  b->ram = dio_ram_new (MEMORY, "test", &error);
  g_assert_no_error (error);
  fill_memory (b->ram, 1);
  write_disk (b, 1);
  g_autoptr (DioSnapshots) tree = dio_snapshots_open (dio_files_host (), b->path, TRUE, &error);
  b->id = take (b, tree, "1", true, &error);
  g_assert_no_error (error);
  fill_memory (b->ram, 2);
  write_disk (b, 2);
}

static void
bundle_tear_down (Bundle *b, gconstpointer data)
{
  dio_ram_free (b->ram);
  g_free (b->library);
  g_free (b->path);
  g_free (b->id);
  tear_down (&b->f, data);
}

/* Everything that is listed can be loaded to the last byte. */
static DioSnapshots *
check_bundle (Bundle *b)
{
  g_autoptr (GError) error = NULL;
  guint64 damaged = 0;
  DioSnapshots *tree = dio_snapshots_open (dio_files_host (), b->path, TRUE, &error);
  g_assert_no_error (error);
  g_assert_true (dio_snapshots_verify (tree, NULL, NULL, &damaged, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (damaged, ==, 0);
  g_autoptr (DioSnapshotInfo) first = dio_snapshots_find (tree, "1", &error);
  g_assert_no_error (error);
  g_assert_nonnull (first);
  return tree;
}

/* All but the first snapshot go. */
static void
check_taken (Fixture *f, const char *what)
{
  Bundle *b = (Bundle *) f;
  g_autoptr (DioSnapshots) tree = check_bundle (b);
  g_autoptr (GPtrArray) list = dio_snapshots_list (tree);
  g_assert_cmpuint (list->len, <=, 2);
  g_assert_cmpuint (read_disk (b), ==, 2);
  for (guint i = 1; i < list->len; i++) {
    const DioSnapshotInfo *info = g_ptr_array_index (list, i);
    g_assert_true (dio_snapshots_delete (tree, info->id, NULL));
  }
  g_assert_true (dio_snapshots_purge (tree, G_MAXINT64, NULL, NULL, NULL, NULL));
}

static bool
take_one (Fixture *f, const char *what, GError **error)
{
  Bundle *b = (Bundle *) f;
  g_autoptr (DioSnapshots) tree = dio_snapshots_open (dio_files_host (), b->path, TRUE, error);
  g_autofree char *id = tree ? take (b, tree, "2", strcmp (what, "off") != 0, error) : NULL;
  return id != NULL;
}

static void
test_take (Bundle *b, gconstpointer data)
{
  loop (&b->f, "on", take_one, check_taken, 12);
  loop (&b->f, "off", take_one, check_taken, 3);
}

/* Back to the first snapshot, and its state is loaded. */
static bool
revert (Fixture *f, const char *what, GError **error)
{
  Bundle *b = (Bundle *) f;
  g_autoptr (DioSnapshots) tree = dio_snapshots_open (dio_files_host (), b->path, TRUE, error);
  if (!tree || !dio_snapshots_revert (tree, b->id, error))
    return false;
  DioSnapshotState state = { 0 };
  if (!dio_snapshots_load_pending (tree, &state, error))
    return false;
  g_assert_nonnull (state.map);
  DioRam *ram = dio_ram_new (MEMORY, "test", error);
  bool good = ram != NULL;
  if (good)
    good = dio_ram_load (ram, g_steal_pointer (&state.map), dio_snapshots_get_store (tree, NULL),
                         NULL, NULL, NULL, error);
  dio_ram_free (ram);
  dio_snapshot_state_clear (&state);
  return good && dio_snapshots_clear_pending (tree, error);
}

/* The disk is the old or the new one, and the tree says which. */
static void
check_reverted (Fixture *f, const char *what)
{
  Bundle *b = (Bundle *) f;
  g_autoptr (GError) error = NULL;
  g_autoptr (DioSnapshots) tree = check_bundle (b);
  g_autofree char *pending = dio_snapshots_get_pending (tree, NULL);
  uint8_t number = read_disk (b);
  g_assert_true (number == 1 || (number == 2 && !pending));
  g_assert_true (dio_snapshots_clear_pending (tree, &error));
  g_clear_pointer (&tree, dio_snapshots_unref);
  write_disk (b, 2);
}

static void
test_revert (Bundle *b, gconstpointer data)
{
  loop (&b->f, "revert", revert, check_reverted, 10);
}

static bool delete (Fixture *f, const char *what, GError **error)
{
  Bundle *b = (Bundle *) f;
  g_autoptr (DioSnapshots) tree = dio_snapshots_open (dio_files_host (), b->path, TRUE, error);
  g_autoptr (DioSnapshotInfo) info = tree ? dio_snapshots_find (tree, "2", error) : NULL;
  return info && dio_snapshots_delete (tree, info->id, error)
         && dio_snapshots_purge (tree, G_MAXINT64, NULL, NULL, NULL, error);
}

static void
take_again (Fixture *f, const char *what)
{
  g_autoptr (GError) error = NULL;
  check_taken (f, what);
  take_one (f, "on", &error);
  g_assert_no_error (error);
}

static void
test_delete (Bundle *b, gconstpointer data)
{
  take_again (&b->f, NULL);
  loop (&b->f, "delete", delete, take_again, 8);
}

static bool
clone_one (Fixture *f, const char *what, GError **error)
{
  Bundle *b = (Bundle *) f;
  bool linked = strcmp (what, "linked") == 0;
  g_autoptr (DioSnapshots) tree = dio_snapshots_open (dio_files_host (), b->path, TRUE, error);
  g_autofree char *path =
      tree ? dio_snapshots_clone (tree, b->id, b->library, "Copy", linked, NULL, NULL, error)
           : NULL;
  return path != NULL;
}

/* A clone is whole or not there. */
static void
check_clone (Fixture *f, const char *what)
{
  Bundle *b = (Bundle *) f;
  Bundle copy = { .path = g_build_filename (b->library, "Copy.diorama", NULL) };
  if (g_file_test (copy.path, G_FILE_TEST_EXISTS)) {
    dio_snapshots_unref (check_bundle (&copy));
    g_assert_cmpuint (read_disk (&copy), ==, 1);
    g_assert_true (dio_file_remove_tree (dio_files_host (), AT_FDCWD, copy.path, NULL));
  }
  dio_snapshots_unref (check_bundle (b));
  g_assert_cmpuint (read_disk (b), ==, 2);
  g_free (copy.path);
}

static void
test_clone (Bundle *b, gconstpointer data)
{
  loop (&b->f, "linked", clone_one, check_clone, 4);
  loop (&b->f, "full", clone_one, check_clone, 10);
}

/* A manifest with as much space in it as the limit allows. */
static bool
load_bundle (Fixture *f, const char *what, GError **error)
{
  g_autoptr (DioManifest) manifest =
      dio_bundle_load (dio_files_host (), ((Bundle *) f)->path, error);
  return manifest != NULL;
}

static bool
open_tree (Fixture *f, const char *what, GError **error)
{
  g_autoptr (DioSnapshots) tree =
      dio_snapshots_open (dio_files_host (), ((Bundle *) f)->path, TRUE, error);
  return tree != NULL;
}

/* Spaces behind the end of the file NAME. */
static void
pad_file (const char *folder, const char *name, gsize length)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *text = NULL;
  gsize there;
  g_assert_true (g_file_get_contents (path, &text, &there, NULL));
  text = g_realloc (text, length);
  memset (text + there, ' ', length - there);
  g_assert_true (g_file_set_contents (path, text, (gssize) length, NULL));
}

static void
test_bundle (Bundle *b, gconstpointer data)
{
  pad_file (b->path, DIO_MANIFEST_FILE, MIB - 1);
  pad_file (b->path, DIO_SNAPSHOT_FOLDER "/" DIO_SNAPSHOT_TREE, 8 * MIB);
  loop (&b->f, "manifest", load_bundle, NULL, 6);
  loop (&b->f, "tree", open_tree, NULL, 10);
}

int
main (int argc, char **argv)
{
  if (g_access ("/dev/shm", W_OK) == 0)
    g_setenv ("TMPDIR", "/dev/shm", FALSE);
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/app/oom/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("qcow2", test_qcow2);
  ADD ("raw", test_raw);
  ADD ("imports", test_imports);
  ADD ("chain", test_chain);
  ADD ("close", test_close);
  ADD ("flush", test_flush);
  ADD ("grow", test_grow);
  ADD ("resize", test_resize);
  ADD ("create", test_create);
  ADD ("state", test_state);
#undef ADD
#define ADD(name, func)                                                                            \
  g_test_add ("/app/oom/" name, Bundle, NULL, bundle_set_up, func, bundle_tear_down)
  ADD ("bundle", test_bundle);
  ADD ("take", test_take);
  ADD ("revert", test_revert);
  ADD ("delete", test_delete);
  ADD ("clone", test_clone);
#undef ADD
  return g_test_run ();
}
