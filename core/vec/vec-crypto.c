/* SPDX-License-Identifier: GPL-3.0-or-later
 * Rounds of AES (FIPS 197), SHA-1 and SHA-256 (FIPS 180-4), as instructions do them. */
#include "core/vec/vec-private.h"

/* ---- AES ---- */

static DIO_ALWAYS_INLINE uint8_t
aes_double (uint8_t x)
{
  return (uint8_t) (x << 1 ^ (x >> 7) * 0x1b);
}

static uint8_t
aes_multiply (uint8_t x, uint8_t y)
{
  uint8_t product = 0;
  for (; y; y >>= 1, x = aes_double (x))
    product ^= y & 1 ? x : 0;
  return product;
}

static const uint8_t sbox[256] = {
  0x63, 0x7c, 0x77, 0x7b, 0xf2, 0x6b, 0x6f, 0xc5, 0x30, 0x01, 0x67, 0x2b, 0xfe, 0xd7, 0xab, 0x76,
  0xca, 0x82, 0xc9, 0x7d, 0xfa, 0x59, 0x47, 0xf0, 0xad, 0xd4, 0xa2, 0xaf, 0x9c, 0xa4, 0x72, 0xc0,
  0xb7, 0xfd, 0x93, 0x26, 0x36, 0x3f, 0xf7, 0xcc, 0x34, 0xa5, 0xe5, 0xf1, 0x71, 0xd8, 0x31, 0x15,
  0x04, 0xc7, 0x23, 0xc3, 0x18, 0x96, 0x05, 0x9a, 0x07, 0x12, 0x80, 0xe2, 0xeb, 0x27, 0xb2, 0x75,
  0x09, 0x83, 0x2c, 0x1a, 0x1b, 0x6e, 0x5a, 0xa0, 0x52, 0x3b, 0xd6, 0xb3, 0x29, 0xe3, 0x2f, 0x84,
  0x53, 0xd1, 0x00, 0xed, 0x20, 0xfc, 0xb1, 0x5b, 0x6a, 0xcb, 0xbe, 0x39, 0x4a, 0x4c, 0x58, 0xcf,
  0xd0, 0xef, 0xaa, 0xfb, 0x43, 0x4d, 0x33, 0x85, 0x45, 0xf9, 0x02, 0x7f, 0x50, 0x3c, 0x9f, 0xa8,
  0x51, 0xa3, 0x40, 0x8f, 0x92, 0x9d, 0x38, 0xf5, 0xbc, 0xb6, 0xda, 0x21, 0x10, 0xff, 0xf3, 0xd2,
  0xcd, 0x0c, 0x13, 0xec, 0x5f, 0x97, 0x44, 0x17, 0xc4, 0xa7, 0x7e, 0x3d, 0x64, 0x5d, 0x19, 0x73,
  0x60, 0x81, 0x4f, 0xdc, 0x22, 0x2a, 0x90, 0x88, 0x46, 0xee, 0xb8, 0x14, 0xde, 0x5e, 0x0b, 0xdb,
  0xe0, 0x32, 0x3a, 0x0a, 0x49, 0x06, 0x24, 0x5c, 0xc2, 0xd3, 0xac, 0x62, 0x91, 0x95, 0xe4, 0x79,
  0xe7, 0xc8, 0x37, 0x6d, 0x8d, 0xd5, 0x4e, 0xa9, 0x6c, 0x56, 0xf4, 0xea, 0x65, 0x7a, 0xae, 0x08,
  0xba, 0x78, 0x25, 0x2e, 0x1c, 0xa6, 0xb4, 0xc6, 0xe8, 0xdd, 0x74, 0x1f, 0x4b, 0xbd, 0x8b, 0x8a,
  0x70, 0x3e, 0xb5, 0x66, 0x48, 0x03, 0xf6, 0x0e, 0x61, 0x35, 0x57, 0xb9, 0x86, 0xc1, 0x1d, 0x9e,
  0xe1, 0xf8, 0x98, 0x11, 0x69, 0xd9, 0x8e, 0x94, 0x9b, 0x1e, 0x87, 0xe9, 0xce, 0x55, 0x28, 0xdf,
  0x8c, 0xa1, 0x89, 0x0d, 0xbf, 0xe6, 0x42, 0x68, 0x41, 0x99, 0x2d, 0x0f, 0xb0, 0x54, 0xbb, 0x16,
};

