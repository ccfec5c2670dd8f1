/* SPDX-License-Identifier: GPL-3.0-or-later
 * The error domain of the engine. */
#include "core/base/base-error.h"

#include <errno.h>

G_DEFINE_QUARK (dio - error - quark, dio_error)

static DioError
code_from_errno (int errnum)
{
  switch (errnum) {
  case ENOSPC:
  case EDQUOT:
    return DIO_ERROR_NO_SPACE;
  case ENOENT:
    return DIO_ERROR_NOT_FOUND;
  case ENOMEM:
    return DIO_ERROR_MEMORY;
  case EEXIST:
    return DIO_ERROR_EXISTS;
  default:
    return DIO_ERROR_IO;
  }
}

void
dio_set_error_errno (GError **error, int errnum, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, DIO_ERROR, code_from_errno (errnum), "%s: %s", what, g_strerror (errnum));
}
