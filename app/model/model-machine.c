/* SPDX-License-Identifier: GPL-3.0-or-later
 * A machine of the library: what it is, as properties, and what its state may be.
 *
 *   OFF -> STARTING -> RUNNING <-> PAUSED -> STOPPING -> OFF      STARTING -> OFF when it fails
 *   OFF <-> ELSEWHERE, OFF <-> BROKEN by what is found on disk
 *
 * A run is in model-machine-run.c, what is asked of it in model-machine-command.c. A command that
 * the state forbids is refused with a sentence. The item holds a reference to itself while it is
 * active. */
#include "app/model/model-machine.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "app/model/model-machine-private.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

G_DEFINE_FINAL_TYPE (DioMachineItem, dio_machine_item, G_TYPE_OBJECT)

enum {
  PROP_0,
  PROP_ID,
  PROP_NAME,
  PROP_STATE,
  PROP_ARCH,
  PROP_ERROR,
  PROP_ENGINE_NOTE,
  PROP_HAS_SYSTEM,
  N_PROPS,
};

enum {
  SIGNAL_THUMBNAIL_CHANGED,
  SIGNAL_STOPPED,
  SIGNAL_SNAPSHOTS_CHANGED,
  SIGNAL_SNAPSHOT_WORK,
  N_SIGNALS,
};

static GParamSpec *properties[N_PROPS];
static guint signals[N_SIGNALS];

GType
dio_item_state_get_type (void)
{
  static gsize type;
  static const GEnumValue values[] = {
    { DIO_ITEM_OFF, "DIO_ITEM_OFF", "off" },
    { DIO_ITEM_STARTING, "DIO_ITEM_STARTING", "starting" },
    { DIO_ITEM_RUNNING, "DIO_ITEM_RUNNING", "running" },
    { DIO_ITEM_PAUSED, "DIO_ITEM_PAUSED", "paused" },
    { DIO_ITEM_STOPPING, "DIO_ITEM_STOPPING", "stopping" },
    { DIO_ITEM_ELSEWHERE, "DIO_ITEM_ELSEWHERE", "elsewhere" },
    { DIO_ITEM_BROKEN, "DIO_ITEM_BROKEN", "broken" },
    { 0, NULL, NULL },
  };
  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("DioItemState", values));
  return type;
}

static const char *
arch_title (DioArch arch)
{
  switch (arch) {
  case DIO_ARCH_RISCV64:
    return "RISC-V";
  case DIO_ARCH_ARM64:
    return "Arm";
  case DIO_ARCH_X86_64:
    return "x86-64";
  case DIO_ARCH_PPC64:
    return "POWER";
  case DIO_ARCH_NONE:
    break;
  }
  return NULL;
}

/* Setters. */

void
dio_machine_item_set_state (DioMachineItem *self, DioItemState state)
{
  if (self->state == state)
    return;
  self->state = state;
  if (self->typer)
    dio_typer_set_held (self->typer, state != DIO_ITEM_RUNNING);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_STATE]);
}

static void
set_string (DioMachineItem *self, char **field, int property, const char *value)
{
  if (g_strcmp0 (*field, value) == 0)
    return;
  g_free (*field);
  *field = g_strdup (value);
  g_object_notify_by_pspec (G_OBJECT (self), properties[property]);
}

void
dio_machine_item_set_error (DioMachineItem *self, const char *text)
{
  set_string (self, &self->error, PROP_ERROR, text);
}

void
dio_machine_item_set_engine_note (DioMachineItem *self, const char *note)
{
  set_string (self, &self->engine_note, PROP_ENGINE_NOTE, note);
}

/* A sparse file that nothing was written to yet holds no system. */
static gboolean
is_blank (const DioDiskConfig *disk)
{
  if (disk->chain)
    return FALSE; /* there was something worth a snapshot */
  return dio_block_is_blank (dio_files_host (), disk->path, disk->format);
}

static gboolean
has_system (const DioMachineConfig *config)
{
  if (!config)
    return FALSE;
  gboolean found = config->kernel || config->firmware;
  for (guint i = 0; config->disks && !found && i < config->disks->len; i++)
    found = !is_blank (g_ptr_array_index (config->disks, i));
  return found;
}

void
dio_machine_item_set_config (DioMachineItem *self, DioMachineConfig *config)
{
  gboolean arch_changed = (self->config ? self->config->arch : 0) != (config ? config->arch : 0);
  gboolean system_changed = has_system (self->config) != has_system (config);
  g_clear_pointer (&self->config, dio_machine_config_free);
  self->config = config;
  if (arch_changed)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ARCH]);
  if (system_changed)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_HAS_SYSTEM]);
}

void
dio_machine_item_clear_error (DioMachineItem *self)
{
  dio_machine_item_set_error (self, NULL);
}

/* Loading. */

