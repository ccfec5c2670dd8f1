/* SPDX-License-Identifier: GPL-3.0-or-later
 * What each integer instruction computes, through the interpreter, on edge values, against models
 * written here from the architecture's text without the engine's vocabulary. */
#include <string.h>

#include "core/guest/riscv64/riscv64-leaves.h"
#include "tests/core/guest/rig.h"
#include "tests/core/guest/rv-asm.h"

typedef __int128 Wide;
typedef unsigned __int128 WideU;

static const uint64_t edges[] = {
  0,
  1,
  2,
  3,
  31,
  32,
  63,
  64,
  0x7f,
  0x80,
  0xff,
  0x8000,
  0x7fffffff,
  0x80000000,
  0xffffffff,
  0x100000000,
  UINT64_C (0x0123456789abcdef),
  UINT64_C (0x00ff00000000ff00),
  UINT64_C (0x7fffffffffffffff),
  UINT64_C (0x8000000000000000),
  UINT64_C (0xffffffff80000000),
  UINT64_C (0xfffffffffffffffe),
  UINT64_C (0xffffffffffffffff),
};

static uint64_t
sext (uint64_t v, unsigned bits)
{
  uint64_t sign = UINT64_C (1) << (bits - 1);
  v &= sign | (sign - 1);
  return (v ^ sign) - sign;
}

/* Floor division does not exist in RISC-V: towards zero, and the two special cases. */
static uint64_t
divide (uint64_t a, uint64_t b, unsigned bits, bool is_signed, bool remainder)
{
  if (is_signed) {
    Wide x = (int64_t) sext (a, bits), y = (int64_t) sext (b, bits);
    if (y == 0)
      return remainder ? (uint64_t) x : ~UINT64_C (0);
    return sext ((uint64_t) (remainder ? x % y : x / y), bits);
  }
  WideU mask = (((WideU) 1) << bits) - 1;
  WideU x = a & mask, y = b & mask;
  if (y == 0)
    return remainder ? sext ((uint64_t) x, bits) : ~UINT64_C (0);
  return sext ((uint64_t) (remainder ? x % y : x / y), bits);
}

static uint64_t
count_leading (uint64_t v, unsigned bits)
{
  unsigned n = 0;
  while (n < bits && !(v >> (bits - 1 - n) & 1))
    n++;
  return n;
}

static uint64_t
count_trailing (uint64_t v, unsigned bits)
{
  unsigned n = 0;
  while (n < bits && !(v >> n & 1))
    n++;
  return n;
}

static uint64_t
count_ones (uint64_t v, unsigned bits)
{
  unsigned n = 0;
  for (unsigned i = 0; i < bits; i++)
    n += v >> i & 1;
  return n;
}

static uint64_t
rotate_right (uint64_t v, unsigned by, unsigned bits)
{
  uint64_t result = 0;
  for (unsigned i = 0; i < bits; i++)
    result |= (v >> ((i + by) % bits) & 1) << i;
  return result;
}

static uint64_t
bytes (uint64_t v, bool reverse)
{
  uint64_t result = 0;
  for (unsigned i = 0; i < 8; i++) {
    uint64_t byte = v >> 8 * i & 255;
    result |= (reverse ? byte : byte ? UINT64_C (255) : 0) << 8 * (reverse ? 7 - i : i);
  }
  return result;
}

