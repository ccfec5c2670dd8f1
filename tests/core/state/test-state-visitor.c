/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of the visitor: what is saved is loaded, and nothing else is. */
#include "core/state/state-visitor.h"

#include <string.h>

#include "core/base/base-error.h"

typedef struct {
  bool flag;
  uint8_t u8;
  uint16_t u16;
  uint32_t u32;
  uint64_t u64;
  int64_t i64;
  uint8_t fixed[5];
  uint8_t *buffer;
  size_t length;
} State;

static void
visit (DioVisitor *visitor, State *state)
{
  dio_visit_begin (visitor, "device", 3);
  dio_visit_bool (visitor, "flag", &state->flag);
  dio_visit_u8 (visitor, "u8", &state->u8);
  dio_visit_begin (visitor, "inner", 1);
  dio_visit_u16 (visitor, "u16", &state->u16);
  dio_visit_u32 (visitor, "u32", &state->u32);
  dio_visit_end (visitor);
  dio_visit_u64 (visitor, "u64", &state->u64);
  dio_visit_i64 (visitor, "i64", &state->i64);
  dio_visit_bytes (visitor, "fixed", state->fixed, sizeof state->fixed);
  dio_visit_buffer (visitor, "buffer", &state->buffer, &state->length, 10);
  dio_visit_end (visitor);
}

static GBytes *
save (State *state)
{
  DioVisitor *visitor = dio_visitor_new_save ();
  g_assert_false (dio_visitor_is_loading (visitor));
  visit (visitor, state);
  return dio_visitor_finish_save (visitor);
}

static bool
load (const void *data, size_t length, State *state, GError **error)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, length);
  DioVisitor *visitor = dio_visitor_new_load (bytes);
  g_assert_true (dio_visitor_is_loading (visitor));
  visit (visitor, state);
  return dio_visitor_finish_load (visitor, error);
}

static State
example (void)
{
  return (State){
    .flag = true,
    .u8 = 0x12,
    .u16 = 0x3456,
    .u32 = 0x789abcde,
    .u64 = UINT64_C (0xfedcba9876543210),
    .i64 = -42,
    .fixed = { 1, 2, 3, 4, 5 },
    .buffer = g_memdup2 ("hello", 5),
    .length = 5,
  };
}

static void
test_round_trip (void)
{
  State state = example (), copy = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = save (&state);
  gsize length;
  const void *data = g_bytes_get_data (bytes, &length);
  g_assert_true (load (data, length, &copy, &error));
  g_assert_no_error (error);
  g_assert_true (copy.flag);
  g_assert_cmphex (copy.u8, ==, 0x12);
  g_assert_cmphex (copy.u16, ==, 0x3456);
  g_assert_cmphex (copy.u32, ==, 0x789abcde);
  g_assert_cmphex (copy.u64, ==, UINT64_C (0xfedcba9876543210));
  g_assert_cmpint (copy.i64, ==, -42);
  g_assert_cmpmem (copy.fixed, 5, "\1\2\3\4\5", 5);
  g_assert_cmpmem (copy.buffer, copy.length, "hello", 5);
  g_autoptr (GBytes) again = save (&copy);
  g_assert_true (g_bytes_equal (bytes, again));
  g_free (state.buffer);
  g_free (copy.buffer);
}

/* The bytes are a format: they may not change from one build to the next. */
static void
test_format (void)
{
  uint16_t value = 0x1234;
  DioVisitor *visitor = dio_visitor_new_save ();
  dio_visit_begin (visitor, "ab", 7);
  dio_visit_u16 (visitor, "x", &value);
  dio_visit_end (visitor);
  g_autoptr (GBytes) bytes = dio_visitor_finish_save (visitor);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                   "S\2ab\7\0\0\0"
                   "2\1x\x34\x12"
                   "E\2ab",
                   17);
}

/* Cut anywhere it fails, says so, and leaves what follows the cut alone. */
static void
test_truncated (void)
{
  State state = example ();
  g_autoptr (GBytes) bytes = save (&state);
  gsize length;
  const void *data = g_bytes_get_data (bytes, &length);
  for (gsize cut = 0; cut < length; cut++) {
    State copy = { .i64 = 77, .length = 0 };
    g_autoptr (GError) error = NULL;
    g_autofree void *part = g_memdup2 (data, MAX (cut, 1));
    g_assert_false (load (part, cut, &copy, &error));
    g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
    g_assert_true (copy.i64 == 77 || copy.i64 == -42);
    g_free (copy.buffer);
  }
  g_free (state.buffer);
}

