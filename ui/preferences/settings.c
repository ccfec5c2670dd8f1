/* SPDX-License-Identifier: GPL-3.0-or-later
 * What a person chose for the application.
 *
 * A key file and no GSettings: it works from a build folder without an installed schema, and a
 * missing schema would end the process. */
#include "config.h"

#include "ui/preferences/settings.h"

#include <gio/gio.h>
#include <glib/gstdio.h>

#include "ui/console/console-view.h"

#define GROUP "preferences"
#define SESSION_GROUP "session"

struct _DioSettings {
  GObject parent_instance;

  char *path;
  GKeyFile *file;
  DioConsoleScaling scaling;
  DioCloseAction close_action;
  DioSessionEnd session_end;
  gboolean follow_window, capture, reserve_f11, resume_suspended, start_at_login;
};

G_DEFINE_FINAL_TYPE (DioSettings, dio_settings, G_TYPE_OBJECT)
G_DEFINE_ENUM_TYPE (DioCloseAction, dio_close_action, G_DEFINE_ENUM_VALUE (DIO_CLOSE_ASK, "ask"),
                    G_DEFINE_ENUM_VALUE (DIO_CLOSE_KEEP_RUNNING, "keep-running"))
G_DEFINE_ENUM_TYPE (DioSessionEnd, dio_session_end,
                    G_DEFINE_ENUM_VALUE (DIO_SESSION_END_SUSPEND, "suspend"),
                    G_DEFINE_ENUM_VALUE (DIO_SESSION_END_SHUT_DOWN, "shut-down"),
                    G_DEFINE_ENUM_VALUE (DIO_SESSION_END_ASK, "ask"))

enum {
  PROP_0,
  PROP_SCALING,
  PROP_FOLLOW_WINDOW,
  PROP_CAPTURE,
  PROP_RESERVE_F11,
  PROP_CLOSE_ACTION,
  PROP_SESSION_END,
  PROP_RESUME_SUSPENDED,
  PROP_START_AT_LOGIN,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

static void
save (DioSettings *self)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_path_get_dirname (self->path);

  g_mkdir_with_parents (folder, 0700);
  if (!g_key_file_save_to_file (self->file, self->path, &error))
    g_warning ("Could not save the settings: %s", error->message);
}

static void
load (DioSettings *self)
{
  for (guint i = 1; i < N_PROPS; i++) {
    GParamSpec *pspec = properties[i];
    g_auto (GValue) value = G_VALUE_INIT;
    g_autofree char *text = g_key_file_get_string (self->file, GROUP, pspec->name, NULL);

    g_value_init (&value, pspec->value_type);
    g_param_value_set_default (pspec, &value);
    if (text && G_IS_PARAM_SPEC_BOOLEAN (pspec)
        && (g_str_equal (text, "true") || g_str_equal (text, "false"))) {
      g_value_set_boolean (&value, g_str_equal (text, "true"));
    } else if (text && G_IS_PARAM_SPEC_ENUM (pspec)) {
      GEnumValue *known = g_enum_get_value_by_nick (G_PARAM_SPEC_ENUM (pspec)->enum_class, text);
      if (known)
        g_value_set_enum (&value, known->value);
    }
    /* Straight into the field: nothing is to be written back. */
    switch (i) {
    case PROP_SCALING:
      self->scaling = g_value_get_enum (&value);
      break;
    case PROP_FOLLOW_WINDOW:
      self->follow_window = g_value_get_boolean (&value);
      break;
    case PROP_CAPTURE:
      self->capture = g_value_get_boolean (&value);
      break;
    case PROP_RESERVE_F11:
      self->reserve_f11 = g_value_get_boolean (&value);
      break;
    case PROP_CLOSE_ACTION:
      self->close_action = g_value_get_enum (&value);
      break;
    case PROP_RESUME_SUSPENDED:
      self->resume_suspended = g_value_get_boolean (&value);
      break;
    case PROP_START_AT_LOGIN:
      self->start_at_login = g_value_get_boolean (&value);
      break;
    case PROP_SESSION_END:
      self->session_end = g_value_get_enum (&value);
      break;
    }
  }
}

