/* SPDX-License-Identifier: GPL-3.0-or-later
 * Exact IEEE 754 arithmetic in integers.
 *
 * A finite non-zero number is unpacked to sign, exponent and a 64-bit significand with bit 63 set:
 * its value is significand * 2^(exponent - 63). Results are made with at least two more bits than
 * the format keeps, everything below them or'ed ("jammed") into bit 0, and rounded once by
 * round_pack(). The two formats share all code: Format is a compile-time constant in every
 * instance, so each public function is specialised by inlining. */
#include "core/fp/fp-soft.h"

typedef struct {
  unsigned fraction; /* bits of the fraction field */
  unsigned exponent; /* bits of the exponent field */
} Format;

#define F16 ((Format){ 10, 5 })
#define F32 ((Format){ 23, 8 })
#define F64 ((Format){ 52, 11 })

typedef enum {
  ZERO,
  FINITE,
  INF,
  QNAN,
  SNAN,
} Kind;

typedef struct {
  Kind kind;
  bool sign;
  int exponent;
  uint64_t significand;
  uint64_t raw;
} Number;

typedef unsigned __int128 u128;

/* ---- Fields of a format ---- */

static DIO_ALWAYS_INLINE int
fmt_bias (Format f)
{
  return (1 << (f.exponent - 1)) - 1;
}

static DIO_ALWAYS_INLINE int
fmt_exponent_max (Format f)
{
  return (1 << f.exponent) - 1;
}

static DIO_ALWAYS_INLINE uint64_t
fmt_sign (Format f, bool sign)
{
  return (uint64_t) sign << (f.fraction + f.exponent);
}

static DIO_ALWAYS_INLINE uint64_t
fmt_inf (Format f, bool sign)
{
  return fmt_sign (f, sign) | (uint64_t) fmt_exponent_max (f) << f.fraction;
}

static DIO_ALWAYS_INLINE uint64_t
fmt_two (Format f)
{
  return (uint64_t) (fmt_bias (f) + 1) << f.fraction;
}

static DIO_ALWAYS_INLINE uint64_t
fmt_quiet_bit (Format f)
{
  return UINT64_C (1) << (f.fraction - 1);
}

static DIO_ALWAYS_INLINE uint64_t
fmt_default_nan (Format f, DioFpMode mode)
{
  return fmt_inf (f, mode & DIO_FP_NAN_NEGATIVE) | fmt_quiet_bit (f);
}

/* ---- Unpacking ---- */

static DIO_ALWAYS_INLINE Number
unpack (Format f, uint64_t raw)
{
  uint64_t fraction = raw & ((UINT64_C (1) << f.fraction) - 1);
  int biased = (int) (raw >> f.fraction) & fmt_exponent_max (f);
  Number n = { .sign = raw >> (f.fraction + f.exponent) & 1, .raw = raw };

  if (biased == fmt_exponent_max (f)) {
    n.kind = fraction == 0 ? INF : fraction & fmt_quiet_bit (f) ? QNAN : SNAN;
  } else if (biased != 0) {
    n.kind = FINITE;
    n.exponent = biased - fmt_bias (f);
    n.significand = UINT64_C (1) << 63 | fraction << (63 - f.fraction);
  } else if (fraction != 0) {
    int shift = __builtin_clzll (fraction);

    n.kind = FINITE;
    n.exponent = 1 - fmt_bias (f) - (shift - (63 - (int) f.fraction));
    n.significand = fraction << shift;
  } else {
    n.kind = ZERO;
  }
  return n;
}

/* An operand of arithmetic: as unpack(), but a denormal number may be taken for a zero. */
static DIO_ALWAYS_INLINE Number
operand (Format f, DioFpMode mode, uint8_t *flags, uint64_t raw)
{
  if (DIO_UNLIKELY (mode & DIO_FP_FLUSH) && f.exponent != F16.exponent
      && (raw & fmt_inf (f, false)) == 0 && (raw & ~fmt_sign (f, true)) != 0) {
    *flags |= DIO_FP_DENORMAL;
    raw &= fmt_sign (f, true);
  }
  return unpack (f, raw);
}

static DIO_ALWAYS_INLINE bool
is_nan (Number n)
{
  return n.kind >= QNAN;
}

/* ---- NaN results ---- */

static DIO_ALWAYS_INLINE uint64_t
invalid (Format f, DioFpMode mode, uint8_t *flags)
{
  *flags |= DIO_FP_NV;
  return fmt_default_nan (f, mode);
}

/* The result when at least one of the operands is a NaN. */
static DIO_ALWAYS_INLINE uint64_t
propagate (Format f, DioFpMode mode, uint8_t *flags, Number a, Number b)
{
  if (a.kind == SNAN || b.kind == SNAN)
    *flags |= DIO_FP_NV;
  if (mode & DIO_FP_NAN_FIRST)
    return (is_nan (a) ? a.raw : b.raw) | fmt_quiet_bit (f);
  if ((mode & (DIO_FP_NAN_ARM | DIO_FP_NAN_DEFAULT)) == DIO_FP_NAN_ARM) {
    bool first = a.kind == SNAN || (b.kind != SNAN && is_nan (a));
    return (first ? a.raw : b.raw) | fmt_quiet_bit (f);
  }
  return fmt_default_nan (f, mode);
}

/* ---- Shifting and rounding ---- */

/* Shifts right; what falls out is or'ed into bit 0. */
static DIO_ALWAYS_INLINE uint64_t
shift_right_jam (uint64_t value, unsigned count)
{
  if (count == 0)
    return value;
  if (count >= 64)
    return value != 0;
  return value >> count | ((value << (64 - count)) != 0);
}

