/* SPDX-License-Identifier: GPL-3.0-or-later
 * The wizard that makes a machine.
 *
 * Looking for images and looking into files happens in workers; the window stays usable. On the
 * review page every change is checked with dio_library_validate(), and what is wrong is said under
 * the field that is wrong. */
#include "config.h"

#include "ui/create/create-window.h"

#include <glib/gi18n.h>
#include <math.h>
#include <string.h>

#include "app/job/job-thread.h"
#include "app/model/model-image.h"
#include "ui/widgets/dialogs.h"
#include "ui/widgets/form.h"
#include "ui/widgets/showing.h"

#define MIB (UINT64_C (1) << 20)
#define GIB (UINT64_C (1) << 30)
#define DEFAULT_MEMORY (1 * GIB)
#define DEFAULT_DISK 10

enum {
  FIELD_NAME,
  FIELD_ARCH,
  FIELD_MEMORY,
  FIELD_CPUS,
  FIELD_DISK_SIZE,
  FIELD_DISK,
  FIELD_KERNEL,
  FIELD_INITRD,
  N_FIELDS
};

struct _DioCreateWindow {
  AdwWindow parent_instance;

  DioLibrary *library;
  const DioMachineHost *host;
  GCancellable *cancellable;
  GArray *archs; /* DioArch by position in the row */
  DioFormField fields[N_FIELDS];
  gboolean filling;

  /* The source. */
  char *kernel, *initrd, *disk, *firmware;
  const char *disk_format; /* found out once, here */
  gboolean disk_is_medium; /* an ISO: goes into a CD-ROM drive */
  DioBootCondition disk_condition;

  AdwWindowTitle *window_title;
  GtkButton *cancel_button;
  GtkButton *back_button;
  GtkSpinner *busy_spinner;
  GtkStack *stack;
  AdwPreferencesGroup *images_group;
  GtkSpinner *scan_spinner;
  AdwActionRow *nothing_row;
  AdwActionRow *file_row;
  GtkWidget *review_box;
  AdwPreferencesPage *review_page;
  AdwEntryRow *name_row;
  AdwComboRow *arch_row;
  AdwActionRow *memory_row;
  GtkSpinButton *memory_spin;
  AdwActionRow *cpus_row;
  GtkSpinButton *cpus_spin;
  AdwActionRow *disk_size_row;
  GtkSpinButton *disk_size_spin;
  AdwPreferencesGroup *system_group;
  AdwActionRow *disk_row;
  AdwActionRow *kernel_row;
  AdwActionRow *initrd_row;
  GtkButton *initrd_clear_button;
  AdwEntryRow *append_row;
  GtkLabel *problem_label;
  GtkButton *create_button;
  GtkButton *start_button;
  DioErrorRow *name_error_row, *arch_error_row, *memory_error_row, *cpus_error_row,
      *disk_size_error_row, *disk_error_row, *kernel_error_row, *initrd_error_row;
};

G_DEFINE_FINAL_TYPE (DioCreateWindow, dio_create_window, ADW_TYPE_WINDOW)

enum { CREATED, N_SIGNALS };

static guint signals[N_SIGNALS];

/* Review */

static void
add_source_disk (DioCreateWindow *self, DioMachineConfig *config)
{
  if (self->disk_is_medium)
    dio_machine_config_add_cdrom (config, self->disk, self->disk_format);
  else
    dio_machine_config_add_disk (config, self->disk, self->disk_format, FALSE);
}

static DioMachineConfig *
make_config (DioCreateWindow *self)
{
  DioMachineConfig *config = dio_machine_config_new ();
  const char *append = gtk_editable_get_text (GTK_EDITABLE (self->append_row));

  config->name = g_strstrip (g_strdup (gtk_editable_get_text (GTK_EDITABLE (self->name_row))));
  config->arch = dio_form_get_arch (self->arch_row, self->archs);
  config->memory = (guint64) gtk_spin_button_get_value (self->memory_spin) * MIB;
  config->cpus = gtk_spin_button_get_value_as_int (self->cpus_spin);
  config->kernel = g_strdup (self->kernel);
  config->initrd = g_strdup (self->initrd);
  config->firmware = g_strdup (self->firmware);
  if (self->kernel && *append)
    config->append = g_strdup (append);
  if (self->disk)
    add_source_disk (self, config);
  return config;
}

