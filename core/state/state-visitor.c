/* SPDX-License-Identifier: GPL-3.0-or-later
 * The symmetric visitor, on a self-describing byte format.
 *
 * Each item is: kind (1 byte), length of the name (1 byte), name, payload. All numbers are
 * little-endian. A section's payload is its version (u32), and it ends with an item of its own, so
 * that a reader notices when two sides disagree about what belongs to it. Names cost a few bytes
 * and turn a shifted field into an error that says where. */
#include "core/state/state-visitor.h"

#include <string.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/base/base-memory.h"

enum { MAX_DEPTH = 16 };

typedef enum {
  KIND_SECTION = 'S',
  KIND_END = 'E',
  KIND_BOOL = 'b',
  KIND_U8 = '1',
  KIND_U16 = '2',
  KIND_U32 = '4',
  KIND_U64 = '8',
  KIND_I64 = 'i',
  KIND_BYTES = 'B', /* u64 length, bytes */
} Kind;

struct DioVisitor {
  bool saving;
  bool no_memory; /* why it failed */
  uint8_t *out;
  size_t length, capacity; /* of @out */
  GBytes *in;
  const uint8_t *next;
  size_t remaining;
  char *failure;
  char *sections[MAX_DEPTH]; /* names of the open ones */
  unsigned depth;
};

DioVisitor *
dio_visitor_new_save (void)
{
  DioVisitor *visitor = g_new0 (DioVisitor, 1);
  visitor->saving = true;
  return visitor;
}

DioVisitor *
dio_visitor_new_load (GBytes *bytes)
{
  DioVisitor *visitor = g_new0 (DioVisitor, 1);
  visitor->in = g_bytes_ref (bytes);
  visitor->next = g_bytes_get_data (bytes, &visitor->remaining);
  return visitor;
}

static void
release (DioVisitor *visitor)
{
  for (unsigned i = 0; i < visitor->depth; i++)
    g_free (visitor->sections[i]);
  g_free (visitor->out);
  g_clear_pointer (&visitor->in, g_bytes_unref);
  g_free (visitor->failure);
  g_free (visitor);
}

GBytes *
dio_visitor_finish_save (DioVisitor *visitor)
{
  /* A visit that fails while saving is a mistake in the program, not in data. */
  if (!visitor->no_memory && (visitor->failure || visitor->depth))
    g_critical ("Saving state went wrong: %s",
                visitor->failure ? visitor->failure : "a section is open");
  GBytes *bytes = NULL;
  if (!visitor->no_memory)
    bytes = g_bytes_new_take (g_steal_pointer (&visitor->out), visitor->length);
  release (visitor);
  return bytes;
}

bool
dio_visitor_finish_load (DioVisitor *visitor, GError **error)
{
  if (!visitor->failure && visitor->depth)
    dio_visitor_fail (visitor, "a section is open");
  if (!visitor->failure && visitor->remaining)
    dio_visitor_fail (visitor, "%" G_GSIZE_FORMAT " bytes are left over", visitor->remaining);
  bool loaded = !visitor->failure;
  if (!loaded && visitor->no_memory)
    g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY, "%s",
                 _ ("There is not enough memory for loading the saved state"));
  else if (!loaded)
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("The saved state cannot be used: %s"),
                 visitor->failure);
  release (visitor);
  return loaded;
}

bool
dio_visitor_is_loading (DioVisitor *visitor)
{
  return visitor->in != NULL;
}

bool
dio_visitor_failed (DioVisitor *visitor)
{
  return visitor->failure != NULL;
}

void
dio_visitor_fail (DioVisitor *visitor, const char *format, ...)
{
  if (visitor->failure)
    return;

  g_autoptr (GString) text = g_string_new (NULL);
  for (unsigned i = 0; i < visitor->depth; i++)
    g_string_append_printf (text, "%s%s", i ? "/" : "", visitor->sections[i]);
  if (text->len)
    g_string_append (text, ": ");
  va_list args;
  va_start (args, format);
  g_string_append_vprintf (text, format, args);
  va_end (args);
  visitor->failure = g_strdup (text->str);
}

void
dio_visitor_fail_memory (DioVisitor *visitor)
{
  if (!visitor->failure)
    visitor->no_memory = true;
  dio_visitor_fail (visitor, "there is not enough memory");
}

/* ---- Bytes ---- */

static void
append (DioVisitor *visitor, const void *data, size_t length)
{
  size_t needed;
  if (__builtin_add_overflow (visitor->length, length, &needed)
      || !dio_memory_grow (&visitor->out, &visitor->capacity, needed, 1)) {
    dio_visitor_fail_memory (visitor);
    return;
  }
  if (length)
    memcpy (visitor->out + visitor->length, data, length);
  visitor->length = needed;
}

/* The next @length bytes of the input, or NULL after failing. */
static const uint8_t *
take (DioVisitor *visitor, const char *name, size_t length)
{
  if (length > visitor->remaining) {
    dio_visitor_fail (visitor, "the data ends in “%s”", name);
    return NULL;
  }
  const uint8_t *bytes = visitor->next;
  visitor->next += length;
  visitor->remaining -= length;
  return bytes;
}

