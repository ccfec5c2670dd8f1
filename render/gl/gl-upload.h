/* SPDX-License-Identifier: GPL-3.0-or-later
 * Frames of a scan-out as OpenGL textures. All functions but new() want the same context (or one it
 * shares with) to be current; one thread. */
#pragma once

#include "render/scanout/scanout.h"

typedef struct DioGlUpload DioGlUpload;

DioGlUpload *dio_gl_upload_new (void);
void dio_gl_upload_free (DioGlUpload *self);

/* Brings a texture that nobody holds up to date with @frame and returns its name; the caller holds
 * it until dio_gl_upload_release(). 0 when the frame is off or a texture cannot be had. */
unsigned dio_gl_upload_frame (DioGlUpload *self, const DioFrame *frame);
void dio_gl_upload_release (DioGlUpload *self, unsigned texture);