static guint64
new_disk_size (DioCreateWindow *self)
{
  return (guint64) gtk_spin_button_get_value (self->disk_size_spin) * GIB;
}

static void
show_problem (DioCreateWindow *self, const char *field, const char *message)
{
  gboolean placed = dio_form_show_problem (self->fields, N_FIELDS, field, message);

  /* What belongs to no field that is shown. */
  gtk_label_set_label (self->problem_label, message ? message : "");
  gtk_widget_set_visible (GTK_WIDGET (self->problem_label), message && !placed);
  gtk_widget_set_sensitive (GTK_WIDGET (self->create_button), !message);
  gtk_widget_set_sensitive (GTK_WIDGET (self->start_button), !message);
}

static void
check (DioCreateWindow *self)
{
  g_autoptr (DioMachineConfig) config = make_config (self);
  g_autofree char *too_much = dio_form_check_memory (config->memory);
  g_autoptr (GError) error = NULL;
  const char *field = NULL;

  if (!dio_library_validate (self->library, config, new_disk_size (self), &field, &error))
    show_problem (self, field, error->message);
  else
    show_problem (self, "memory", too_much);
}

static void
field_changed_cb (DioCreateWindow *self)
{
  if (!self->filling)
    check (self);
}

static void
fill_archs (DioCreateWindow *self, DioArch detected)
{
  dio_form_fill_archs (self->arch_row, self->host->boards, detected, self->archs);
  adw_action_row_set_subtitle (ADW_ACTION_ROW (self->arch_row),
                               detected == DIO_ARCH_NONE ? _ ("Could not be told from the system")
                                                         : _ ("As the system needs it"));
}

static void
show_disk (DioCreateWindow *self)
{
  g_autofree char *path = self->disk ? g_filename_display_name (self->disk) : NULL;
  g_autofree char *text =
      self->disk_condition == DIO_BOOT_INCOMPLETE
          ? g_strdup_printf (_ ("%s\nIncomplete: its end is missing. Get it again"), path)
      : self->disk_condition == DIO_BOOT_DAMAGED
          ? g_strdup_printf (_ ("%s\nDamaged: no firmware can start from it. Get it again"), path)
          : g_strdup (path);

  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (self->disk_row),
                                 self->disk_is_medium ? _ ("CD-ROM Drive") : _ ("Disk"));
  dio_form_set_file (self->disk_row, text, "");
}

static void
show_files (DioCreateWindow *self, gboolean kernel)
{
  gtk_widget_set_visible (GTK_WIDGET (self->disk_row), self->disk != NULL);
  gtk_widget_set_visible (GTK_WIDGET (self->kernel_row), kernel);
  gtk_widget_set_visible (GTK_WIDGET (self->initrd_row), kernel);
  gtk_widget_set_visible (GTK_WIDGET (self->append_row), kernel);
  gtk_widget_set_visible (GTK_WIDGET (self->system_group), kernel || self->disk);
  gtk_widget_set_visible (GTK_WIDGET (self->initrd_clear_button), self->initrd != NULL);
  show_disk (self);
  dio_form_set_file (self->kernel_row, self->kernel, _ ("None chosen"));
  dio_form_set_file (self->initrd_row, self->initrd, _ ("None"));
}

