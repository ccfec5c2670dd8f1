/* SPDX-License-Identifier: GPL-3.0-or-later
 * The error domain of the engine. Messages name the object and the way out; they are shown to
 * people as they are, so they are translatable sentences without a trailing newline. */
#pragma once

#include <glib.h>

#define DIO_ERROR (dio_error_quark ())

typedef enum {
  DIO_ERROR_FAILED,      /* anything that no other code names */
  DIO_ERROR_IO,          /* a host file could not be read or written */
  DIO_ERROR_NOT_FOUND,   /* a named file, machine or device is not there */
  DIO_ERROR_FORMAT,      /* a file is not what it should be, or is truncated */
  DIO_ERROR_WRONG_ARCH,  /* an image for another architecture */
  DIO_ERROR_MEMORY,      /* the host cannot give the memory asked for */
  DIO_ERROR_CONFIG,      /* a configuration value is impossible */
  DIO_ERROR_BUSY,        /* locked by another process, or in a state that forbids it */
  DIO_ERROR_NO_SPACE,    /* the disk is full */
  DIO_ERROR_UNSUPPORTED, /* not possible on this host or in this build */
  DIO_ERROR_EXISTS,      /* the name is taken */
  DIO_ERROR_CANCELLED,   /* the caller asked for it */
  DIO_ERROR_FULL,        /* there are as many as there can be; some have to go first */
} DioError;
#define DIO_ERROR_LAST DIO_ERROR_FULL

GQuark dio_error_quark (void);

/* Sets @error from an errno value: "MESSAGE: strerror", and the way out where the errno value alone
 * tells one ("Free some space there"). DIO_ERROR_NO_SPACE for ENOSPC/EDQUOT, DIO_ERROR_NOT_FOUND
 * for ENOENT, DIO_ERROR_EXISTS for EEXIST, DIO_ERROR_MEMORY for ENOMEM, DIO_ERROR_IO otherwise. */
void dio_set_error_errno (GError **error, int errnum, const char *format, ...) G_GNUC_PRINTF (3, 4);
