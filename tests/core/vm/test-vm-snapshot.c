/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of what a snapshot does with the disks of a machine: they go on in overlays, what they were
 * stays as it is, and all is as before when it fails. */
#include "core/vm/vm-snapshot.h"

#include <errno.h>
#include <string.h>

#include "core/backend/block/block-create.h"
#include "core/base/base-error.h"
#include "core/file/file-util.h"
#include "tests/support/support-machine.h"

#define SIZE (UINT64_C (1) << 20)
#define N 2 /* disks: one raw, one qcow2 */

static const char *const formats[N] = { "raw", "qcow2" };

typedef struct {
  char *folder;
  char *disks[N], *overlays[N];
  DioMachine *machine;
  DioPool *pool;
  bool points, refuses;
} Fixture;

static char *
make_image (Fixture *f, const char *name, const char *format, const char *backing)
{
  g_autoptr (GError) error = NULL;
  DioBlockCreate create = { .format = format, .size = SIZE, .backing = backing };
  char *path = g_build_filename (f->folder, name, NULL);
  dio_block_create (dio_files_host (), path, &create, &error);
  g_assert_no_error (error);
  return path;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  f->folder = g_dir_make_tmp ("dio-vm-snapshot-XXXXXX", NULL);
  f->machine = support_machine_new (SIZE);
  f->pool = dio_pool_new (2);
  for (unsigned i = 0; i < N; i++) {
    g_autofree char *name = g_strdup_printf ("disk%u", i);
    g_autofree char *overlay = g_strdup_printf ("overlay%u", i);
    f->disks[i] = make_image (f, name, formats[i], NULL);
    f->overlays[i] = make_image (f, overlay, "qcow2", name);
    DioBlockNode *node =
        dio_block_node_open (dio_files_host (), f->disks[i], formats[i], 0, NULL, &error);
    g_assert_no_error (error);
    g_ptr_array_add (f->machine->disks, dio_block_new (node, f->machine->loop, f->pool));
  }
  g_assert_true (support_machine_do (f->machine, dio_machine_start, &error));
}

static DioBlock *
disk (Fixture *f, unsigned i)
{
  return g_ptr_array_index (f->machine->disks, i);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  for (unsigned i = 0; i < N; i++) {
    dio_block_free (disk (f, i));
    g_free (f->disks[i]);
    g_free (f->overlays[i]);
  }
  support_machine_free (f->machine);
  dio_pool_free (f->pool);
  g_assert_true (dio_file_remove_tree (dio_files_host (), AT_FDCWD, f->folder, NULL));
  g_free (f->folder);
}

static int
write_byte (Fixture *f, unsigned i, uint64_t offset, uint8_t byte)
{
  g_autofree uint8_t *data = g_malloc (4096);
  memset (data, byte, 4096);
  return dio_block_node_write (dio_block_get_node (disk (f, i)), offset, data, 4096);
}

static uint8_t
byte_of (DioBlockNode *node, uint64_t offset)
{
  uint8_t byte = 0xff;
  g_assert_cmpint (dio_block_node_read (node, offset, &byte, 1), ==, 0);
  return byte;
}

static bool
point_cb (void *data, GError **error)
{
  Fixture *f = data;
  f->points = true;
  if (f->refuses)
    g_set_error (error, DIO_ERROR, DIO_ERROR_IO, "no");
  return !f->refuses;
}

static DioSnapshot *current; /* of the one test that runs */

static void
snapshot_command (DioMachine *machine, DioMachineDone done, void *data)
{
  dio_machine_snapshot (machine, current, done, data);
}

static bool
take (Fixture *f, GError **error)
{
  DioSnapshot snapshot = {
    .overlays = f->overlays,
    .n_overlays = N,
    .point = point_cb,
    .data = f,
  };
  f->points = false;
  current = &snapshot;
  bool good = support_machine_do (f->machine, snapshot_command, error);
  if (snapshot.freeze)
    dio_ram_freeze_end (snapshot.freeze, true);
  g_clear_pointer (&snapshot.devices, g_bytes_unref);
  return good;
}