/* The inverse of x^-1 by the affine map; searched for instead of stored twice. */
static uint8_t
inverse_sbox (uint8_t x)
{
  uint8_t y = (uint8_t) ((uint8_t) (x << 1 | x >> 7) ^ (uint8_t) (x << 3 | x >> 5)
                         ^ (uint8_t) (x << 6 | x >> 2) ^ 0x05);
  /* y^254 is the inverse in the field. */
  uint8_t result = 1, power = y;
  for (unsigned i = 1; i < 8; i++) {
    power = aes_multiply (power, power);
    result = aes_multiply (result, power);
  }
  return result;
}

DioVec
dio_vec_aese (unsigned n, DioVec a, DioVec b)
{
  Lanes x = { a ^ b }, r;
  for (unsigned i = 0; i < 16; i++)
    r.u0[i] = sbox[x.u0[(i + 4 * (i & 3)) & 15]];
  return r.vec;
}

DioVec
dio_vec_aesd (unsigned n, DioVec a, DioVec b)
{
  Lanes x = { a ^ b }, r;
  for (unsigned i = 0; i < 16; i++)
    r.u0[i] = inverse_sbox (x.u0[(i - 4 * (i & 3)) & 15]);
  return r.vec;
}

DioVec
dio_vec_aesmc (unsigned n, DioVec a)
{
  Lanes x = { a }, r;
  for (unsigned i = 0; i < 16; i += 4)
    for (unsigned k = 0; k < 4; k++) {
      uint8_t first = x.u0[i + k], second = x.u0[i + (k + 1) % 4];
      r.u0[i + k] = (uint8_t) (aes_double (first) ^ aes_double (second) ^ second
                               ^ x.u0[i + (k + 2) % 4] ^ x.u0[i + (k + 3) % 4]);
    }
  return r.vec;
}

DioVec
dio_vec_aesimc (unsigned n, DioVec a)
{
  Lanes x = { a }, r;
  for (unsigned i = 0; i < 16; i += 4)
    for (unsigned k = 0; k < 4; k++)
      r.u0[i + k] =
          (uint8_t) (aes_multiply (x.u0[i + k], 14) ^ aes_multiply (x.u0[i + (k + 1) % 4], 11)
                     ^ aes_multiply (x.u0[i + (k + 2) % 4], 13)
                     ^ aes_multiply (x.u0[i + (k + 3) % 4], 9));
  return r.vec;
}

/* ---- SHA-1 ---- */

static DIO_ALWAYS_INLINE uint32_t
rotate (uint32_t x, unsigned by)
{
  return x << by | x >> (32 - by);
}

static uint32_t
choose (uint32_t x, uint32_t y, uint32_t z)
{
  return ((y ^ z) & x) ^ z;
}

static uint32_t
parity (uint32_t x, uint32_t y, uint32_t z)
{
  return x ^ y ^ z;
}

static uint32_t
majority (uint32_t x, uint32_t y, uint32_t z)
{
  return (x & y) | ((x | y) & z);
}

/* Four rounds: @a is the state a to d, the lowest lane of @b is e, @c the words with constants. */
static DIO_ALWAYS_INLINE DioVec
sha1 (DioVec a, DioVec b, DioVec c, uint32_t (*mix) (uint32_t, uint32_t, uint32_t))
{
  Lanes x = { a }, y = { b }, w = { c };
  uint32_t e = y.u2[0];
  for (unsigned i = 0; i < 4; i++) {
    uint32_t next = e + rotate (x.u2[0], 5) + mix (x.u2[1], x.u2[2], x.u2[3]) + w.u2[i];
    e = x.u2[3];
    x.u2[3] = x.u2[2];
    x.u2[2] = rotate (x.u2[1], 30);
    x.u2[1] = x.u2[0];
    x.u2[0] = next;
  }
  return x.vec;
}

