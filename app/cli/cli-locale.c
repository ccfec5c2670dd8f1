/* SPDX-License-Identifier: GPL-3.0-or-later
 * The language of the program. glibc translates only in a locale that the system has generated:
 * where the person's own is missing, another one that is there carries its language. */
#include "app/cli/cli-locale.h"

#include <libintl.h>
#include <locale.h>
#include <string.h>

#include <glib.h>

#include "config.h"

/* The value that decides the language of messages, as setlocale() sees it; NULL for none. */
static const char *
wanted_locale (void)
{
  static const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++) {
    const char *value = g_getenv (names[i]);
    if (value && *value)
      return value;
  }
  return NULL;
}

/* With the system's own locale when it is there. Else LC_ALL becomes one that is, for GTK as well,
 * which calls setlocale() itself. */
static void
set_locale (void)
{
  /* C.UTF-8 is always there, but glibc 2.39 and later take it for no language at all, so that
   * LANGUAGE has no effect. */
  static const char *const substitutes[] = { "en_US.UTF-8", "C.UTF-8" };
  if (setlocale (LC_ALL, ""))
    return;
  g_autofree char *wanted = g_strdup (wanted_locale ());
  for (gsize i = 0; i < G_N_ELEMENTS (substitutes); i++) {
    if (!setlocale (LC_ALL, substitutes[i]))
      continue;
    g_setenv ("LC_ALL", substitutes[i], TRUE);
    const char *language = g_getenv ("LANGUAGE");
    if (wanted && !(language && *language)) {
      wanted[strcspn (wanted, ".")] = '\0';
      g_setenv ("LANGUAGE", wanted, TRUE);
    }
    return;
  }
}

/* @path below the folder of the program if it exists there, else NULL. */
static char *
beside_program (const char *path)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  if (!program)
    return NULL;
  g_autofree char *folder = g_path_get_dirname (program);
  g_autofree char *found = g_build_filename (folder, path, NULL);
  return g_file_test (found, G_FILE_TEST_IS_DIR) ? g_steal_pointer (&found) : NULL;
}

static char *
find_translations (void)
{
  const char *chosen = g_getenv ("DIORAMA_LOCALE_DIR");
  if (chosen && *chosen)
    return g_strdup (chosen);
  g_autofree char *build = beside_program ("meson-private");
  char *found = build ? beside_program ("po") : NULL;
  if (!found)
    found = beside_program (DIO_LOCALE_FROM_BIN);
  return found ? found : g_strdup (DIO_LOCALE_DIR);
}

void
dio_cli_locale_init (void)
{
  set_locale ();
  g_autofree char *folder = find_translations ();
  bindtextdomain (GETTEXT_PACKAGE, folder);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
}