/* clang-format off */
/* MODEL (leaf, expression of a (rs1) and b (rs2, or the immediate)). */
#define MODELS                                                                                     \
  MODEL (ADD, a + b)                                                                               \
  MODEL (SUB, a - b)                                                                               \
  MODEL (SLL, a << (b % 64))                                                                       \
  MODEL (SLT, (int64_t) a < (int64_t) b)                                                           \
  MODEL (SLTU, a < b)                                                                              \
  MODEL (XOR, a ^ b)                                                                               \
  MODEL (SRL, a >> (b % 64))                                                                       \
  MODEL (SRA, (uint64_t) ((int64_t) a >> (b % 64)))                                                \
  MODEL (OR, a | b)                                                                                \
  MODEL (AND, a & b)                                                                               \
  MODEL (ADDW, sext (a + b, 32))                                                                   \
  MODEL (SUBW, sext (a - b, 32))                                                                   \
  MODEL (SLLW, sext (a << (b % 32), 32))                                                           \
  MODEL (SRLW, sext ((a & 0xffffffff) >> (b % 32), 32))                                            \
  MODEL (SRAW, (uint64_t) ((int64_t) sext (a, 32) >> (b % 32)))                                    \
  MODEL (ADDI, a + b)                                                                              \
  MODEL (SLTI, (int64_t) a < (int64_t) b)                                                          \
  MODEL (SLTIU, a < b)                                                                             \
  MODEL (XORI, a ^ b)                                                                              \
  MODEL (ORI, a | b)                                                                               \
  MODEL (ANDI, a & b)                                                                              \
  MODEL (ADDIW, sext (a + b, 32))                                                                  \
  MODEL (SLLI, a << b)                                                                             \
  MODEL (SRLI, a >> b)                                                                             \
  MODEL (SRAI, (uint64_t) ((int64_t) a >> b))                                                      \
  MODEL (SLLIW, sext (a << b, 32))                                                                 \
  MODEL (SRLIW, sext ((a & 0xffffffff) >> b, 32))                                                  \
  MODEL (SRAIW, (uint64_t) ((int64_t) sext (a, 32) >> b))                                          \
  MODEL (MUL, (uint64_t) ((Wide) (int64_t) a * (int64_t) b))                                       \
  MODEL (MULH, (uint64_t) ((Wide) (int64_t) a * (int64_t) b >> 64))                                \
  MODEL (MULHU, (uint64_t) ((WideU) a * b >> 64))                                                  \
  MODEL (MULHSU, (uint64_t) (((WideU) a * b >> 64) - ((int64_t) a < 0 ? b : 0)))                   \
  MODEL (MULW, sext (a * b, 32))                                                                   \
  MODEL (DIV, divide (a, b, 64, true, false))                                                      \
  MODEL (DIVU, divide (a, b, 64, false, false))                                                    \
  MODEL (REM, divide (a, b, 64, true, true))                                                       \
  MODEL (REMU, divide (a, b, 64, false, true))                                                     \
  MODEL (DIVW, divide (a, b, 32, true, false))                                                     \
  MODEL (DIVUW, divide (a, b, 32, false, false))                                                   \
  MODEL (REMW, divide (a, b, 32, true, true))                                                      \
  MODEL (REMUW, divide (a, b, 32, false, true))                                                    \
  MODEL (SH1ADD, 2 * a + b)                                                                        \
  MODEL (SH2ADD, 4 * a + b)                                                                        \
  MODEL (SH3ADD, 8 * a + b)                                                                        \
  MODEL (ADD_UW, (a & 0xffffffff) + b)                                                             \
  MODEL (SH1ADD_UW, 2 * (a & 0xffffffff) + b)                                                      \
  MODEL (SH2ADD_UW, 4 * (a & 0xffffffff) + b)                                                      \
  MODEL (SH3ADD_UW, 8 * (a & 0xffffffff) + b)                                                      \
  MODEL (SLLI_UW, (a & 0xffffffff) << b)                                                           \
  MODEL (ANDN, a & ~b)                                                                             \
  MODEL (ORN, a | ~b)                                                                              \
  MODEL (XNOR, ~(a ^ b))                                                                           \
  MODEL (MIN, (int64_t) a < (int64_t) b ? a : b)                                                   \
  MODEL (MAX, (int64_t) a > (int64_t) b ? a : b)                                                   \
  MODEL (MINU, a < b ? a : b)                                                                      \
  MODEL (MAXU, a > b ? a : b)                                                                      \
  MODEL (ROL, rotate_right (a, 64 - b % 64, 64))                                                   \
  MODEL (ROR, rotate_right (a, b % 64, 64))                                                        \
  MODEL (RORI, rotate_right (a, (unsigned) b, 64))                                                 \
  MODEL (ROLW, sext (rotate_right (a, 32 - b % 32, 32), 32))                                       \
  MODEL (RORW, sext (rotate_right (a, b % 32, 32), 32))                                            \
  MODEL (RORIW, sext (rotate_right (a, (unsigned) b, 32), 32))                                     \
  MODEL (CLZ, count_leading (a, 64))                                                               \
  MODEL (CLZW, count_leading (a, 32))                                                              \
  MODEL (CTZ, count_trailing (a, 64))                                                              \
  MODEL (CTZW, count_trailing (a, 32))                                                             \
  MODEL (CPOP, count_ones (a, 64))                                                                 \
  MODEL (CPOPW, count_ones (a, 32))                                                                \
  MODEL (SEXT_B, sext (a, 8))                                                                      \
  MODEL (SEXT_H, sext (a, 16))                                                                     \
  MODEL (ZEXT_H, a % 65536)                                                                        \
  MODEL (ORC_B, bytes (a, false))                                                                  \
  MODEL (REV8, bytes (a, true))                                                                    \
  MODEL (BCLR, a & ~(UINT64_C (1) << (b % 64)))                                                    \
  MODEL (BEXT, a >> (b % 64) & 1)                                                                  \
  MODEL (BINV, a ^ UINT64_C (1) << (b % 64))                                                       \
  MODEL (BSET, a | UINT64_C (1) << (b % 64))                                                       \
  MODEL (BCLRI, a & ~(UINT64_C (1) << b))                                                          \
  MODEL (BEXTI, a >> b & 1)                                                                        \
  MODEL (BINVI, a ^ UINT64_C (1) << b)                                                             \
  MODEL (BSETI, a | UINT64_C (1) << b)                                                             \
  MODEL (CZERO_EQZ, b == 0 ? 0 : a)                                                                \
  MODEL (CZERO_NEZ, b != 0 ? 0 : a)
