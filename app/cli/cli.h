/* SPDX-License-Identifier: GPL-3.0-or-later
 * The `diorama` command. */
#pragma once

#include "app/model/model-machine.h"

/* Exit codes, as the manual page has them. */
enum {
  DIO_CLI_OK = 0,            /* done; the guest powered off */
  DIO_CLI_ERROR = 1,         /* something failed; the message says what */
  DIO_CLI_USAGE = 2,         /* the command line is wrong */
  DIO_CLI_CRASHED = 3,       /* the guest stopped with a failure */
  DIO_CLI_TIME_LIMIT = 4,    /* --time-limit was reached */
  DIO_CLI_BUSY = 5,          /* the machine is in use, or its state forbids this */
  DIO_CLI_INTERRUPTED = 130, /* SIGINT or SIGTERM */
};

/* What the window layer offers to the command; app may not include ui, so main.c hands it over.
 * Functions are NULL in a build without it. */
typedef struct {
  /* The library window (no arguments were given); returns the exit status. Says itself when there
   * is no display. */
  int (*run) (int argc, char **argv, const DioMachineHost *host);
  /* A window on @item alone, for `diorama run` and `diorama start` without --headless: shows its
   * console, starts it, returns when it is off (a window closed by the person asks as the library
   * window does). Not 0 when that could not be done, which it says itself. The caller watches the
   * item for the exit code. */
  int (*run_item) (DioMachineItem *item, const DioMachineHost *host);
} DioCliUi;

/* The whole command line; returns the exit code. @host as for dio_library_new(). */
int dio_cli_main (int argc, char **argv, const DioMachineHost *host, const DioCliUi *ui);
