/* SPDX-License-Identifier: GPL-3.0-or-later
 * The settings of a machine that is off.
 *
 * The window works on a copy of the configuration. Every change is checked with
 * dio_machine_item_validate(), and what is wrong is said under the field that is wrong; Save makes
 * the machine into the copy, in a worker. */
#include "config.h"

#include "ui/settings/settings-window.h"

#include <glib/gi18n.h>
#include <math.h>
#include <sys/stat.h>

#include "app/library/library-bundle.h"
#include "app/library/library-manifest.h"
#include "app/job/job-thread.h"
#include "app/model/model-image.h"
#include "ui/disks/disks-window.h"
#include "ui/widgets/dialogs.h"
#include "ui/widgets/form.h"

#define MIB (UINT64_C (1) << 20)
#define GIB (UINT64_C (1) << 30)

enum {
  FIELD_NAME,
  FIELD_ARCH,
  FIELD_MEMORY,
  FIELD_CPUS,
  FIELD_KERNEL,
  FIELD_INITRD,
  FIELD_APPEND,
  FIELD_FIRMWARE,
  FIELD_DISK,
  FIELD_DISK_SIZE,
  N_FIELDS
};

struct _DioSettingsWindow {
  AdwWindow parent_instance;

  DioMachineItem *item;
  DioMachineConfig *config; /* as it will be */
  GCancellable *cancellable;
  GArray *archs; /* DioArch by position in the row */
  GPtrArray *disk_rows;
  GPtrArray *managed; /* of char*: the paths of the disks before they were managed */
  DioFormField fields[N_FIELDS];
  gboolean filling;
  gboolean busy;

  AdwWindowTitle *window_title;
  GtkButton *save_button;
  GtkSpinner *busy_spinner;
  GtkLabel *problem_label;
  AdwPreferencesPage *page;
  AdwEntryRow *name_row;
  AdwComboRow *arch_row;
  AdwActionRow *memory_row;
  GtkSpinButton *memory_spin;
  AdwActionRow *cpus_row;
  GtkSpinButton *cpus_spin;
  AdwActionRow *kernel_row;
  GtkButton *kernel_clear_button;
  AdwActionRow *initrd_row;
  GtkButton *initrd_clear_button;
  AdwEntryRow *append_row;
  AdwActionRow *firmware_row;
  GtkButton *firmware_clear_button;
  AdwPreferencesGroup *disks_group;
  AdwActionRow *add_disk_row;
  AdwActionRow *disk_size_row;
  GtkSpinButton *disk_size_spin;
  GtkSpinButton *snapshot_hours_spin, *snapshot_keep_spin;
  AdwActionRow *installing_row;
  GtkSwitch *installing_switch;
  DioErrorRow *name_error_row, *arch_error_row, *memory_error_row, *cpus_error_row,
      *kernel_error_row, *initrd_error_row, *append_error_row, *firmware_error_row, *disk_error_row,
      *disk_size_error_row;
};

G_DEFINE_FINAL_TYPE (DioSettingsWindow, dio_settings_window, ADW_TYPE_WINDOW)

/* What the rows say goes into the configuration; files and disks are there already. */
static void
take_values (DioSettingsWindow *self)
{
  DioMachineConfig *config = self->config;
  guint64 memory = (guint64) gtk_spin_button_get_value (self->memory_spin) * MIB;
  const char *append = gtk_editable_get_text (GTK_EDITABLE (self->append_row));

  g_free (config->name);
  config->name = g_strstrip (g_strdup (gtk_editable_get_text (GTK_EDITABLE (self->name_row))));
  config->arch = dio_form_get_arch (self->arch_row, self->archs);
  /* The row may show less than there is to it. */
  if (memory != (guint64) ceil ((double) config->memory / MIB) * MIB)
    config->memory = memory;
  config->cpus = gtk_spin_button_get_value_as_int (self->cpus_spin);
  config->snapshot_hours = (unsigned) gtk_spin_button_get_value_as_int (self->snapshot_hours_spin);
  config->snapshot_keep = (unsigned) gtk_spin_button_get_value_as_int (self->snapshot_keep_spin);
  config->installing = gtk_switch_get_active (self->installing_switch);
  g_free (config->append);
  config->append = config->kernel && *append ? g_strdup (append) : NULL;
}

