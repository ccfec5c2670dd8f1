/* SPDX-License-Identifier: GPL-3.0-or-later
 * No memory for what is opened: each allocation whose size comes from a file fails once, and the
 * file is refused with a sentence instead of ending the process.
 *
 * Small allocations end the process by design, as GLib's do. What counts as large is LARGE: whoever
 * makes a file can make no more of these than the limits on it allow, and all of them are tried,
 * not demanded. The C library's malloc() is replaced for that. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "app/library/library-snapshot-private.h"
#include "core/backend/block/block-create.h"
#include "core/backend/block/qcow2.h"
#include "core/base/base-error.h"

#define LARGE ((size_t) 128 << 10)
#define GIB (UINT64_C (1) << 30)

/* ---- The failing malloc() ---- */

extern void *__libc_malloc (size_t size);
extern void *__libc_calloc (size_t n, size_t size);
extern void *__libc_realloc (void *old, size_t size);

static _Atomic unsigned nth; /* the large allocation that fails, from 1; 0: none does */
static _Atomic unsigned count;

static bool
fails (size_t size)
{
  if (size < LARGE || !atomic_load (&nth) || atomic_fetch_add (&count, 1) + 1 != atomic_load (&nth))
    return false;
  errno = ENOMEM;
  return true;
}

void *
malloc (size_t size)
{
  return fails (size) ? NULL : __libc_malloc (size);
}

void *
calloc (size_t n, size_t size)
{
  size_t total;
  bool known = !__builtin_mul_overflow (n, size, &total);
  return known && fails (total) ? NULL : __libc_calloc (n, size);
}

void *
realloc (void *old, size_t size)
{
  return fails (size) ? NULL : __libc_realloc (old, size);
}

/* ---- What is opened ---- */

typedef struct {
  char *folder;
  int dir;
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

typedef bool (*Open) (Fixture *f, const char *what, GError **error);

/* Opens again and again until nothing fails any more. */
static void
loop (Fixture *f, const char *what, Open open, unsigned expected)
{
  unsigned failures = 0;
  for (unsigned i = 1;; i++) {
    g_autoptr (GError) error = NULL;
    atomic_store (&count, 0);
    atomic_store (&nth, i);
    bool good = open (f, what, &error);
    bool failed = atomic_load (&count) >= i;
    atomic_store (&nth, 0);
    g_assert_true (good == !error);
    failures += failed;
    if (!failed) {
      g_assert_no_error (error);
      break;
    }
  }
  g_test_message ("%s: %u large allocations", what, failures);
  g_assert_cmpuint (failures, >=, expected);
}

static bool
open_image (Fixture *f, const char *format, GError **error)
{
  uint8_t data[4096];
  g_autofree char *path = g_build_filename (f->folder, format, NULL);
  DioBlockNode *node =
      dio_block_node_open (dio_files_host (), path, format,
                           dio_block_is_import (format) ? DIO_BLOCK_OPEN_READONLY : 0, NULL, error);
  if (!node)
    return false;
  int result = dio_block_node_read (node, node->size / 2, data, sizeof data);
  DioQcow2Check check = { 0 };
  bool good = result == 0;
  if (good && strcmp (format, "qcow2") == 0)
    good = dio_qcow2_check (node, DIO_QCOW2_REPAIR_NOTHING, &check, NULL, NULL, error);
  else if (!good)
    dio_set_error_errno (error, -result, "%s", "read");
  dio_block_node_close (node);
  return good;
}

/* Tables of a disk of 64 TiB. */
static void
test_qcow2 (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (f->folder, "qcow2", NULL);
  DioBlockCreate create = { .format = "qcow2", .size = 65536 * GIB };
  dio_block_create (dio_files_host (), path, &create, &error);
  g_assert_no_error (error);
  loop (f, "qcow2", open_image, 1);
}

static void
test_imports (Fixture *f, gconstpointer data)
{
  static const char *const formats[][2] = {
    { "vmdk", "vmdk" }, { "vdi", "vdi" }, { "vpc", "vhd" }, { "vhdx", "vhdx" }
  };
  g_autofree char *qemu = g_find_program_in_path ("qemu-img");
  if (!qemu) {
    g_test_skip ("no qemu-img");
    return;
  }
  for (unsigned i = 0; i < G_N_ELEMENTS (formats); i++) {
    g_autofree char *path = g_build_filename (f->folder, formats[i][1], NULL);
    const char *const argv[] = { qemu, "create", "-q", "-f", formats[i][0], path, "1T", NULL };
    int status;
    g_assert_true (
        g_spawn_sync (NULL, (char **) argv, NULL, 0, NULL, NULL, NULL, NULL, &status, NULL));
    g_assert_cmpint (status, ==, 0);
    loop (f, formats[i][1], open_image, 0);
  }
}

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

/* The state of a machine of 8 GiB, and 2 MiB of its devices. */
static void
test_state (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  DioStore *store = dio_store_open (dio_files_host (), f->dir, true, &error);
  g_assert_no_error (error);
  DioStoreWriter *writer = dio_store_begin (store);
  g_autoptr (DioRamMap) map = dio_ram_map_new (8 * GIB);
  for (unsigned i = 0; i < 4000; i++) { /* so that the pack has a large index */
    DioChunkId id;
    g_assert_true (dio_store_put (writer, &i, sizeof i, &id, &error));
  }
  DioVisitor *visitor = dio_visitor_new_save ();
  g_assert_true (dio_ram_map_save (map, writer, visitor, &error));
  g_autoptr (GBytes) ram = dio_visitor_finish_save (visitor);
  g_assert_true (dio_store_commit (writer, &error));
  dio_store_writer_free (writer);
  dio_store_free (store);

  g_autofree char *noise = g_malloc0 (2 << 20);
  g_autoptr (GBytes) devices = g_bytes_new (noise, 2 << 20);
  g_autoptr (DioStateFile) file = dio_state_file_new ();
  dio_state_file_add (file, DIO_STATE_DEVICES, devices);
  dio_state_file_add (file, DIO_STATE_RAM, ram);
  g_assert_true (dio_state_file_write (file, dio_files_host (), f->dir, "a.state", NULL, &error));
  loop (f, "a.state", open_state, 4);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/app/oom/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("qcow2", test_qcow2);
  ADD ("imports", test_imports);
  ADD ("state", test_state);
#undef ADD
  return g_test_run ();
}
