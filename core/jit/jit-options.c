/* SPDX-License-Identifier: GPL-3.0-or-later
 * Options of a compiler, from text. */
#include "core/jit/jit-options.h"

#include <stdlib.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

/* A sample of the interpreter is 16, an exit of compiled code 4. */
#define HOT 32
#define CACHE_SIZE ((size_t) 128 << 20)
#define SEGMENT_SIZE ((size_t) 2 << 20)
/* The stubs must fit into the first segment. */
#define MIN_SEGMENT_KIB 256
#define MAX_SEGMENT_KIB 16384
#define MAX_CACHE_MIB 512

void
dio_jit_options_init (DioJitOptions *options)
{
  *options = (DioJitOptions){ .hot = HOT, .cache = CACHE_SIZE, .segment = SEGMENT_SIZE };
}

/* @word is @key and a number of [@low, @high]. */
static bool
parse_number (const char *word, const char *key, uint64_t low, uint64_t high, uint64_t *number)
{
  return g_str_has_prefix (word, key)
         && g_ascii_string_to_unsigned (word + strlen (key), 10, low, high, number, NULL);
}

static bool
parse_word (DioJitOptions *options, const char *word)
{
  static const char features[] = "features=";
  uint64_t number;
  if (g_str_equal (word, "whole"))
    options->whole = true;
  else if (g_str_equal (word, "check"))
    options->check = true;
  else if (g_str_equal (word, "traps"))
    options->traps = true;
  else if (parse_number (word, "hot=", 0, 1 << 30, &number))
    options->hot = (unsigned) number;
  else if (parse_number (word, "cache=", 1, MAX_CACHE_MIB, &number))
    options->cache = (size_t) number << 20;
  else if (parse_number (word, "segment=", MIN_SEGMENT_KIB, MAX_SEGMENT_KIB, &number))
    options->segment = (size_t) number << 10;
  else if (g_str_has_prefix (word, features))
    return g_strlcpy (options->features, word + strlen (features), sizeof options->features)
           < sizeof options->features;
  else
    return false;
  return true;
}

bool
dio_jit_options_parse (DioJitOptions *options, const char *text, GError **error)
{
  DioJitOptions parsed = *options;
  g_auto (GStrv) words = g_strsplit (text ? text : "", " ", -1);
  for (char **word = words; *word; word++)
    if (**word && !parse_word (&parsed, *word)) {
      g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG, _ ("“%s” is no option of the compiler"),
                   *word);
      return false;
    }
  *options = parsed;
  return true;
}