static DIO_ALWAYS_INLINE u128
shift_right_jam128 (u128 value, unsigned count)
{
  if (count == 0)
    return value;
  if (count >= 128)
    return value != 0;
  return value >> count | ((value << (128 - count)) != 0);
}

static DIO_ALWAYS_INLINE uint64_t
jam128 (u128 value)
{
  return (uint64_t) (value >> 64) | ((uint64_t) value != 0);
}

/* What is added below the last kept bit before truncation; @unit is the weight of that bit. */
static DIO_ALWAYS_INLINE uint64_t
round_increment (DioFpMode mode, bool sign, uint64_t unit)
{
  switch (mode & DIO_FP_ROUND_MASK) {
  case DIO_FP_RNE:
  case DIO_FP_RMM:
    return unit >> 1;
  case DIO_FP_RDN:
    return sign ? unit - 1 : 0;
  case DIO_FP_RUP:
    return sign ? 0 : unit - 1;
  default:
    return 0;
  }
}

static DIO_ALWAYS_INLINE uint64_t
overflow (Format f, DioFpMode mode, uint8_t *flags, bool sign)
{
  bool to_inf;

  switch (mode & DIO_FP_ROUND_MASK) {
  case DIO_FP_RTZ:
    to_inf = false;
    break;
  case DIO_FP_RDN:
    to_inf = sign;
    break;
  case DIO_FP_RUP:
    to_inf = !sign;
    break;
  default:
    to_inf = true;
    break;
  }
  *flags |= DIO_FP_OF | DIO_FP_NX;
  return fmt_inf (f, sign) - !to_inf;
}

/* Rounds significand * 2^(exponent - 63), bit 63 set, bit 0 a sticky bit, to the format. */
static DIO_ALWAYS_INLINE uint64_t
round_pack (Format f, DioFpMode mode, uint8_t *flags, bool sign, int exponent, uint64_t significand)
{
  const uint64_t unit = UINT64_C (1) << (63 - f.fraction);
  const uint64_t increment = round_increment (mode, sign, unit);
  int biased = exponent + fmt_bias (f);
  bool tiny = false;

  if (DIO_UNLIKELY (biased <= 0)) {
    if ((mode & DIO_FP_FLUSH) && f.exponent != F16.exponent) {
      *flags |= DIO_FP_UF;
      return fmt_sign (f, sign);
    }
    /* Tiny after rounding: still below the smallest normal number when rounded with an unbounded
     * exponent, that is, unless the exponent is just one too small and rounding carries out. */
    tiny = biased < 0 || significand + increment >= significand || (mode & DIO_FP_TINY_BEFORE);
    significand = shift_right_jam (significand, (unsigned) (1 - biased));
    biased = 0;
  } else {
    significand &= ~(UINT64_C (1) << 63);
  }

  uint64_t lost = significand & (unit - 1);
  /* Without the leading bit, a carry out of the fraction goes into the exponent by itself. */
  uint64_t fraction = (significand + increment) >> (63 - f.fraction);

  if ((mode & DIO_FP_ROUND_MASK) == DIO_FP_RNE && lost == unit >> 1)
    fraction &= ~UINT64_C (1);
  uint64_t magnitude = ((uint64_t) biased << f.fraction) + fraction;
  if (DIO_UNLIKELY (biased >= fmt_exponent_max (f) || magnitude >= fmt_inf (f, false)))
    return overflow (f, mode, flags, sign);
  if (lost != 0)
    *flags |= tiny ? DIO_FP_NX | DIO_FP_UF : DIO_FP_NX;
  return fmt_sign (f, sign) | magnitude;
}

/* The sign of an exact zero sum of operands with different signs. */
static DIO_ALWAYS_INLINE uint64_t
zero_sum (Format f, DioFpMode mode)
{
  return fmt_sign (f, (mode & DIO_FP_ROUND_MASK) == DIO_FP_RDN);
}

/* ---- Arithmetic ---- */

static DIO_ALWAYS_INLINE uint64_t
add (Format f, DioFpMode mode, uint8_t *flags, uint64_t raw_a, uint64_t raw_b, bool negate_b)
{
  Number a = operand (f, mode, flags, raw_a), b = operand (f, mode, flags, raw_b);

  if (DIO_UNLIKELY (is_nan (a) || is_nan (b)))
    return propagate (f, mode, flags, a, b);
  b.sign ^= negate_b;
  if (a.kind == INF)
    return b.kind == INF && a.sign != b.sign ? invalid (f, mode, flags) : raw_a;
  if (b.kind == INF)
    return fmt_inf (f, b.sign);
  if (b.kind == ZERO) {
    if (a.kind == ZERO && a.sign != b.sign)
      return zero_sum (f, mode);
    return a.raw;
  }
  if (a.kind == ZERO)
    return b.raw ^ fmt_sign (f, negate_b);

  if (a.exponent < b.exponent || (a.exponent == b.exponent && a.significand < b.significand)) {
    Number swap = a;

    a = b;
    b = swap;
  }
  /* One bit of head room for the carry; the low bits are zero. */
  uint64_t big = a.significand >> 1;
  uint64_t small = shift_right_jam (b.significand >> 1, (unsigned) (a.exponent - b.exponent));
  uint64_t sum = a.sign == b.sign ? big + small : big - small;

  if (sum == 0)
    return zero_sum (f, mode);
  int shift = __builtin_clzll (sum);
  return round_pack (f, mode, flags, a.sign, a.exponent + 1 - shift, sum << shift);
}