static void
show_review (DioCreateWindow *self, const char *title, DioArch arch, guint64 memory, guint64 disk,
             gboolean kernel, const char *append)
{
  g_autofree char *name = dio_library_free_name (self->library, title);

  self->filling = TRUE;
  gtk_editable_set_text (GTK_EDITABLE (self->name_row), name);
  fill_archs (self, arch);
  gtk_spin_button_set_value (self->memory_spin, ceil ((double) memory / MIB));
  gtk_spin_button_set_value (self->cpus_spin, 1);
  gtk_spin_button_set_value (self->disk_size_spin, ceil ((double) disk / GIB));
  gtk_editable_set_text (GTK_EDITABLE (self->append_row), append ? append : "");
  dio_form_show_host (self->memory_row, self->cpus_row);
  adw_action_row_set_subtitle (self->disk_size_row, _ ("Takes space only as it fills; 0 for none"));
  show_files (self, kernel);
  self->filling = FALSE;

  gtk_widget_set_visible (GTK_WIDGET (self->cancel_button), FALSE);
  gtk_widget_set_visible (GTK_WIDGET (self->back_button), TRUE);
  dio_showing_stack (self->stack, "review");
  check (self);
  gtk_widget_grab_focus (GTK_WIDGET (self->start_button));
  /* The focus passed through the name and selected it. */
  gtk_editable_select_region (GTK_EDITABLE (self->name_row), 0, 0);
}

/* Sources */

static void
clear_source (DioCreateWindow *self)
{
  g_clear_pointer (&self->kernel, g_free);
  g_clear_pointer (&self->initrd, g_free);
  g_clear_pointer (&self->disk, g_free);
  g_clear_pointer (&self->firmware, g_free);
  self->disk_is_medium = FALSE;
  self->disk_condition = DIO_BOOT_WHOLE;
}

static void
set_disk_kind (DioCreateWindow *self, DioImage *image)
{
  self->disk_is_medium = dio_image_get_kind (image) == DIO_IMAGE_ISO;
  self->disk_condition = dio_image_get_condition (image);
}

static void
back_cb (DioCreateWindow *self)
{
  gtk_widget_set_visible (GTK_WIDGET (self->cancel_button), TRUE);
  gtk_widget_set_visible (GTK_WIDGET (self->back_button), FALSE);
  dio_showing_stack (self->stack, "source");
  gtk_widget_grab_focus (GTK_WIDGET (self->file_row));
}

/* What a machine is called at first: a file without what says its format. */
static char *
name_of_image (DioImage *image)
{
  static const char *const formats[] = { ".iso",  ".img", ".raw", ".qcow2",
                                         ".vmdk", ".vdi", ".vhd", ".vhdx" };
  char *name = g_strdup (dio_image_get_title (image));

  for (gsize i = 0; dio_image_get_disk (image) && i < G_N_ELEMENTS (formats); i++) {
    gsize length = strlen (name), end = strlen (formats[i]);
    if (length > end && g_ascii_strcasecmp (name + length - end, formats[i]) == 0)
      name[length - end] = '\0';
  }
  return name;
}

static void
use_image (DioCreateWindow *self, DioImage *image, const char *path)
{
  DioImageKind kind = dio_image_get_kind (image);
  guint64 memory = dio_image_get_recommended_memory (image);
  guint64 disk = dio_image_get_recommended_disk (image);

  clear_source (self);
  self->kernel = g_strdup (dio_image_get_kernel (image));
  self->initrd = g_strdup (dio_image_get_initrd (image));
  self->disk = g_strdup (dio_image_get_disk (image));
  if (self->disk)
    self->disk_format = dio_block_detect (dio_files_host (), self->disk);
  set_disk_kind (self, image);
  if (kind == DIO_IMAGE_FIRMWARE && !self->kernel)
    self->firmware = g_strdup (path);
  if (kind == DIO_IMAGE_INITRD && !self->initrd)
    self->initrd = g_strdup (path);

  gboolean has_kernel = self->kernel || kind == DIO_IMAGE_INITRD;
  if (!disk && kind != DIO_IMAGE_DISK)
    disk = DEFAULT_DISK * GIB;
  g_autofree char *name = name_of_image (image);
  show_review (self, name, dio_image_get_arch (image), memory ? memory : DEFAULT_MEMORY, disk,
               has_kernel, dio_image_get_append (image));
}

static void
image_activated_cb (AdwActionRow *row, DioCreateWindow *self)
{
  use_image (self, g_object_get_data (G_OBJECT (row), "image"), NULL);
}

