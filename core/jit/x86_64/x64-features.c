/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the host processor can do: cpuid, and a list of exceptions from it. */
#include "core/jit/x86_64/x64-features.h"

#include <cpuid.h>
#include <string.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

/* Bits 1 and 2 of XCR0: the system saves XMM and YMM registers (SDM 14.3). */
#define XCR0_YMM 6

static uint32_t
read_xcr0 (void)
{
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static void
detect_basic (DioX64Features *features)
{
  unsigned a, b, c, d;
  if (!__get_cpuid (1, &a, &b, &c, &d))
    return;
  bool ymm = c & bit_OSXSAVE && (read_xcr0 () & XCR0_YMM) == XCR0_YMM;
  features->sse3 = c & bit_SSE3;
  features->ssse3 = c & bit_SSSE3;
  features->sse41 = c & bit_SSE4_1;
  features->sse42 = c & bit_SSE4_2;
  features->popcnt = c & bit_POPCNT;
  features->movbe = c & bit_MOVBE;
  features->cx16 = c & bit_CMPXCHG16B;
  features->aes = c & bit_AES;
  features->pclmul = c & bit_PCLMUL;
  features->avx = ymm && c & bit_AVX;
  features->fma = ymm && c & bit_FMA;
  features->f16c = ymm && c & bit_F16C;
}

static void
detect_extended (DioX64Features *features)
{
  unsigned a, b, c, d;
  if (__get_cpuid_count (7, 0, &a, &b, &c, &d)) {
    features->bmi1 = b & bit_BMI;
    features->bmi2 = b & bit_BMI2;
    features->avx2 = features->avx && b & bit_AVX2;
    features->sha = b & bit_SHA;
    features->adx = b & bit_ADX;
    features->erms = b & (1 << 9);
  }
  if (__get_cpuid (0x80000001, &a, &b, &c, &d))
    features->lzcnt = c & bit_LZCNT;
}

DioX64Features
dio_x64_features_detect (void)
{
  DioX64Features features = { 0 };
  detect_basic (&features);
  detect_extended (&features);
  features.traps = true;
  return features;
}

typedef struct {
  const char *name;
  size_t offset;
} Feature;

static const Feature all_features[] = {
#define FEATURE(feature_name) { #feature_name, offsetof (DioX64Features, feature_name) },
  DIO_X64_FEATURES (FEATURE)
#undef FEATURE
};

static bool *
member (DioX64Features *features, const Feature *feature)
{
  return (bool *) ((char *) features + feature->offset);
}

/* Takes away what makes no sense without what is missing: no processor is like that. */
static void
drop_dependents (DioX64Features *f)
{
  f->ssse3 &= f->sse3;
  f->sse41 &= f->ssse3;
  f->sse42 &= f->sse41;
  f->avx &= f->sse42;
  f->avx2 &= f->avx;
  f->fma &= f->avx;
  f->f16c &= f->avx;
  f->sha &= f->sse41;
}

/* NULL if there is none of that name. */
static const Feature *
find (const char *name)
{
  for (size_t i = 0; i < G_N_ELEMENTS (all_features); i++) {
    if (strcmp (all_features[i].name, name) == 0)
      return &all_features[i];
  }
  return NULL;
}

/* One word of the list, with its sign. */
static bool
apply (DioX64Features *features, DioX64Features *host, const char *word)
{
  if (strcmp (word, "-all") == 0) {
    *features = (DioX64Features){ 0 };
    return true;
  }
  const Feature *feature = *word == '-' || *word == '+' ? find (word + 1) : NULL;
  if (!feature)
    return false;
  *member (features, feature) = *word == '+' && *member (host, feature);
  return true;
}

bool
dio_x64_features_override (DioX64Features *features, const char *list, GError **error)
{
  if (!list || !*list)
    return true;
  DioX64Features host = *features, chosen = *features;
  g_auto (GStrv) words = g_strsplit (list, ",", -1);
  for (size_t i = 0; words[i]; i++) {
    if (!apply (&chosen, &host, words[i])) {
      g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                   _ ("“%s” is no feature of the processor that can be switched off: give a list "
                      "such as “-avx,-bmi2”"),
                   words[i]);
      return false;
    }
  }
  drop_dependents (&chosen);
  *features = chosen;
  return true;
}

char *
dio_x64_features_to_string (DioX64Features features)
{
  GString *text = g_string_new (NULL);
  for (size_t i = 0; i < G_N_ELEMENTS (all_features); i++) {
    if (*member (&features, &all_features[i]))
      g_string_append_printf (text, "%s%s", text->len ? "," : "", all_features[i].name);
  }
  return g_string_free (text, FALSE);
}
