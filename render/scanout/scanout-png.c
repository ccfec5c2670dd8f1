/* SPDX-License-Identifier: GPL-3.0-or-later
 * Pictures of a scan-out as PNG files. */
#include "config.h"

#include "render/scanout/scanout-png.h"

#include <cairo.h>
#include <glib/gi18n-lib.h>
#include <string.h>

#include "core/base/base-error.h"

static cairo_status_t
append_cb (void *closure, const unsigned char *data, unsigned length)
{
  g_byte_array_append (closure, data, length);
  return CAIRO_STATUS_SUCCESS;
}

GBytes *
dio_scanout_pixels_to_png (GBytes *pixels, uint32_t width, uint32_t height, GError **error)
{
  g_return_val_if_fail (g_bytes_get_size (pixels) >= (size_t) width * height * 4, NULL);
  g_autoptr (GByteArray) file = g_byte_array_new ();

  /* Cairo only reads from a source surface. */
  cairo_surface_t *surface =
      cairo_image_surface_create_for_data ((unsigned char *) g_bytes_get_data (pixels, NULL),
                                           CAIRO_FORMAT_RGB24, width, height, width * 4);
  cairo_status_t status = cairo_surface_write_to_png_stream (surface, append_cb, file);
  cairo_surface_destroy (surface);
  if (status == CAIRO_STATUS_SUCCESS)
    return g_byte_array_free_to_bytes (g_steal_pointer (&file));
  g_set_error (error, DIO_ERROR, DIO_ERROR_FAILED, _ ("Could not make a picture: %s"),
               cairo_status_to_string (status));
  return NULL;
}

bool
dio_scanout_write_pixels_png (GBytes *pixels, uint32_t width, uint32_t height, const char *path,
                              GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GBytes) file = dio_scanout_pixels_to_png (pixels, width, height, error);
  if (!file)
    return false;

  gsize length;
  const char *data = g_bytes_get_data (file, &length);
  if (!g_file_set_contents (path, data, (gssize) length, &local)) {
    g_set_error (error, DIO_ERROR,
                 g_error_matches (local, G_FILE_ERROR, G_FILE_ERROR_NOSPC) ? DIO_ERROR_NO_SPACE
                                                                           : DIO_ERROR_IO,
                 _ ("Could not save the picture: %s"), local->message);
    return false;
  }
  return true;
}

bool
dio_scanout_write_png (DioScanout *self, const char *path, GError **error)
{
  uint32_t width, height;
  g_autoptr (GBytes) pixels = dio_scanout_snapshot (self, 0, &width, &height);

  if (!pixels) {
    g_set_error_literal (error, DIO_ERROR, DIO_ERROR_NOT_FOUND,
                         _ ("The machine's screen is off, so there is no picture to save"));
    return false;
  }
  return dio_scanout_write_pixels_png (pixels, width, height, path, error);
}

GBytes *
dio_scanout_read_png (const char *path, int *width, int *height)
{
  cairo_surface_t *image = cairo_image_surface_create_from_png (path);
  GBytes *pixels = NULL;

  if (cairo_surface_status (image) == CAIRO_STATUS_SUCCESS) {
    int w = cairo_image_surface_get_width (image), h = cairo_image_surface_get_height (image);
    if (w > 0 && h > 0 && w <= DIO_DISPLAY_MAX_SIZE && h <= DIO_DISPLAY_MAX_SIZE) {
      uint8_t *data = g_try_malloc ((size_t) w * h * 4);
      if (data) {
        cairo_surface_t *target =
            cairo_image_surface_create_for_data (data, CAIRO_FORMAT_RGB24, w, h, w * 4);
        cairo_t *cr = cairo_create (target);
        cairo_set_source_rgb (cr, 0, 0, 0);
        cairo_paint (cr);
        cairo_set_source_surface (cr, image, 0, 0);
        cairo_paint (cr);
        cairo_destroy (cr);
        cairo_surface_flush (target);
        cairo_surface_destroy (target);
        pixels = g_bytes_new_take (data, (size_t) w * h * 4);
        *width = w;
        *height = h;
      }
    }
  }
  cairo_surface_destroy (image);
  return pixels;
}