static DIO_ALWAYS_INLINE uint64_t
mul (Format f, DioFpMode mode, uint8_t *flags, uint64_t raw_a, uint64_t raw_b, bool extended)
{
  Number a = operand (f, mode, flags, raw_a), b = operand (f, mode, flags, raw_b);
  bool sign = a.sign ^ b.sign;

  if (DIO_UNLIKELY (a.kind != FINITE || b.kind != FINITE)) {
    if (is_nan (a) || is_nan (b))
      return propagate (f, mode, flags, a, b);
    if (a.kind == INF || b.kind == INF) {
      if (a.kind != ZERO && b.kind != ZERO)
        return fmt_inf (f, sign);
      return extended ? fmt_sign (f, sign) | fmt_two (f) : invalid (f, mode, flags);
    }
    return fmt_sign (f, sign);
  }
  u128 product = (u128) a.significand * b.significand;
  int exponent = a.exponent + b.exponent + 1;

  if (!(product >> 127)) {
    product <<= 1;
    exponent--;
  }
  return round_pack (f, mode, flags, sign, exponent, jam128 (product));
}

static DIO_ALWAYS_INLINE uint64_t
divide (Format f, DioFpMode mode, uint8_t *flags, uint64_t raw_a, uint64_t raw_b)
{
  Number a = operand (f, mode, flags, raw_a), b = operand (f, mode, flags, raw_b);
  bool sign = a.sign ^ b.sign;

  if (DIO_UNLIKELY (a.kind != FINITE || b.kind != FINITE)) {
    if (is_nan (a) || is_nan (b))
      return propagate (f, mode, flags, a, b);
    if (a.kind == INF)
      return b.kind == INF ? invalid (f, mode, flags) : fmt_inf (f, sign);
    if (b.kind == INF)
      return fmt_sign (f, sign);
    if (b.kind == ZERO) {
      if (a.kind == ZERO)
        return invalid (f, mode, flags);
      *flags |= DIO_FP_DZ;
      return fmt_inf (f, sign);
    }
    return fmt_sign (f, sign);
  }
  int exponent = a.exponent - b.exponent;
  u128 dividend = (u128) a.significand << 63;

  if (a.significand < b.significand) {
    dividend <<= 1;
    exponent--;
  }
  uint64_t quotient = (uint64_t) (dividend / b.significand);
  bool rest = (u128) quotient * b.significand != dividend;
  return round_pack (f, mode, flags, sign, exponent, quotient | rest);
}

static DIO_ALWAYS_INLINE uint64_t
square_root (Format f, DioFpMode mode, uint8_t *flags, uint64_t raw)
{
  Number a = operand (f, mode, flags, raw);

  if (is_nan (a))
    return propagate (f, mode, flags, a, a);
  if (a.kind == ZERO)
    return a.raw;
  if (a.sign)
    return invalid (f, mode, flags);
  if (a.kind == INF)
    return raw;

  /* Digit by digit from bit 63 down: root^2 <= radicand * 2^64 in fixed point. Two bits more than
   * the format keeps are enough beside the sticky bit. */
  bool odd = a.exponent & 1;
  u128 rest = (u128) a.significand << (odd ? 64 : 63);
  u128 root = 0;

  for (int bit = 63; bit >= (int) (61 - f.fraction); bit--) {
    u128 step = (root << 1 | (u128) 1 << bit) << bit;

    if (step <= rest) {
      rest -= step;
      root |= (u128) 1 << bit;
    }
  }
  return round_pack (f, mode, flags, false, (a.exponent - odd) / 2, (uint64_t) root | (rest != 0));
}

/* arm's choice among the NaNs of a multiply-add. */
static DIO_ALWAYS_INLINE uint64_t
propagate_fused (Format f, DioFpMode mode, uint8_t *flags, Number a, Number b, Number c,
                 bool undefined)
{
  if (c.kind == QNAN && undefined)
    return invalid (f, mode, flags);
  if (c.kind == SNAN || (a.kind != SNAN && b.kind != SNAN && is_nan (c)))
    return propagate (f, mode, flags, c, c);
  return propagate (f, mode, flags, a, b);
}

/* (a * b + c) * 2^scale. */
static DIO_ALWAYS_INLINE uint64_t
fused (Format f, DioFpMode mode, uint8_t *flags, uint64_t raw_a, uint64_t raw_b, uint64_t raw_c,
       int scale)
{
  Number a = operand (f, mode, flags, raw_a), b = operand (f, mode, flags, raw_b);
  Number c = operand (f, mode, flags, raw_c);
  bool sign = a.sign ^ b.sign;

  if (DIO_UNLIKELY (a.kind != FINITE || b.kind != FINITE || c.kind != FINITE)) {
    bool undefined = (a.kind == INF && b.kind == ZERO) || (a.kind == ZERO && b.kind == INF);

    if (is_nan (a) || is_nan (b) || is_nan (c)) {
      if (mode & DIO_FP_NAN_ARM)
        return propagate_fused (f, mode, flags, a, b, c, undefined);
      if (undefined && !(mode & DIO_FP_NAN_FIRST))
        *flags |= DIO_FP_NV;
      if (c.kind == SNAN)
        *flags |= DIO_FP_NV;
      return is_nan (a) || is_nan (b) ? propagate (f, mode, flags, a, b)
                                      : propagate (f, mode, flags, c, c);
    }
    if (undefined)
      return invalid (f, mode, flags);
    if (a.kind == INF || b.kind == INF)
      return c.kind == INF && c.sign != sign ? invalid (f, mode, flags) : fmt_inf (f, sign);
    if (c.kind == INF)
      return raw_c;
    if (a.kind == ZERO || b.kind == ZERO) {
      if (c.kind == ZERO && c.sign != sign)
        return zero_sum (f, mode);
      if (scale && c.kind == FINITE)
        return round_pack (f, mode, flags, c.sign, c.exponent + scale, c.significand);
      return c.raw;
    }
  }
  /* Both with their leading bit at 126; the product is exact. */
  u128 product = (u128) a.significand * b.significand;
  int exponent = a.exponent + b.exponent;

  if (product >> 127) {
    product >>= 1; /* its low bits are zero */
    exponent++;
  }
  if (c.kind == ZERO) {
    product <<= 1;
    return round_pack (f, mode, flags, sign, exponent + scale, jam128 (product));
  }
  u128 addend = (u128) c.significand << 63;
  int distance = exponent - c.exponent;

  if (distance > 0) {
    addend = shift_right_jam128 (addend, (unsigned) distance);
  } else if (distance < 0) {
    product = shift_right_jam128 (product, (unsigned) -distance);
    exponent = c.exponent;
  }
  u128 sum;
  if (sign == c.sign) {
    sum = product + addend;
  } else if (product >= addend) {
    sum = product - addend;
  } else {
    sum = addend - product;
    sign = c.sign;
  }
  if (sum == 0)
    return zero_sum (f, mode);
  uint64_t high = (uint64_t) (sum >> 64);
  int shift = high != 0 ? __builtin_clzll (high) : 64 + __builtin_clzll ((uint64_t) sum);
  return round_pack (f, mode, flags, sign, exponent + 1 - shift + scale, jam128 (sum << shift));
}

