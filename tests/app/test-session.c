/* SPDX-License-Identifier: GPL-3.0-or-later
 * Ending the machines at the end of the session, with the dummy engine. */
#include "app/model/model-session.h"
#include "app/model/model-snapshots.h"
#include "tests/app/app-fixture.h"

typedef struct {
  gboolean over;
  guint left;
  char **ids;
} End;

static void
ended_cb (GObject *object, GAsyncResult *result, gpointer data)
{
  End *end = data;
  end->ids = dio_session_end_finish (result, &end->left);
  end->over = TRUE;
}

static End
end_session (DioSessionAction action, unsigned seconds, DioMachineItem *first,
             DioMachineItem *second)
{
  End end = { 0 };
  g_autoptr (GPtrArray) items = g_ptr_array_new ();
  g_ptr_array_add (items, first);
  if (second)
    g_ptr_array_add (items, second);
  dio_session_end_async (items, action, seconds, ended_cb, &end);
  fixture_wait_flag (&end.over);
  return end;
}

static DioMachineItem *
make_running (Fixture *fixture, const char *name, const char *append)
{
  DioMachineItem *item = fixture_create (fixture, name, append);
  g_autoptr (GError) error = NULL;
  fixture_command (item, dio_machine_item_start_async, &error);
  g_assert_no_error (error);
  return item;
}

static void
test_suspend (void)
{
  Fixture fixture;
  fixture_set_up (&fixture);
  g_autoptr (DioMachineItem) running = make_running (&fixture, "Running", "dummy:still");
  g_autoptr (DioMachineItem) paused = make_running (&fixture, "Paused", "dummy:still");
  g_autoptr (GError) error = NULL;
  fixture_command (paused, dio_machine_item_pause_async, &error);
  g_assert_no_error (error);
  fixture_wait_state (paused, DIO_ITEM_PAUSED);
  End end = end_session (DIO_SESSION_SUSPEND, 10, running, paused);
  g_assert_cmpuint (end.left, ==, 0);
  g_assert_cmpuint (g_strv_length (end.ids), ==, 2);
  g_assert_cmpstr (end.ids[0], ==, dio_machine_item_get_id (running));
  g_assert_cmpint (dio_machine_item_get_state (running), ==, DIO_ITEM_OFF);
  g_assert_true (dio_machine_item_is_suspended (running));
  g_assert_true (dio_machine_item_is_suspended (paused));
  g_strfreev (end.ids);

  fixture_command (running, dio_machine_item_start_async, &error);
  g_assert_no_error (error);
  g_assert_false (dio_machine_item_is_suspended (running));
  fixture_turn_off (running);
  fixture_tear_down (&fixture);
}

/* A machine that is just starting is waited for. */
static void
test_starting (void)
{
  Fixture fixture;
  fixture_set_up (&fixture);
  g_autoptr (DioMachineItem) item = fixture_create (&fixture, "Slow", "dummy:still dummy:slow-new");
  dio_machine_item_start_async (item, NULL, NULL, NULL);
  g_assert_cmpint (dio_machine_item_get_state (item), ==, DIO_ITEM_STARTING);
  End end = end_session (DIO_SESSION_SUSPEND, 10, item, NULL);
  g_assert_cmpuint (end.left, ==, 0);
  g_assert_cmpuint (g_strv_length (end.ids), ==, 1);
  g_assert_true (dio_machine_item_is_suspended (item));
  g_strfreev (end.ids);
  fixture_tear_down (&fixture);
}

/* One guest hears its power button; the other is suspended when the patience is over. */
static void
test_shut_down (void)
{
  Fixture fixture;
  fixture_set_up (&fixture);
  g_autoptr (DioMachineItem) good = make_running (&fixture, "Good", "dummy:still");
  g_autoptr (DioMachineItem) deaf = make_running (&fixture, "Deaf", "dummy:still dummy:deaf");
  End end = end_session (DIO_SESSION_SHUT_DOWN, 4, good, deaf);
  g_assert_cmpuint (end.left, ==, 0);
  g_assert_cmpuint (g_strv_length (end.ids), ==, 1);
  g_assert_cmpstr (end.ids[0], ==, dio_machine_item_get_id (deaf));
  g_assert_false (dio_machine_item_is_suspended (good));
  g_assert_true (dio_machine_item_is_suspended (deaf));
  g_strfreev (end.ids);
  fixture_tear_down (&fixture);
}

/* Gives the next run of @item a serial port that is read by @wait_for_words. */
static DioChar *
give_serial (DioMachineItem *item)
{
  DioChar *serial = dio_char_memory_new (1 << 16, NULL, NULL);
  dio_machine_item_set_serial (item, serial);
  return serial;
}