static guint64
new_disk_size (DioSettingsWindow *self)
{
  return (guint64) gtk_spin_button_get_value (self->disk_size_spin) * GIB;
}

static void
show_problem (DioSettingsWindow *self, const char *field, const char *message)
{
  gboolean placed = dio_form_show_problem (self->fields, N_FIELDS, field, message);

  gtk_label_set_label (self->problem_label, message ? message : "");
  gtk_widget_set_visible (GTK_WIDGET (self->problem_label), message && !placed);
  gtk_widget_set_sensitive (GTK_WIDGET (self->save_button), !message && !self->busy);
  /* The field may be out of sight. */
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->save_button), message);
}

static void
check (DioSettingsWindow *self)
{
  g_autofree char *too_much = NULL;
  g_autoptr (GError) error = NULL;
  const char *field = NULL;

  take_values (self);
  gtk_widget_set_visible (GTK_WIDGET (self->installing_row),
                          dio_bundle_has_installer (self->config));
  too_much = dio_form_check_memory (self->config->memory);
  if (dio_machine_item_get_state (self->item) != DIO_ITEM_OFF)
    show_problem (self, NULL, _ ("The machine can only be changed while it is off."));
  else if (!dio_machine_item_validate (self->item, self->config, new_disk_size (self), &field,
                                       &error))
    show_problem (self, field, error->message);
  else
    show_problem (self, "memory", too_much);
}

static void
changed_cb (DioSettingsWindow *self)
{
  if (!self->filling && !self->busy)
    check (self);
}

/* Files */

static gboolean
is_in_machine (DioSettingsWindow *self, const char *file)
{
  g_autofree char *folder = g_path_get_dirname (file);

  return g_str_equal (folder, dio_machine_item_get_path (self->item));
}

static void
show_file (DioSettingsWindow *self, AdwActionRow *row, const char *file, const char *none)
{
  dio_form_set_file (row, file, none);
  if (file && is_in_machine (self, file))
    adw_action_row_set_subtitle (row, _ ("In the machine’s folder"));
}

static void
show_files (DioSettingsWindow *self)
{
  const DioMachineConfig *config = self->config;
  gboolean kernel = config->kernel || config->initrd;

  show_file (self, self->kernel_row, config->kernel, _ ("None: what is on the disks starts"));
  show_file (self, self->initrd_row, config->initrd, _ ("None"));
  show_file (self, self->firmware_row, config->firmware, _ ("As usual for such machines"));
  gtk_widget_set_visible (GTK_WIDGET (self->kernel_clear_button), config->kernel != NULL);
  gtk_widget_set_visible (GTK_WIDGET (self->initrd_clear_button), config->initrd != NULL);
  gtk_widget_set_visible (GTK_WIDGET (self->firmware_clear_button), config->firmware != NULL);
  gtk_widget_set_visible (GTK_WIDGET (self->initrd_row), kernel);
  gtk_widget_set_visible (GTK_WIDGET (self->append_row), kernel);
}

typedef enum {
  PURPOSE_KERNEL,
  PURPOSE_INITRD,
  PURPOSE_FIRMWARE,
  PURPOSE_DISK,
} Purpose;

static char **
file_of (DioSettingsWindow *self, Purpose purpose)
{
  return purpose == PURPOSE_KERNEL   ? &self->config->kernel
         : purpose == PURPOSE_INITRD ? &self->config->initrd
                                     : &self->config->firmware;
}

static void
set_file (DioSettingsWindow *self, Purpose purpose, const char *path)
{
  char **file = file_of (self, purpose);

  g_free (*file);
  *file = g_strdup (path);
  show_files (self);
  check (self);
}

/* Disks */

