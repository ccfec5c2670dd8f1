/* SPDX-License-Identifier: GPL-3.0-or-later
 * The program: the only file that sees every layer. */
#include <libintl.h>
#include <locale.h>

#include "app/cli/cli.h"
#include "config.h"
#include "hw/hw.h"
#ifdef DIO_HAVE_UI
#include "ui/application/application.h"
#endif

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, DIO_LOCALE_DIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  DioPool *pool = dio_pool_new (0);
  DioMachineHost host = {
    .boards = dio_hw_boards,
    .devices = dio_hw_devices,
    .pool = pool,
  };
  DioCliUi ui = { 0 };
#ifdef DIO_HAVE_UI
  ui.run = dio_ui_run;
#endif
  int code = dio_cli_main (argc, argv, &host, &ui);
  dio_pool_free (pool);
  return code;
}