gboolean
dio_machine_item_is_locked_by_others (DioMachineItem *self)
{
  g_autofree char *file = g_build_filename (self->path, NULL);
  int fd = open (file, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return FALSE;
  gboolean held = dio_lock_is_held (dio_files_host (), fd, DIO_LOCK_FILE, NULL);
  close (fd);
  return held;
}

static void
load_broken (DioMachineItem *self, const GError *error)
{
  g_autofree char *folder = g_path_get_basename (self->path);
  if (g_str_has_suffix (folder, DIO_BUNDLE_SUFFIX))
    folder[strlen (folder) - strlen (DIO_BUNDLE_SUFFIX)] = '\0';
  if (!self->id)
    self->id = g_strconcat ("broken:", folder, NULL);
  if (!self->name)
    self->name = g_strdup (folder);
  dio_machine_item_set_config (self, NULL);
  dio_machine_item_set_error (self, error->message);
  dio_machine_item_set_state (self, DIO_ITEM_BROKEN);
}

void
dio_machine_item_reload (DioMachineItem *self)
{
  if (!self->path || self->closing || self->configuring)
    return;
  g_autoptr (GError) error = NULL;
  g_autoptr (DioManifest) manifest = dio_bundle_load (dio_files_host (), self->path, &error);
  if (dio_machine_item_is_active (self)) {
    /* What runs does not change; only the name may. */
    if (manifest)
      set_string (self, &self->name, PROP_NAME, manifest->config->name);
    return;
  }
  if (!manifest) {
    load_broken (self, error);
    return;
  }
  if (!self->id || g_str_has_prefix (self->id, "broken:")) {
    g_free (self->id);
    self->id = g_strdup (manifest->id);
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ID]);
  }
  g_autoptr (DioSnapshots) tree = dio_snapshots_open (dio_files_host (), self->path, FALSE, NULL);
  if (tree)
    dio_snapshots_add_chains (tree, manifest->config);
  dio_machine_item_set_config (self, dio_manifest_resolve (manifest, self->path));
  set_string (self, &self->name, PROP_NAME, manifest->config->name);
  if (self->state == DIO_ITEM_BROKEN)
    dio_machine_item_set_error (self, NULL);
  gboolean was_elsewhere = self->state == DIO_ITEM_ELSEWHERE;
  dio_machine_item_set_state (
      self, !self->snapshot_jobs && dio_machine_item_is_locked_by_others (self) ? DIO_ITEM_ELSEWHERE
                                                                                : DIO_ITEM_OFF);
  if (was_elsewhere && self->state == DIO_ITEM_OFF) {
    /* The other process left a newer picture. */
    self->thumbnail_loaded = FALSE;
    g_clear_pointer (&self->thumbnail, g_bytes_unref);
    g_signal_emit (self, signals[SIGNAL_THUMBNAIL_CHANGED], 0);
  }
}

DioMachineItem *
dio_machine_item_new_bundle (const char *path, const DioMachineHost *host)
{
  DioMachineItem *self = g_object_new (DIO_TYPE_MACHINE_ITEM, NULL);
  self->path = g_strdup (path);
  self->host = *host;
  dio_machine_item_reload (self);
  return self;
}

DioMachineItem *
dio_machine_item_new_ephemeral (const DioMachineConfig *config, const DioMachineHost *host)
{
  DioMachineItem *self = g_object_new (DIO_TYPE_MACHINE_ITEM, NULL);
  self->id = g_uuid_string_random ();
  self->host = *host;
  self->config = dio_machine_config_copy (config);
  self->name = g_strdup (config->name ? config->name : _ ("Machine"));
  return self;
}

/* Getters and small things. */

const char *
dio_machine_item_get_id (DioMachineItem *self)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), NULL);
  return self->id;
}

const char *
dio_machine_item_get_name (DioMachineItem *self)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), NULL);
  return self->name;
}

DioItemState
dio_machine_item_get_state (DioMachineItem *self)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), DIO_ITEM_OFF);
  return self->state;
}

const char *
dio_machine_item_get_error (DioMachineItem *self)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), NULL);
  return self->error;
}

const char *
dio_machine_item_get_path (DioMachineItem *self)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), NULL);
  return self->path;
}

const DioMachineConfig *
dio_machine_item_get_config (DioMachineItem *self)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), NULL);
  return self->config;
}

int
dio_machine_item_get_exit_code (DioMachineItem *self)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), 0);
  return self->exit_code;
}

gboolean
dio_machine_item_is_ephemeral (DioMachineItem *self)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), FALSE);
  return self->path == NULL;
}

gboolean
dio_machine_item_is_active (DioMachineItem *self)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), FALSE);
  return self->state == DIO_ITEM_STARTING || self->state == DIO_ITEM_RUNNING
         || self->state == DIO_ITEM_PAUSED || self->state == DIO_ITEM_STOPPING;
}

