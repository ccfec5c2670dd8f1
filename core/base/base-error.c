/* SPDX-License-Identifier: GPL-3.0-or-later
 * The error domain of the engine. */
#include "core/base/base-error.h"

#include <errno.h>

#include "core/base/base-i18n.h"

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

/* What a person can do about it; NULL where the reason says it. */
static const char *
way_out (int errnum)
{
  switch (errnum) {
  case EACCES:
  case EPERM:
    return _ ("Check its permissions and its owner");
  case EROFS:
    return _ ("Choose a place that can be written");
  case ENOSPC:
  case EDQUOT:
    return _ ("Free some space there");
  case EAGAIN:
  case EMFILE:
  case ENFILE:
  case ENOMEM:
    return _ ("Close other programs and try again");
  default:
    return NULL;
  }
}

void
dio_set_error_errno (GError **error, int errnum, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *what = g_strdup_vprintf (format, args);
  va_end (args);
  const char *hint = way_out (errnum);
  g_set_error (error, DIO_ERROR, code_from_errno (errnum), "%s: %s%s%s", what, g_strerror (errnum),
               hint ? ". " : "", hint ? hint : "");
}
