/* SPDX-License-Identifier: GPL-3.0-or-later
 * Frames of a scan-out as OpenGL textures.
 *
 * A texture that the toolkit shows must stay untouched until it is let go, so several rotate; each
 * remembers which tiles it has not got. Runs of neighbouring tiles go up in one call. */
#include "render/gl/gl-upload.h"

#include <epoxy/gl.h>
#include <string.h>

#define MAX_TEXTURES 4

typedef struct {
  GLuint name;
  bool held;
  uint32_t width, height;
  uint32_t missing[DIO_SCANOUT_TILES];
} Texture;

struct DioGlUpload {
  Texture textures[MAX_TEXTURES];
  unsigned next;
};

DioGlUpload *
dio_gl_upload_new (void)
{
  return g_new0 (DioGlUpload, 1);
}

void
dio_gl_upload_free (DioGlUpload *self)
{
  if (!self)
    return;
  for (unsigned i = 0; i < MAX_TEXTURES; i++)
    if (self->textures[i].name)
      glDeleteTextures (1, &self->textures[i].name);
  g_free (self);
}

static bool
ensure_storage (Texture *texture, const DioFrame *frame)
{
  GLint max = 0;

  if (texture->width == frame->width && texture->height == frame->height)
    return true;
  glGetIntegerv (GL_MAX_TEXTURE_SIZE, &max);
  if (frame->width > (uint32_t) max || frame->height > (uint32_t) max)
    return false;

  while (glGetError () != GL_NO_ERROR)
    ;
  glTexImage2D (GL_TEXTURE_2D, 0, GL_RGBA8, frame->width, frame->height, 0, GL_BGRA,
                GL_UNSIGNED_INT_8_8_8_8_REV, NULL);
  if (glGetError () != GL_NO_ERROR) {
    texture->width = texture->height = 0;
    return false;
  }
  texture->width = frame->width;
  texture->height = frame->height;
  memset (texture->missing, 0xff, sizeof texture->missing);
  return true;
}

static void
upload_missing (Texture *texture, const DioFrame *frame)
{
  glPixelStorei (GL_UNPACK_ALIGNMENT, 4);
  glPixelStorei (GL_UNPACK_ROW_LENGTH, frame->stride / 4);
  for (uint32_t row = 0; row < DIO_SCANOUT_TILES; row++) {
    uint32_t y0 = row * frame->tile_height;
    uint32_t y1 = MIN (y0 + frame->tile_height, frame->height);
    uint32_t bits = texture->missing[row] & ((1u << DIO_SCANOUT_TILES) - 1);

    while (bits) {
      uint32_t first = __builtin_ctz (bits);
      uint32_t length = __builtin_ctz (~(bits >> first));
      uint32_t x0 = first * frame->tile_width;
      uint32_t x1 = MIN ((first + length) * frame->tile_width, frame->width);

      bits &= ~(((1u << length) - 1) << first);
      if (x0 < x1 && y0 < y1)
        glTexSubImage2D (GL_TEXTURE_2D, 0, x0, y0, x1 - x0, y1 - y0, GL_BGRA,
                         GL_UNSIGNED_INT_8_8_8_8_REV,
                         frame->pixels + (size_t) y0 * frame->stride + (size_t) x0 * 4);
    }
  }
  glPixelStorei (GL_UNPACK_ROW_LENGTH, 0);
  memset (texture->missing, 0, sizeof texture->missing);
}

unsigned
dio_gl_upload_frame (DioGlUpload *self, const DioFrame *frame)
{
  Texture *texture = NULL;

  for (unsigned i = 0; i < MAX_TEXTURES; i++)
    for (unsigned row = 0; row < DIO_SCANOUT_TILES; row++)
      self->textures[i].missing[row] |= frame->dirty[row];
  if (!frame->width)
    return 0;

  for (unsigned i = 0; i < MAX_TEXTURES && !texture; i++) {
    unsigned candidate = (self->next + i) % MAX_TEXTURES;
    if (!self->textures[candidate].held) {
      texture = &self->textures[candidate];
      self->next = (candidate + 1) % MAX_TEXTURES;
    }
  }
  if (!texture)
    return 0;

  if (!texture->name) {
    glGenTextures (1, &texture->name);
    glBindTexture (GL_TEXTURE_2D, texture->name);
    glTexParameteri (GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
    glTexParameteri (GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
    glTexParameteri (GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_LINEAR);
    glTexParameteri (GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_LINEAR);
  } else {
    glBindTexture (GL_TEXTURE_2D, texture->name);
  }
  if (!ensure_storage (texture, frame)) {
    glBindTexture (GL_TEXTURE_2D, 0);
    return 0;
  }
  upload_missing (texture, frame);
  glBindTexture (GL_TEXTURE_2D, 0);
  texture->held = true;
  return texture->name;
}

void
dio_gl_upload_release (DioGlUpload *self, unsigned name)
{
  for (unsigned i = 0; i < MAX_TEXTURES; i++)
    if (self->textures[i].name == name)
      self->textures[i].held = false;
}