static void
wait_for_words (DioChar *serial, const char *words)
{
  g_autoptr (GString) text = g_string_new (NULL);
  uint64_t position = 0;
  for (unsigned i = 0; !strstr (text->str, words); i++) {
    g_autoptr (GBytes) bytes = dio_char_memory_read (serial, &position);
    g_assert_cmpuint (i, <, 1000);
    g_string_append_len (text, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
    fixture_iterate (10);
  }
}

/* A guest that stood still is told the time by its agent; one that is deaf shuts down by it. */
static void
test_agent (void)
{
  Fixture fixture;
  fixture_set_up (&fixture);
  g_autoptr (DioMachineItem) item =
      fixture_create (&fixture, "Agent", "dummy:still dummy:deaf dummy:agent");
  g_autoptr (GError) error = NULL;
  DioChar *serial = give_serial (item);
  fixture_command (item, dio_machine_item_start_async, &error);
  g_assert_no_error (error);
  fixture_command (item, dio_machine_item_pause_async, &error);
  g_assert_no_error (error);
  fixture_wait_state (item, DIO_ITEM_PAUSED);
  fixture_command (item, dio_machine_item_resume_async, &error);
  g_assert_no_error (error);
  wait_for_words (serial, "dummy: agent {\"execute\":\"guest-set-time\"");

  End end = end_session (DIO_SESSION_SUSPEND, 10, item, NULL);
  g_assert_cmpuint (g_strv_length (end.ids), ==, 1);
  g_strfreev (end.ids);
  serial = give_serial (item);
  fixture_command (item, dio_machine_item_start_async, &error);
  g_assert_no_error (error);
  wait_for_words (serial, "dummy: agent {\"execute\":\"guest-set-time\"");

  end = end_session (DIO_SESSION_SHUT_DOWN, 8, item, NULL);
  g_assert_cmpuint (end.left, ==, 0);
  g_assert_cmpuint (g_strv_length (end.ids), ==, 0);
  g_assert_false (dio_machine_item_is_suspended (item));
  g_strfreev (end.ids);
  fixture_tear_down (&fixture);
}

/* A machine that is not kept cannot be suspended, and must not hold anything up. */
static void
test_ephemeral (void)
{
  Fixture fixture;
  fixture_set_up (&fixture);
  g_autoptr (DioMachineConfig) config = fixture_config (&fixture, "Guest", "dummy:still");
  g_autoptr (DioMachineItem) item = dio_machine_item_new_ephemeral (config, &fixture.host);
  g_autoptr (GError) error = NULL;
  fixture_command (item, dio_machine_item_start_async, &error);
  g_assert_no_error (error);
  End end = end_session (DIO_SESSION_SUSPEND, 10, item, NULL);
  g_assert_cmpuint (end.left, ==, 0);
  g_assert_cmpuint (g_strv_length (end.ids), ==, 0);
  g_assert_false (dio_machine_item_is_active (item));
  g_strfreev (end.ids);
  fixture_tear_down (&fixture);
}

/* What cannot be suspended does not keep the session for ever: the state has no place to go. */
static void
test_bounds (void)
{
  Fixture fixture;
  fixture_set_up (&fixture);
  g_autoptr (DioMachineItem) item = make_running (&fixture, "Stuck", "dummy:still");
  g_autofree char *tree = g_build_filename (dio_machine_item_get_path (item), "snapshots", NULL);
  g_autoptr (GError) error = NULL;
  fixture_remove (tree);
  g_file_set_contents (tree, "no folder", -1, &error);
  g_assert_no_error (error);
  gint64 begin = g_get_monotonic_time ();
  End end = end_session (DIO_SESSION_SUSPEND, 1, item, NULL);
  g_assert_cmpuint (end.left, ==, 1);
  g_assert_cmpuint (g_strv_length (end.ids), ==, 0);
  g_assert_cmpint (dio_machine_item_get_state (item), ==, DIO_ITEM_RUNNING);
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, G_USEC_PER_SEC);
  g_strfreev (end.ids);
  fixture_turn_off (item);
  fixture_tear_down (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/app/session/suspend", test_suspend);
  g_test_add_func ("/app/session/starting", test_starting);
  g_test_add_func ("/app/session/shut-down", test_shut_down);
  g_test_add_func ("/app/session/ephemeral", test_ephemeral);
  g_test_add_func ("/app/session/agent", test_agent);
  g_test_add_func ("/app/session/bounds", test_bounds);
  return fixture_run_tests ();
}
