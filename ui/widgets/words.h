/* SPDX-License-Identifier: GPL-3.0-or-later
 * Things of the engine in words for people. */
#pragma once

#include <gtk/gtk.h>

#include "app/model/model-machine.h"

/* "RISC-V"; static, translated. */
const char *dio_words_arch (DioArch arch);

/* "Running", "Off"; static, translated. */
const char *dio_words_state (DioItemState state);

/* The same within a line: "running". */
const char *dio_words_state_inline (DioItemState state);

/* A name for style classes: "running", "off", "busy", "paused", "broken". */
const char *dio_words_state_class (DioItemState state);

/* A picture of BGRX pixels as a texture. */
GdkTexture *dio_words_texture (GBytes *pixels, int width, int height);
