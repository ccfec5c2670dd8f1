/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of the routing of input and of the memory of what is down. */
#include "core/backend/backend-input.h"

#include <glib.h>
#include <linux/input-event-codes.h>
#include <pthread.h>

typedef struct {
  GString *text;
} Sink;

static void
record (void *opaque, const DioInputEvent *events, size_t count)
{
  static const char *const kinds[] = { "key", "abs", "rel" };
  Sink *sink = opaque;
  g_assert_cmpuint (count, >=, 2);
  g_assert_cmpint (events[count - 1].kind, ==, DIO_INPUT_SYNC);
  for (size_t i = 0; i + 1 < count; i++) {
    g_assert_cmpint (events[i].kind, !=, DIO_INPUT_SYNC);
    g_string_append_printf (sink->text, "%s%u=%d ", kinds[events[i].kind], events[i].code,
                            events[i].value);
  }
}

static const DioInputSinkOps sink_ops = { .events = record };

static void
expect (Sink *sink, const char *text)
{
  g_assert_cmpstr (sink->text->str, ==, text);
  g_string_truncate (sink->text, 0);
}

static void
test_routing (void)
{
  DioInput *input = dio_input_new ();
  Sink keyboard = { g_string_new (NULL) }, tablet = { g_string_new (NULL) },
       mouse = { g_string_new (NULL) };
  dio_input_key (input, KEY_B, true); /* nobody there: no crash */
  dio_input_key (input, KEY_B, false);
  unsigned keyboard_id = dio_input_add_sink (input, DIO_INPUT_WANTS_KEYBOARD, &sink_ops, &keyboard);
  unsigned mouse_id = dio_input_add_sink (input, DIO_INPUT_WANTS_RELATIVE, &sink_ops, &mouse);
  g_assert_false (dio_input_has_absolute (input));

  dio_input_key (input, KEY_A, true);
  dio_input_key (input, KEY_A, true); /* a repeat is the guest's business */
  dio_input_key (input, KEY_A, false);
  dio_input_key (input, KEY_A, false);
  dio_input_key (input, 0xffff, true);
  expect (&keyboard, "key30=1 key30=0 ");
  dio_input_key (input, BTN_LEFT, true);
  dio_input_move_relative (input, 3, 0);
  dio_input_move_relative (input, 0, 0);
  dio_input_wheel (input, 0, -1);
  dio_input_move_absolute (input, 5, 5); /* nobody wants it */
  expect (&mouse, "key272=1 rel0=3 rel8=-1 ");

  unsigned tablet_id = dio_input_add_sink (input, DIO_INPUT_WANTS_ABSOLUTE, &sink_ops, &tablet);
  g_assert_true (dio_input_has_absolute (input));
  dio_input_move_absolute (input, 100, 99999);
  dio_input_key (input, BTN_RIGHT, true);
  dio_input_wheel (input, 1, 2);
  expect (&tablet, "abs0=100 abs1=32767 key273=1 rel6=1 rel8=2 ");
  dio_input_move_relative (input, 1, 2);
  expect (&mouse, "rel0=1 rel1=2 ");

  dio_input_set_leds (input, 5);
  g_assert_cmpuint (dio_input_get_leds (input), ==, 5);

  dio_input_remove_sink (input, keyboard_id);
  dio_input_remove_sink (input, mouse_id);
  dio_input_remove_sink (input, tablet_id);
  dio_input_remove_sink (input, 12345);
  dio_input_release_all (input);
  dio_input_key (input, KEY_A, true);
  expect (&keyboard, "");
  expect (&tablet, "");
  dio_input_free (input);
  g_string_free (keyboard.text, TRUE);
  g_string_free (tablet.text, TRUE);
  g_string_free (mouse.text, TRUE);
}

static void
test_release_all (void)
{
  DioInput *input = dio_input_new ();
  Sink sink = { g_string_new (NULL) };
  dio_input_add_sink (input, DIO_INPUT_WANTS_KEYBOARD | DIO_INPUT_WANTS_ABSOLUTE, &sink_ops, &sink);
  dio_input_key (input, KEY_LEFTCTRL, true);
  dio_input_key (input, KEY_DELETE, true);
  dio_input_key (input, BTN_LEFT, true);
  dio_input_key (input, KEY_DELETE, false);
  expect (&sink, "key29=1 key111=1 key272=1 key111=0 ");
  dio_input_release_all (input);
  expect (&sink, "key29=0 key272=0 ");
  dio_input_release_all (input);
  expect (&sink, "");

  /* Everything at once, in groups that sinks can take. */
  for (unsigned code = 0; code < KEY_CNT; code++)
    dio_input_key (input, (uint16_t) code, true);
  g_string_truncate (sink.text, 0);
  dio_input_release_all (input);
  g_auto (GStrv) words = g_strsplit (sink.text->str, " ", 0);
  g_assert_cmpuint (g_strv_length (words), ==, KEY_CNT + 1);
  dio_input_free (input);
  g_string_free (sink.text, TRUE);
}

static void *
type_on (void *data)
{
  DioInput *input = data;
  for (unsigned i = 0; i < 20000; i++) {
    dio_input_key (input, (uint16_t) (i % 200), i % 3 != 0);
    dio_input_move_absolute (input, i, i);
  }
  return NULL;
}

/* A sink that is removed is not called any more. */
static void
test_threads (void)
{
  DioInput *input = dio_input_new ();
  pthread_t threads[2];
  for (unsigned i = 0; i < 2; i++)
    pthread_create (&threads[i], NULL, type_on, input);
  for (unsigned i = 0; i < 500; i++) {
    Sink *sink = g_new0 (Sink, 1);
    sink->text = g_string_new (NULL);
    unsigned id = dio_input_add_sink (input, DIO_INPUT_WANTS_KEYBOARD | DIO_INPUT_WANTS_ABSOLUTE,
                                      &sink_ops, sink);
    dio_input_release_all (input);
    dio_input_remove_sink (input, id);
    g_string_free (sink->text, TRUE);
    g_free (sink);
  }
  for (unsigned i = 0; i < 2; i++)
    pthread_join (threads[i], NULL);
  dio_input_free (input);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/backend/input/routing", test_routing);
  g_test_add_func ("/core/backend/input/release-all", test_release_all);
  g_test_add_func ("/core/backend/input/threads", test_threads);
  return g_test_run ();
}