/* ---- Steps and estimates of reciprocals (arm) ---- */

/* 2 - a * b, or with @root (3 - a * b) / 2: one step of an iteration. */
static DIO_ALWAYS_INLINE uint64_t
step (Format f, DioFpMode mode, uint8_t *flags, uint64_t raw_a, uint64_t raw_b, bool root)
{
  uint64_t three = fmt_two (f) | fmt_quiet_bit (f);
  Number a, b;

  raw_a ^= fmt_sign (f, true);
  a = operand (f, mode, flags, raw_a);
  b = operand (f, mode, flags, raw_b);
  if (is_nan (a) || is_nan (b))
    return propagate (f, mode, flags, a, b);
  if ((a.kind == INF && b.kind == ZERO) || (a.kind == ZERO && b.kind == INF)) {
    uint64_t one_and_a_half = three - (UINT64_C (1) << f.fraction);
    return root ? one_and_a_half : fmt_two (f);
  }
  return fused (f, mode, flags, a.raw, b.raw, root ? three : fmt_two (f), root ? -1 : 0);
}

/* 1 / @a for nine bits of a, 256 to 511, as nine bits. */
static unsigned
estimate_reciprocal (unsigned a)
{
  a = a * 2 + 1;
  return ((1u << 19) / a + 1) / 2;
}

/* 1 / sqrt (@a) for nine bits of a, 128 to 511, as nine bits. */
static unsigned
estimate_root (unsigned a)
{
  unsigned b = 512;

  a = a < 256 ? a * 2 + 1 : ((a | 1) ^ 1) * 2 + 2;
  while (a * (b + 1) * (b + 1) < 1u << 28)
    b++;
  return (b + 1) / 2;
}

static DIO_ALWAYS_INLINE uint64_t
reciprocal (Format f, DioFpMode mode, uint8_t *flags, uint64_t raw)
{
  Number a = operand (f, mode, flags, raw);

  if (is_nan (a))
    return propagate (f, mode, flags, a, a);
  if (a.kind == INF)
    return fmt_sign (f, a.sign);
  if (a.kind == ZERO) {
    *flags |= DIO_FP_DZ;
    return fmt_inf (f, a.sign);
  }
  if (a.exponent < -fmt_bias (f) - 1)
    return overflow (f, mode, flags, a.sign);
  if ((mode & DIO_FP_FLUSH) && a.exponent >= fmt_bias (f) - 1) {
    *flags |= DIO_FP_UF;
    return fmt_sign (f, a.sign);
  }
  uint64_t estimate = estimate_reciprocal ((unsigned) (a.significand >> 55));
  uint64_t fraction = (estimate & 0xff) << (f.fraction - 8);
  int biased = fmt_bias (f) - a.exponent - 1;

  if (biased <= 0) { /* a denormal number; the leading one becomes visible */
    fraction = (fraction | UINT64_C (1) << f.fraction) >> (1 - biased);
    biased = 0;
  }
  return fmt_sign (f, a.sign) | (uint64_t) biased << f.fraction | fraction;
}

static DIO_ALWAYS_INLINE uint64_t
reciprocal_root (Format f, DioFpMode mode, uint8_t *flags, uint64_t raw)
{
  Number a = operand (f, mode, flags, raw);

  if (is_nan (a))
    return propagate (f, mode, flags, a, a);
  if (a.kind == ZERO) {
    *flags |= DIO_FP_DZ;
    return fmt_inf (f, a.sign);
  }
  if (a.sign)
    return invalid (f, mode, flags);
  if (a.kind == INF)
    return 0;
  bool odd = a.exponent & 1;
  unsigned scaled = (unsigned) (a.significand >> (odd ? 55 : 56));
  uint64_t estimate = estimate_root (scaled);
  int biased = fmt_bias (f) - (a.exponent - odd) / 2 - 1;
  return (uint64_t) biased << f.fraction | (estimate & 0xff) << (f.fraction - 8);
}

/* The exponent of a reciprocal, roughly, with a fraction of zero. */
static DIO_ALWAYS_INLINE uint64_t
reciprocal_exponent (Format f, DioFpMode mode, uint8_t *flags, uint64_t raw)
{
  Number a = operand (f, mode, flags, raw);
  uint64_t exponent = raw & fmt_inf (f, false);

  if (is_nan (a))
    return propagate (f, mode, flags, a, a);
  exponent = exponent == 0 ? (uint64_t) (fmt_exponent_max (f) - 1) << f.fraction
                           : ~exponent & fmt_inf (f, false);
  return fmt_sign (f, a.sign) | exponent;
}

/* ---- Comparisons, minimum, maximum, class ---- */

