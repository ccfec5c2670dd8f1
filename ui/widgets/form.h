/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the forms about a machine share: the wizard's review page and the settings. Main thread. */
#pragma once

#include <adwaita.h>

#include "core/vm/vm-machine.h"
#include "ui/widgets/error-row.h"

/* A field and the row under it. */
typedef struct {
  const char *name; /* as dio_library_validate() calls it */
  GtkWidget *field; /* NULL: several rows, none of which is marked */
  DioErrorRow *row;
} DioFormField;

/* Says @message (NULL: nothing is wrong) under the one of @fields called @name and marks it, also
 * for screen readers; TRUE when there is one that is shown. */
gboolean dio_form_show_problem (const DioFormField *fields, gsize n_fields, const char *name,
                                const char *message);

/* A sentence when @memory is more than this computer has, else NULL. Caller frees. */
char *dio_form_check_memory (guint64 memory);

/* Says in the subtitles what this computer has. */
void dio_form_show_host (AdwActionRow *memory_row, AdwActionRow *cpus_row);

/* Shows the file @path, or the word @none for NULL. */
void dio_form_set_file (AdwActionRow *row, const char *path, const char *none);

/* Fills @row with the architectures of @boards and selects @wanted, which is added if no board has
 * it, so that the check can say that. @archs (of DioArch) gets them by position. */
void dio_form_fill_archs (AdwComboRow *row, const DioBoardType *const *boards, DioArch wanted,
                          GArray *archs);

/* The one that is selected. */
DioArch dio_form_get_arch (AdwComboRow *row, GArray *archs);

/* Lets files be dropped on @widget; @dropped gets the path of the first, if it is one of this
 * computer. */
void dio_form_accept_file (GtkWidget *widget,
                           void (*dropped) (GtkWidget *widget, const char *path));

/* Asks for a file of this computer; @chosen gets its path unless the person cancels or @window
 * is gone by then. */
void dio_form_choose_file (GtkWindow *window, const char *title,
                           void (*chosen) (GtkWindow *window, const char *path, int purpose),
                           int purpose);
