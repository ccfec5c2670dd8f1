/* SPDX-License-Identifier: GPL-3.0-or-later
 * The whole application in front of the dummy engine: what tests of the user interface drive when
 * no guest is to be booted. With a file name after --run it shows one machine without a library,
 * as `diorama run` does. */
#include "app/cli/cli-locale.h"
#include "tests/support/dummy-machine.h"
#include "tests/ui/window-lint.h"
#include "ui/application/application.h"

int
main (int argc, char **argv)
{
  dio_cli_locale_init ();
  DioPool *pool = dio_pool_new (0);
  DioMachineHost host = { .boards = dio_dummy_boards, .devices = dio_dummy_devices, .pool = pool };
  int status;

  window_lint_start ();

  if (argc == 3 && g_str_equal (argv[1], "--run")) {
    g_autoptr (DioMachineConfig) config = dio_machine_config_new ();
    config->name = g_strdup ("Dummy");
    config->arch = DIO_ARCH_RISCV64;
    config->memory = UINT64_C (64) << 20;
    config->cpus = 1;
    config->append = g_strdup (argv[2]);
    status = dio_ui_run_machine (config, &host);
  } else {
    status = dio_ui_run (argc, argv, &host);
  }
  dio_pool_free (pool);
  return status;
}
