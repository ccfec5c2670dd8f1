/* SPDX-License-Identifier: GPL-3.0-or-later
 * The program: the only file that sees every layer. */
#include <libintl.h>
#include <locale.h>

#include "app/cli/cli.h"
#include "config.h"
#include "hw/hw.h"
#include "ui/application/application.h"

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "");
  /* From a build folder the translations are in its po/. */
  const char *locale_dir = g_getenv ("DIORAMA_LOCALE_DIR");
  bindtextdomain (GETTEXT_PACKAGE, locale_dir ? locale_dir : DIO_LOCALE_DIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  DioPool *pool = dio_pool_new (0);
  DioMachineHost host = {
    .boards = dio_hw_boards,
    .devices = dio_hw_devices,
    .pool = pool,
  };
  const DioCliUi ui = { dio_ui_run, dio_ui_run_item };
  int code = dio_cli_main (argc, argv, &host, &ui);
  dio_pool_free (pool);
  return code;
}
