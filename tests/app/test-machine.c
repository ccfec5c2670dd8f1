/* SPDX-License-Identifier: GPL-3.0-or-later
 * The life cycle of a machine of the library, with the dummy engine. */
#include <linux/input-event-codes.h>

#include "app/library/library-journal.h"
#include "tests/app/app-fixture.h"

typedef struct {
  gboolean stopped;
  int reason;
  char *message;
  unsigned thumbnails;
} Watch;

static void
stopped_cb (DioMachineItem *item, int reason, const char *message, Watch *watch)
{
  watch->stopped = TRUE;
  watch->reason = reason;
  g_free (watch->message);
  watch->message = g_strdup (message);
}

static void
thumbnail_cb (DioMachineItem *item, Watch *watch)
{
  watch->thumbnails++;
}

static DioMachineItem *
make (Fixture *fixture, Watch *watch, const char *append)
{
  *watch = (Watch){ 0 };
  DioMachineItem *item = fixture_create (fixture, "Test", append);
  g_signal_connect (item, "stopped", G_CALLBACK (stopped_cb), watch);
  g_signal_connect (item, "thumbnail-changed", G_CALLBACK (thumbnail_cb), watch);
  return item;
}

static void
start (DioMachineItem *item)
{
  g_autoptr (GError) error = NULL;
  fixture_command (item, dio_machine_item_start_async, &error);
  g_assert_no_error (error);
  g_assert_cmpint (dio_machine_item_get_state (item), ==, DIO_ITEM_RUNNING);
}

static void
expect_refusal (DioMachineItem *item, ItemCommand command, const char *part)
{
  g_autoptr (GError) error = NULL;
  g_assert_false (fixture_command (item, command, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, part));
}

static void
expect (DioMachineItem *item, ItemCommand command)
{
  g_autoptr (GError) error = NULL;
  fixture_command (item, command, &error);
  g_assert_no_error (error);
}

static void
test_cycle (void)
{
  Fixture fixture;
  Watch watch;
  fixture_set_up (&fixture);
  g_autoptr (DioMachineItem) item = make (&fixture, &watch, NULL);
  g_assert_cmpint (dio_machine_item_get_state (item), ==, DIO_ITEM_OFF);
  g_assert_null (dio_machine_item_get_scanout (item));
  expect_refusal (item, dio_machine_item_pause_async, "not running");
  expect_refusal (item, dio_machine_item_resume_async, "not running");
  expect_refusal (item, dio_machine_item_reset_async, "not running");
  expect_refusal (item, dio_machine_item_force_off_async, "not running");
  expect_refusal (item, dio_machine_item_power_button_async, "not running");
  start (item);
  g_assert_cmpuint (dio_library_count_active (fixture.library), ==, 1);
  g_assert_nonnull (dio_machine_item_get_scanout (item));
  g_assert_nonnull (dio_machine_item_get_input (item));
  expect_refusal (item, dio_machine_item_start_async, "running already");
  expect_refusal (item, dio_machine_item_resume_async, "not paused");
  expect (item, dio_machine_item_pause_async);
  g_assert_cmpint (dio_machine_item_get_state (item), ==, DIO_ITEM_PAUSED);
  expect_refusal (item, dio_machine_item_pause_async, "paused");
  expect_refusal (item, dio_machine_item_power_button_async, "paused");
  expect (item, dio_machine_item_reset_async);
  expect (item, dio_machine_item_resume_async);
  g_assert_cmpint (dio_machine_item_get_state (item), ==, DIO_ITEM_RUNNING);
  DioMachineStats stats;
  g_assert_true (dio_machine_item_get_stats (item, &stats));
  expect (item, dio_machine_item_force_off_async);
  fixture_wait_flag (&watch.stopped);
  g_assert_cmpint (watch.reason, ==, DIO_STOP_FORCED);
  g_assert_null (watch.message);
  g_assert_cmpint (dio_machine_item_get_state (item), ==, DIO_ITEM_OFF);
  g_assert_null (dio_machine_item_get_scanout (item));
  g_assert_false (dio_machine_item_get_stats (item, &stats));
  /* And again. */
  watch.stopped = FALSE;
  start (item);
  expect (item, dio_machine_item_power_button_async);
  fixture_wait_flag (&watch.stopped);
  g_assert_cmpint (watch.reason, ==, DIO_STOP_GUEST_OFF);
  fixture_tear_down (&fixture);
}