static void
choose_empty_cb (DioCreateWindow *self)
{
  clear_source (self);
  show_review (self, _ ("New Machine"), DIO_ARCH_NONE, DEFAULT_MEMORY, DEFAULT_DISK * GIB, FALSE,
               NULL);
  adw_action_row_set_subtitle (ADW_ACTION_ROW (self->arch_row), NULL);
}

static void
choose_kernel_source_cb (DioCreateWindow *self)
{
  clear_source (self);
  show_review (self, _ ("Linux"), DIO_ARCH_NONE, DEFAULT_MEMORY, 0, TRUE, NULL);
  adw_action_row_set_subtitle (ADW_ACTION_ROW (self->arch_row), NULL);
}

static GtkWidget *
add_image_row (DioCreateWindow *self, DioImage *image)
{
  GtkWidget *row = adw_action_row_new ();
  GtkWidget *arrow = gtk_image_new_from_icon_name ("go-next-symbolic");

  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (row), FALSE);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), dio_image_get_title (image));
  if (dio_image_get_subtitle (image))
    adw_action_row_set_subtitle (ADW_ACTION_ROW (row), dio_image_get_subtitle (image));
  adw_action_row_set_icon_name (ADW_ACTION_ROW (row), dio_image_get_kind (image) == DIO_IMAGE_DISK
                                                          ? "drive-harddisk-symbolic"
                                                          : "media-optical-symbolic");
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), arrow);
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), TRUE);
  g_object_set_data_full (G_OBJECT (row), "image", g_object_ref (image), g_object_unref);
  g_signal_connect (row, "activated", G_CALLBACK (image_activated_cb), self);
  adw_preferences_group_add (self->images_group, row);
  return row;
}

static void
scan_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_task_return_pointer (task, dio_images_find (), (GDestroyNotify) g_ptr_array_unref);
}

static void
scanned_cb (GObject *object, GAsyncResult *result, gpointer data)
{
  DioCreateWindow *self = DIO_CREATE_WINDOW (object);
  g_autoptr (GPtrArray) images = g_task_propagate_pointer (G_TASK (result), NULL);

  if (!images || !self->library)
    return; /* closed meanwhile */
  gtk_spinner_set_spinning (self->scan_spinner, FALSE);
  gtk_widget_set_visible (GTK_WIDGET (self->scan_spinner), FALSE);
  gboolean untouched = gtk_widget_is_focus (GTK_WIDGET (self->file_row));
  for (guint i = 0; i < images->len; i++) {
    GtkWidget *row = add_image_row (self, g_ptr_array_index (images, i));
    if (i == 0 && untouched)
      gtk_widget_grab_focus (row);
  }
  gtk_widget_set_visible (GTK_WIDGET (self->nothing_row), images->len == 0);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (self->nothing_row),
                                 _ ("No systems found in Downloads or among the fetched ones"));
}

/* Files */

typedef enum {
  PURPOSE_ANY,
  PURPOSE_DISK,
  PURPOSE_KERNEL,
  PURPOSE_INITRD,
} Purpose;

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
  GError *error = NULL;
  DioImage *image = dio_image_probe_file (probe->path, &error);

  if (image)
    g_task_return_pointer (task, image, g_object_unref);
  else
    g_task_return_error (task, error);
}

static void
probed_cb (GObject *object, GAsyncResult *result, gpointer data)
{
  DioCreateWindow *self = DIO_CREATE_WINDOW (object);
  Probe *probe = g_task_get_task_data (G_TASK (result));
  g_autoptr (GError) error = NULL;
  g_autoptr (DioImage) image = g_task_propagate_pointer (G_TASK (result), &error);
  g_autofree char *name = g_filename_display_basename (probe->path);

  if (!self->library)
    return;
  gtk_spinner_set_spinning (self->busy_spinner, FALSE);
  if (image && dio_image_get_kind (image) == DIO_IMAGE_UNKNOWN)
    g_set_error (&error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                 _ ("“%s” is no disk, installation medium or Linux kernel that Diorama knows."),
                 name);
  if (error) {
    dio_dialogs_error (GTK_WIDGET (self), _ ("This file cannot be used"), error);
    return;
  }
  use_image (self, image, probe->path);
}

