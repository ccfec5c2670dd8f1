/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the tests of the application library share: a scratch folder, a library with the dummy
 * engine, and waiting on the main context. */
#pragma once

#include <glib/gstdio.h>

#include "app/library/library-snapshot.h"
#include "app/model/model-library.h"
#include "core/base/base-error.h"
#include "tests/support/dummy-machine.h"

typedef struct {
  char *folder; /* scratch, removed at the end */
  char *library_path;
  char *kernel; /* a file that looks like a riscv64 Image */
  DioPool *pool;
  DioMachineHost host;
  DioLibrary *library;
} Fixture;

void fixture_set_up (Fixture *fixture);
void fixture_tear_down (Fixture *fixture);

/* A new path in the scratch folder. Caller frees. */
char *fixture_path (Fixture *fixture, const char *name);

/* A configuration that the library takes, with @append. */
DioMachineConfig *fixture_config (Fixture *fixture, const char *name, const char *append);

/* Creates a machine and returns it (owned by the caller); aborts the test on failure. */
DioMachineItem *fixture_create (Fixture *fixture, const char *name, const char *append);

/* The same of @config, with a new disk of @disk_size bytes (0: none) in @format (NULL: qcow2). */
DioMachineItem *fixture_create_with (Fixture *fixture, const DioMachineConfig *config,
                                     guint64 disk_size, const char *format);

typedef void (*ItemCommand) (DioMachineItem *self, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data);

/* Runs a command to its end. */
gboolean fixture_command (DioMachineItem *item, ItemCommand command, GError **error);

/* Iterates the main context until @item is in @state; aborts after 10 s. */
void fixture_wait_state (DioMachineItem *item, DioItemState state);

/* Forces it off and waits for that. */
void fixture_turn_off (DioMachineItem *item);

/* Takes as many snapshots of @kind as a disk of the bundle at @path can stand on. Returns the
 * oldest one's id; caller frees. */
char *fixture_fill_row (const char *path, DioSnapshotKind kind);

/* Iterates until @flag is TRUE; aborts after 10 s. */
void fixture_wait_flag (gboolean *flag);

/* Iterates for @ms. */
void fixture_iterate (unsigned ms);

/* Recursively removes @path. */
void fixture_remove (const char *path);

/* As g_test_run(), with a runtime folder of its own. */
int fixture_run_tests (void);

/* Writes a file of @length bytes that starts like a riscv64 Image. */
void fixture_write_kernel (const char *path, gsize length);
