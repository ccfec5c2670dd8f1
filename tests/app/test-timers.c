/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the model does with snapshots by and by: the schedule, and the purge of what was deleted.
 * Timers are called by the test, and the clock goes as it says. */
#include "app/library/library-snapshot-private.h"
#include "app/model/model-snapshots.h"
#include "tests/app/app-fixture.h"

/* ---- Time ---- */

static gint64 later_s;
static struct {
  guint id, seconds, set; /* @set: how many there were so far */
  GSourceFunc func;
  gpointer data;
} timer; /* the last one */

gint64 __real_g_get_real_time (void);
gint64 __wrap_g_get_real_time (void);
guint __real_g_timeout_add_seconds (guint seconds, GSourceFunc func, gpointer data);
guint __wrap_g_timeout_add_seconds (guint seconds, GSourceFunc func, gpointer data);

gint64
__wrap_g_get_real_time (void)
{
  return __real_g_get_real_time () + later_s * G_USEC_PER_SEC;
}

guint
__wrap_g_timeout_add_seconds (guint seconds, GSourceFunc func, gpointer data)
{
  timer.id = __real_g_timeout_add_seconds (3600, func, data);
  timer.seconds = seconds;
  timer.func = func;
  timer.data = data;
  timer.set++;
  return timer.id;
}

/* Only for timers that end with that. */
static void
fire (void)
{
  g_source_remove (timer.id);
  g_assert_true (timer.func (timer.data) == G_SOURCE_REMOVE);
}

/* ---- A machine ---- */

static void
snapped_cb (GObject *object, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  dio_machine_item_snapshot_finish (DIO_MACHINE_ITEM (object), result, NULL, &error);
  g_assert_no_error (error);
  *(gboolean *) data = TRUE;
}

static DioSnapshots *
open_tree (DioMachineItem *item)
{
  g_autoptr (GError) error = NULL;
  DioSnapshots *tree =
      dio_snapshots_open (dio_files_host (), dio_machine_item_get_path (item), FALSE, &error);
  g_assert_no_error (error);
  return tree;
}

static void
run (DioMachineItem *item, DioSnapshotAction action, const char *id, const char *name)
{
  gboolean over = FALSE;
  dio_machine_item_snapshot_async (item, action, id, name, NULL, NULL, snapped_cb, &over);
  fixture_wait_flag (&over);
}

static void
take (DioMachineItem *item, const char *name)
{
  run (item, DIO_SNAPSHOT_TAKE, NULL, name);
}

static void delete (DioMachineItem *item, const char *name)
{
  g_autoptr (DioSnapshots) tree = open_tree (item);
  g_autoptr (DioSnapshotInfo) info = dio_snapshots_find (tree, name, NULL);
  g_assert_nonnull (info);
  run (item, DIO_SNAPSHOT_DELETE, info->id, NULL);
}

/* Snapshots that the tree on the disk has, deleted ones too; @kind alone, or all (-1). */
static guint
count (DioMachineItem *item, int kind)
{
  guint n = 0;
  g_autoptr (DioSnapshots) tree = open_tree (item);
  for (guint i = 0; i < tree->infos->len; i++) {
    const DioSnapshotInfo *info = g_ptr_array_index (tree->infos, i);
    n += kind < 0 || info->kind == (DioSnapshotKind) kind;
  }
  return n;
}

static void
wait_for_count (DioMachineItem *item, int kind, guint n)
{
  for (unsigned i = 0; i < 1000 && count (item, kind) != n; i++)
    fixture_iterate (10);
  g_assert_cmpuint (count (item, kind), ==, n);
}

/* What is deleted while a purge is to come gets its whole grace, and goes then, not with the next
 * deletion. */
static void
test_purge (void)
{
  Fixture fixture;
  fixture_set_up (&fixture);
  DioMachineItem *item = fixture_create (&fixture, "Test", "dummy:still");
  take (item, "first");
  take (item, "second");
  timer.set = 0;
  delete (item, "first");
  g_assert_cmpuint (timer.set, ==, 1);
  g_assert_cmpuint (timer.seconds, ==, DIO_SNAPSHOT_GRACE_SECONDS + 1);
  later_s += 20;
  delete (item, "second");
  g_assert_cmpuint (timer.set, ==, 1);

  later_s += DIO_SNAPSHOT_GRACE_SECONDS + 1 - 20;
  fire ();
  wait_for_count (item, -1, 1);
  for (unsigned i = 0; i < 1000 && timer.set == 1; i++)
    fixture_iterate (10);
  g_assert_cmpuint (timer.set, ==, 2);
  g_assert_cmpuint (timer.seconds, >=, 19);
  g_assert_cmpuint (timer.seconds, <=, 21);

  later_s += timer.seconds;
  fire ();
  wait_for_count (item, -1, 0);
  fixture_iterate (100);
  g_assert_cmpuint (timer.set, ==, 2); /* nothing is left to wait for */
  g_object_unref (item);
  fixture_tear_down (&fixture);
}

/* A snapshot of the schedule that takes longer than it should keeps the next one from being
 * taken, and none after that. */
static void
test_schedule (void)
{
  Fixture fixture;
  g_autoptr (GError) error = NULL;
  fixture_set_up (&fixture);
  DioMachineItem *item = fixture_create (&fixture, "Test", "dummy:still");
  fixture_command (item, dio_machine_item_start_async, &error);
  g_assert_no_error (error);
  fixture_wait_state (item, DIO_ITEM_RUNNING);
  dio_machine_item_schedule_snapshots (item, 1, 5);
  g_assert_cmpuint (timer.seconds, ==, 60);
  GSourceFunc schedule = timer.func;
  for (guint round = 1; round <= 2; round++) {
    g_assert_true (schedule (item) == G_SOURCE_CONTINUE);
    g_assert_true (schedule (item) == G_SOURCE_CONTINUE);
    g_assert_true (schedule (item) == G_SOURCE_CONTINUE);
    wait_for_count (item, DIO_SNAPSHOT_AUTOMATIC, round);
    /* They are taken in order: one that was not left out would be there before this one. */
    take (item, round == 1 ? "one" : "two");
    g_assert_cmpuint (count (item, DIO_SNAPSHOT_AUTOMATIC), ==, round);
  }
  fixture_command (item, dio_machine_item_force_off_async, &error);
  g_assert_no_error (error);
  fixture_wait_state (item, DIO_ITEM_OFF);
  g_assert_true (schedule (item) == G_SOURCE_CONTINUE); /* nothing is on */
  fixture_iterate (50);
  g_assert_cmpuint (count (item, DIO_SNAPSHOT_AUTOMATIC), ==, 2);
  g_object_unref (item);
  fixture_tear_down (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/app/timers/purge", test_purge);
  g_test_add_func ("/app/timers/schedule", test_schedule);
  return g_test_run ();
}
