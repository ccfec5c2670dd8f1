/* SPDX-License-Identifier: GPL-3.0-or-later
 * For test-manifest.py: reads one JSON string per line, treats it as the text of a machine.json,
 * and answers with a line {"text": rewritten} or {"error": message, "code": number}. */
#include <stdio.h>
#include <string.h>

#include "app/library/library-json.h"
#include "app/library/library-manifest.h"

int
main (void)
{
  g_autoptr (GIOChannel) input = g_io_channel_unix_new (0);
  for (;;) {
    g_autofree char *line = NULL;
    gsize length;
    if (g_io_channel_read_line (input, &line, &length, NULL, NULL) != G_IO_STATUS_NORMAL)
      return 0;
    g_autoptr (JsonNode) node = json_from_string (line, NULL);
    /* Bytes above 0x7f come as characters U+0080 to U+00FF, so that bad UTF-8 can be sent. */
    const char *string = json_node_get_string (node);
    g_autoptr (GByteArray) bytes = g_byte_array_new ();
    for (const char *p = string; *p; p = g_utf8_next_char (p)) {
      guint8 byte = g_utf8_get_char (p);
      g_byte_array_append (bytes, &byte, 1);
    }
    g_byte_array_append (bytes, (const guint8 *) "", 1);
    g_autoptr (GError) error = NULL;
    g_autoptr (DioManifest) manifest =
        dio_manifest_parse ((char *) bytes->data, bytes->len - 1, "machine.json", &error);
    g_autoptr (JsonObject) answer = json_object_new ();
    if (manifest) {
      g_autofree char *text = dio_manifest_to_text (manifest, NULL);
      json_object_set_string_member (answer, "text", text);
    } else {
      json_object_set_string_member (answer, "error", error->message);
      json_object_set_int_member (answer, "code", error->code);
    }
    g_autofree char *reply = dio_json_object_to_text (answer, FALSE);
    puts (reply);
    fflush (stdout);
  }
}
