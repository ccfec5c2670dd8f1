/* SPDX-License-Identifier: GPL-3.0-or-later
 * Changing what a machine of the library is made of: all of it or nothing. */
#include <string.h>

#include "app/job/job-thread.h"
#include "tests/app/app-fixture.h"

static void
result_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static gboolean
configure (DioMachineItem *item, const DioMachineConfig *config, guint64 disk,
           GCancellable *cancellable, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  dio_machine_item_configure_async (item, config, disk, NULL, cancellable, result_cb, &result);
  while (!result)
    g_main_context_iteration (NULL, TRUE);
  return dio_machine_item_command_finish (item, result, error);
}

static char *
read_manifest (DioMachineItem *item)
{
  g_autofree char *path = g_build_filename (dio_machine_item_get_path (item), "machine.json", NULL);
  char *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return text;
}

static void
assert_file (DioMachineItem *item, const char *name, gboolean there)
{
  g_autofree char *path = g_build_filename (dio_machine_item_get_path (item), name, NULL);

  g_assert_cmpint (g_file_test (path, G_FILE_TEST_EXISTS), ==, there);
}

static gboolean
has_system (DioMachineItem *item)
{
  gboolean there;

  g_object_get (item, "has-system", &there, NULL);
  return there;
}

static void
count_cb (guint *count)
{
  ++*count;
}

/* An empty machine gets a kernel, and the window is told. */
static void
test_system (void)
{
  Fixture fixture;
  guint told = 0;
  fixture_set_up (&fixture);
  g_autoptr (DioMachineItem) item = fixture_create (&fixture, "Test", NULL);
  g_autoptr (DioMachineConfig) config =
      dio_machine_config_copy (dio_machine_item_get_config (item));
  g_autoptr (GError) error = NULL;
  g_signal_connect_swapped (item, "notify::has-system", G_CALLBACK (count_cb), &told);

  g_assert_true (has_system (item));
  g_clear_pointer (&config->kernel, g_free);
  configure (item, config, 1 << 20, NULL, &error);
  g_assert_no_error (error);
  g_assert_false (has_system (item)); /* nothing was written to the new disk */
  g_assert_cmpuint (told, ==, 1);
  assert_file (item, "kernel", FALSE);
  assert_file (item, "disk0.qcow2", TRUE);
  g_assert_cmpuint (dio_machine_item_get_config (item)->disks->len, ==, 1);

  g_clear_pointer (&config, dio_machine_config_free);
  config = dio_machine_config_copy (dio_machine_item_get_config (item));
  config->kernel = g_strdup (fixture.kernel);
  configure (item, config, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (has_system (item));
  g_assert_cmpuint (told, ==, 2);
  g_assert_true (g_str_has_prefix (dio_machine_item_get_config (item)->kernel,
                                   dio_machine_item_get_path (item)));
  fixture_tear_down (&fixture);
}

static void
expect_nothing (DioMachineItem *item, const DioMachineConfig *config, guint64 disk,
                GCancellable *cancellable, int code, GQuark domain)
{
  g_autofree char *before = read_manifest (item);
  g_autoptr (GError) error = NULL;

  g_assert_false (configure (item, config, disk, cancellable, &error));
  g_assert_error (error, domain, code);
  g_autofree char *after = read_manifest (item);
  g_assert_cmpstr (before, ==, after);
  assert_file (item, "kernel", TRUE);
  assert_file (item, "kernel1", FALSE);
  assert_file (item, "disk0.qcow2", FALSE);
}

/* What fails leaves the machine as it was. */
static void
test_failures (void)
{
  Fixture fixture;
  fixture_set_up (&fixture);
  g_object_unref (fixture_create (&fixture, "Other", NULL));
  g_autoptr (DioMachineItem) item = fixture_create (&fixture, "Test", "dummy:still");
  g_autoptr (DioMachineConfig) config =
      dio_machine_config_copy (dio_machine_item_get_config (item));
  g_autoptr (GCancellable) cancelled = g_cancellable_new ();
  const char *field = NULL;

  g_cancellable_cancel (cancelled);
  g_free (config->kernel);
  config->kernel = g_strdup (fixture.kernel);
  expect_nothing (item, config, 1 << 20, cancelled, G_IO_ERROR_CANCELLED, G_IO_ERROR);
  expect_nothing (item, config, 1000, NULL, DIO_ERROR_CONFIG, DIO_ERROR);

  g_free (config->name);
  config->name = g_strdup ("other"); /* case does not count */
  g_assert_false (dio_machine_item_validate (item, config, 0, &field, NULL));
  g_assert_cmpstr (field, ==, "name");
  expect_nothing (item, config, 0, NULL, DIO_ERROR_EXISTS, DIO_ERROR);

  g_free (config->name);
  config->name = g_strdup ("TEST"); /* its own name */
  g_assert_true (dio_machine_item_validate (item, config, 0, &field, NULL));
  config->memory = 1;
  expect_nothing (item, config, 0, NULL, DIO_ERROR_CONFIG, DIO_ERROR);

  /* Nor does anything change while it runs. */
  config->memory = UINT64_C (512) << 20;
  g_autoptr (GError) error = NULL;
  fixture_command (item, dio_machine_item_start_async, &error);
  g_assert_no_error (error);
  expect_nothing (item, config, 0, NULL, DIO_ERROR_BUSY, DIO_ERROR);
  fixture_command (item, dio_machine_item_force_off_async, &error);
  g_assert_no_error (error);
  fixture_wait_state (item, DIO_ITEM_OFF);
  configure (item, config, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (dio_machine_item_get_name (item), ==, "TEST");
  fixture_tear_down (&fixture);
}

/* Its own lock does not make the machine look as if somebody else ran it. */
static void
test_stays_off (void)
{
  Fixture fixture;
  guint changes = 0;
  fixture_set_up (&fixture);
  g_autoptr (DioMachineItem) item = fixture_create (&fixture, "Test", NULL);
  g_autoptr (DioMachineConfig) config =
      dio_machine_config_copy (dio_machine_item_get_config (item));
  g_autoptr (GError) error = NULL;
  fixture_iterate (300); /* the creation's own notices */
  g_signal_connect_swapped (item, "notify::state", G_CALLBACK (count_cb), &changes);
  g_free (config->kernel);
  config->kernel = g_strdup (fixture.kernel);
  configure (item, config, 1 << 20, NULL, &error);
  g_assert_no_error (error);
  fixture_iterate (300);
  g_assert_cmpuint (changes, ==, 0);
  assert_file (item, "kernel", FALSE);
  assert_file (item, "kernel1", TRUE);
  fixture_tear_down (&fixture);
}

static void
note_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  *(GThread **) data = g_thread_self ();
  g_task_return_int (task, 42);
}

static void
test_job (void)
{
  g_autoptr (GAsyncResult) result = NULL;
  GThread *thread = NULL;
  g_autoptr (GTask) task = g_task_new (NULL, NULL, result_cb, &result);
  g_task_set_task_data (task, &thread, NULL);
  dio_job_thread_run (task, note_thread);
  g_assert_null (result); /* never before the main loop runs */
  while (!result)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (g_task_propagate_int (G_TASK (result), NULL), ==, 42);
  g_assert_true (thread != g_thread_self ());
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/app/configure/system", test_system);
  g_test_add_func ("/app/configure/failures", test_failures);
  g_test_add_func ("/app/configure/stays-off", test_stays_off);
  g_test_add_func ("/app/job/thread", test_job);
  return g_test_run ();
}