static void
probe (DioCreateWindow *self, const char *path)
{
  g_autoptr (GTask) task = g_task_new (self, self->cancellable, probed_cb, NULL);
  Probe *data = g_new0 (Probe, 1);

  data->path = g_strdup (path);
  gtk_spinner_set_spinning (self->busy_spinner, TRUE);
  g_task_set_task_data (task, data, probe_free);
  dio_job_thread_run (task, probe_thread);
}

static void
dropped_cb (GtkWidget *widget, const char *path)
{
  DioCreateWindow *self = DIO_CREATE_WINDOW (widget);

  if (gtk_widget_get_sensitive (self->review_box)) /* not while it creates */
    probe (self, path);
}

static void
kernel_probed_cb (GObject *object, GAsyncResult *result, gpointer data)
{
  DioCreateWindow *self = DIO_CREATE_WINDOW (object);
  g_autoptr (DioImage) image = g_task_propagate_pointer (G_TASK (result), NULL);

  /* Only the architecture is of interest; the check says what is wrong with a file. */
  if (!image || !self->library || dio_image_get_arch (image) == DIO_ARCH_NONE)
    return;
  self->filling = TRUE;
  fill_archs (self, dio_image_get_arch (image));
  self->filling = FALSE;
  check (self);
}

static void
disk_probed_cb (GObject *object, GAsyncResult *result, gpointer data)
{
  DioCreateWindow *self = DIO_CREATE_WINDOW (object);
  Probe *probe = g_task_get_task_data (G_TASK (result));
  g_autoptr (DioImage) image = g_task_propagate_pointer (G_TASK (result), NULL);

  if (!image || !self->library || g_strcmp0 (probe->path, self->disk) != 0)
    return;
  set_disk_kind (self, image);
  show_disk (self);
  check (self);
}

/* Has a worker look into the file; @callback gets the image. */
static void
probe_part (DioCreateWindow *self, const char *path, GAsyncReadyCallback callback)
{
  g_autoptr (GTask) task = g_task_new (self, self->cancellable, callback, NULL);
  Probe *data = g_new0 (Probe, 1);

  data->path = g_strdup (path);
  g_task_set_task_data (task, data, probe_free);
  dio_job_thread_run (task, probe_thread);
}

static void
file_chosen (DioCreateWindow *self, const char *path, Purpose purpose)
{
  switch (purpose) {
  case PURPOSE_ANY:
    probe (self, path);
    return;
  case PURPOSE_DISK:
    g_free (self->disk);
    self->disk = g_strdup (path);
    self->disk_format = dio_block_detect (dio_files_host (), path);
    self->disk_is_medium = FALSE;
    self->disk_condition = DIO_BOOT_WHOLE;
    probe_part (self, path, disk_probed_cb);
    break;
  case PURPOSE_INITRD:
    g_free (self->initrd);
    self->initrd = g_strdup (path);
    break;
  case PURPOSE_KERNEL:
    probe_part (self, path, kernel_probed_cb);
    g_free (self->kernel);
    self->kernel = g_strdup (path);
    break;
  }
  show_files (self, gtk_widget_get_visible (GTK_WIDGET (self->kernel_row)));
  check (self);
}

static void
chosen_cb (GtkWindow *window, const char *path, int purpose)
{
  file_chosen (DIO_CREATE_WINDOW (window), path, (Purpose) purpose);
}

static void
choose (DioCreateWindow *self, const char *title, Purpose purpose)
{
  dio_form_choose_file (GTK_WINDOW (self), title, chosen_cb, purpose);
}

static void
choose_file_cb (DioCreateWindow *self)
{
  choose (self, _ ("Choose a Disk or System File"), PURPOSE_ANY);
}

static void
choose_disk_cb (DioCreateWindow *self)
{
  choose (self, _ ("Choose a Disk"), PURPOSE_DISK);
}

static void
choose_kernel_cb (DioCreateWindow *self)
{
  choose (self, _ ("Choose a Linux Kernel"), PURPOSE_KERNEL);
}

static void
choose_initrd_cb (DioCreateWindow *self)
{
  choose (self, _ ("Choose an Initial RAM Disk"), PURPOSE_INITRD);
}

