/* SPDX-License-Identifier: GPL-3.0-or-later
 * The `diorama` command with the dummy engine: tests of the command line and of the window drive
 * it without booting anything. */
#include "app/cli/cli-locale.h"
#include "app/cli/cli.h"
#include "tests/support/dummy-machine.h"
#include "ui/application/application.h"

int
main (int argc, char **argv)
{
  dio_cli_locale_init ();
  DioPool *pool = dio_pool_new (1);
  DioMachineHost host = {
    .boards = dio_dummy_boards,
    .devices = dio_dummy_devices,
    .pool = pool,
  };
  const DioCliUi ui = { dio_ui_run, dio_ui_run_item };
  int code = dio_cli_main (argc, argv, &host, &ui);
  dio_pool_free (pool);
  return code;
}