gboolean
dio_machine_item_rename (DioMachineItem *self, const char *name, GError **error)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), FALSE);
  g_autofree char *trimmed = g_strstrip (g_strdup (name ? name : ""));
  if (self->path ? !dio_bundle_rename (dio_files_host (), self->path, trimmed, error)
                 : !dio_manifest_check_name (trimmed, error))
    return FALSE;
  if (self->config) {
    g_free (self->config->name);
    self->config->name = g_strdup (trimmed);
  }
  set_string (self, &self->name, PROP_NAME, trimmed);
  return TRUE;
}

void
dio_machine_item_set_serial (DioMachineItem *self, DioChar *serial)
{
  g_return_if_fail (DIO_IS_MACHINE_ITEM (self));
  g_clear_pointer (&self->next_serial, dio_char_free);
  self->next_serial = serial;
}

DioScanout *
dio_machine_item_get_scanout (DioMachineItem *self)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), NULL);
  return dio_machine_item_is_active (self) ? self->scanout : NULL;
}

DioInput *
dio_machine_item_get_input (DioMachineItem *self)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), NULL);
  return dio_machine_item_is_active (self) ? self->input : NULL;
}

gboolean
dio_machine_item_get_stats (DioMachineItem *self, DioMachineStats *stats)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), FALSE);
  return dio_machine_item_is_active (self) && self->bridge
         && dio_bridge_get_stats (self->bridge, stats);
}

void
dio_machine_item_return_busy (DioMachineItem *self, GTask *task, const char *format)
{
  GString *text = g_string_new (format);
  g_string_replace (text, "%s", self->name, 1);
  g_task_return_new_error (task, DIO_ERROR, DIO_ERROR_BUSY, "%s", text->str);
  g_string_free (text, TRUE);
}

/* GObject. */

static void
dio_machine_item_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  DioMachineItem *self = DIO_MACHINE_ITEM (object);
  switch (id) {
  case PROP_ID:
    g_value_set_string (value, self->id);
    break;
  case PROP_NAME:
    g_value_set_string (value, self->name);
    break;
  case PROP_STATE:
    g_value_set_enum (value, self->state);
    break;
  case PROP_ARCH:
    g_value_set_string (value, self->config ? arch_title (self->config->arch) : NULL);
    break;
  case PROP_ERROR:
    g_value_set_string (value, self->error);
    break;
  case PROP_ENGINE_NOTE:
    g_value_set_string (value, self->engine_note);
    break;
  case PROP_HAS_SYSTEM:
    g_value_set_boolean (value, has_system (self->config));
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
dio_machine_item_finalize (GObject *object)
{
  DioMachineItem *self = DIO_MACHINE_ITEM (object);
  dio_machine_snapshots_stop (self);
  g_clear_pointer (&self->next_serial, dio_char_free);
  g_clear_pointer (&self->config, dio_machine_config_free);
  g_clear_pointer (&self->thumbnail, g_bytes_unref);
  g_free (self->id);
  g_free (self->path);
  g_free (self->name);
  g_free (self->error);
  g_free (self->engine_note);
  g_free (self->snapshot_work);
  G_OBJECT_CLASS (dio_machine_item_parent_class)->finalize (object);
}

static GParamSpec *
string_property (const char *name)
{
  return g_param_spec_string (name, NULL, NULL, NULL,
                              G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);
}

static void
dio_machine_item_class_init (DioMachineItemClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  object_class->get_property = dio_machine_item_get_property;
  object_class->finalize = dio_machine_item_finalize;
  properties[PROP_ID] = string_property ("id");
  properties[PROP_NAME] = string_property ("name");
  properties[PROP_STATE] =
      g_param_spec_enum ("state", NULL, NULL, DIO_TYPE_ITEM_STATE, DIO_ITEM_OFF,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);
  properties[PROP_ARCH] = string_property ("arch");
  properties[PROP_ERROR] = string_property ("error");
  properties[PROP_ENGINE_NOTE] = string_property ("engine-note");
  properties[PROP_HAS_SYSTEM] =
      g_param_spec_boolean ("has-system", NULL, NULL, FALSE,
                            G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);
  g_object_class_install_properties (object_class, N_PROPS, properties);
  signals[SIGNAL_THUMBNAIL_CHANGED] =
      g_signal_new ("thumbnail-changed", DIO_TYPE_MACHINE_ITEM, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                    NULL, G_TYPE_NONE, 0);
  signals[SIGNAL_STOPPED] =
      g_signal_new ("stopped", DIO_TYPE_MACHINE_ITEM, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                    G_TYPE_NONE, 2, G_TYPE_INT, G_TYPE_STRING);
  signals[SIGNAL_SNAPSHOT_WORK] =
      g_signal_new ("snapshot-work", DIO_TYPE_MACHINE_ITEM, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                    G_TYPE_NONE, 0);
  signals[SIGNAL_SNAPSHOTS_CHANGED] =
      g_signal_new ("snapshots-changed", DIO_TYPE_MACHINE_ITEM, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                    NULL, G_TYPE_NONE, 0);
}

static void
dio_machine_item_init (DioMachineItem *self)
{
  self->state = DIO_ITEM_OFF;
  self->snapshot_progress = -1;
  self->disk_progress = -1;
}