static void
test_failures (void)
{
  Fixture fixture;
  Watch watch;
  fixture_set_up (&fixture);
  g_autoptr (GError) error = NULL;
  g_autoptr (DioMachineItem) item = make (&fixture, &watch, "dummy:fail-new");
  g_assert_false (fixture_command (item, dio_machine_item_start_async, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
  g_assert_cmpint (dio_machine_item_get_state (item), ==, DIO_ITEM_OFF);
  g_assert_cmpstr (dio_machine_item_get_error (item), ==, error->message);
  g_assert_false (watch.stopped);
  g_clear_error (&error);
  g_assert_true (dio_library_trash (fixture.library, item, &error));
  g_clear_object (&item);

  item = make (&fixture, &watch, "dummy:fail-start");
  g_assert_false (fixture_command (item, dio_machine_item_start_async, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FAILED);
  g_assert_cmpint (dio_machine_item_get_state (item), ==, DIO_ITEM_OFF);
  g_clear_error (&error);
  g_assert_true (dio_library_trash (fixture.library, item, &error));
  g_clear_object (&item);

  item = make (&fixture, &watch, "dummy:fail-pause dummy:deaf");
  start (item);
  g_assert_false (fixture_command (item, dio_machine_item_pause_async, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FAILED);
  g_assert_cmpint (dio_machine_item_get_state (item), ==, DIO_ITEM_RUNNING);
  g_clear_error (&error);
  g_assert_false (fixture_command (item, dio_machine_item_power_button_async, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  expect (item, dio_machine_item_force_off_async);
  fixture_wait_flag (&watch.stopped);
  fixture_tear_down (&fixture);
}

static void
test_guest_ends (void)
{
  static const struct {
    const char *append;
    DioStopReason reason;
    gboolean has_error;
  } cases[] = {
    { "dummy:off-after=30", DIO_STOP_GUEST_OFF, FALSE },
    { "dummy:crash-after=30", DIO_STOP_CRASHED, TRUE },
    { "dummy:error-after=30", DIO_STOP_ERROR, TRUE },
    { "dummy:off-after=0", DIO_STOP_GUEST_OFF, FALSE },
  };
  Fixture fixture;
  Watch watch;
  fixture_set_up (&fixture);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (DioMachineItem) item = make (&fixture, &watch, cases[i].append);
    fixture_command (item, dio_machine_item_start_async, &error);
    g_assert_no_error (error);
    fixture_wait_flag (&watch.stopped);
    g_assert_cmpint (watch.reason, ==, cases[i].reason);
    g_assert_true ((watch.message != NULL) == cases[i].has_error);
    g_assert_true ((dio_machine_item_get_error (item) != NULL) == cases[i].has_error);
    if (cases[i].reason == DIO_STOP_CRASHED)
      g_assert_cmpint (dio_machine_item_get_exit_code (item), ==, 7);
    g_assert_true (dio_library_trash (fixture.library, item, &error));
    g_free (watch.message);
  }
  fixture_tear_down (&fixture);
}

static void
start_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  dio_machine_item_command_finish (DIO_MACHINE_ITEM (object), result, &error);
  *(gboolean *) user_data = TRUE;
}

/* Off is asked for while the machine is being built. */
static void
test_stop_while_starting (void)
{
  Fixture fixture;
  Watch watch;
  fixture_set_up (&fixture);
  g_autoptr (DioMachineItem) item = make (&fixture, &watch, "dummy:slow-new");
  gboolean done = FALSE;
  dio_machine_item_start_async (item, NULL, start_cb, &done);
  g_assert_cmpint (dio_machine_item_get_state (item), ==, DIO_ITEM_STARTING);
  expect_refusal (item, dio_machine_item_pause_async, "starting");
  expect (item, dio_machine_item_force_off_async);
  fixture_wait_flag (&done);
  fixture_wait_flag (&watch.stopped);
  g_assert_cmpint (dio_machine_item_get_state (item), ==, DIO_ITEM_OFF);
  fixture_tear_down (&fixture);
}

static void
test_thumbnail (void)
{
  Fixture fixture;
  Watch watch;
  fixture_set_up (&fixture);
  g_autoptr (DioMachineItem) item = make (&fixture, &watch, NULL);
  int width;
  int height;
  g_assert_null (dio_machine_item_get_thumbnail (item, &width, &height));
  start (item);
  fixture_iterate (1300);
  g_assert_cmpuint (watch.thumbnails, >=, 1);
  GBytes *pixels = dio_machine_item_get_thumbnail (item, &width, &height);
  g_assert_nonnull (pixels);
  g_assert_cmpint (width, >, 64);
  g_assert_cmpuint (g_bytes_get_size (pixels), ==, (gsize) width * height * 4);
  g_autofree char *shot = fixture_path (&fixture, "shot.png");
  g_autoptr (GError) error = NULL;
  g_assert_true (dio_machine_item_save_screenshot (item, shot, &error));
  g_assert_true (g_file_test (shot, G_FILE_TEST_EXISTS));
  expect (item, dio_machine_item_force_off_async);
  fixture_wait_flag (&watch.stopped);
  /* Another library finds the picture that was kept. */
  g_autoptr (DioLibrary) again = dio_library_new (fixture.library_path, &fixture.host, &error);
  DioMachineItem *same = dio_library_find (again, "test");
  g_assert_nonnull (dio_machine_item_get_thumbnail (same, &width, &height));
  g_assert_false (dio_machine_item_save_screenshot (item, shot, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_BUSY);
  fixture_tear_down (&fixture);
}

static void
test_typing (void)
{
  Fixture fixture;
  Watch watch;
  fixture_set_up (&fixture);
  g_autoptr (DioMachineItem) item = make (&fixture, &watch, "dummy:still");
  g_autoptr (GError) error = NULL;
  g_assert_false (dio_machine_item_type_text (item, "x", &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_BUSY);
  g_clear_error (&error);
  start (item);
  g_assert_false (dio_machine_item_type_text (item, "naïve", &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "ï"));
  g_clear_error (&error);
  g_assert_true (dio_machine_item_type_text (item, "Hi\n", &error));
  guint16 codes[] = { KEY_LEFTCTRL, KEY_LEFTALT, KEY_DELETE };
  dio_machine_item_send_keys (item, codes, G_N_ELEMENTS (codes));
  fixture_iterate (300);
  expect (item, dio_machine_item_force_off_async);
  fixture_wait_flag (&watch.stopped);
  fixture_tear_down (&fixture);
}

/* The journal tells the story of a run, and a storm of resets is a few rows. */
static void
test_journal (void)
{
  Fixture fixture;
  Watch watch;
  fixture_set_up (&fixture);
  g_autoptr (DioMachineItem) item = make (&fixture, &watch, "dummy:reset-storm");
  start (item);
  fixture_iterate (100);
  expect (item, dio_machine_item_pause_async);
  expect (item, dio_machine_item_force_off_async);
  fixture_wait_flag (&watch.stopped);
  dio_journal_flush ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) events = dio_journal_read (dio_machine_item_get_path (item), 100, &error);
  g_assert_no_error (error);
  GString *story = g_string_new (NULL);
  unsigned resets = 0;
  gint64 last = 0;
  for (guint i = 0; i < events->len; i++) {
    const DioJournalEvent *event = g_ptr_array_index (events, i);
    g_assert_cmpint (event->time_us, >=, last);
    last = event->time_us;
    if (g_str_equal (event->kind, "reset"))
      resets += event->count;
    else
      g_string_append_printf (story, "%s ", event->kind);
    if (g_str_equal (event->kind, "stopped"))
      g_assert_cmpstr (event->reason, ==, "forced");
  }
  g_assert_cmpstr (story->str, ==, "created starting running paused stopped ");
  g_assert_cmpuint (resets, ==, 10000);
  g_assert_cmpuint (events->len, <, 10);
  g_string_free (story, TRUE);
  fixture_tear_down (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/app/machine/cycle", test_cycle);
  g_test_add_func ("/app/machine/failures", test_failures);
  g_test_add_func ("/app/machine/guest-ends", test_guest_ends);
  g_test_add_func ("/app/machine/stop-while-starting", test_stop_while_starting);
  g_test_add_func ("/app/machine/thumbnail", test_thumbnail);
  g_test_add_func ("/app/machine/typing", test_typing);
  g_test_add_func ("/app/machine/journal", test_journal);
  return fixture_run_tests ();
}