static void
clear_initrd_cb (DioCreateWindow *self)
{
  g_clear_pointer (&self->initrd, g_free);
  show_files (self, TRUE);
  check (self);
}

/* Creating */

static void
set_busy (DioCreateWindow *self, gboolean busy)
{
  gtk_spinner_set_spinning (self->busy_spinner, busy);
  gtk_widget_set_sensitive (self->review_box, !busy);
  gtk_widget_set_sensitive (GTK_WIDGET (self->back_button), !busy);
}

typedef struct {
  DioCreateWindow *window;
  gboolean start;
} Creation;

static void
created_cb (GObject *object, GAsyncResult *result, gpointer data)
{
  Creation *creation = data;
  g_autoptr (DioCreateWindow) self = creation->window;
  gboolean start = creation->start;
  g_autoptr (GError) error = NULL;
  g_autoptr (DioMachineItem) item =
      dio_library_create_finish (DIO_LIBRARY (object), result, &error);

  g_free (creation);
  if (item) {
    g_signal_emit (self, signals[CREATED], 0, item, start);
    if (self->library)
      gtk_window_destroy (GTK_WINDOW (self));
    return;
  }
  if (!self->library)
    return; /* cancelled by closing */
  set_busy (self, FALSE);
  check (self);
  dio_dialogs_error (GTK_WIDGET (self), _ ("The machine was not created"), error);
}

static void
create (DioCreateWindow *self, gboolean start)
{
  g_autoptr (DioMachineConfig) config = make_config (self);
  Creation *creation = g_new (Creation, 1);

  *creation = (Creation){ g_object_ref (self), start };
  set_busy (self, TRUE);
  dio_library_create_async (self->library, config, new_disk_size (self), NULL, self->cancellable,
                            created_cb, creation);
}

static void
create_cb (DioCreateWindow *self)
{
  create (self, FALSE);
}

static void
create_and_start_cb (DioCreateWindow *self)
{
  if (gtk_widget_is_sensitive (GTK_WIDGET (self->start_button)))
    create (self, TRUE);
}

static gboolean
key_pressed_cb (GtkEventControllerKey *controller, guint keyval, guint keycode,
                GdkModifierType modifiers, DioCreateWindow *self)
{
  gboolean back = keyval == GDK_KEY_Left && (modifiers & GDK_ALT_MASK);

  if (keyval == GDK_KEY_Escape)
    gtk_window_close (GTK_WINDOW (self));
  else if (back && gtk_widget_is_visible (GTK_WIDGET (self->back_button)))
    back_cb (self);
  else
    return GDK_EVENT_PROPAGATE;
  return GDK_EVENT_STOP;
}

static void
dio_create_window_dispose (GObject *object)
{
  DioCreateWindow *self = DIO_CREATE_WINDOW (object);

  g_cancellable_cancel (self->cancellable);
  clear_source (self);
  g_clear_object (&self->library);
  G_OBJECT_CLASS (dio_create_window_parent_class)->dispose (object);
}

static void
dio_create_window_finalize (GObject *object)
{
  DioCreateWindow *self = DIO_CREATE_WINDOW (object);

  g_clear_object (&self->cancellable);
  g_array_unref (self->archs);
  G_OBJECT_CLASS (dio_create_window_parent_class)->finalize (object);
}

#define BIND(name) gtk_widget_class_bind_template_child (widget_class, DioCreateWindow, name)

