/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the tests of the application library share. */
#include "tests/app/app-fixture.h"

#include <fcntl.h>
#include <string.h>

#include "app/library/library-journal.h"
#include "core/file/file-util.h"

#define DEADLINE_US (10 * G_USEC_PER_SEC)

void
fixture_remove (const char *path)
{
  g_autoptr (GError) error = NULL;
  dio_file_remove_tree (dio_files_host (), AT_FDCWD, path, &error);
  g_assert_no_error (error);
}

void
fixture_write_kernel (const char *path, gsize length)
{
  g_autofree char *data = g_malloc0 (MAX (length, 64));
  /* Documentation/arch/riscv/boot-image-header.rst: image size, magic and magic2. */
  guint64 size = GUINT64_TO_LE (length);
  guint64 offset = GUINT64_TO_LE (0x200000);
  memcpy (data + 8, &offset, 8);
  memcpy (data + 16, &size, 8);
  memcpy (data + 0x30, "RISCV\0\0\0", 8);
  memcpy (data + 0x38, "RSC\x05", 4);
  g_assert_true (g_file_set_contents (path, data, length, NULL));
}

void
fixture_set_up (Fixture *fixture)
{
  memset (fixture, 0, sizeof *fixture);
  fixture->folder = g_dir_make_tmp ("dio-XXXXXX", NULL);
  g_assert_nonnull (fixture->folder);
  fixture->library_path = fixture_path (fixture, "machines");
  fixture->kernel = fixture_path (fixture, "linux");
  fixture_write_kernel (fixture->kernel, 128 * 1024);
  fixture->pool = dio_pool_new (1);
  fixture->host.boards = dio_dummy_boards;
  fixture->host.devices = dio_dummy_devices;
  fixture->host.pool = fixture->pool;
  g_autoptr (GError) error = NULL;
  fixture->library = dio_library_new (fixture->library_path, &fixture->host, &error);
  g_assert_no_error (error);
}

void
fixture_tear_down (Fixture *fixture)
{
  g_assert_cmpuint (dio_library_count_active (fixture->library), ==, 0);
  g_clear_object (&fixture->library);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  dio_journal_flush ();
  g_assert_cmpint (dio_dummy_machines (), ==, 0);
  dio_pool_free (fixture->pool);
  fixture_remove (fixture->folder);
  g_free (fixture->folder);
  g_free (fixture->library_path);
  g_free (fixture->kernel);
}

char *
fixture_path (Fixture *fixture, const char *name)
{
  return g_build_filename (fixture->folder, name, NULL);
}

DioMachineConfig *
fixture_config (Fixture *fixture, const char *name, const char *append)
{
  DioMachineConfig *config = dio_machine_config_new ();
  config->name = g_strdup (name);
  config->arch = DIO_ARCH_RISCV64;
  config->memory = UINT64_C (256) << 20;
  config->cpus = 1;
  config->kernel = g_strdup (fixture->kernel);
  config->append = g_strdup (append);
  return config;
}

static void
result_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static GAsyncResult *
wait_result (GAsyncResult **result)
{
  gint64 deadline = g_get_monotonic_time () + DEADLINE_US;
  while (!*result) {
    g_assert_cmpint (g_get_monotonic_time (), <, deadline);
    g_main_context_iteration (NULL, TRUE);
  }
  return *result;
}

DioMachineItem *
fixture_create_with (Fixture *fixture, const DioMachineConfig *config, guint64 disk_size,
                     const char *format)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  dio_library_create_async (fixture->library, config, disk_size, format, NULL, result_cb, &result);
  wait_result (&result);
  DioMachineItem *item = dio_library_create_finish (fixture->library, result, &error);
  g_assert_no_error (error);
  return item;
}

DioMachineItem *
fixture_create (Fixture *fixture, const char *name, const char *append)
{
  g_autoptr (DioMachineConfig) config = fixture_config (fixture, name, append);
  return fixture_create_with (fixture, config, 0, NULL);
}

gboolean
fixture_command (DioMachineItem *item, ItemCommand command, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;
  command (item, NULL, result_cb, &result);
  return dio_machine_item_command_finish (item, wait_result (&result), error);
}

static gboolean
wake_cb (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

void
fixture_wait_flag (gboolean *flag)
{
  guint id = g_timeout_add (20, wake_cb, NULL);
  gint64 deadline = g_get_monotonic_time () + DEADLINE_US;
  while (!*flag) {
    g_assert_cmpint (g_get_monotonic_time (), <, deadline);
    g_main_context_iteration (NULL, TRUE);
  }
  g_source_remove (id);
}

void
fixture_wait_state (DioMachineItem *item, DioItemState state)
{
  guint id = g_timeout_add (20, wake_cb, NULL);
  gint64 deadline = g_get_monotonic_time () + DEADLINE_US;
  while (dio_machine_item_get_state (item) != state) {
    if (g_get_monotonic_time () > deadline)
      g_error ("state %d awaited, but it is %d (%s)", state, dio_machine_item_get_state (item),
               dio_machine_item_get_error (item));
    g_main_context_iteration (NULL, TRUE);
  }
  g_source_remove (id);
}

void
fixture_iterate (unsigned ms)
{
  guint id = g_timeout_add (5, wake_cb, NULL);
  gint64 end = g_get_monotonic_time () + ms * 1000;
  while (g_get_monotonic_time () < end)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (id);
}

void
fixture_turn_off (DioMachineItem *item)
{
  g_autoptr (GError) error = NULL;
  fixture_command (item, dio_machine_item_force_off_async, &error);
  g_assert_no_error (error);
  fixture_wait_state (item, DIO_ITEM_OFF);
}

char *
fixture_fill_row (const char *path, DioSnapshotKind kind)
{
  g_autoptr (GError) error = NULL;
  char *first = NULL;
  g_autoptr (DioSnapshots) tree = dio_snapshots_open (dio_files_host (), path, TRUE, &error);
  while (!error) {
    g_autoptr (DioSnapshotTake) it = dio_snapshots_begin (tree, kind, NULL, NULL, &error);
    if (!it || !dio_snapshot_take_disks (it, &error))
      break;
    char *id = dio_snapshot_take_finish (it, NULL, NULL, 0, NULL, NULL, NULL, NULL, &error);
    if (first)
      g_free (id);
    else
      first = id;
  }
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FULL);
  return first;
}

int
fixture_run_tests (void)
{
  g_autofree char *runtime = g_dir_make_tmp ("dio-run-XXXXXX", NULL);
  g_setenv ("XDG_RUNTIME_DIR", runtime, TRUE);
  int result = g_test_run ();
  fixture_remove (runtime);
  return result;
}
