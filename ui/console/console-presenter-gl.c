/* SPDX-License-Identifier: GPL-3.0-or-later
 * A presenter with OpenGL: textures of an own context that shares with GTK's. One texture pass over
 * the window; a GtkGLArea would add a second. */
#include "ui/console/console-presenter.h"

#include <epoxy/gl.h>

#include "render/gl/gl-probe.h"
#include "render/gl/gl-upload.h"

/* Counted, because GTK may hold a texture longer than the console holds the presenter. */
typedef struct {
  GdkGLContext *context;
  DioGlUpload *upload;
  unsigned references;
} Shared;

typedef struct {
  DioConsolePresenter presenter;
  Shared *shared;
  DioFrame frame;
  gboolean stale;
  GdkTexture *texture;
} GlPresenter;

typedef struct {
  Shared *shared;
  unsigned name;
} Held;

static void
shared_unref (Shared *shared)
{
  if (--shared->references > 0)
    return;
  gdk_gl_context_make_current (shared->context);
  dio_gl_upload_free (shared->upload);
  gdk_gl_context_clear_current ();
  g_object_unref (shared->context);
  g_free (shared);
}

static void
texture_released_cb (gpointer data)
{
  Held *held = data;

  dio_gl_upload_release (held->shared->upload, held->name);
  shared_unref (held->shared);
  g_free (held);
}

static void
gl_update (DioConsolePresenter *presenter, const DioFrame *frame)
{
  GlPresenter *self = (GlPresenter *) presenter;
  DioFrame merged = *frame;

  /* What an update without a snapshot in between brought is still to be uploaded. */
  for (unsigned row = 0; self->stale && row < DIO_SCANOUT_TILES; row++)
    merged.dirty[row] |= self->frame.dirty[row];
  self->frame = merged;
  self->stale = TRUE;
}

static void
upload (GlPresenter *self)
{
  Shared *shared = self->shared;

  gdk_gl_context_make_current (shared->context);
  unsigned name = dio_gl_upload_frame (shared->upload, &self->frame);
  if (name == 0)
    return;
  glFlush ();

  Held *held = g_new (Held, 1);
  *held = (Held){ shared, name };
  shared->references++;
  g_clear_object (&self->texture);
  self->texture = gdk_gl_texture_new (shared->context, name, self->frame.width, self->frame.height,
                                      texture_released_cb, held);
  self->stale = FALSE;
}

static void
gl_snapshot (DioConsolePresenter *presenter, const DioConsoleTarget *target, GtkSnapshot *snapshot)
{
  GlPresenter *self = (GlPresenter *) presenter;
  float unit = target->scale_factor;

  if (!self->frame.width || target->width <= 0 || target->height <= 0) {
    g_clear_object (&self->texture);
    return;
  }
  if (self->stale)
    upload (self);
  if (self->texture)
    gtk_snapshot_append_texture (snapshot, self->texture,
                                 &GRAPHENE_RECT_INIT (target->x / unit, target->y / unit,
                                                      target->width / unit, target->height / unit));
}

static void
gl_free (DioConsolePresenter *presenter)
{
  GlPresenter *self = (GlPresenter *) presenter;

  g_clear_object (&self->texture);
  shared_unref (self->shared);
  g_free (self);
}

static const DioConsolePresenterOps gl_ops = {
  .name = "gl",
  .update = gl_update,
  .snapshot = gl_snapshot,
  .free = gl_free,
};

DioConsolePresenter *
dio_console_presenter_gl_new (GtkWidget *widget, gboolean allow_software)
{
  GtkNative *native = gtk_widget_get_native (widget);
  g_autoptr (GdkGLContext) context =
      gdk_surface_create_gl_context (gtk_native_get_surface (native), NULL);

  if (!context || !gdk_gl_context_realize (context, NULL))
    return NULL;
  gdk_gl_context_make_current (context);
  DioGlKind kind = dio_gl_kind_of_renderer ((const char *) glGetString (GL_RENDERER));
  gboolean usable = epoxy_is_desktop_gl ()
                    && (kind == DIO_GL_HARDWARE || (allow_software && kind == DIO_GL_SOFTWARE));
  gdk_gl_context_clear_current ();
  if (!usable)
    return NULL;

  GlPresenter *self = g_new0 (GlPresenter, 1);
  self->presenter.ops = &gl_ops;
  self->shared = g_new0 (Shared, 1);
  self->shared->context = g_steal_pointer (&context);
  self->shared->upload = dio_gl_upload_new ();
  self->shared->references = 1;
  return &self->presenter;
}

DioConsolePresenter *
dio_console_presenter_new (GtkWidget *widget)
{
  const char *wish = g_getenv ("DIORAMA_PRESENTER");
  GtkNative *native = gtk_widget_get_native (widget);
  GskRenderer *renderer = gtk_native_get_renderer (native);
  gboolean insists = g_strcmp0 (wish, "gl") == 0;
  DioConsolePresenter *presenter = NULL;

  /* Under the cairo renderer GTK would read every texture back. */
  gboolean is_cairo = g_strcmp0 (G_OBJECT_TYPE_NAME (renderer), "GskCairoRenderer") == 0;
  if (g_strcmp0 (wish, "tiles") != 0 && (insists || !is_cairo))
    presenter = dio_console_presenter_gl_new (widget, insists);
  return presenter ? presenter : dio_console_presenter_tiles_new ();
}