static char *
describe_disk (DioSettingsWindow *self, const DioDiskConfig *disk)
{
  g_autofree char *folder = g_path_get_dirname (disk->path);
  g_autofree char *place = is_in_machine (self, disk->path)
                               ? g_strdup (_ ("In the machine’s folder"))
                               : g_filename_display_name (folder);
  g_autofree char *limits = dio_manifest_describe_limits (&disk->limits);
  struct stat st;

  if (stat (disk->path, &st) != 0)
    return g_steal_pointer (&place);
  g_autofree char *size = g_format_size_full ((guint64) st.st_size, G_FORMAT_SIZE_IEC_UNITS);
  /* Translators: a disk: its size, then where its file lies. */
  g_autofree char *text = g_strdup_printf (_ ("%s · %s"), size, place);
  return limits ? g_strdup_printf ("%s\n%s", text, limits) : g_steal_pointer (&text);
}

static void show_disks (DioSettingsWindow *self);

static guint
index_of (GtkWidget *button)
{
  return GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (button), "index"));
}

static void
remove_disk_cb (GtkWidget *button, DioSettingsWindow *self)
{
  g_ptr_array_remove_index (self->config->disks, index_of (button));
  show_disks (self);
  gtk_widget_grab_focus (GTK_WIDGET (self->add_disk_row));
  check (self);
}

static void
show_lock (GtkToggleButton *button)
{
  gtk_button_set_icon_name (GTK_BUTTON (button), gtk_toggle_button_get_active (button)
                                                     ? "changes-prevent-symbolic"
                                                     : "changes-allow-symbolic");
}

static void
readonly_cb (GtkToggleButton *button, DioSettingsWindow *self)
{
  DioDiskConfig *disk = g_ptr_array_index (self->config->disks, index_of (GTK_WIDGET (button)));

  disk->readonly = gtk_toggle_button_get_active (button);
  show_lock (button);
  check (self);
}

static void
show_drive (AdwActionRow *row, gboolean cdrom)
{
  adw_action_row_set_icon_name (row, cdrom ? "drive-optical-symbolic" : "drive-harddisk-symbolic");
}

/* A disc is not written to. */
static void
cdrom_cb (GtkToggleButton *button, DioSettingsWindow *self)
{
  DioDiskConfig *disk = g_ptr_array_index (self->config->disks, index_of (GTK_WIDGET (button)));
  GtkWidget *lock = g_object_get_data (G_OBJECT (button), "lock");
  GtkWidget *row = gtk_widget_get_ancestor (GTK_WIDGET (button), ADW_TYPE_ACTION_ROW);

  disk->cdrom = gtk_toggle_button_get_active (button);
  if (disk->cdrom)
    gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (lock), TRUE);
  gtk_widget_set_sensitive (lock, !disk->cdrom);
  show_drive (ADW_ACTION_ROW (row), disk->cdrom);
  check (self);
}

/* Limits of a disk, in a popover of its row */

static void
show_text (DioSettingsWindow *self, AdwActionRow *row, const DioDiskConfig *disk)
{
  g_autofree char *text = describe_disk (self, disk);
  g_autofree char *escaped = g_markup_escape_text (text, -1);

  adw_action_row_set_subtitle (row, escaped);
}

static void
limit_cb (GtkSpinButton *spin, DioSettingsWindow *self)
{
  DioDiskConfig *disk = g_ptr_array_index (self->config->disks, index_of (GTK_WIDGET (spin)));
  gboolean bytes = g_object_get_data (G_OBJECT (spin), "bytes") != NULL;
  guint64 value = (guint64) gtk_spin_button_get_value_as_int (spin);
  GtkWidget *row = gtk_widget_get_ancestor (GTK_WIDGET (spin), ADW_TYPE_ACTION_ROW);

  if (bytes)
    disk->limits.bytes = value * MIB;
  else
    disk->limits.operations = value;
  show_text (self, ADW_ACTION_ROW (row), disk);
  check (self);
}

