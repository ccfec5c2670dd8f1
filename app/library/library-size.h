/* SPDX-License-Identifier: GPL-3.0-or-later
 * Sizes in bytes as people write and read them. */
#pragma once

#include <glib.h>

/* "512M", "1G", "1.5 GiB", "65536" (bytes): K M G T with or without iB/B, all powers of 1024,
 * without regard to case. FALSE and DIO_ERROR_CONFIG when it is not a size or does not fit. */
gboolean dio_size_parse (const char *text, guint64 *bytes, GError **error);

/* "64 MiB", "1.5 GiB", "100 bytes". Caller frees. */
char *dio_size_to_text (guint64 bytes);
