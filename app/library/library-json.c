/* SPDX-License-Identifier: GPL-3.0-or-later
 * Strict JSON: a check of the grammar of RFC 8259 with a bound on nesting, then json-glib. */
#include "app/library/library-json.h"

#include <string.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/base/base-memory.h"

#define PARSED_BYTES 16 /* of memory for each byte of text */

typedef struct {
  const char *text;
  const char *at;
  const char *end;
  unsigned depth;
  unsigned max_depth;
  const char *reason;
} Check;

static gboolean check_value (Check *check);

static gboolean
refuse (Check *check, const char *reason)
{
  if (!check->reason)
    check->reason = reason;
  return FALSE;
}

static void
skip_space (Check *check)
{
  while (check->at < check->end && strchr (" \t\n\r", *check->at) && *check->at)
    check->at++;
}

static gboolean
take (Check *check, char c)
{
  if (check->at >= check->end || *check->at != c)
    return FALSE;
  check->at++;
  return TRUE;
}

static gboolean
check_string (Check *check)
{
  if (!take (check, '"'))
    return refuse (check, N_ ("a string in double quotes is missing"));
  while (check->at < check->end) {
    unsigned char c = *check->at++;
    if (c == '"')
      return TRUE;
    if (c < 0x20) {
      check->at--;
      return refuse (check, N_ ("a control character inside a string"));
    }
    if (c != '\\')
      continue;
    if (check->at >= check->end)
      break;
    c = *check->at++;
    if (c == 'u') {
      for (int i = 0; i < 4; i++, check->at++)
        if (check->at >= check->end || !g_ascii_isxdigit (*check->at))
          return refuse (check, N_ ("\\u is not followed by four hexadecimal digits"));
      if (memcmp (check->at - 4, "0000", 4) == 0)
        return refuse (check, N_ ("a zero character inside a string"));
    } else if (!strchr ("\"\\/bfnrt", c) || !c)
      return refuse (check, N_ ("an unknown escape sequence in a string"));
  }
  return refuse (check, N_ ("a string does not end"));
}

static gboolean
check_digits (Check *check)
{
  const char *start = check->at;
  while (check->at < check->end && g_ascii_isdigit (*check->at))
    check->at++;
  return check->at > start || refuse (check, N_ ("a digit is missing in a number"));
}

static gboolean
check_number (Check *check)
{
  take (check, '-');
  if (take (check, '0')) {
    if (check->at < check->end && g_ascii_isdigit (*check->at))
      return refuse (check, N_ ("a number begins with 0"));
  } else if (!check_digits (check))
    return FALSE;
  if (take (check, '.') && !check_digits (check))
    return FALSE;
  if (take (check, 'e') || take (check, 'E')) {
    if (!take (check, '+'))
      take (check, '-');
    return check_digits (check);
  }
  return TRUE;
}

static gboolean
check_word (Check *check, const char *word)
{
  gsize length = strlen (word);
  if ((gsize) (check->end - check->at) < length || memcmp (check->at, word, length) != 0)
    return refuse (check, N_ ("this is not JSON"));
  check->at += length;
  return TRUE;
}

static gboolean
check_member (Check *check)
{
  skip_space (check);
  if (!check_string (check))
    return FALSE;
  skip_space (check);
  return take (check, ':') ? check_value (check) : refuse (check, N_ ("“:” is missing"));
}

static gboolean
check_list (Check *check, char close, gboolean (*element) (Check *check), const char *reason)
{
  check->at++;
  skip_space (check);
  if (take (check, close))
    return TRUE;
  for (;;) {
    if (!element (check))
      return FALSE;
    skip_space (check);
    if (take (check, close))
      return TRUE;
    if (!take (check, ','))
      return refuse (check, reason);
  }
}

static gboolean
check_value (Check *check)
{
  skip_space (check);
  if (check->at >= check->end)
    return refuse (check, N_ ("the text ends too early"));
  if (++check->depth > check->max_depth)
    return refuse (check, N_ ("nested too deeply"));
  gboolean good;
  switch (*check->at) {
  case '{':
    good = check_list (check, '}', check_member, N_ ("“,” or “}” is missing"));
    break;
  case '[':
    good = check_list (check, ']', check_value, N_ ("“,” or “]” is missing"));
    break;
  case '"':
    good = check_string (check);
    break;
  case 't':
    good = check_word (check, "true");
    break;
  case 'f':
    good = check_word (check, "false");
    break;
  case 'n':
    good = check_word (check, "null");
    break;
  default:
    good = check_number (check);
  }
  check->depth--;
  return good;
}

static void
set_error_at (GError **error, const char *text, const char *at, const char *reason)
{
  unsigned line = 1;
  unsigned column = 1;
  for (const char *p = text; p < at; p++) {
    column = *p == '\n' ? 1 : column + 1;
    line += *p == '\n';
  }
  g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, "%u:%u: %s", line, column, reason);
}

JsonObject *
dio_json_parse_object (const char *text, gsize length, unsigned max_depth, GError **error)
{
  if (!length)
    text = ""; /* may be NULL, from which nothing may be counted */
  const char *bad = text;
  if (length > G_MAXSSIZE / 2 || !g_utf8_validate_len (text, length, &bad)) {
    set_error_at (error, text, bad, _ ("this is not UTF-8 text"));
    return NULL;
  }
  Check check = { text, text, text + length, 0, max_depth, NULL };
  if (check_value (&check)) {
    skip_space (&check);
    if (check.at < check.end)
      refuse (&check, N_ ("something follows the end"));
  }
  if (check.reason) {
    set_error_at (error, text, check.at, _ (check.reason));
    return NULL;
  }
  /* The parser cannot be told that there is no memory. */
  if (!dio_memory_is_there (length * PARSED_BYTES)) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY, "%s", _ ("there is not enough memory"));
    return NULL;
  }
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  g_autoptr (GError) local = NULL;
  if (!json_parser_load_from_data (parser, text, length, &local)) {
    set_error_at (error, text, text, local->message);
    return NULL;
  }
  JsonNode *root = json_parser_get_root (parser);
  if (!root || !JSON_NODE_HOLDS_OBJECT (root)) {
    set_error_at (error, text, text, _ ("an object in braces is expected"));
    return NULL;
  }
  return json_object_ref (json_node_get_object (root));
}

char *
dio_json_object_to_text (JsonObject *object, gboolean pretty)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  json_node_set_object (node, object);
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  json_generator_set_root (generator, node);
  json_generator_set_pretty (generator, pretty);
  json_generator_set_indent (generator, 2);
  return json_generator_to_data (generator, NULL);
}