static void
make_limit (DioSettingsWindow *self, GtkGrid *grid, gboolean bytes, const char *title, guint index)
{
  const DioBlockLimits *limits =
      &((DioDiskConfig *) g_ptr_array_index (self->config->disks, index))->limits;
  int line = bytes ? 1 : 2;
  GtkWidget *label = gtk_label_new (title);
  GtkWidget *spin = gtk_spin_button_new_with_range (
      0, bytes ? (double) (DIO_MANIFEST_MAX_DISK_BYTES / MIB) : DIO_MANIFEST_MAX_DISK_OPERATIONS,
      bytes ? 1 : DIO_MANIFEST_MIN_DISK_OPERATIONS);

  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_widget_set_hexpand (label, TRUE);
  /* It may show less than there is to it; what is not touched stays. */
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (spin), bytes ? ceil ((double) limits->bytes / MIB)
                                                           : (double) limits->operations);
  gtk_accessible_update_property (GTK_ACCESSIBLE (spin), GTK_ACCESSIBLE_PROPERTY_LABEL, title, -1);
  g_object_set_data (G_OBJECT (spin), "index", GUINT_TO_POINTER (index));
  g_object_set_data (G_OBJECT (spin), "bytes", GINT_TO_POINTER (bytes));
  gtk_grid_attach (grid, label, 0, line, 1, 1);
  gtk_grid_attach (grid, spin, 1, line, 1, 1);
  g_signal_connect_object (spin, "value-changed", G_CALLBACK (limit_cb), self, 0);
}

static GtkWidget *
make_limits (DioSettingsWindow *self, guint index)
{
  GtkWidget *button = gtk_menu_button_new ();
  GtkWidget *popover = gtk_popover_new ();
  GtkWidget *grid = gtk_grid_new ();
  GtkWidget *heading = gtk_label_new (_ ("At most, or 0 for no limit:"));

  gtk_grid_set_row_spacing (GTK_GRID (grid), 6);
  gtk_grid_set_column_spacing (GTK_GRID (grid), 12);
  gtk_label_set_xalign (GTK_LABEL (heading), 0);
  gtk_widget_add_css_class (heading, "dim-label");
  gtk_grid_attach (GTK_GRID (grid), heading, 0, 0, 2, 1);
  make_limit (self, GTK_GRID (grid), TRUE, _ ("MiB per second"), index);
  make_limit (self, GTK_GRID (grid), FALSE, _ ("Operations per second"), index);
  gtk_popover_set_child (GTK_POPOVER (popover), grid);
  gtk_menu_button_set_popover (GTK_MENU_BUTTON (button), popover);
  gtk_menu_button_set_icon_name (GTK_MENU_BUTTON (button), "view-more-symbolic");
  return button;
}

static void
add_button (AdwActionRow *row, GtkWidget *button, const char *text, guint index)
{
  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (button, "flat");
  gtk_widget_set_tooltip_text (button, text);
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, text, -1);
  g_object_set_data (G_OBJECT (button), "index", GUINT_TO_POINTER (index));
  adw_action_row_add_suffix (row, button);
}