/* -1, 0, 1 for numbers. */
static DIO_ALWAYS_INLINE int
order (Number a, Number b)
{
  if (a.kind == ZERO && b.kind == ZERO)
    return 0;
  if (a.sign != b.sign)
    return a.sign ? -1 : 1;
  if (a.raw == b.raw)
    return 0;
  return (a.raw < b.raw) != a.sign ? -1 : 1;
}

typedef enum {
  EQUAL,
  LESS,
  LESS_EQUAL,
} Relation;

static DIO_ALWAYS_INLINE bool
compare (Format f, uint8_t *flags, uint64_t raw_a, uint64_t raw_b, Relation relation, bool quiet)
{
  Number a = unpack (f, raw_a), b = unpack (f, raw_b);

  if (is_nan (a) || is_nan (b)) {
    if (!quiet || a.kind == SNAN || b.kind == SNAN)
      *flags |= DIO_FP_NV;
    return false;
  }
  int result = order (a, b);
  return relation == EQUAL ? result == 0 : relation == LESS ? result < 0 : result <= 0;
}

/* Negative, zero, carry, overflow in bits 31 to 28, as arm compares. */
static DIO_ALWAYS_INLINE uint32_t
compare_flags (Format f, uint8_t *flags, uint64_t raw_a, uint64_t raw_b, bool quiet)
{
  Number a = unpack (f, raw_a), b = unpack (f, raw_b);

  if (is_nan (a) || is_nan (b)) {
    if (!quiet || a.kind == SNAN || b.kind == SNAN)
      *flags |= DIO_FP_NV;
    return UINT32_C (3) << 28;
  }
  int result = order (a, b);
  return (result < 0 ? UINT32_C (8) : result == 0 ? UINT32_C (6) : UINT32_C (2)) << 28;
}

static DIO_ALWAYS_INLINE uint64_t
extremum (Format f, DioFpMode mode, uint8_t *flags, uint64_t raw_a, uint64_t raw_b, bool max,
          bool nan_wins)
{
  Number a = operand (f, mode, flags, raw_a), b = operand (f, mode, flags, raw_b);

  raw_a = a.raw;
  raw_b = b.raw;
  if (is_nan (a) || is_nan (b)) {
    if (mode & DIO_FP_NAN_ARM) {
      if (!nan_wins && a.kind == QNAN && !is_nan (b))
        return raw_b;
      if (!nan_wins && b.kind == QNAN && !is_nan (a))
        return raw_a;
      return propagate (f, mode, flags, a, b);
    }
    if (a.kind == SNAN || b.kind == SNAN)
      *flags |= DIO_FP_NV;
    if (nan_wins || (is_nan (a) && is_nan (b)))
      return fmt_default_nan (f, mode);
    return is_nan (a) ? raw_b : raw_a;
  }
  /* Equal numbers differ at most in the sign of zero. */
  int result = a.kind == ZERO && b.kind == ZERO ? b.sign - a.sign : order (a, b);
  return (result < 0) != max ? raw_a : raw_b;
}

static DIO_ALWAYS_INLINE DioFpClass
classify (Format f, uint64_t raw)
{
  Number a = unpack (f, raw);
  bool subnormal = (raw & fmt_inf (f, false)) == 0;

  switch (a.kind) {
  case ZERO:
    return a.sign ? DIO_FP_CLASS_NEG_ZERO : DIO_FP_CLASS_POS_ZERO;
  case FINITE:
    if (subnormal)
      return a.sign ? DIO_FP_CLASS_NEG_SUBNORMAL : DIO_FP_CLASS_POS_SUBNORMAL;
    return a.sign ? DIO_FP_CLASS_NEG_NORMAL : DIO_FP_CLASS_POS_NORMAL;
  case INF:
    return a.sign ? DIO_FP_CLASS_NEG_INF : DIO_FP_CLASS_POS_INF;
  case SNAN:
    return DIO_FP_CLASS_SNAN;
  default:
    return DIO_FP_CLASS_QNAN;
  }
}

/* ---- Conversions ---- */

/* Whether a magnitude with last kept bit @odd and the discarded part @half (its first bit) and
 * @rest (any other) is rounded up. */
static DIO_ALWAYS_INLINE bool
round_up (DioFpMode mode, bool sign, bool odd, bool half, bool rest)
{
  switch (mode & DIO_FP_ROUND_MASK) {
  case DIO_FP_RNE:
    return half && (rest || odd);
  case DIO_FP_RMM:
    return half;
  case DIO_FP_RDN:
    return sign && (half || rest);
  case DIO_FP_RUP:
    return !sign && (half || rest);
  default:
    return false;
  }
}

/* The magnitude of a finite number below 2^64, rounded; @carry when it became 2^64. */
static DIO_ALWAYS_INLINE uint64_t
integral_magnitude (DioFpMode mode, Number a, bool *inexact, bool *carry)
{
  uint64_t whole, lost;

  *carry = false;
  *inexact = false;
  if (a.exponent == 63)
    return a.significand;
  if (a.exponent >= 0) {
    whole = a.significand >> (63 - a.exponent);
    lost = a.significand << (a.exponent + 1);
  } else {
    whole = 0;
    lost = shift_right_jam (a.significand, (unsigned) (-1 - a.exponent));
  }
  *inexact = lost != 0;
  if (round_up (mode, a.sign, whole & 1, lost >> 63, (lost << 1) != 0)) {
    whole++;
    *carry = whole == 0;
  }
  return whole;
}

