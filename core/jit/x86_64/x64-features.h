/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the host processor can do. A value that is passed on, never a global: so tests can generate
 * code for a lesser processor than the one they run on. */
#pragma once

#include <glib.h>

#include "core/base/base-types.h"

/* traps: of the FPU in user mode, which all have. */
/* clang-format off */
/* X (name) */
#define DIO_X64_FEATURES(X) \
  X (sse3) X (ssse3) X (sse41) X (sse42) X (popcnt) X (lzcnt) X (movbe) X (bmi1) X (bmi2) \
  X (cx16) X (avx) X (avx2) X (fma) X (f16c) X (aes) X (pclmul) X (sha) X (adx) X (erms) X (traps)
/* clang-format on */

typedef struct {
#define DIO_X64_FEATURE(name) bool name;
  DIO_X64_FEATURES (DIO_X64_FEATURE)
#undef DIO_X64_FEATURE
} DioX64Features;

/* Asks the processor, and the operating system whether it saves the YMM registers. Any thread. */
DioX64Features dio_x64_features_detect (void);

/* Applies a list such as "-bmi2,-avx" to @features as detected: "-" takes away the feature and all
 * that need it, "-all" leaves SSE2 only, a later "+" gives back what was there at first. NULL and
 * "" change nothing. DIO_ERROR_CONFIG for an unknown name; then @features is as before. */
bool dio_x64_features_override (DioX64Features *features, const char *list, GError **error);

/* The names of the features, separated by commas, for logs. Free with g_free(). */
char *dio_x64_features_to_string (DioX64Features features);