static GtkWidget *
make_disk_row (DioSettingsWindow *self, guint index)
{
  const DioDiskConfig *disk = g_ptr_array_index (self->config->disks, index);
  g_autofree char *name = g_filename_display_basename (disk->path);
  g_autofree char *path = g_filename_display_name (disk->path);
  GtkWidget *row = adw_action_row_new ();
  GtkWidget *disc = gtk_toggle_button_new ();
  GtkWidget *lock = gtk_toggle_button_new ();
  GtkWidget *limits = make_limits (self, index);
  GtkWidget *away = gtk_button_new_from_icon_name ("list-remove-symbolic");

  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (row), FALSE);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), name);
  show_text (self, ADW_ACTION_ROW (row), disk);
  show_drive (ADW_ACTION_ROW (row), disk->cdrom);
  adw_action_row_set_title_lines (ADW_ACTION_ROW (row), 1);
  gtk_widget_set_tooltip_text (row, path);
  gtk_button_set_icon_name (GTK_BUTTON (disc), "media-optical-symbolic");
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (disc), disk->cdrom);
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (lock), disk->readonly);
  gtk_widget_set_sensitive (lock, !disk->cdrom);
  show_lock (GTK_TOGGLE_BUTTON (lock));
  add_button (ADW_ACTION_ROW (row), disc, _ ("In a CD-ROM Drive"), index);
  add_button (ADW_ACTION_ROW (row), lock, _ ("Read-Only"), index);
  add_button (ADW_ACTION_ROW (row), limits, _ ("Limits of the Disk"), index);
  add_button (ADW_ACTION_ROW (row), away, _ ("Remove from the Machine; the File Stays"), index);
  g_object_set_data (G_OBJECT (disc), "lock", lock);
  g_signal_connect_object (disc, "toggled", G_CALLBACK (cdrom_cb), self, 0);
  g_signal_connect_object (lock, "toggled", G_CALLBACK (readonly_cb), self, 0);
  g_signal_connect_object (away, "clicked", G_CALLBACK (remove_disk_cb), self, 0);
  return row;
}

/* The rows of the disks stand before those that belong to the template. */
static void
show_disks (DioSettingsWindow *self)
{
  GtkListBox *list = GTK_LIST_BOX (gtk_widget_get_parent (GTK_WIDGET (self->add_disk_row)));

  for (guint i = 0; i < self->disk_rows->len; i++)
    gtk_list_box_remove (list, g_ptr_array_index (self->disk_rows, i));
  g_ptr_array_set_size (self->disk_rows, 0);
  for (guint i = 0; self->config->disks && i < self->config->disks->len; i++) {
    GtkWidget *row = make_disk_row (self, i);
    gtk_list_box_insert (list, row, (int) i);
    g_ptr_array_add (self->disk_rows, row);
  }
}

/* Disks that were moved are where they are now; what else was changed here stays. */
static void
managed_cb (DioSettingsWindow *self)
{
  const DioMachineConfig *now = self->item ? dio_machine_item_get_config (self->item) : NULL;
  GPtrArray *before = self->managed;

  for (guint i = 0; now && now->disks && i < before->len && i < now->disks->len; i++) {
    const DioDiskConfig *moved = g_ptr_array_index (now->disks, i);
    for (guint k = 0; self->config->disks && k < self->config->disks->len; k++) {
      DioDiskConfig *disk = g_ptr_array_index (self->config->disks, k);
      if (g_str_equal (disk->path, g_ptr_array_index (before, i))) {
        g_free (disk->path);
        disk->path = g_strdup (moved->path);
        break;
      }
    }
  }
  if (!now)
    return;
  show_disks (self);
  check (self);
}

static void
manage_cb (DioSettingsWindow *self)
{
  const DioMachineConfig *config = dio_machine_item_get_config (self->item);
  GtkWidget *window = dio_disks_window_new (GTK_WINDOW (self), self->item);

  g_ptr_array_set_size (self->managed, 0);
  for (guint i = 0; config->disks && i < config->disks->len; i++)
    g_ptr_array_add (self->managed,
                     g_strdup (((DioDiskConfig *) g_ptr_array_index (config->disks, i))->path));
  g_signal_connect_object (window, "destroy", G_CALLBACK (managed_cb), self, G_CONNECT_SWAPPED);
  gtk_window_present (GTK_WINDOW (window));
}

/* After a row came in above it and everything has its place: what has the focus is in sight. */
static gboolean
reveal_cb (gpointer data)
{
  DioSettingsWindow *self = data;

  if (!self->item)
    return G_SOURCE_REMOVE;
  gtk_window_set_focus (GTK_WINDOW (self), NULL);
  gtk_widget_grab_focus (GTK_WIDGET (self->add_disk_row));
  return G_SOURCE_REMOVE;
}

/* Looking into files */

typedef struct {
  char *path;
  Purpose purpose;
} Probe;