/* Any changed byte either fails or is a changed value; the buffer never exceeds its maximum. */
static void
test_flipped (void)
{
  State state = example ();
  g_autoptr (GBytes) bytes = save (&state);
  gsize length;
  const uint8_t *data = g_bytes_get_data (bytes, &length);
  for (gsize i = 0; i < length; i++)
    for (unsigned change = 1; change < 256; change += 7) {
      State copy = { 0 };
      g_autofree uint8_t *changed = g_memdup2 (data, length);
      changed[i] ^= change;
      if (load (changed, length, &copy, NULL)) {
        g_autoptr (GBytes) again = save (&copy);
        g_autoptr (GBytes) original = g_bytes_new (changed, length);
        /* Only an older version may be saved differently. */
        g_assert_true (g_bytes_equal (again, original) || g_bytes_get_size (again) == length);
      }
      g_assert_cmpuint (copy.length, <=, 10);
      g_free (copy.buffer);
    }
  g_free (state.buffer);
}

static void
test_left_over (void)
{
  State state = example (), copy = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = save (&state);
  gsize length;
  const void *data = g_bytes_get_data (bytes, &length);
  g_autofree uint8_t *longer = g_malloc0 (length + 1);
  memcpy (longer, data, length);
  g_assert_false (load (longer, length + 1, &copy, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
  g_free (state.buffer);
  g_free (copy.buffer);
}

static void
test_versions (void)
{
  for (unsigned saved = 1; saved < 4; saved++) {
    DioVisitor *visitor = dio_visitor_new_save ();
    dio_visit_begin (visitor, "device", saved);
    dio_visit_end (visitor);
    g_autoptr (GBytes) bytes = dio_visitor_finish_save (visitor);
    g_autoptr (GError) error = NULL;
    visitor = dio_visitor_new_load (bytes);
    unsigned found = dio_visit_begin (visitor, "device", 2);
    dio_visit_end (visitor);
    bool loaded = dio_visitor_finish_load (visitor, &error);
    g_assert_cmpint (loaded, ==, saved <= 2);
    if (saved <= 2)
      g_assert_cmpuint (found, ==, saved);
    else
      g_assert_nonnull (strstr (error->message, "newer version"));
  }
}

static void
test_own_failure (void)
{
  State state = example ();
  g_autoptr (GBytes) bytes = save (&state);
  g_autoptr (GError) error = NULL;
  uint8_t value = 9;
  bool flag = false;
  DioVisitor *visitor = dio_visitor_new_load (bytes);
  dio_visit_begin (visitor, "device", 3);
  dio_visit_bool (visitor, "flag", &flag);
  dio_visitor_fail (visitor, "flag %d is nonsense", 1);
  dio_visitor_fail (visitor, "not the first");
  dio_visit_u8 (visitor, "u8", &value);
  g_assert_true (dio_visitor_failed (visitor));
  g_assert_false (dio_visitor_finish_load (visitor, &error));
  g_assert_nonnull (strstr (error->message, "device: flag 1 is nonsense"));
  g_assert_cmpuint (value, ==, 9);
  g_free (state.buffer);
}

/* A file of nothing but openings does not exhaust anything. */
static void
test_depth (void)
{
  g_autoptr (GByteArray) data = g_byte_array_new ();
  for (unsigned i = 0; i < 1000; i++)
    g_byte_array_append (data, (const uint8_t *) "S\1a\1\0\0\0", 7);
  g_autoptr (GBytes) bytes = g_bytes_new (data->data, data->len);
  DioVisitor *visitor = dio_visitor_new_load (bytes);
  for (unsigned i = 0; i < 1000; i++)
    dio_visit_begin (visitor, "a", 1);
  g_assert_true (dio_visitor_failed (visitor));
  g_assert_false (dio_visitor_finish_load (visitor, NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/state/visitor/round-trip", test_round_trip);
  g_test_add_func ("/core/state/visitor/format", test_format);
  g_test_add_func ("/core/state/visitor/truncated", test_truncated);
  g_test_add_func ("/core/state/visitor/flipped", test_flipped);
  g_test_add_func ("/core/state/visitor/left-over", test_left_over);
  g_test_add_func ("/core/state/visitor/versions", test_versions);
  g_test_add_func ("/core/state/visitor/own-failure", test_own_failure);
  g_test_add_func ("/core/state/visitor/depth", test_depth);
  return g_test_run ();
}