DioVec
dio_vec_sha1c (unsigned n, DioVec a, DioVec b, DioVec c)
{
  return sha1 (a, b, c, choose);
}

DioVec
dio_vec_sha1p (unsigned n, DioVec a, DioVec b, DioVec c)
{
  return sha1 (a, b, c, parity);
}

DioVec
dio_vec_sha1m (unsigned n, DioVec a, DioVec b, DioVec c)
{
  return sha1 (a, b, c, majority);
}

DioVec
dio_vec_sha1h (unsigned n, DioVec a)
{
  return dio_vec_make (rotate ((uint32_t) a[0], 30), 0);
}

DioVec
dio_vec_sha1su0 (unsigned n, DioVec a, DioVec b, DioVec c)
{
  return a ^ dio_vec_make (a[1], b[0]) ^ c;
}

DioVec
dio_vec_sha1su1 (unsigned n, DioVec a, DioVec b)
{
  Lanes x = { a }, y = { b };
  uint32_t first = rotate (x.u2[0] ^ y.u2[1], 1);
  x.u2[3] = rotate (x.u2[3], 1) ^ rotate (first, 1);
  x.u2[2] = rotate (x.u2[2] ^ y.u2[3], 1);
  x.u2[1] = rotate (x.u2[1] ^ y.u2[2], 1);
  x.u2[0] = first;
  return x.vec;
}

/* ---- SHA-256 ---- */

/* Four rounds on the states @a to @d and @e to @h. */
static void
sha256 (Lanes *x, Lanes *y, DioVec words)
{
  Lanes w = { words };
  for (unsigned i = 0; i < 4; i++) {
    uint32_t e = y->u2[0], a = x->u2[0];
    uint32_t sum1 = rotate (e, 26) ^ rotate (e, 21) ^ rotate (e, 7);
    uint32_t sum0 = rotate (a, 30) ^ rotate (a, 19) ^ rotate (a, 10);
    uint32_t t = y->u2[3] + sum1 + choose (e, y->u2[1], y->u2[2]) + w.u2[i];
    uint32_t new_e = x->u2[3] + t, new_a = t + sum0 + majority (a, x->u2[1], x->u2[2]);
    for (unsigned k = 3; k > 0; k--) {
      y->u2[k] = y->u2[k - 1];
      x->u2[k] = x->u2[k - 1];
    }
    y->u2[0] = new_e;
    x->u2[0] = new_a;
  }
}

DioVec
dio_vec_sha256h (unsigned n, DioVec a, DioVec b, DioVec c)
{
  Lanes x = { a }, y = { b };
  sha256 (&x, &y, c);
  return x.vec;
}

/* Here @a is the state e to h. */
DioVec
dio_vec_sha256h2 (unsigned n, DioVec a, DioVec b, DioVec c)
{
  Lanes x = { b }, y = { a };
  sha256 (&x, &y, c);
  return y.vec;
}

DioVec
dio_vec_sha256su0 (unsigned n, DioVec a, DioVec b)
{
  Lanes x = { a }, y = { b }, r;
  for (unsigned i = 0; i < 4; i++) {
    uint32_t next = i < 3 ? x.u2[i + 1] : y.u2[0];
    r.u2[i] = x.u2[i] + (rotate (next, 25) ^ rotate (next, 14) ^ next >> 3);
  }
  return r.vec;
}

DioVec
dio_vec_sha256su1 (unsigned n, DioVec a, DioVec b, DioVec c)
{
  Lanes x = { a }, y = { b }, z = { c }, r;
  for (unsigned i = 0; i < 4; i++) {
    uint32_t from = i < 2 ? z.u2[i + 2] : r.u2[i - 2];
    uint32_t other = i < 3 ? y.u2[i + 1] : z.u2[0];
    r.u2[i] = x.u2[i] + other + (rotate (from, 15) ^ rotate (from, 13) ^ from >> 10);
  }
  return r.vec;
}