static void
probe_free (gpointer data)
{
  Probe *probe = data;

  g_free (probe->path);
  g_free (probe);
}

static void
probe_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Probe *probe = data;

  g_task_return_pointer (task, dio_image_probe_file (probe->path, NULL), g_object_unref);
}

static void
probed_cb (GObject *object, GAsyncResult *result, gpointer data)
{
  DioSettingsWindow *self = DIO_SETTINGS_WINDOW (object);
  const Probe *probe = g_task_get_task_data (G_TASK (result));
  g_autoptr (DioImage) image = g_task_propagate_pointer (G_TASK (result), NULL);

  if (!self->item)
    return; /* closed meanwhile */
  /* What is wrong with a file the check says. */
  if (probe->purpose == PURPOSE_DISK) {
    gboolean medium = image && dio_image_get_kind (image) == DIO_IMAGE_ISO;
    /* Found out once, here; machine.json keeps it. */
    const char *format = dio_block_detect (dio_files_host (), probe->path);
    if (medium)
      dio_machine_config_add_cdrom (self->config, probe->path, format);
    else
      dio_machine_config_add_disk (self->config, probe->path, format, FALSE);
    show_disks (self);
    g_idle_add_full (G_PRIORITY_LOW, reveal_cb, g_object_ref (self), g_object_unref);
  } else if (image && dio_image_get_arch (image) != DIO_ARCH_NONE) {
    self->filling = TRUE;
    dio_form_fill_archs (self->arch_row, dio_machine_item_get_boards (self->item),
                         dio_image_get_arch (image), self->archs);
    self->filling = FALSE;
  }
  check (self);
}

static void
chosen_cb (GtkWindow *window, const char *path, int purpose)
{
  DioSettingsWindow *self = DIO_SETTINGS_WINDOW (window);

  if (purpose != PURPOSE_DISK)
    set_file (self, (Purpose) purpose, path);
  if (purpose != PURPOSE_DISK && purpose != PURPOSE_KERNEL)
    return;
  g_autoptr (GTask) task = g_task_new (self, self->cancellable, probed_cb, NULL);
  Probe *probe = g_new0 (Probe, 1);
  probe->path = g_strdup (path);
  probe->purpose = (Purpose) purpose;
  g_task_set_task_data (task, probe, probe_free);
  dio_job_thread_run (task, probe_thread);
}

static void
choose_kernel_cb (DioSettingsWindow *self)
{
  dio_form_choose_file (GTK_WINDOW (self), _ ("Choose a Linux Kernel"), chosen_cb, PURPOSE_KERNEL);
}

static void
choose_initrd_cb (DioSettingsWindow *self)
{
  dio_form_choose_file (GTK_WINDOW (self), _ ("Choose an Initial RAM Disk"), chosen_cb,
                        PURPOSE_INITRD);
}

static void
choose_firmware_cb (DioSettingsWindow *self)
{
  dio_form_choose_file (GTK_WINDOW (self), _ ("Choose a Firmware"), chosen_cb, PURPOSE_FIRMWARE);
}

static void
add_disk_cb (DioSettingsWindow *self)
{
  dio_form_choose_file (GTK_WINDOW (self), _ ("Choose a Disk"), chosen_cb, PURPOSE_DISK);
}

static void
clear_file (DioSettingsWindow *self, Purpose purpose, AdwActionRow *row)
{
  set_file (self, purpose, NULL);
  /* Its button is gone. */
  gtk_widget_grab_focus (GTK_WIDGET (row));
}

static void
clear_kernel_cb (DioSettingsWindow *self)
{
  clear_file (self, PURPOSE_KERNEL, self->kernel_row);
}

static void
clear_initrd_cb (DioSettingsWindow *self)
{
  clear_file (self, PURPOSE_INITRD, self->config->kernel ? self->initrd_row : self->kernel_row);
}

static void
clear_firmware_cb (DioSettingsWindow *self)
{
  clear_file (self, PURPOSE_FIRMWARE, self->firmware_row);
}

/* Saving */

