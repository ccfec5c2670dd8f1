/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of devices: properties from text, life cycle, saved state. */
#include "core/vm/vm-device.h"

#include <string.h>

#include "core/base/base-error.h"
#include "tests/support/support-machine.h"

typedef struct {
  DioDevice dev;
  bool flag;
  uint64_t size;
  char *text;
  char *mode;
  uint32_t reg;
  void *made;
} Thing;

static const char *const modes[] = { "slow", "fast", NULL };

static const DioProperty properties[] = {
  { .name = "flag", .kind = DIO_PROPERTY_BOOL, .initial = true, .offset = offsetof (Thing, flag) },
  { .name = "size",
    .kind = DIO_PROPERTY_UINT,
    .minimum = 16,
    .maximum = 1 << 20,
    .initial = 64,
    .offset = offsetof (Thing, size) },
  { .name = "text",
    .kind = DIO_PROPERTY_STRING,
    .initial_string = "hello",
    .offset = offsetof (Thing, text) },
  { .name = "mode",
    .kind = DIO_PROPERTY_ENUM,
    .initial_string = "slow",
    .choices = modes,
    .offset = offsetof (Thing, mode) },
  { 0 },
};

static bool
realize (DioDevice *dev, GError **error)
{
  Thing *thing = (Thing *) dev;
  g_assert_nonnull (dev->machine->loop);
  thing->made = g_malloc (16);
  if (strcmp (thing->text, "fail") != 0)
    return true;
  g_set_error_literal (error, DIO_ERROR, DIO_ERROR_FAILED, "as asked");
  return false;
}

static void
reset (DioDevice *dev)
{
  ((Thing *) dev)->reg = 5;
}

static void
state (DioDevice *dev, DioVisitor *visitor)
{
  dio_visit_u32 (visitor, "reg", &((Thing *) dev)->reg);
}

static void
finalize (DioDevice *dev)
{
  g_clear_pointer (&((Thing *) dev)->made, g_free);
}

static const DioDeviceType thing_type = {
  .id = "thing",
  .title = "Thing",
  .instance_size = sizeof (Thing),
  .properties = properties,
  .realize = realize,
  .reset = reset,
  .state = state,
  .state_version = 2,
  .finalize = finalize,
};

static void
expect_refused (DioDevice *dev, const char *key, const char *value, const char *reason)
{
  g_autoptr (GError) error = NULL;
  g_assert_false (dio_device_set (dev, key, value, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_CONFIG);
  g_assert_nonnull (strstr (error->message, key));
  g_assert_nonnull (strstr (error->message, "thing0"));
  if (!strstr (error->message, reason))
    g_error ("“%s” does not say “%s”", error->message, reason);
}

static void
test_properties (void)
{
  DioDevice *dev = dio_device_new (&thing_type, "thing0");
  Thing *thing = (Thing *) dev;
  g_assert_true (thing->flag);
  g_assert_cmpuint (thing->size, ==, 64);
  g_assert_cmpstr (thing->text, ==, "hello");
  g_assert_cmpstr (thing->mode, ==, "slow");

  g_assert_true (dio_device_set (dev, "flag", "off", NULL));
  g_assert_false (thing->flag);
  g_assert_true (dio_device_set (dev, "flag", "TRUE", NULL));
  g_assert_true (thing->flag);
  g_assert_true (dio_device_set (dev, "size", "16", NULL));
  g_assert_true (dio_device_set (dev, "size", "1M", NULL));
  g_assert_cmpuint (thing->size, ==, 1 << 20);
  g_assert_true (dio_device_set (dev, "size", "0x20", NULL));
  g_assert_cmpuint (thing->size, ==, 0x20);
  g_assert_true (dio_device_set (dev, "text", "", NULL));
  g_assert_cmpstr (thing->text, ==, "");
  g_assert_true (dio_device_set (dev, "mode", "fast", NULL));

  static const char *const bad_sizes[] = {
    "15",           "2M",   "",       "-16", "16x",
    "16KK",         "0x",   " 16",    "1e3", "18446744073709551616",
    "99999999999T", "0x-1", "sixteen"
  };
  for (size_t i = 0; i < G_N_ELEMENTS (bad_sizes); i++)
    expect_refused (dev, "size", bad_sizes[i], "16 to 1048576");
  expect_refused (dev, "flag", "maybe", "true or false");
  expect_refused (dev, "mode", "quick", "slow, fast");
  expect_refused (dev, "colour", "red", "no property");
  g_assert_cmpuint (thing->size, ==, 0x20);
  g_assert_cmpstr (thing->mode, ==, "fast");
  dio_device_free (dev);
}

static void
test_attach (void)
{
  DioMachine *machine = support_machine_new (1 << 20);
  g_autoptr (GError) error = NULL;
  DioDevice *dev = dio_device_new (&thing_type, "thing0");
  g_assert_true (dio_device_attach (dev, machine, &error));
  g_assert_no_error (error);

  g_assert_false (dio_device_attach (dio_device_new (&thing_type, "thing0"), machine, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_EXISTS);
  g_clear_error (&error);

  DioDevice *failing = dio_device_new (&thing_type, "thing1");
  dio_device_set (failing, "text", "fail", NULL);
  g_assert_false (dio_device_attach (failing, machine, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FAILED);
  g_assert_cmpuint (machine->devices->len, ==, 1);

  g_assert_true (support_machine_do (machine, dio_machine_start, NULL));
  g_assert_cmpuint (((Thing *) dev)->reg, ==, 5);
  support_machine_free (machine);
}

static void
test_state (void)
{
  DioDevice *dev = dio_device_new (&thing_type, "thing0");
  Thing *thing = (Thing *) dev;
  thing->reg = 0x12345678;
  DioVisitor *visitor = dio_visitor_new_save ();
  dio_device_visit (dev, visitor);
  g_autoptr (GBytes) saved = dio_visitor_finish_save (visitor);

  thing->reg = 0;
  g_autoptr (GError) error = NULL;
  visitor = dio_visitor_new_load (saved);
  dio_device_visit (dev, visitor);
  g_assert_true (dio_visitor_finish_load (visitor, &error));
  g_assert_no_error (error);
  g_assert_cmphex (thing->reg, ==, 0x12345678);

  /* State of another instance is refused. */
  DioDevice *other = dio_device_new (&thing_type, "thing1");
  visitor = dio_visitor_new_load (saved);
  dio_device_visit (other, visitor);
  g_assert_false (dio_visitor_finish_load (visitor, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
  g_assert_cmphex (((Thing *) other)->reg, ==, 0);
  dio_device_free (other);
  dio_device_free (dev);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/vm/device/properties", test_properties);
  g_test_add_func ("/core/vm/device/attach", test_attach);
  g_test_add_func ("/core/vm/device/state", test_state);
  return g_test_run ();
}