/* clang-format on */

#define MODEL(leaf, expression)                                                                    \
  static uint64_t model_##leaf (uint64_t a, uint64_t b)                                            \
  {                                                                                                \
    return (expression);                                                                           \
  }
MODELS
#undef MODEL

static const struct {
  unsigned leaf;
  uint64_t (*model) (uint64_t a, uint64_t b);
} models[] = {
#define MODEL(leaf, expression) { DIO_RV_LEAF_##leaf, model_##leaf },
  MODELS
#undef MODEL
};

static void
run (Rig *rig)
{
  DioCpu *cpu = &rig->hart->interp.cpu;
  rig->hart->interp.pc = RIG_RAM;
  g_assert_cmpint (cpu->type->run (cpu), ==, DIO_EXIT_HALT);
}

static void
put (Rig *rig, uint32_t word)
{
  const uint32_t code[] = { FENCE_I, word, WFI };
  rig_load (rig, RIG_RAM, code, sizeof code);
  run (rig); /* with the fence; what follows starts behind it */
}

static void
check (Rig *rig, unsigned index, uint32_t word, uint64_t a, uint64_t b, uint64_t from_b)
{
  DioCpu *cpu = &rig->hart->interp.cpu;
  rig->hart->x[A1] = a;
  rig->hart->x[A2] = b;
  rig->hart->interp.pc = RIG_RAM + 4;
  g_assert_cmpint (cpu->type->run (cpu), ==, DIO_EXIT_HALT);
  uint64_t expected = models[index].model (a, from_b);
  if (rig->hart->x[A0] != expected)
    g_error ("%s (%08x) of %" G_GINT64_MODIFIER "x and %" G_GINT64_MODIFIER "x: %" G_GINT64_MODIFIER
             "x, not %" G_GINT64_MODIFIER "x",
             dio_rv_leaf_info[models[index].leaf].name, word, a, from_b, rig->hart->x[A0],
             expected);
}

