/* SPDX-License-Identifier: GPL-3.0-or-later
 * Vector functions by values that others have published, and by edges. (All of them in random use
 * are tested by tests/diff/arm64.) */
#include <glib.h>
#include <string.h>

#include "core/vec/vec.h"

static DioVec
from_bytes (const char *hex)
{
  uint8_t bytes[16];
  DioVec vec;
  for (unsigned i = 0; i < 16; i++)
    bytes[i] =
        (uint8_t) (g_ascii_xdigit_value (hex[2 * i]) << 4 | g_ascii_xdigit_value (hex[2 * i + 1]));
  memcpy (&vec, bytes, 16);
  return vec;
}

static void
assert_vec (DioVec actual, DioVec expected)
{
  g_assert_cmphex (actual[0], ==, expected[0]);
  g_assert_cmphex (actual[1], ==, expected[1]);
}

/* "123456789" has a check value in every catalogue of CRCs. */
static void
test_crc (void)
{
  const char *text = "123456789";
  uint64_t first;
  memcpy (&first, text, 8);
  for (unsigned p = 0; p < 2; p++) {
    uint32_t whole = dio_vec_crc32 (p, 8, UINT32_MAX, first), bytes = UINT32_MAX;
    for (unsigned i = 0; i < 8; i++)
      bytes = dio_vec_crc32 (p, 1, bytes, (uint8_t) text[i]);
    g_assert_cmphex (whole, ==, bytes);
    g_assert_cmphex (~dio_vec_crc32 (p, 1, whole, '9'), ==,
                     p == DIO_VEC_CRC32 ? 0xcbf43926 : 0xe3069283);
  }
}

/* Round 1 of the example in FIPS 197, appendix B, and back. */
static void
test_aes (void)
{
  DioVec input = from_bytes ("3243f6a8885a308d313198a2e0370734");
  DioVec key = from_bytes ("2b7e151628aed2a6abf7158809cf4f3c");
  DioVec shifted = from_bytes ("d4bf5d30e0b452aeb84111f11e2798e5");
  DioVec mixed = from_bytes ("046681e5e0cb199a48f8d37a2806264c");
  assert_vec (dio_vec_aese (0, input, key), shifted);
  assert_vec (dio_vec_aesmc (0, shifted), mixed);
  assert_vec (dio_vec_aesimc (0, mixed), shifted);
  assert_vec (dio_vec_aesd (0, shifted, dio_vec_make (0, 0)), input ^ key);
}

static const uint32_t sha256_constants[64] = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static DioVec
from_words (const uint32_t *words)
{
  DioVec vec;
  memcpy (&vec, words, 16);
  return vec;
}

/* The digest of "abc", as programs make it of these rounds. */
static void
test_sha256 (void)
{
  static const uint32_t initial[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
  static const uint32_t digest[8] = { 0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223,
                                      0xb00361a3, 0x96177a9c, 0xb410ff61, 0xf20015ad };
  static const uint32_t message[16] = { 0x61626380, [15] = 24 };
  DioVec words[4], abcd = from_words (initial), efgh = from_words (initial + 4);
  for (unsigned i = 0; i < 4; i++)
    words[i] = from_words (message + 4 * i);
  for (unsigned i = 0; i < 16; i++) {
    DioVec round = dio_vec_add (2, words[i % 4], from_words (sha256_constants + 4 * i));
    DioVec old = abcd;
    abcd = dio_vec_sha256h (2, abcd, efgh, round);
    efgh = dio_vec_sha256h2 (2, efgh, old, round);
    words[i % 4] = dio_vec_sha256su1 (2, dio_vec_sha256su0 (2, words[i % 4], words[(i + 1) % 4]),
                                      words[(i + 2) % 4], words[(i + 3) % 4]);
  }
  assert_vec (dio_vec_add (2, abcd, from_words (initial)), from_words (digest));
  assert_vec (dio_vec_add (2, efgh, from_words (initial + 4)), from_words (digest + 4));
}

static void
test_saturation (void)
{
  uint8_t saturated = 0;
  DioVec most = dio_vec_dup (0, 0x7f), one = dio_vec_dup (0, 1);
  assert_vec (dio_vec_sqadd (0, &saturated, dio_vec_make (0, 0), most), most);
  g_assert_cmpuint (saturated, ==, 0);
  assert_vec (dio_vec_sqadd (0, &saturated, most, one), most);
  g_assert_cmpuint (saturated, ==, 1);
  saturated = 0;
  DioVec least = dio_vec_dup (3, UINT64_C (1) << 63);
  assert_vec (dio_vec_sqneg (3, &saturated, least), ~least);
  g_assert_cmpuint (saturated, ==, 1);
  assert_vec (dio_vec_sqdmulh (1, &saturated, dio_vec_dup (1, 0x8000), dio_vec_dup (1, 0x8000)),
              dio_vec_dup (1, 0x7fff));
}

static void
test_places (void)
{
  DioVec a = from_bytes ("000102030405060708090a0b0c0d0e0f");
  DioVec b = from_bytes ("101112131415161718191a1b1c1d1e1f");
  assert_vec (dio_vec_ext (DIO_VEC_N (0, 3), a, b),
              from_bytes ("030405060708090a0b0c0d0e0f101112"));
  assert_vec (dio_vec_zip1 (0, a, b), from_bytes ("00100111021203130414051506160717"));
  assert_vec (dio_vec_uzp2 (1, a, b), from_bytes ("020306070a0b0e0f121316171a1b1e1f"));
  assert_vec (dio_vec_trn1 (2, a, b), from_bytes ("000102031011121308090a0b18191a1b"));
  assert_vec (dio_vec_rev (DIO_VEC_N (0, 3), a), from_bytes ("07060504030201000f0e0d0c0b0a0908"));
  assert_vec (dio_vec_lookup (DIO_VEC_N (0, 1), b, a, b), a);
  assert_vec (dio_vec_pmull (3, dio_vec_make (3, 0), dio_vec_make (UINT64_C (1) << 63 | 1, 0)),
              dio_vec_make (UINT64_C (1) << 63 | 3, 1));
}

static void
test_compare_swap (void)
{
  _Alignas(16) DioVec memory = dio_vec_make (1, 2);
  assert_vec (dio_vec_compare_swap (&memory, dio_vec_make (1, 3), dio_vec_make (5, 6)),
              dio_vec_make (1, 2));
  assert_vec (memory, dio_vec_make (1, 2));
  assert_vec (dio_vec_compare_swap (&memory, dio_vec_make (1, 2), dio_vec_make (5, 6)),
              dio_vec_make (1, 2));
  assert_vec (memory, dio_vec_make (5, 6));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/vec/crc", test_crc);
  g_test_add_func ("/core/vec/aes", test_aes);
  g_test_add_func ("/core/vec/sha256", test_sha256);
  g_test_add_func ("/core/vec/saturation", test_saturation);
  g_test_add_func ("/core/vec/places", test_places);
  g_test_add_func ("/core/vec/compare-swap", test_compare_swap);
  return g_test_run ();
}
