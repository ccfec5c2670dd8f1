/* SPDX-License-Identifier: GPL-3.0-or-later
 * Instances of devices: properties from text, life cycle, state. */
#include "core/vm/vm-device.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/vm/vm-machine.h"

/* ---- Properties ---- */

static void *
field_of (DioDevice *dev, const DioProperty *property)
{
  return (char *) dev + property->offset;
}

static void
set_initial (DioDevice *dev, const DioProperty *property)
{
  void *field = field_of (dev, property);
  switch (property->kind) {
  case DIO_PROPERTY_BOOL:
    *(bool *) field = property->initial != 0;
    break;
  case DIO_PROPERTY_UINT:
    *(uint64_t *) field = property->initial;
    break;
  case DIO_PROPERTY_STRING:
  case DIO_PROPERTY_ENUM:
    *(char **) field = g_strdup (property->initial_string);
    break;
  }
}

static bool
is_text (const DioProperty *property)
{
  return property->kind == DIO_PROPERTY_STRING || property->kind == DIO_PROPERTY_ENUM;
}

static bool
fail_value (DioDevice *dev, const DioProperty *property, const char *value, const char *expected,
            GError **error)
{
  g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
               _ ("“%s” is not possible for “%s” of the device “%s”; it must be %s"), value,
               property->name, dev->name, expected);
  return false;
}

static bool
parse_bool (const char *text, bool *value)
{
  static const char *const words[2][4] = {
    { "false", "off", "no", "0" },
    { "true", "on", "yes", "1" },
  };
  for (unsigned i = 0; i < 2; i++)
    for (unsigned j = 0; j < G_N_ELEMENTS (words[i]); j++)
      if (g_ascii_strcasecmp (text, words[i][j]) == 0) {
        *value = i;
        return true;
      }
  return false;
}

static bool
parse_uint (const char *text, uint64_t *value)
{
  static const char suffixes[] = "KMGT";
  if (!g_ascii_isdigit (text[0]))
    return false;
  bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
  if (hex && !g_ascii_isxdigit (text[2]))
    return false;
  char *end;
  errno = 0;
  uint64_t number = g_ascii_strtoull (text, &end, hex ? 16 : 10);
  if (errno)
    return false;
  if (*end) {
    const char *suffix = strchr (suffixes, g_ascii_toupper (*end));
    if (!suffix || end[1])
      return false;
    unsigned shift = 10 * (unsigned) (suffix - suffixes + 1);
    if (number > UINT64_MAX >> shift)
      return false;
    number <<= shift;
  }
  *value = number;
  return true;
}

static bool
set_uint (DioDevice *dev, const DioProperty *property, const char *value, GError **error)
{
  uint64_t number;
  if (!parse_uint (value, &number) || number < property->minimum || number > property->maximum) {
    g_autofree char *range = g_strdup_printf (_ ("a number from %" PRIu64 " to %" PRIu64),
                                              property->minimum, property->maximum);
    return fail_value (dev, property, value, range, error);
  }
  *(uint64_t *) field_of (dev, property) = number;
  return true;
}

static bool
set_enum (DioDevice *dev, const DioProperty *property, const char *value, GError **error)
{
  if (!g_strv_contains (property->choices, value)) {
    g_autofree char *list = g_strjoinv (", ", (char **) property->choices);
    g_autofree char *expected = g_strdup_printf (_ ("one of %s"), list);
    return fail_value (dev, property, value, expected, error);
  }
  char **field = field_of (dev, property);
  g_free (*field);
  *field = g_strdup (value);
  return true;
}

static bool
set_property (DioDevice *dev, const DioProperty *property, const char *value, GError **error)
{
  char **text = field_of (dev, property);
  switch (property->kind) {
  case DIO_PROPERTY_BOOL:
    return parse_bool (value, field_of (dev, property))
           || fail_value (dev, property, value, _ ("true or false"), error);
  case DIO_PROPERTY_UINT:
    return set_uint (dev, property, value, error);
  case DIO_PROPERTY_STRING:
    g_free (*text);
    *text = g_strdup (value);
    return true;
  case DIO_PROPERTY_ENUM:
    return set_enum (dev, property, value, error);
  }
  return false;
}

bool
dio_device_set (DioDevice *dev, const char *property, const char *value, GError **error)
{
  g_return_val_if_fail (!dev->realized, false);

  const DioProperty *known = dev->type->properties;
  for (; known && known->name; known++)
    if (strcmp (known->name, property) == 0)
      return set_property (dev, known, value, error);
  g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG, _ ("The device “%s” (%s) has no property “%s”"),
               dev->name, dev->type->id, property);
  return false;
}

/* ---- Life cycle ---- */

DioDevice *
dio_device_new (const DioDeviceType *type, const char *name)
{
  g_return_val_if_fail (type->instance_size >= sizeof (DioDevice), NULL);

  DioDevice *dev = g_malloc0 (type->instance_size);
  dev->type = type;
  dev->name = g_strdup (name);
  pthread_mutex_init (&dev->lock, NULL);
  for (const DioProperty *property = type->properties; property && property->name; property++)
    set_initial (dev, property);
  return dev;
}

bool
dio_device_attach (DioDevice *dev, DioMachine *machine, GError **error)
{
  for (guint i = 0; i < machine->devices->len; i++) {
    const DioDevice *other = g_ptr_array_index (machine->devices, i);
    if (strcmp (other->name, dev->name) == 0) {
      g_set_error (error, DIO_ERROR, DIO_ERROR_EXISTS, _ ("There are two devices called “%s”"),
                   dev->name);
      dio_device_free (dev);
      return false;
    }
  }

  dev->machine = machine;
  dev->realized = true;
  if (dev->type->realize && !dev->type->realize (dev, error)) {
    dio_device_free (dev);
    return false;
  }
  g_ptr_array_add (machine->devices, dev);
  return true;
}

void
dio_device_free (DioDevice *dev)
{
  if (!dev)
    return;
  if (dev->realized && dev->type->finalize)
    dev->type->finalize (dev);
  const DioProperty *property = dev->type->properties;
  for (; property && property->name; property++)
    if (is_text (property))
      g_free (*(char **) field_of (dev, property));
  pthread_mutex_destroy (&dev->lock);
  g_free (dev->name);
  g_free (dev);
}

void
dio_device_reset (DioDevice *dev)
{
  if (!dev->type->reset)
    return;
  pthread_mutex_lock (&dev->lock);
  dev->type->reset (dev);
  pthread_mutex_unlock (&dev->lock);
}

void
dio_device_visit (DioDevice *dev, DioVisitor *visitor)
{
  pthread_mutex_lock (&dev->lock);
  /* The name says which instance, the type what its bytes mean. */
  dio_visit_begin (visitor, dev->name, 1);
  dio_visit_begin (visitor, dev->type->id, dev->type->state_version);
  if (dev->type->state)
    dev->type->state (dev, visitor);
  dio_visit_end (visitor);
  dio_visit_end (visitor);
  pthread_mutex_unlock (&dev->lock);
}