static void
test_registers (void)
{
  Rig *rig = rig_new (4 << 20, 1);
  for (unsigned i = 0; i < G_N_ELEMENTS (models); i++) {
    const DioLeafInfo *info = &dio_rv_leaf_info[models[i].leaf];
    if (info->operands & DIO_OPERAND_IMM)
      continue;
    uint32_t word = rv_r (info->value, A0, A1, info->operands & DIO_OPERAND_RS2 ? A2 : 0);
    put (rig, word);
    for (unsigned a = 0; a < G_N_ELEMENTS (edges); a++)
      for (unsigned b = 0; b < G_N_ELEMENTS (edges); b++)
        check (rig, i, word, edges[a], edges[b], edges[b]);
  }
  rig_free (rig);
}

static void
test_immediates (void)
{
  static const int values[] = { 0, 1, 5, 31, 32, 63, 127, -1, -128, 2047, -2048, -2047 };
  Rig *rig = rig_new (4 << 20, 1);
  for (unsigned i = 0; i < G_N_ELEMENTS (models); i++) {
    const DioLeafInfo *info = &dio_rv_leaf_info[models[i].leaf];
    if (!(info->operands & DIO_OPERAND_IMM))
      continue;
    for (unsigned v = 0; v < G_N_ELEMENTS (values); v++) {
      uint32_t word = rv_i (info->value, A0, A1, values[v]);
      DioInsn insn;
      dio_rv_decode (word, &insn);
      if (insn.leaf != models[i].leaf || insn.imm != values[v])
        continue; /* a shift amount that does not fit */
      put (rig, word);
      for (unsigned a = 0; a < G_N_ELEMENTS (edges); a++)
        check (rig, i, word, edges[a], 0, (uint64_t) (int64_t) values[v]);
    }
  }
  rig_free (rig);
}

/* Source and destination may be the same register. */
static void
test_same_register (void)
{
  Rig *rig = rig_new (4 << 20, 1);
  for (unsigned i = 0; i < G_N_ELEMENTS (models); i++) {
    const DioLeafInfo *info = &dio_rv_leaf_info[models[i].leaf];
    if (!(info->operands & DIO_OPERAND_RS2))
      continue;
    put (rig, rv_r (info->value, A1, A1, A1));
    for (unsigned a = 0; a < G_N_ELEMENTS (edges); a++) {
      rig->hart->x[A1] = edges[a];
      rig->hart->interp.pc = RIG_RAM + 4;
      rig->hart->interp.cpu.type->run (&rig->hart->interp.cpu);
      g_assert_cmphex (rig->hart->x[A1], ==, models[i].model (edges[a], edges[a]));
    }
  }
  rig_free (rig);
}

