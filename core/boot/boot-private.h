/* SPDX-License-Identifier: GPL-3.0-or-later
 * Reading of little-endian numbers out of untrusted bytes, and gzip, for the files of core/boot. */
#pragma once

#include <glib.h>
#include <string.h>

#include "core/base/base-types.h"

/* Bytes with a length; every access is checked against it. */
typedef struct {
  const uint8_t *data;
  size_t length;
} DioBootView;

/* The @size-byte number at @offset, 0 when it is not all there. */
static inline uint64_t
dio_boot_get (DioBootView view, uint64_t offset, unsigned size)
{
  uint64_t value = 0;
  if (offset > view.length || size > view.length - offset)
    return 0;
  memcpy (&value, view.data + offset, size);
  return GUINT64_FROM_LE (value);
}

/* True if the bytes of @magic are at @offset. */
static inline bool
dio_boot_has (DioBootView view, uint64_t offset, const void *magic, size_t length)
{
  return offset <= view.length && length <= view.length - offset
         && memcmp (view.data + offset, magic, length) == 0;
}

typedef enum {
  DIO_INFLATE_DONE,      /* all of it */
  DIO_INFLATE_FULL,      /* there is more than the limit */
  DIO_INFLATE_TRUNCATED, /* the input ends too early */
  DIO_INFLATE_BROKEN,
  DIO_INFLATE_NO_MEMORY,
} DioInflateResult;

/* Unpacks one gzip member to at most @limit bytes. *@out is g_malloc'ed, also when not DONE. */
DioInflateResult dio_boot_inflate (DioBootView in, size_t limit, uint8_t **out, size_t *length);

/* How long a file with this PE header has to be at least; 0 without such a header. */
uint64_t dio_boot_pe_size (DioBootView view);