/* Writes an item's head, or reads it and checks that it is the one expected. */
static bool
visit_head (DioVisitor *visitor, Kind kind, const char *name)
{
  size_t length = strlen (name);
  if (visitor->failure)
    return false;
  if (length > UINT8_MAX) {
    dio_visitor_fail (visitor, "the name “%s” is too long", name);
    return false;
  }

  if (visitor->saving) {
    const uint8_t head[2] = { (uint8_t) kind, (uint8_t) length };
    append (visitor, head, sizeof head);
    append (visitor, name, length);
    return !visitor->failure;
  }

  const uint8_t *head = take (visitor, name, 2);
  if (!head)
    return false;
  if (head[0] != kind || head[1] != length) {
    dio_visitor_fail (visitor, "“%s” was expected and something else was found", name);
    return false;
  }
  const uint8_t *found = take (visitor, name, length);
  if (!found)
    return false;
  if (memcmp (found, name, length) != 0) {
    dio_visitor_fail (visitor, "“%s” was expected and something else was found", name);
    return false;
  }
  return true;
}

/* Saves the low @size bytes of *value, or loads them zero-extended; true if *value was loaded. */
static bool
visit_number (DioVisitor *visitor, Kind kind, const char *name, uint64_t *value, unsigned size)
{
  if (!visit_head (visitor, kind, name))
    return false;
  if (visitor->saving) {
    uint64_t little = GUINT64_TO_LE (*value);
    append (visitor, &little, size);
    return false;
  }
  const uint8_t *bytes = take (visitor, name, size);
  if (!bytes)
    return false;
  uint64_t little = 0;
  memcpy (&little, bytes, size);
  *value = GUINT64_FROM_LE (little);
  return true;
}

/* ---- Sections ---- */

unsigned
dio_visit_begin (DioVisitor *visitor, const char *name, unsigned version)
{
  if (!visitor->failure && visitor->depth == MAX_DEPTH)
    dio_visitor_fail (visitor, "sections are nested too deeply");
  uint64_t found = version;
  bool loaded = visit_number (visitor, KIND_SECTION, name, &found, 4);
  if (visitor->failure)
    return version;
  visitor->sections[visitor->depth++] = g_strdup (name);
  if (loaded && found > version) {
    dio_visitor_fail (visitor, "it was saved by a newer version of Diorama");
    return version;
  }
  return (unsigned) found;
}

void
dio_visit_end (DioVisitor *visitor)
{
  if (visitor->failure)
    return;
  g_return_if_fail (visitor->depth > 0);
  if (visit_head (visitor, KIND_END, visitor->sections[visitor->depth - 1]))
    g_free (visitor->sections[--visitor->depth]);
}

/* ---- Fields ---- */

void
dio_visit_bool (DioVisitor *visitor, const char *name, bool *value)
{
  uint64_t number = *value;
  if (!visit_number (visitor, KIND_BOOL, name, &number, 1))
    return;
  if (number > 1)
    dio_visitor_fail (visitor, "“%s” is neither true nor false", name);
  else
    *value = number;
}

void
dio_visit_u8 (DioVisitor *visitor, const char *name, uint8_t *value)
{
  uint64_t number = *value;
  if (visit_number (visitor, KIND_U8, name, &number, sizeof *value))
    *value = (uint8_t) number;
}

void
dio_visit_u16 (DioVisitor *visitor, const char *name, uint16_t *value)
{
  uint64_t number = *value;
  if (visit_number (visitor, KIND_U16, name, &number, sizeof *value))
    *value = (uint16_t) number;
}

void
dio_visit_u32 (DioVisitor *visitor, const char *name, uint32_t *value)
{
  uint64_t number = *value;
  if (visit_number (visitor, KIND_U32, name, &number, sizeof *value))
    *value = (uint32_t) number;
}

void
dio_visit_u64 (DioVisitor *visitor, const char *name, uint64_t *value)
{
  uint64_t number = *value;
  if (visit_number (visitor, KIND_U64, name, &number, sizeof *value))
    *value = number;
}

void
dio_visit_i64 (DioVisitor *visitor, const char *name, int64_t *value)
{
  uint64_t number = (uint64_t) *value;
  if (visit_number (visitor, KIND_I64, name, &number, sizeof *value))
    *value = (int64_t) number;
}

/* Saves @length, or loads a length of at least @min and at most @max; false after failing. */
static bool
visit_length (DioVisitor *visitor, const char *name, size_t *length, size_t min, size_t max)
{
  uint64_t number = *length;
  bool loaded = visit_number (visitor, KIND_BYTES, name, &number, 8);
  if (visitor->failure)
    return false;
  if (loaded && (number < min || number > max || number > visitor->remaining)) {
    dio_visitor_fail (visitor, "“%s” has an impossible length", name);
    return false;
  }
  *length = (size_t) number;
  return true;
}

void
dio_visit_bytes (DioVisitor *visitor, const char *name, void *data, size_t length)
{
  size_t found = length;
  if (!visit_length (visitor, name, &found, length, length))
    return;
  if (visitor->saving) {
    append (visitor, data, length);
    return;
  }
  const uint8_t *bytes = take (visitor, name, found);
  if (bytes && length)
    memcpy (data, bytes, length);
}

void
dio_visit_buffer (DioVisitor *visitor, const char *name, uint8_t **data, size_t *length, size_t max)
{
  size_t found = *length;
  if (!visit_length (visitor, name, &found, 0, max))
    return;
  if (visitor->saving) {
    append (visitor, *data, found);
    return;
  }
  const uint8_t *bytes = take (visitor, name, found);
  if (!bytes)
    return;
  uint8_t *copy = found ? g_try_malloc (found) : NULL;
  if (found && !copy) {
    dio_visitor_fail_memory (visitor);
    return;
  }
  if (found)
    memcpy (copy, bytes, found);
  g_free (*data);
  *data = copy;
  *length = found;
}