static DIO_ALWAYS_INLINE uint64_t
to_integer (Format f, DioFpMode mode, uint8_t *flags, uint64_t raw, bool is_signed, unsigned bits)
{
  Number a = operand (f, mode, flags, raw);
  uint64_t max_positive = is_signed ? (UINT64_C (1) << (bits - 1)) - 1 : UINT64_MAX >> (64 - bits);
  uint64_t max_negative = is_signed ? UINT64_C (1) << (bits - 1) : 0;
  bool inexact = false, carry = false;
  uint64_t magnitude = 0;

  if (a.kind == ZERO)
    return 0;
  if (is_nan (a) && (mode & DIO_FP_NAN_ARM)) {
    *flags |= DIO_FP_NV;
    return 0;
  }
  if (is_nan (a))
    a.sign = false;
  a.exponent += (int) (mode >> DIO_FP_SCALE_SHIFT);
  if (a.kind == FINITE && a.exponent < 64)
    magnitude = integral_magnitude (mode, a, &inexact, &carry);
  else
    carry = true;
  if (carry || magnitude > (a.sign ? max_negative : max_positive)) {
    *flags |= DIO_FP_NV;
    return a.sign ? -max_negative : max_positive;
  }
  if (inexact)
    *flags |= DIO_FP_NX;
  return a.sign ? -magnitude : magnitude;
}

static DIO_ALWAYS_INLINE uint64_t
from_integer (Format f, DioFpMode mode, uint8_t *flags, bool sign, uint64_t magnitude)
{
  if (magnitude == 0)
    return 0;
  int shift = __builtin_clzll (magnitude);
  return round_pack (f, mode, flags, sign, 63 - shift - (int) (mode >> DIO_FP_SCALE_SHIFT),
                     magnitude << shift);
}

static DIO_ALWAYS_INLINE uint64_t
convert (Format from, Format to, DioFpMode mode, uint8_t *flags, uint64_t raw)
{
  Number a = operand (from, mode, flags, raw);

  switch (a.kind) {
  case ZERO:
    return fmt_sign (to, a.sign);
  case FINITE:
    return round_pack (to, mode, flags, a.sign, a.exponent, a.significand);
  case INF:
    return fmt_inf (to, a.sign);
  case SNAN:
    *flags |= DIO_FP_NV;
    break;
  default:
    break;
  }
  if (!(mode & (DIO_FP_NAN_FIRST | DIO_FP_NAN_ARM)) || (mode & DIO_FP_NAN_DEFAULT))
    return fmt_default_nan (to, mode);
  /* The payload is kept from the top. */
  uint64_t payload = raw << (64 - from.fraction) >> (64 - to.fraction);
  return fmt_inf (to, a.sign) | fmt_quiet_bit (to) | payload;
}

static DIO_ALWAYS_INLINE uint64_t
round_integral (Format f, DioFpMode mode, uint8_t *flags, uint64_t raw, bool exact)
{
  Number a = operand (f, mode, flags, raw);
  bool inexact, carry;

  if (is_nan (a))
    return propagate (f, mode, flags, a, a);
  if (a.kind != FINITE || a.exponent >= (int) f.fraction)
    return a.raw;
  uint64_t magnitude = integral_magnitude (mode, a, &inexact, &carry);
  uint8_t none = 0;
  if (inexact && exact)
    *flags |= DIO_FP_NX;
  /* Exact: the magnitude has at most fraction + 1 bits. */
  return fmt_sign (f, a.sign) | from_integer (f, DIO_FP_RNE, &none, false, magnitude);
}

/* ---- Instances ---- */