/* Reads @path, NULL for the usual place. A file that is missing or broken gives the defaults. */
DioSettings *
dio_settings_new (const char *path)
{
  DioSettings *self = g_object_new (DIO_TYPE_SETTINGS, NULL);
  g_autoptr (GError) error = NULL;

  self->path = path ? g_strdup (path)
                    : g_build_filename (g_get_user_config_dir (), "diorama", "settings.ini", NULL);
  if (!g_key_file_load_from_file (self->file, self->path, G_KEY_FILE_KEEP_COMMENTS, &error)
      && !g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    g_message ("Settings are the defaults, as %s cannot be read: %s", self->path, error->message);
  load (self);
  return self;
}

static char *
window_group (const char *key)
{
  g_autofree char *group = g_strconcat ("window ", key, NULL);

  /* Brackets and control characters cannot be in a group's name. */
  return g_strdelimit (g_steal_pointer (&group), "[]\n\r\t", '_');
}

gboolean
dio_settings_get_window (DioSettings *self, const char *key, int *width, int *height,
                         gboolean *maximized)
{
  g_return_val_if_fail (DIO_IS_SETTINGS (self), FALSE);
  g_autofree char *group = window_group (key);

  *width = g_key_file_get_integer (self->file, group, "width", NULL);
  *height = g_key_file_get_integer (self->file, group, "height", NULL);
  *maximized = g_key_file_get_boolean (self->file, group, "maximized", NULL);
  return *width > 0 && *height > 0 && *width < 32768 && *height < 32768;
}

void
dio_settings_set_window (DioSettings *self, const char *key, int width, int height,
                         gboolean maximized)
{
  g_return_if_fail (DIO_IS_SETTINGS (self));
  g_autofree char *group = window_group (key);

  g_key_file_set_integer (self->file, group, "width", width);
  g_key_file_set_integer (self->file, group, "height", height);
  g_key_file_set_boolean (self->file, group, "maximized", maximized);
  save (self);
}

void
dio_settings_add_suspended (DioSettings *self, const char *const *ids)
{
  g_return_if_fail (DIO_IS_SETTINGS (self));
  g_auto (GStrv) before =
      g_key_file_get_string_list (self->file, SESSION_GROUP, "suspended", NULL, NULL);
  g_autoptr (GPtrArray) all = g_ptr_array_new ();

  for (guint i = 0; before && before[i]; i++)
    g_ptr_array_add (all, before[i]);
  for (guint i = 0; ids[i]; i++)
    if (!before || !g_strv_contains ((const char *const *) before, ids[i]))
      g_ptr_array_add (all, (char *) ids[i]);
  g_key_file_set_string_list (self->file, SESSION_GROUP, "suspended",
                              (const char *const *) all->pdata, all->len);
  save (self);
}

char **
dio_settings_get_suspended (DioSettings *self)
{
  g_return_val_if_fail (DIO_IS_SETTINGS (self), NULL);
  char **ids = g_key_file_get_string_list (self->file, SESSION_GROUP, "suspended", NULL, NULL);

  return ids ? ids : g_new0 (char *, 1);
}

void
dio_settings_remove_suspended (DioSettings *self, const char *id)
{
  g_return_if_fail (DIO_IS_SETTINGS (self));
  g_auto (GStrv) before = dio_settings_get_suspended (self);
  g_autoptr (GPtrArray) left = g_ptr_array_new ();

  for (guint i = 0; before[i]; i++)
    if (!g_str_equal (before[i], id))
      g_ptr_array_add (left, before[i]);
  if (left->len == g_strv_length (before))
    return;
  if (left->len > 0)
    g_key_file_set_string_list (self->file, SESSION_GROUP, "suspended",
                                (const char *const *) left->pdata, left->len);
  else
    g_key_file_remove_key (self->file, SESSION_GROUP, "suspended", NULL);
  save (self);
}

static void
dio_settings_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  DioSettings *self = DIO_SETTINGS (object);

  switch (id) {
  case PROP_SCALING:
    g_value_set_enum (value, self->scaling);
    break;
  case PROP_FOLLOW_WINDOW:
    g_value_set_boolean (value, self->follow_window);
    break;
  case PROP_CAPTURE:
    g_value_set_boolean (value, self->capture);
    break;
  case PROP_RESERVE_F11:
    g_value_set_boolean (value, self->reserve_f11);
    break;
  case PROP_CLOSE_ACTION:
    g_value_set_enum (value, self->close_action);
    break;
  case PROP_RESUME_SUSPENDED:
    g_value_set_boolean (value, self->resume_suspended);
    break;
  case PROP_START_AT_LOGIN:
    g_value_set_boolean (value, self->start_at_login);
    break;
  case PROP_SESSION_END:
    g_value_set_enum (value, self->session_end);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
dio_settings_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  DioSettings *self = DIO_SETTINGS (object);

  switch (id) {
  case PROP_SCALING:
    self->scaling = g_value_get_enum (value);
    break;
  case PROP_FOLLOW_WINDOW:
    self->follow_window = g_value_get_boolean (value);
    break;
  case PROP_CAPTURE:
    self->capture = g_value_get_boolean (value);
    break;
  case PROP_RESERVE_F11:
    self->reserve_f11 = g_value_get_boolean (value);
    break;
  case PROP_CLOSE_ACTION:
    self->close_action = g_value_get_enum (value);
    break;
  case PROP_RESUME_SUSPENDED:
    self->resume_suspended = g_value_get_boolean (value);
    break;
  case PROP_START_AT_LOGIN:
    self->start_at_login = g_value_get_boolean (value);
    break;
  case PROP_SESSION_END:
    self->session_end = g_value_get_enum (value);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    return;
  }

  if (G_VALUE_HOLDS_ENUM (value)) {
    GEnumValue *known =
        g_enum_get_value (G_PARAM_SPEC_ENUM (pspec)->enum_class, g_value_get_enum (value));
    g_key_file_set_string (self->file, GROUP, pspec->name, known->value_nick);
  } else {
    g_key_file_set_boolean (self->file, GROUP, pspec->name, g_value_get_boolean (value));
  }
  save (self);
}

static void
dio_settings_finalize (GObject *object)
{
  DioSettings *self = DIO_SETTINGS (object);

  g_free (self->path);
  g_key_file_unref (self->file);
  G_OBJECT_CLASS (dio_settings_parent_class)->finalize (object);
}

static void
dio_settings_class_init (DioSettingsClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  object_class->finalize = dio_settings_finalize;
  object_class->get_property = dio_settings_get_property;
  object_class->set_property = dio_settings_set_property;

  properties[PROP_SCALING] = g_param_spec_enum ("scaling", NULL, NULL, DIO_TYPE_CONSOLE_SCALING,
                                                DIO_CONSOLE_SCALING_FIT, flags);
  properties[PROP_FOLLOW_WINDOW] = g_param_spec_boolean ("follow-window", NULL, NULL, TRUE, flags);
  properties[PROP_CAPTURE] = g_param_spec_boolean ("capture", NULL, NULL, TRUE, flags);
  properties[PROP_RESERVE_F11] = g_param_spec_boolean ("reserve-f11", NULL, NULL, TRUE, flags);
  properties[PROP_CLOSE_ACTION] =
      g_param_spec_enum ("close-action", NULL, NULL, DIO_TYPE_CLOSE_ACTION, DIO_CLOSE_ASK, flags);
  properties[PROP_SESSION_END] = g_param_spec_enum ("session-end", NULL, NULL, DIO_TYPE_SESSION_END,
                                                    DIO_SESSION_END_SUSPEND, flags);
  properties[PROP_RESUME_SUSPENDED] =
      g_param_spec_boolean ("resume-suspended", NULL, NULL, FALSE, flags);
  properties[PROP_START_AT_LOGIN] =
      g_param_spec_boolean ("start-at-login", NULL, NULL, FALSE, flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
dio_settings_init (DioSettings *self)
{
  self->file = g_key_file_new ();
}
