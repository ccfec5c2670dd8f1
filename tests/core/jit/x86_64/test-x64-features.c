/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of what the processor can do, and of the list that takes it away. */
#include "core/jit/x86_64/x64-features.h"

#include <string.h>

#include "core/base/base-error.h"

static const DioX64Features everything = {
#define EVERY(name) .name = true,
  DIO_X64_FEATURES (EVERY)
#undef EVERY
};

/* The words of /proc/cpuinfo are the judge, where they have the same name. */
static void
test_detect (void)
{
  g_autofree char *cpuinfo = NULL;
  g_assert_true (g_file_get_contents ("/proc/cpuinfo", &cpuinfo, NULL, NULL));
  const char *flags = strstr (cpuinfo, "\nflags");
  g_assert_nonnull (flags);
  g_autofree char *line = g_strndup (flags + 1, strcspn (flags + 1, "\n"));
  g_auto (GStrv) words = g_strsplit (strchr (line, ':') + 1, " ", -1);
  DioX64Features host = dio_x64_features_detect ();
#define HAS(flag) g_strv_contains ((const char *const *) words, flag)
  g_assert_cmpint (host.sse3, ==, HAS ("pni"));
  g_assert_cmpint (host.ssse3, ==, HAS ("ssse3"));
  g_assert_cmpint (host.sse41, ==, HAS ("sse4_1"));
  g_assert_cmpint (host.sse42, ==, HAS ("sse4_2"));
  g_assert_cmpint (host.popcnt, ==, HAS ("popcnt"));
  g_assert_cmpint (host.lzcnt, ==, HAS ("abm"));
  g_assert_cmpint (host.movbe, ==, HAS ("movbe"));
  g_assert_cmpint (host.bmi1, ==, HAS ("bmi1"));
  g_assert_cmpint (host.bmi2, ==, HAS ("bmi2"));
  g_assert_cmpint (host.cx16, ==, HAS ("cx16"));
  g_assert_cmpint (host.avx, ==, HAS ("avx"));
  g_assert_cmpint (host.avx2, ==, HAS ("avx2"));
  g_assert_cmpint (host.fma, ==, HAS ("fma"));
  g_assert_cmpint (host.f16c, ==, HAS ("f16c"));
  g_assert_cmpint (host.aes, ==, HAS ("aes"));
  g_assert_cmpint (host.pclmul, ==, HAS ("pclmulqdq"));
  g_assert_cmpint (host.sha, ==, HAS ("sha_ni"));
  g_assert_cmpint (host.adx, ==, HAS ("adx"));
  g_assert_cmpint (host.erms, ==, HAS ("erms"));
  g_assert_true (host.traps);
#undef HAS
}

static void
assert_override (const char *list, const char *expected)
{
  g_autoptr (GError) error = NULL;
  DioX64Features features = everything;
  g_assert_true (dio_x64_features_override (&features, list, &error));
  g_assert_no_error (error);
  g_autofree char *text = dio_x64_features_to_string (features);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_override (void)
{
#define BEFORE "sse3,ssse3,sse41,sse42,popcnt,lzcnt,movbe,bmi1"
#define AFTER "aes,pclmul,sha,adx,erms,traps"
  assert_override (NULL, BEFORE ",bmi2,cx16,avx,avx2,fma,f16c," AFTER);
  assert_override ("", BEFORE ",bmi2,cx16,avx,avx2,fma,f16c," AFTER);
  assert_override ("-bmi2", BEFORE ",cx16,avx,avx2,fma,f16c," AFTER);
  assert_override ("-avx", BEFORE ",bmi2,cx16," AFTER);
  assert_override ("-bmi2,-avx", BEFORE ",cx16," AFTER);
  assert_override ("-avx,+avx", BEFORE ",bmi2,cx16,avx,avx2,fma,f16c," AFTER);
  assert_override ("-all", "");
  assert_override ("-all,+popcnt,+avx2", "popcnt");
  assert_override ("-all,+sse3,+ssse3,+aes", "sse3,ssse3,aes");
  assert_override ("-sse41",
                   "sse3,ssse3,popcnt,lzcnt,movbe,bmi1,bmi2,cx16,aes,pclmul,adx,erms,traps");
}

static void
test_host_is_the_limit (void)
{
  DioX64Features features = { .popcnt = true };
  g_assert_true (dio_x64_features_override (&features, "+bmi1,+popcnt", NULL));
  g_autofree char *text = dio_x64_features_to_string (features);
  g_assert_cmpstr (text, ==, "popcnt");
}

static void
test_unknown (void)
{
  static const char *const lists[] = {
    "-avx9", "avx", "-avx,,-bmi2", "-", "-avx,", "+all", " -avx"
  };
  for (size_t i = 0; i < G_N_ELEMENTS (lists); i++) {
    g_autoptr (GError) error = NULL;
    DioX64Features features = everything;
    g_assert_false (dio_x64_features_override (&features, lists[i], &error));
    g_assert_error (error, DIO_ERROR, DIO_ERROR_CONFIG);
    g_assert_cmpmem (&features, sizeof features, &everything, sizeof everything);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/jit/x64-features/detect", test_detect);
  g_test_add_func ("/core/jit/x64-features/override", test_override);
  g_test_add_func ("/core/jit/x64-features/host-is-the-limit", test_host_is_the_limit);
  g_test_add_func ("/core/jit/x64-features/unknown", test_unknown);
  return g_test_run ();
}