/* The image alone, as it was at the snapshot; other programs may read it, too. */
static void
test_go_on (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  for (unsigned i = 0; i < N; i++)
    g_assert_cmpint (write_byte (f, i, 0, 1), ==, 0);
  g_assert_true (take (f, &error));
  g_assert_true (f->points);
  for (unsigned i = 0; i < N; i++) {
    g_assert_cmpint (write_byte (f, i, 0, 2), ==, 0);
    g_assert_cmpint (write_byte (f, i, 65536, 3), ==, 0);
    DioBlockNode *top = dio_block_get_node (disk (f, i));
    g_assert_cmpstr (top->path, ==, f->overlays[i]);
    g_assert_cmpstr (disk (f, i)->path, ==, f->overlays[i]);
    g_assert_true (top->backing->readonly);
    g_assert_cmpint (byte_of (top, 0), ==, 2);
    g_autoptr (DioBlockNode) below = dio_block_node_open (
        dio_files_host (), f->disks[i], formats[i], DIO_BLOCK_OPEN_READONLY, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpint (byte_of (below, 0), ==, 1);
    g_assert_cmpint (byte_of (below, 65536), ==, 0);
  }
}

static void
assert_as_before (Fixture *f)
{
  for (unsigned i = 0; i < N; i++) {
    DioBlockNode *node = dio_block_get_node (disk (f, i));
    g_assert_cmpstr (node->path, ==, f->disks[i]);
    g_assert_false (node->readonly);
    g_assert_cmpint (write_byte (f, i, 0, 5), ==, 0);
    g_assert_cmpint (byte_of (node, 0), ==, 5);
  }
}

static void
test_refused (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  f->refuses = true;
  g_assert_false (take (f, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_IO);
  assert_as_before (f);
}

/* The second overlay cannot be opened: the first disk does not go on in its own either. */
static void
test_no_overlay (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  int folder = dio_file_open (dio_files_host (), AT_FDCWD, f->folder, O_RDONLY | O_DIRECTORY, 0);
  g_assert_cmpint (dio_file_unlink (dio_files_host (), folder, "overlay1", 0), ==, 0);
  dio_file_close (dio_files_host (), folder);
  g_assert_false (take (f, &error));
  g_assert_nonnull (error);
  g_assert_false (f->points);
  assert_as_before (f);
}

/* ---- Starting from one ---- */

typedef struct {
  DioDevice dev;
  _Atomic unsigned resumed;
} Sleeper;

static void
sleeper_resume (DioDevice *dev)
{
  atomic_fetch_add (&((Sleeper *) dev)->resumed, 1);
}

static void
sleeper_state (DioDevice *dev, DioVisitor *visitor)
{
}

static const DioDeviceType sleeper_type = {
  .id = "sleeper",
  .instance_size = sizeof (Sleeper),
  .state = sleeper_state,
  .resume = sleeper_resume,
};

static Sleeper *
add_sleeper (DioMachine *machine)
{
  g_autoptr (GError) error = NULL;
  DioDevice *dev = dio_device_new (&sleeper_type, "sleeper");
  g_assert_true (dio_device_attach (dev, machine, &error));
  return (Sleeper *) dev;
}

static DioRestore *wanted;

static void
restore_command (DioMachine *machine, DioMachineDone done, void *data)
{
  dio_machine_restore (machine, wanted, done, data);
}

/* What the guest had asked of a device before the snapshot, and the device had not begun, nobody
 * asks again: so devices are resumed, as after the snapshot itself. */
static void
test_resumes (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  int folder = dio_file_open (dio_files_host (), AT_FDCWD, f->folder, O_RDONLY | O_DIRECTORY, 0);
  DioStore *store = dio_store_open (dio_files_host (), folder, true, &error);
  g_assert_no_error (error);
  DioMachine *machine = support_machine_new (SIZE);
  Sleeper *sleeper = add_sleeper (machine);
  g_assert_true (support_machine_do (machine, dio_machine_start, &error));
  DioSnapshot snapshot = { 0 };
  current = &snapshot;
  g_assert_true (support_machine_do (machine, snapshot_command, &error));
  g_assert_cmpuint (atomic_load (&sleeper->resumed), ==, 1);
  dio_ram_freeze_end (snapshot.freeze, true);
  support_machine_free (machine);

  for (unsigned paused = 0; paused < 2; paused++) {
    machine = support_machine_new (SIZE);
    sleeper = add_sleeper (machine);
    DioRestore restore = { .devices = snapshot.devices,
                           .map = dio_ram_map_new (snapshot.memory),
                           .store = store,
                           .paused = paused };
    wanted = &restore;
    g_assert_true (support_machine_do (machine, restore_command, &error));
    g_assert_cmpuint (atomic_load (&sleeper->resumed), ==, !paused);
    if (paused)
      g_assert_true (support_machine_do (machine, dio_machine_resume, &error));
    g_assert_cmpuint (atomic_load (&sleeper->resumed), ==, 1);
    support_machine_free (machine);
  }
  g_bytes_unref (snapshot.devices);
  dio_store_free (store);
  dio_file_close (dio_files_host (), folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func)                                                                            \
  g_test_add ("/core/vm/snapshot/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("go-on", test_go_on);
  ADD ("refused", test_refused);
  ADD ("no-overlay", test_no_overlay);
  ADD ("resumes", test_resumes);
#undef ADD
  return g_test_run ();
}