static void
set_busy (DioSettingsWindow *self, gboolean busy)
{
  self->busy = busy;
  gtk_spinner_set_spinning (self->busy_spinner, busy);
  gtk_widget_set_sensitive (GTK_WIDGET (self->page), !busy);
  gtk_widget_set_sensitive (GTK_WIDGET (self->save_button), !busy);
}

static void
saved_cb (GObject *object, GAsyncResult *result, gpointer data)
{
  g_autoptr (DioSettingsWindow) self = DIO_SETTINGS_WINDOW (data);
  g_autoptr (GError) error = NULL;
  gboolean good = dio_machine_item_command_finish (DIO_MACHINE_ITEM (object), result, &error);

  if (!self->item)
    return; /* cancelled by closing */
  set_busy (self, FALSE);
  if (good) {
    gtk_window_destroy (GTK_WINDOW (self));
    return;
  }
  check (self);
  dio_dialogs_error (GTK_WIDGET (self), _ ("The machine keeps its settings"), error);
}

static void
save_cb (DioSettingsWindow *self)
{
  check (self);
  if (!gtk_widget_is_sensitive (GTK_WIDGET (self->save_button)))
    return;
  set_busy (self, TRUE);
  dio_machine_item_configure_async (self->item, self->config, new_disk_size (self), NULL,
                                    self->cancellable, saved_cb, g_object_ref (self));
}

static void
dio_settings_window_dispose (GObject *object)
{
  DioSettingsWindow *self = DIO_SETTINGS_WINDOW (object);

  g_cancellable_cancel (self->cancellable);
  if (self->item)
    g_signal_handlers_disconnect_by_data (self->item, self);
  g_clear_object (&self->item);
  G_OBJECT_CLASS (dio_settings_window_parent_class)->dispose (object);
}

static void
dio_settings_window_finalize (GObject *object)
{
  DioSettingsWindow *self = DIO_SETTINGS_WINDOW (object);

  g_clear_pointer (&self->config, dio_machine_config_free);
  g_clear_object (&self->cancellable);
  g_array_unref (self->archs);
  g_ptr_array_unref (self->disk_rows);
  g_ptr_array_unref (self->managed);
  G_OBJECT_CLASS (dio_settings_window_parent_class)->finalize (object);
}

#define BIND(name) gtk_widget_class_bind_template_child (widget_class, DioSettingsWindow, name)

static void
dio_settings_window_class_init (DioSettingsWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = dio_settings_window_dispose;
  G_OBJECT_CLASS (klass)->finalize = dio_settings_window_finalize;

  g_type_ensure (DIO_TYPE_ERROR_ROW);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/diorama/Diorama/ui/settings-window.ui");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_DIALOG);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
  BIND (window_title);
  BIND (save_button);
  BIND (busy_spinner);
  BIND (problem_label);
  BIND (page);
  BIND (name_row);
  BIND (arch_row);
  BIND (memory_row);
  BIND (memory_spin);
  BIND (cpus_row);
  BIND (cpus_spin);
  BIND (kernel_row);
  BIND (kernel_clear_button);
  BIND (initrd_row);
  BIND (initrd_clear_button);
  BIND (append_row);
  BIND (firmware_row);
  BIND (firmware_clear_button);
  BIND (disks_group);
  BIND (add_disk_row);
  BIND (disk_size_row);
  BIND (disk_size_spin);
  BIND (snapshot_hours_spin);
  BIND (snapshot_keep_spin);
  BIND (installing_row);
  BIND (installing_switch);
  BIND (name_error_row);
  BIND (arch_error_row);
  BIND (memory_error_row);
  BIND (cpus_error_row);
  BIND (kernel_error_row);
  BIND (initrd_error_row);
  BIND (append_error_row);
  BIND (firmware_error_row);
  BIND (disk_error_row);
  BIND (disk_size_error_row);
  gtk_widget_class_bind_template_callback (widget_class, changed_cb);
  gtk_widget_class_bind_template_callback (widget_class, save_cb);
  gtk_widget_class_bind_template_callback (widget_class, choose_kernel_cb);
  gtk_widget_class_bind_template_callback (widget_class, choose_initrd_cb);
  gtk_widget_class_bind_template_callback (widget_class, choose_firmware_cb);
  gtk_widget_class_bind_template_callback (widget_class, clear_kernel_cb);
  gtk_widget_class_bind_template_callback (widget_class, clear_initrd_cb);
  gtk_widget_class_bind_template_callback (widget_class, clear_firmware_cb);
  gtk_widget_class_bind_template_callback (widget_class, add_disk_cb);
  gtk_widget_class_bind_template_callback (widget_class, manage_cb);
}

