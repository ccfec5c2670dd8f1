/* SPDX-License-Identifier: GPL-3.0-or-later
 * Writes a flattened device tree with libfdt's sequential functions. */
#include "core/boot/boot-fdt.h"

#include <libfdt.h>
#include <string.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

/* A tree of a board is a few KiB; the handle given to devices must not move. */
enum { BUFFER_SIZE = 256 * 1024 };

struct DioFdt {
  void *buffer;
  int failure; /* the first libfdt error, 0: none */
  uint32_t next_phandle;
  unsigned depth; /* open nodes without the root */
};

static void
note (DioFdt *fdt, int result)
{
  if (result < 0 && !fdt->failure)
    fdt->failure = result;
}

DioFdt *
dio_fdt_new (void)
{
  DioFdt *fdt = g_new0 (DioFdt, 1);
  fdt->buffer = g_malloc0 (BUFFER_SIZE);
  fdt->next_phandle = 1;
  note (fdt, fdt_create (fdt->buffer, BUFFER_SIZE));
  note (fdt, fdt_finish_reservemap (fdt->buffer));
  note (fdt, fdt_begin_node (fdt->buffer, ""));
  return fdt;
}

void
dio_fdt_begin (DioFdt *fdt, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *name = g_strdup_vprintf (format, args);
  va_end (args);
  note (fdt, fdt_begin_node (fdt->buffer, name));
  fdt->depth++;
}

void
dio_fdt_end (DioFdt *fdt)
{
  /* libfdt does not count them itself. */
  note (fdt, fdt->depth ? fdt_end_node (fdt->buffer) : -FDT_ERR_BADSTATE);
  fdt->depth -= fdt->depth > 0;
}

void
dio_fdt_bytes (DioFdt *fdt, const char *name, const void *data, size_t length)
{
  if (length > BUFFER_SIZE)
    note (fdt, -FDT_ERR_NOSPACE);
  else
    note (fdt, fdt_property (fdt->buffer, name, data, (int) length));
}

void
dio_fdt_empty (DioFdt *fdt, const char *name)
{
  dio_fdt_bytes (fdt, name, NULL, 0);
}

void
dio_fdt_string (DioFdt *fdt, const char *name, const char *value)
{
  dio_fdt_bytes (fdt, name, value, strlen (value) + 1);
}

void
dio_fdt_strv (DioFdt *fdt, const char *name, const char *const *values)
{
  g_autoptr (GString) joined = g_string_new (NULL);
  for (; *values; values++)
    g_string_append_len (joined, *values, (gssize) strlen (*values) + 1);
  dio_fdt_bytes (fdt, name, joined->str, joined->len);
}

void
dio_fdt_strings (DioFdt *fdt, const char *name, ...)
{
  g_autoptr (GPtrArray) values = g_ptr_array_new ();
  va_list args;
  va_start (args, name);
  for (const char *value = va_arg (args, const char *); value; value = va_arg (args, const char *))
    g_ptr_array_add (values, (void *) value);
  va_end (args);
  g_ptr_array_add (values, NULL);
  dio_fdt_strv (fdt, name, (const char *const *) values->pdata);
}

void
dio_fdt_u32 (DioFdt *fdt, const char *name, uint32_t value)
{
  dio_fdt_cells (fdt, name, &value, 1);
}

void
dio_fdt_u64 (DioFdt *fdt, const char *name, uint64_t value)
{
  const uint32_t cells[] = { (uint32_t) (value >> 32), (uint32_t) value };
  dio_fdt_cells (fdt, name, cells, 2);
}

void
dio_fdt_cells (DioFdt *fdt, const char *name, const uint32_t *cells, size_t count)
{
  g_autofree uint32_t *big = g_new (uint32_t, MAX (count, 1));
  for (size_t i = 0; i < count; i++)
    big[i] = GUINT32_TO_BE (cells[i]);
  dio_fdt_bytes (fdt, name, big, count * sizeof *big);
}

void
dio_fdt_reg (DioFdt *fdt, const char *name, unsigned pairs, ...)
{
  g_autofree uint64_t *big = g_new (uint64_t, MAX (pairs * 2, 1));
  va_list args;
  va_start (args, pairs);
  for (unsigned i = 0; i < pairs * 2; i++)
    big[i] = GUINT64_TO_BE (va_arg (args, uint64_t));
  va_end (args);
  dio_fdt_bytes (fdt, name, big, pairs * 2 * sizeof *big);
}

uint32_t
dio_fdt_new_phandle (DioFdt *fdt)
{
  return fdt->next_phandle++;
}

void *
dio_fdt_raw (DioFdt *fdt)
{
  return fdt->buffer;
}

GBytes *
dio_fdt_finish (DioFdt *fdt, GError **error)
{
  GBytes *tree = NULL;
  if (fdt->depth)
    note (fdt, -FDT_ERR_BADSTRUCTURE);
  note (fdt, fdt_end_node (fdt->buffer));
  note (fdt, fdt_finish (fdt->buffer));
  if (fdt->failure)
    g_set_error (error, DIO_ERROR, DIO_ERROR_FAILED, _ ("The device tree could not be made: %s"),
                 fdt_strerror (fdt->failure));
  else
    tree = g_bytes_new (fdt->buffer, fdt_totalsize (fdt->buffer));
  g_free (fdt->buffer);
  g_free (fdt);
  return tree;
}
