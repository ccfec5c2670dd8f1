/* SPDX-License-Identifier: GPL-3.0-or-later
 * Condition flags that were pending, against arithmetic with more bits than they have. */
#include <string.h>

#include "core/jit/jit-private.h"

#define ROUNDS 200000
#define SEED 21

typedef struct {
  uint64_t flags[4];
  DioJitPending pending;
} Cpu;

static const DioJitGuest guest = {
  .flags = offsetof (Cpu, flags),
  .pending = offsetof (Cpu, pending),
};

/* Negative, zero, carry, overflow in bits 3 to 0. */
static unsigned
nzcv (const Cpu *cpu)
{
  g_assert_cmpuint (cpu->flags[2], <=, 1);
  return (unsigned) (cpu->flags[0] >> 63 << 3 | (cpu->flags[1] == 0) << 2 | cpu->flags[2] << 1
                     | cpu->flags[3] >> 63);
}

static unsigned
settled (unsigned opcode, uint64_t a, uint64_t b)
{
  Cpu cpu = { .flags = { 1, 2, 3, 4 }, .pending = { a, b, opcode } };
  dio_jit_settle_flags (&guest, &cpu);
  g_assert_cmpuint (cpu.pending.opcode, ==, 0);
  return nzcv (&cpu);
}

static unsigned
of_result (__int128 wide, __int128 is_signed, unsigned bits)
{
  uint64_t mask = UINT64_MAX >> (64 - bits), result = (uint64_t) wide & mask;
  __int128 least = -((__int128) 1 << (bits - 1)), most = -least - 1;
  return (unsigned) ((result >> (bits - 1)) << 3 | (result == 0) << 2
                     | (is_signed < least || is_signed > most));
}

static __int128
to_signed (uint64_t value, unsigned bits)
{
  return bits == 32 ? (int32_t) value : (int64_t) value;
}

/* Numbers near the ends of both ranges too. */
static uint64_t
some_number (GRand *rng)
{
  static const uint64_t ends[] = { 0, INT32_MAX, INT64_MAX, UINT32_MAX, UINT64_MAX };
  if (g_rand_boolean (rng))
    return ends[g_rand_int_range (rng, 0, G_N_ELEMENTS (ends))]
           + (uint64_t) g_rand_int_range (rng, -2, 3);
  return (uint64_t) g_rand_int (rng) << 32 | g_rand_int (rng);
}

static void
test_arithmetic (void)
{
  g_autoptr (GRand) rng = g_rand_new_with_seed (SEED);
  for (unsigned i = 0; i < ROUNDS; i++) {
    bool wide = i & 1;
    unsigned bits = wide ? 64 : 32;
    uint64_t a = some_number (rng), b = some_number (rng), mask = UINT64_MAX >> (64 - bits);
    uint64_t x = a & mask, y = b & mask;
    __int128 sx = to_signed (a, bits), sy = to_signed (b, bits);
    __int128 sum = (__int128) x + y, rest = (__int128) x - y;
    g_assert_cmphex (settled (wide ? DIO_IR_FLAGS_ADD_64 : DIO_IR_FLAGS_ADD_32, a, b), ==,
                     of_result (sum, sx + sy, bits) | (sum >> bits != 0) << 1);
    g_assert_cmphex (settled (wide ? DIO_IR_FLAGS_SUB_64 : DIO_IR_FLAGS_SUB_32, a, b), ==,
                     of_result (rest, sx - sy, bits) | (x >= y) << 1);
    g_assert_cmphex (settled (wide ? DIO_IR_FLAGS_LOGIC_64 : DIO_IR_FLAGS_LOGIC_32, a, b), ==,
                     of_result ((__int128) x, sx, bits));
  }
}

/* The second operand beside the operation. */
static void
test_constant (void)
{
  static const int64_t constants[] = { 0, 1, -1, 4, 200, -4096, 0x7fffff, -0x800000 };
  g_autoptr (GRand) rng = g_rand_new_with_seed (SEED);
  for (unsigned i = 0; i < ROUNDS / 10; i++) {
    int64_t constant = constants[i % G_N_ELEMENTS (constants)];
    uint64_t a = some_number (rng);
    unsigned opcode = i & 8 ? DIO_IR_FLAGS_SUB_64 : DIO_IR_FLAGS_ADD_32;
    Cpu cpu = { .pending = { a, 99,
                             (uint64_t) constant << 8 | DIO_JIT_PENDING_CONSTANT | opcode } };
    dio_jit_settle_flags (&guest, &cpu);
    g_assert_cmpuint (cpu.pending.opcode, ==, 0);
    g_assert_cmphex (nzcv (&cpu), ==, settled (opcode, a, (uint64_t) constant));
  }
}

static uint64_t
bits_of (double value)
{
  uint64_t bits;
  memcpy (&bits, &value, sizeof bits);
  return bits;
}

static uint64_t
bits_of_single (float value)
{
  uint32_t bits;
  memcpy (&bits, &value, sizeof bits);
  return bits | UINT64_C (0x5555555500000000);
}

/* less, equal, greater, unordered */
static void
test_floating_point (void)
{
  const double pairs[][2] = {
    { -1.5, 2 }, { 0.0, -0.0 }, { 1e300, 1e-300 }, { 1, __builtin_nan ("") }
  };
  const float singles[][2] = { { -3, -2 }, { 7, 7 }, { 2, -2 }, { __builtin_nanf (""), 0 } };
  static const unsigned wanted[] = { 8, 6, 2, 3 };
  for (unsigned i = 0; i < G_N_ELEMENTS (wanted); i++) {
    g_assert_cmphex (settled (DIO_IR_FLAGS_FP_64, bits_of (pairs[i][0]), bits_of (pairs[i][1])), ==,
                     wanted[i]);
    g_assert_cmphex (settled (DIO_IR_FLAGS_FP_32, bits_of_single (singles[i][0]),
                              bits_of_single (singles[i][1])),
                     ==, wanted[i]);
  }
}

/* When none are pending they stay what they are. */
static void
test_nothing (void)
{
  Cpu cpu = { .flags = { UINT64_MAX, 0, 1, UINT64_MAX } };
  dio_jit_settle_flags (&guest, &cpu);
  g_assert_cmphex (nzcv (&cpu), ==, 15);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/jit/flags/arithmetic", test_arithmetic);
  g_test_add_func ("/core/jit/flags/constant", test_constant);
  g_test_add_func ("/core/jit/flags/floating-point", test_floating_point);
  g_test_add_func ("/core/jit/flags/nothing", test_nothing);
  return g_test_run ();
}