static void
test_branches (void)
{
  static const uint32_t bases[] = { 0x0063, 0x1063, 0x4063, 0x5063, 0x6063, 0x7063 };
  Rig *rig = rig_new (4 << 20, 1);
  for (unsigned kind = 0; kind < G_N_ELEMENTS (bases); kind++) {
    for (unsigned zero = 0; zero < 3; zero++) {
      unsigned rs1 = zero == 1 ? ZERO : A1, rs2 = zero == 2 ? ZERO : A2;
      /* Ahead, back and to another page. */
      const uint32_t code[] = {
        FENCE_I,
        ADDI (A0, ZERO, 0),
        rv_b (bases[kind], rs1, rs2, 12),
        ADDI (A0, A0, 1),
        JAL (ZERO, 8),
        ADDI (A0, A0, 2),
        rv_b (bases[kind], rs1, rs2, 0xff0),
        ADDI (A0, A0, 4),
        WFI,
        NOP,
        ADDI (A0, A0, 16),
        WFI,
      };
      const uint32_t far[] = { ADDI (A0, A0, 8), rv_b (bases[kind], rs1, rs2, 0x10 - 4 - 4), WFI,
                               WFI, JAL (ZERO, -0x1000) };
      rig_load (rig, RIG_RAM, code, sizeof code);
      rig_load (rig, RIG_RAM + 0x18 + 0xff0, far, sizeof far);
      for (unsigned i = 0; i < G_N_ELEMENTS (edges) * G_N_ELEMENTS (edges); i++) {
        uint64_t a = edges[i / G_N_ELEMENTS (edges)], b = edges[i % G_N_ELEMENTS (edges)];
        uint64_t x = rs1 == ZERO ? 0 : a, y = rs2 == ZERO ? 0 : b;
        const bool outcome[] = {
          x == y, x != y, (int64_t) x < (int64_t) y, (int64_t) x >= (int64_t) y, x < y, x >= y
        };
        rig->hart->x[A1] = a;
        rig->hart->x[A2] = b;
        run (rig);
        g_assert_cmpuint (rig->hart->x[A0], ==, outcome[kind] ? 2 + 8 : 1 + 4);
      }
    }
  }
  rig_free (rig);
}

static void
test_upper (void)
{
  Rig *rig = rig_new (4 << 20, 1);
  const uint32_t code[] = { LUI (A0, 0x80000), LUI (A1, 0x7ffff), AUIPC (A2, 0xfffff), WFI };
  rig_load (rig, RIG_RAM, code, sizeof code);
  run (rig);
  g_assert_cmphex (rig->hart->x[A0], ==, UINT64_C (0xffffffff80000000));
  g_assert_cmphex (rig->hart->x[A1], ==, 0x7ffff000);
  g_assert_cmphex (rig->hart->x[A2], ==, RIG_RAM + 8 - 0x1000);
  rig_free (rig);
}

static void
test_memory (void)
{
  static const struct {
    unsigned store, load;
    unsigned bytes;
    bool is_signed;
  } pairs[] = {
    { DIO_RV_LEAF_SB, DIO_RV_LEAF_LB, 1, true },  { DIO_RV_LEAF_SB, DIO_RV_LEAF_LBU, 1, false },
    { DIO_RV_LEAF_SH, DIO_RV_LEAF_LH, 2, true },  { DIO_RV_LEAF_SH, DIO_RV_LEAF_LHU, 2, false },
    { DIO_RV_LEAF_SW, DIO_RV_LEAF_LW, 4, true },  { DIO_RV_LEAF_SW, DIO_RV_LEAF_LWU, 4, false },
    { DIO_RV_LEAF_SD, DIO_RV_LEAF_LD, 8, false },
  };
  static const int offsets[] = { 0, 8, -8, 3, 2047, -2048 };
  Rig *rig = rig_new (4 << 20, 1);
  for (unsigned p = 0; p < G_N_ELEMENTS (pairs); p++) {
    for (unsigned k = 0; k < G_N_ELEMENTS (offsets); k++) {
      const uint32_t code[] = {
        FENCE_I,
        SD (GP, offsets[k], SP),
        rv_s (dio_rv_leaf_info[pairs[p].store].value, A1, offsets[k], SP),
        rv_i (dio_rv_leaf_info[pairs[p].load].value, A0, SP, offsets[k]),
        LD (A2, offsets[k], SP),
        WFI,
      };
      rig_load (rig, RIG_RAM, code, sizeof code);
      for (unsigned i = 0; i < G_N_ELEMENTS (edges); i++) {
        unsigned bits = pairs[p].bytes * 8;
        uint64_t mask = bits == 64 ? ~UINT64_C (0) : (UINT64_C (1) << bits) - 1;
        uint64_t background = UINT64_C (0x5a5a5a5a5a5a5a5a);
        rig->hart->x[SP] = RIG_RAM + 0x10000;
        rig->hart->x[GP] = background;
        rig->hart->x[A1] = edges[i];
        run (rig);
        g_assert_cmphex (rig->hart->x[A0], ==,
                         pairs[p].is_signed ? sext (edges[i], bits) : edges[i] & mask);
        g_assert_cmphex (rig->hart->x[A2], ==, (edges[i] & mask) | (background & ~mask));
      }
    }
  }
  rig_free (rig);
}