static void
dio_settings_window_init (DioSettingsWindow *self)
{
  self->filling = TRUE; /* the template sets values */
  self->cancellable = g_cancellable_new ();
  self->archs = g_array_new (FALSE, FALSE, sizeof (DioArch));
  self->disk_rows = g_ptr_array_new ();
  self->managed = g_ptr_array_new_with_free_func (g_free);
  gtk_widget_init_template (GTK_WIDGET (self));

  const DioFormField fields[N_FIELDS] = {
    { "name", GTK_WIDGET (self->name_row), self->name_error_row },
    { "arch", GTK_WIDGET (self->arch_row), self->arch_error_row },
    { "memory", GTK_WIDGET (self->memory_row), self->memory_error_row },
    { "cpus", GTK_WIDGET (self->cpus_row), self->cpus_error_row },
    { "kernel", GTK_WIDGET (self->kernel_row), self->kernel_error_row },
    { "initrd", GTK_WIDGET (self->initrd_row), self->initrd_error_row },
    { "append", GTK_WIDGET (self->append_row), self->append_error_row },
    { "firmware", GTK_WIDGET (self->firmware_row), self->firmware_error_row },
    { "disk", NULL, self->disk_error_row },
    { "disk-size", GTK_WIDGET (self->disk_size_row), self->disk_size_error_row },
  };
  memcpy (self->fields, fields, sizeof fields);
}

static void
fill (DioSettingsWindow *self)
{
  const DioMachineConfig *config = self->config;

  gtk_editable_set_text (GTK_EDITABLE (self->name_row), config->name);
  dio_form_fill_archs (self->arch_row, dio_machine_item_get_boards (self->item), config->arch,
                       self->archs);
  gtk_spin_button_set_value (self->memory_spin, ceil ((double) config->memory / MIB));
  gtk_spin_button_set_value (self->cpus_spin, config->cpus);
  gtk_spin_button_set_value (self->snapshot_hours_spin, config->snapshot_hours);
  gtk_spin_button_set_value (self->snapshot_keep_spin, config->snapshot_keep
                                                           ? config->snapshot_keep
                                                           : DIO_MANIFEST_SNAPSHOT_KEEP);
  gtk_switch_set_active (self->installing_switch, config->installing);
  gtk_editable_set_text (GTK_EDITABLE (self->append_row), config->append ? config->append : "");
  dio_form_show_host (self->memory_row, self->cpus_row);
  show_files (self);
  show_disks (self);
}

GtkWidget *
dio_settings_window_new (GtkWindow *parent, DioMachineItem *item)
{
  g_return_val_if_fail (dio_machine_item_get_config (item), NULL);
  DioSettingsWindow *self = g_object_new (DIO_TYPE_SETTINGS_WINDOW, "transient-for", parent, NULL);

  self->item = g_object_ref (item);
  self->config = dio_machine_config_copy (dio_machine_item_get_config (item));
  adw_window_title_set_subtitle (self->window_title, dio_machine_item_get_name (item));
  fill (self);
  self->filling = FALSE;
  check (self);
  g_signal_connect_swapped (item, "notify::state", G_CALLBACK (changed_cb), self);
  gtk_window_set_focus (GTK_WINDOW (self), GTK_WIDGET (self->save_button));
  return GTK_WIDGET (self);
}
