/* SPDX-License-Identifier: GPL-3.0-or-later
 * The program: the only file that sees every layer. */
#include "app/cli/cli-locale.h"
#include "app/cli/cli.h"
#include "hw/hw.h"
#include "ui/application/application.h"

int
main (int argc, char **argv)
{
  dio_cli_locale_init ();
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