static void
test_atomics (void)
{
  static const unsigned leaves[] = {
    DIO_RV_LEAF_AMOSWAP_W, DIO_RV_LEAF_AMOADD_W,  DIO_RV_LEAF_AMOXOR_W, DIO_RV_LEAF_AMOAND_W,
    DIO_RV_LEAF_AMOOR_W,   DIO_RV_LEAF_AMOMIN_W,  DIO_RV_LEAF_AMOMAX_W, DIO_RV_LEAF_AMOMINU_W,
    DIO_RV_LEAF_AMOMAXU_W, DIO_RV_LEAF_AMOSWAP_D, DIO_RV_LEAF_AMOADD_D, DIO_RV_LEAF_AMOXOR_D,
    DIO_RV_LEAF_AMOAND_D,  DIO_RV_LEAF_AMOOR_D,   DIO_RV_LEAF_AMOMIN_D, DIO_RV_LEAF_AMOMAX_D,
    DIO_RV_LEAF_AMOMINU_D, DIO_RV_LEAF_AMOMAXU_D,
  };
  Rig *rig = rig_new (4 << 20, 1);
  for (unsigned k = 0; k < G_N_ELEMENTS (leaves); k++) {
    unsigned bits = k < 9 ? 32 : 64;
    const uint32_t code[] = { FENCE_I, SD (A1, 0, SP),
                              rv_r (dio_rv_leaf_info[leaves[k]].value, A0, SP, A2), LD (A3, 0, SP),
                              WFI };
    rig_load (rig, RIG_RAM, code, sizeof code);
    for (unsigned i = 0; i < G_N_ELEMENTS (edges) * G_N_ELEMENTS (edges); i++) {
      uint64_t a = edges[i / G_N_ELEMENTS (edges)], b = edges[i % G_N_ELEMENTS (edges)];
      uint64_t x = sext (a, bits), y = sext (b, bits);
      /* Sign-extension keeps the unsigned order too. */
      const uint64_t results[] = { y,
                                   x + y,
                                   x ^ y,
                                   x & y,
                                   x | y,
                                   (int64_t) x < (int64_t) y ? x : y,
                                   (int64_t) x > (int64_t) y ? x : y,
                                   x < y ? x : y,
                                   x > y ? x : y };
      uint64_t mask = bits == 64 ? ~UINT64_C (0) : 0xffffffff;
      rig->hart->x[SP] = RIG_RAM + 0x10000;
      rig->hart->x[A1] = a;
      rig->hart->x[A2] = b;
      run (rig);
      g_assert_cmphex (rig->hart->x[A0], ==, x);
      g_assert_cmphex (rig->hart->x[A3], ==, (results[k % 9] & mask) | (a & ~mask));
    }
  }
  rig_free (rig);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/guest/riscv64/integer/registers", test_registers);
  g_test_add_func ("/core/guest/riscv64/integer/immediates", test_immediates);
  g_test_add_func ("/core/guest/riscv64/integer/same-register", test_same_register);
  g_test_add_func ("/core/guest/riscv64/integer/branches", test_branches);
  g_test_add_func ("/core/guest/riscv64/integer/upper", test_upper);
  g_test_add_func ("/core/guest/riscv64/integer/memory", test_memory);
  g_test_add_func ("/core/guest/riscv64/integer/atomics", test_atomics);
  return g_test_run ();
}
