/* SPDX-License-Identifier: GPL-3.0-or-later
 * Strict JSON for input that nobody vouches for: json-glib alone accepts more than JSON and
 * recurses as deep as the text says. */
#pragma once

#include <json-glib/json-glib.h>

/* Parses @text (@length bytes) that must be one JSON object, nested @max_depth deep at most. On
 * failure "LINE:COLUMN: reason" with DIO_ERROR_FORMAT. Any thread. Caller owns the result. */
JsonObject *dio_json_parse_object (const char *text, gsize length, unsigned max_depth,
                                   GError **error);

/* One object as text, indented by two spaces when @pretty, without a newline at the end. */
char *dio_json_object_to_text (JsonObject *object, gboolean pretty);
