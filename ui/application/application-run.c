/* SPDX-License-Identifier: GPL-3.0-or-later
 * The way into the user interface: what must be settled before GTK is initialised. */
#include "config.h"

#include "ui/application/application.h"

#include <glib/gi18n.h>

#include "render/gl/gl-probe.h"
#include "ui/ui-resources.h"
#include "ui/widgets/menu-names.h"

/* GTK would draw with OpenGL in software where there is no GPU, which costs several times what its
 * cairo renderer does (figures: tests/bench/bench-ui.py). */
static void
choose_renderer (void)
{
  if (g_getenv ("GSK_RENDERER"))
    return;
  if (dio_gl_probe () != DIO_GL_HARDWARE)
    g_setenv ("GSK_RENDERER", "cairo", TRUE);
}

/* Makes templates, style and icons known; dio_ui_run() does it by itself. A reference also keeps
 * the linker from leaving the resources in the archive. */
void
dio_ui_register_resources (void)
{
  g_resources_register (dio_ui_get_resource ());
}

static gboolean
init_toolkit (void)
{
  g_set_application_name (_ ("Diorama"));
  g_set_prgname (DIO_APP_ID);
  dio_ui_register_resources ();
  choose_renderer ();
  if (gtk_init_check ()) {
    dio_menu_names_init ();
    return TRUE;
  }
  g_printerr ("diorama: %s\n",
              _ ("There is no display to show windows on. Start Diorama from a desktop session, or "
                 "use “diorama run --headless” and “diorama start NAME --headless”, which need "
                 "none"));
  return FALSE;
}

/* Runs the whole user interface. */
int
dio_ui_run (int argc, char **argv, const DioMachineHost *host)
{
  if (!init_toolkit ())
    return 1;
  g_autoptr (DioApplication) application = dio_application_new (host, NULL);

  return g_application_run (G_APPLICATION (application), argc, argv);
}

/* A window on @item alone. */
int
dio_ui_run_item (DioMachineItem *item, const DioMachineHost *host)
{
  if (!init_toolkit ())
    return 1;
  g_autoptr (DioApplication) application = dio_application_new (host, item);

  return g_application_run (G_APPLICATION (application), 0, NULL);
}

/* The same for a single machine that is not in the library. */
int
dio_ui_run_machine (const DioMachineConfig *config, const DioMachineHost *host)
{
  g_autoptr (DioMachineItem) item = dio_machine_item_new_ephemeral (config, host);
  int status = dio_ui_run_item (item, host);

  if (status == 0 && dio_machine_item_get_error (item)) {
    g_printerr ("diorama: %s\n", dio_machine_item_get_error (item));
    status = 1;
  }
  return status ? status : dio_machine_item_get_exit_code (item);
}