#define ARITHMETIC(W, F)                                                                           \
  uint##W##_t dio_fp_soft_add##W (DioFpMode mode, uint8_t *flags, uint##W##_t a, uint##W##_t b)    \
  {                                                                                                \
    return (uint##W##_t) add (F, mode, flags, a, b, false);                                        \
  }                                                                                                \
  uint##W##_t dio_fp_soft_sub##W (DioFpMode mode, uint8_t *flags, uint##W##_t a, uint##W##_t b)    \
  {                                                                                                \
    return (uint##W##_t) add (F, mode, flags, a, b, true);                                         \
  }                                                                                                \
  uint##W##_t dio_fp_soft_mul##W (DioFpMode mode, uint8_t *flags, uint##W##_t a, uint##W##_t b)    \
  {                                                                                                \
    return (uint##W##_t) mul (F, mode, flags, a, b, false);                                        \
  }                                                                                                \
  uint##W##_t dio_fp_soft_div##W (DioFpMode mode, uint8_t *flags, uint##W##_t a, uint##W##_t b)    \
  {                                                                                                \
    return (uint##W##_t) divide (F, mode, flags, a, b);                                            \
  }                                                                                                \
  uint##W##_t dio_fp_soft_sqrt##W (DioFpMode mode, uint8_t *flags, uint##W##_t a)                  \
  {                                                                                                \
    return (uint##W##_t) square_root (F, mode, flags, a);                                          \
  }                                                                                                \
  uint##W##_t dio_fp_soft_fma##W (DioFpMode mode, uint8_t *flags, uint##W##_t a, uint##W##_t b,    \
                                  uint##W##_t c)                                                   \
  {                                                                                                \
    return (uint##W##_t) fused (F, mode, flags, a, b, c, 0);                                       \
  }                                                                                                \
  uint##W##_t dio_fp_soft_round##W (DioFpMode mode, uint8_t *flags, uint##W##_t a, bool exact)     \
  {                                                                                                \
    return (uint##W##_t) round_integral (F, mode, flags, a, exact);                                \
  }                                                                                                \
  DioFpClass dio_fp_soft_class##W (uint##W##_t a)                                                  \
  {                                                                                                \
    return classify (F, a);                                                                        \
  }

#define ARM(W, F)                                                                                  \
  uint##W##_t dio_fp_soft_mulx##W (DioFpMode mode, uint8_t *flags, uint##W##_t a, uint##W##_t b)   \
  {                                                                                                \
    return (uint##W##_t) mul (F, mode, flags, a, b, true);                                         \
  }                                                                                                \
  uint##W##_t dio_fp_soft_recip_step##W (DioFpMode mode, uint8_t *flags, uint##W##_t a,            \
                                         uint##W##_t b)                                            \
  {                                                                                                \
    return (uint##W##_t) step (F, mode, flags, a, b, false);                                       \
  }                                                                                                \
  uint##W##_t dio_fp_soft_rsqrt_step##W (DioFpMode mode, uint8_t *flags, uint##W##_t a,            \
                                         uint##W##_t b)                                            \
  {                                                                                                \
    return (uint##W##_t) step (F, mode, flags, a, b, true);                                        \
  }                                                                                                \
  uint##W##_t dio_fp_soft_recip##W (DioFpMode mode, uint8_t *flags, uint##W##_t a)                 \
  {                                                                                                \
    return (uint##W##_t) reciprocal (F, mode, flags, a);                                           \
  }                                                                                                \
  uint##W##_t dio_fp_soft_rsqrt##W (DioFpMode mode, uint8_t *flags, uint##W##_t a)                 \
  {                                                                                                \
    return (uint##W##_t) reciprocal_root (F, mode, flags, a);                                      \
  }                                                                                                \
  uint##W##_t dio_fp_soft_recipx##W (DioFpMode mode, uint8_t *flags, uint##W##_t a)                \
  {                                                                                                \
    return (uint##W##_t) reciprocal_exponent (F, mode, flags, a);                                  \
  }                                                                                                \
  uint##W##_t dio_fp_soft_flush##W (DioFpMode mode, uint8_t *flags, uint##W##_t a)                 \
  {                                                                                                \
    return (uint##W##_t) operand (F, mode, flags, a).raw;                                          \
  }                                                                                                \
  uint32_t dio_fp_soft_compare##W (uint8_t *flags, uint##W##_t a, uint##W##_t b)                   \
  {                                                                                                \
    return compare_flags (F, flags, a, b, true);                                                   \
  }                                                                                                \
  uint32_t dio_fp_soft_comparee##W (uint8_t *flags, uint##W##_t a, uint##W##_t b)                  \
  {                                                                                                \
    return compare_flags (F, flags, a, b, false);                                                  \
  }

#define EXTREMUM(NAME, W, F, MAX, NAN_WINS)                                                        \
  uint##W##_t dio_fp_soft_##NAME##W (DioFpMode mode, uint8_t *flags, uint##W##_t a, uint##W##_t b) \
  {                                                                                                \
    return (uint##W##_t) extremum (F, mode, flags, a, b, MAX, NAN_WINS);                           \
  }

#define COMPARISON(NAME, W, F, RELATION, QUIET)                                                    \
  bool dio_fp_soft_##NAME##W (uint8_t *flags, uint##W##_t a, uint##W##_t b)                        \
  {                                                                                                \
    return compare (F, flags, a, b, RELATION, QUIET);                                              \
  }

#define TO_INTEGER(W, F, TYPE, NAME, SIGNED, BITS)                                                 \
  TYPE dio_fp_soft_f##W##_to_##NAME (DioFpMode mode, uint8_t *flags, uint##W##_t a)                \
  {                                                                                                \
    return (TYPE) to_integer (F, mode, flags, a, SIGNED, BITS);                                    \
  }

#define FROM_INTEGER(W, F)                                                                         \
  uint##W##_t dio_fp_soft_i64_to_f##W (DioFpMode mode, uint8_t *flags, int64_t a)                  \
  {                                                                                                \
    return (uint##W##_t) from_integer (F, mode, flags, a < 0,                                      \
                                       a < 0 ? -(uint64_t) a : (uint64_t) a);                      \
  }                                                                                                \
  uint##W##_t dio_fp_soft_u64_to_f##W (DioFpMode mode, uint8_t *flags, uint64_t a)                 \
  {                                                                                                \
    return (uint##W##_t) from_integer (F, mode, flags, false, a);                                  \
  }

/* clang-format off */
ARITHMETIC (32, F32)
ARITHMETIC (64, F64)
ARM (32, F32)
ARM (64, F64)
EXTREMUM (min, 32, F32, false, false)
EXTREMUM (max, 32, F32, true, false)
EXTREMUM (min, 64, F64, false, false)
EXTREMUM (max, 64, F64, true, false)
EXTREMUM (minm, 32, F32, false, true)
EXTREMUM (maxm, 32, F32, true, true)
EXTREMUM (minm, 64, F64, false, true)
EXTREMUM (maxm, 64, F64, true, true)
COMPARISON (eq, 32, F32, EQUAL, true)
COMPARISON (lt, 32, F32, LESS, false)
COMPARISON (le, 32, F32, LESS_EQUAL, false)
COMPARISON (ltq, 32, F32, LESS, true)
COMPARISON (leq, 32, F32, LESS_EQUAL, true)
COMPARISON (eq, 64, F64, EQUAL, true)
COMPARISON (lt, 64, F64, LESS, false)
COMPARISON (le, 64, F64, LESS_EQUAL, false)
COMPARISON (ltq, 64, F64, LESS, true)
COMPARISON (leq, 64, F64, LESS_EQUAL, true)
TO_INTEGER (32, F32, int32_t, i32, true, 32)
TO_INTEGER (32, F32, uint32_t, u32, false, 32)
TO_INTEGER (32, F32, int64_t, i64, true, 64)
TO_INTEGER (32, F32, uint64_t, u64, false, 64)
TO_INTEGER (64, F64, int32_t, i32, true, 32)
TO_INTEGER (64, F64, uint32_t, u32, false, 32)
TO_INTEGER (64, F64, int64_t, i64, true, 64)
TO_INTEGER (64, F64, uint64_t, u64, false, 64)
FROM_INTEGER (32, F32)
FROM_INTEGER (64, F64)
/* clang-format on */

uint64_t
dio_fp_soft_f32_to_f64 (DioFpMode mode, uint8_t *flags, uint32_t a)
{
  return convert (F32, F64, mode, flags, a);
}

uint32_t
dio_fp_soft_f64_to_f32 (DioFpMode mode, uint8_t *flags, uint64_t a)
{
  return (uint32_t) convert (F64, F32, mode, flags, a);
}

int32_t
dio_fp_soft_f64_to_i32_mod (uint8_t *flags, uint64_t raw)
{
  Number a = unpack (F64, raw);
  uint64_t whole = 0;

  to_integer (F64, DIO_FP_RTZ, flags, raw, true, 32);
  if (a.kind != FINITE || a.exponent < 0)
    return 0;
  if (a.exponent <= 63)
    whole = a.significand >> (63 - a.exponent);
  else if (a.exponent < 63 + 64)
    whole = a.significand << (a.exponent - 63);
  return (int32_t) (a.sign ? -whole : whole);
}

uint64_t
dio_fp_soft_f64_to_i32_js (DioFpMode mode, uint8_t *flags, uint64_t raw)
{
  uint8_t mine = 0;
  uint64_t a = operand (F64, mode, &mine, raw).raw;
  uint32_t result = (uint32_t) dio_fp_soft_f64_to_i32_mod (&mine, a);
  bool exact = !(mine & (DIO_FP_NV | DIO_FP_NX)) && a != DIO_FP64_SIGN && a == raw;

  *flags |= mine;
  return result | (uint64_t) exact << 32;
}

/* To single precision with an odd last bit when inexact, so that a second rounding to fewer bits is
 * like one rounding. */
uint32_t
dio_fp_soft_f64_to_f32_odd (DioFpMode mode, uint8_t *flags, uint64_t a)
{
  uint8_t mine = 0;
  uint32_t result =
      (uint32_t) convert (F64, F32, (mode & ~DIO_FP_ROUND_MASK) | DIO_FP_RTZ, &mine, a);

  *flags |= mine;
  return result | ((mine & DIO_FP_NX) != 0);
}

/* ---- Half precision, for conversions only ---- */

/* Of the alternative format: with a further exponent instead of infinities and NaNs. */
static Number
unpack_half (DioFpMode mode, uint16_t raw)
{
  if ((mode & DIO_FP_HALF_ALTERNATIVE) && (raw & 0x7c00) == 0x7c00)
    return (Number){ .kind = FINITE,
                     .sign = raw >> 15,
                     .exponent = 16,
                     .significand = UINT64_C (1) << 63 | (uint64_t) (raw & 0x3ff) << 53,
                     .raw = raw };
  return unpack (F16, raw);
}

static uint64_t
widen_half (Format to, DioFpMode mode, uint8_t *flags, uint16_t raw)
{
  Number a = unpack_half (mode, raw);

  if (a.kind == FINITE)
    return round_pack (to, mode & ~DIO_FP_FLUSH, flags, a.sign, a.exponent, a.significand);
  return convert (F16, to, mode, flags, raw);
}

static uint32_t
narrow_to_half (Format from, DioFpMode mode, uint8_t *flags, uint64_t raw)
{
  Number a = operand (from, mode, flags, raw);
  uint32_t sign = (uint32_t) a.sign << 15;

  if (!(mode & DIO_FP_HALF_ALTERNATIVE))
    return (uint32_t) convert (from, F16, mode & ~DIO_FP_FLUSH, flags, a.raw);
  if (is_nan (a) || a.kind == INF) {
    *flags |= DIO_FP_NV;
    return a.kind == INF ? sign | 0x7fff : sign;
  }
  if (a.kind == ZERO)
    return sign;
  /* Halved, the largest numbers have ordinary exponents. */
  bool large = a.exponent >= 15;
  uint8_t mine = 0;
  uint32_t half = (uint32_t) round_pack (F16, mode & ~DIO_FP_FLUSH, &mine, a.sign,
                                         a.exponent - large, a.significand);
  uint32_t result = half + ((uint32_t) large << 10);
  if ((mine & DIO_FP_OF) || a.exponent > 16 || (large && (half & 0x7fff) >= 0x7c00)) {
    *flags |= DIO_FP_NV;
    return sign | 0x7fff;
  }
  *flags |= mine;
  return result;
}

uint32_t
dio_fp_soft_f16_to_f32 (DioFpMode mode, uint8_t *flags, uint32_t a)
{
  return (uint32_t) widen_half (F32, mode, flags, (uint16_t) a);
}

uint64_t
dio_fp_soft_f16_to_f64 (DioFpMode mode, uint8_t *flags, uint32_t a)
{
  return widen_half (F64, mode, flags, (uint16_t) a);
}

uint32_t
dio_fp_soft_f32_to_f16 (DioFpMode mode, uint8_t *flags, uint32_t a)
{
  return narrow_to_half (F32, mode, flags, a);
}

uint32_t
dio_fp_soft_f64_to_f16 (DioFpMode mode, uint8_t *flags, uint64_t a)
{
  return narrow_to_half (F64, mode, flags, a);
}

/* ---- Estimates of fixed-point numbers ---- */

uint32_t
dio_fp_soft_recip_u32 (uint32_t a)
{
  return a < UINT32_C (1) << 31 ? UINT32_MAX : estimate_reciprocal (a >> 23) << 23;
}

uint32_t
dio_fp_soft_rsqrt_u32 (uint32_t a)
{
  return a < UINT32_C (1) << 30 ? UINT32_MAX : estimate_root (a >> 23) << 23;
}
