/* SPDX-License-Identifier: GPL-3.0-or-later
 * Finds out, before any toolkit is initialised, whether this host draws OpenGL in hardware. */
#pragma once

#include "core/base/base-types.h"

typedef enum {
  DIO_GL_NONE,
  DIO_GL_SOFTWARE, /* llvmpipe, softpipe, swrast */
  DIO_GL_HARDWARE,
} DioGlKind;

/* Looks for a GPU and, if there seems to be one, makes an off-screen context in a child process, so
 * that a broken driver takes nobody down. Blocks, for two seconds at most; call it early, while the
 * process has one thread. */
DioGlKind dio_gl_probe (void);

/* Judges the string that glGetString (GL_RENDERER) gives. */
DioGlKind dio_gl_kind_of_renderer (const char *renderer);