static void
dio_create_window_class_init (DioCreateWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = dio_create_window_dispose;
  G_OBJECT_CLASS (klass)->finalize = dio_create_window_finalize;

  signals[CREATED] =
      g_signal_new ("created", DIO_TYPE_CREATE_WINDOW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                    G_TYPE_NONE, 2, DIO_TYPE_MACHINE_ITEM, G_TYPE_BOOLEAN);

  g_type_ensure (DIO_TYPE_ERROR_ROW);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/diorama/Diorama/ui/create-window.ui");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_DIALOG);
  BIND (window_title);
  BIND (cancel_button);
  BIND (back_button);
  BIND (busy_spinner);
  BIND (stack);
  BIND (images_group);
  BIND (scan_spinner);
  BIND (nothing_row);
  BIND (file_row);
  BIND (review_box);
  BIND (review_page);
  BIND (name_row);
  BIND (arch_row);
  BIND (memory_row);
  BIND (memory_spin);
  BIND (cpus_row);
  BIND (cpus_spin);
  BIND (disk_size_row);
  BIND (disk_size_spin);
  BIND (system_group);
  BIND (disk_row);
  BIND (kernel_row);
  BIND (initrd_row);
  BIND (initrd_clear_button);
  BIND (append_row);
  BIND (problem_label);
  BIND (create_button);
  BIND (start_button);
  BIND (name_error_row);
  BIND (arch_error_row);
  BIND (memory_error_row);
  BIND (cpus_error_row);
  BIND (disk_size_error_row);
  BIND (disk_error_row);
  BIND (kernel_error_row);
  BIND (initrd_error_row);
  gtk_widget_class_bind_template_callback (widget_class, back_cb);
  gtk_widget_class_bind_template_callback (widget_class, choose_file_cb);
  gtk_widget_class_bind_template_callback (widget_class, choose_kernel_source_cb);
  gtk_widget_class_bind_template_callback (widget_class, choose_empty_cb);
  gtk_widget_class_bind_template_callback (widget_class, choose_disk_cb);
  gtk_widget_class_bind_template_callback (widget_class, choose_kernel_cb);
  gtk_widget_class_bind_template_callback (widget_class, choose_initrd_cb);
  gtk_widget_class_bind_template_callback (widget_class, clear_initrd_cb);
  gtk_widget_class_bind_template_callback (widget_class, field_changed_cb);
  gtk_widget_class_bind_template_callback (widget_class, create_cb);
  gtk_widget_class_bind_template_callback (widget_class, create_and_start_cb);
}

static void
dio_create_window_init (DioCreateWindow *self)
{
  GtkEventController *keys = gtk_event_controller_key_new ();

  self->filling = TRUE; /* the template sets values */
  self->cancellable = g_cancellable_new ();
  self->archs = g_array_new (FALSE, FALSE, sizeof (DioArch));
  gtk_widget_init_template (GTK_WIDGET (self));
  dio_showing_stack (self->stack, "source");

  const DioFormField fields[N_FIELDS] = {
    { "name", GTK_WIDGET (self->name_row), self->name_error_row },
    { "arch", GTK_WIDGET (self->arch_row), self->arch_error_row },
    { "memory", GTK_WIDGET (self->memory_row), self->memory_error_row },
    { "cpus", GTK_WIDGET (self->cpus_row), self->cpus_error_row },
    { "disk-size", GTK_WIDGET (self->disk_size_row), self->disk_size_error_row },
    { "disk", GTK_WIDGET (self->disk_row), self->disk_error_row },
    { "kernel", GTK_WIDGET (self->kernel_row), self->kernel_error_row },
    { "initrd", GTK_WIDGET (self->initrd_row), self->initrd_error_row },
  };
  memcpy (self->fields, fields, sizeof fields);

  dio_form_accept_file (GTK_WIDGET (self), dropped_cb);
  g_signal_connect (keys, "key-pressed", G_CALLBACK (key_pressed_cb), self);
  gtk_widget_add_controller (GTK_WIDGET (self), keys);
}

GtkWidget *
dio_create_window_new (GtkWindow *parent, DioLibrary *library, const DioMachineHost *host,
                       const char *path)
{
  DioCreateWindow *self = g_object_new (DIO_TYPE_CREATE_WINDOW, "transient-for", parent, NULL);
  g_autoptr (GTask) scan = g_task_new (self, self->cancellable, scanned_cb, NULL);

  self->library = g_object_ref (library);
  self->host = host;
  dio_job_thread_run (scan, scan_thread);
  gtk_window_set_focus (GTK_WINDOW (self), GTK_WIDGET (self->file_row));
  if (path)
    probe (self, path);
  return GTK_WIDGET (self);
}
