/* SPDX-License-Identifier: GPL-3.0-or-later
 * Sizes in bytes as people write and read them. */
#include "app/library/library-size.h"

#include <math.h>
#include <string.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

static const char units[] = "KMGTPE";

gboolean
dio_size_parse (const char *text, guint64 *bytes, GError **error)
{
  const char *p = text;
  while (g_ascii_isspace (*p))
    p++;
  char *end = NULL;
  double value = g_ascii_isdigit (*p) ? g_ascii_strtod (p, &end) : -1;
  if (!end || g_ascii_tolower (p[1]) == 'x')
    goto bad;
  guint64 whole = g_ascii_strtoull (p, NULL, 10);
  gboolean is_whole = strspn (p, "0123456789") == (gsize) (end - p);
  p = end;
  while (g_ascii_isspace (*p))
    p++;
  unsigned shift = 0;
  const char *unit = *p ? strchr (units, g_ascii_toupper (*p)) : NULL;
  if (unit) {
    shift = (unit - units + 1) * 10;
    p++;
    if (g_ascii_tolower (*p) == 'i')
      p++;
  }
  if (g_ascii_tolower (*p) == 'b')
    p++;
  while (g_ascii_isspace (*p))
    p++;
  if (*p)
    goto bad;
  double scaled = ldexp (value, shift);
  if (!(scaled >= 0) || scaled >= 9223372036854775808.0) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG, _ ("The size “%s” is too large"), text);
    return FALSE;
  }
  *bytes = is_whole ? whole << shift : (guint64) scaled;
  return TRUE;

bad:
  g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
               _ ("“%s” is not a size; write for example 512M, 1G or 1.5G"), text);
  return FALSE;
}

char *
dio_size_to_text (guint64 bytes)
{
  static const char *const names[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
  if (bytes < 1024)
    return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%u byte", "%u bytes", bytes),
                            (unsigned) bytes);
  unsigned index = 0;
  while (index + 1 < G_N_ELEMENTS (names) && bytes >> (10 * (index + 2)))
    index++;
  unsigned shift = 10 * (index + 1);
  if ((bytes & ((G_GUINT64_CONSTANT (1) << shift) - 1)) == 0)
    return g_strdup_printf ("%" G_GUINT64_FORMAT " %s", bytes >> shift, names[index]);
  return g_strdup_printf ("%.1f %s", ldexp (bytes, -(int) shift), names[index]);
}
