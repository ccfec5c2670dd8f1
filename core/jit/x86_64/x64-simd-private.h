/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the files of vector operations share.
 *
 * A lowering makes code for one operation at hand, or returns false before it has made any; then
 * the operation is done by its function of core/vec. Most work in xmm0, with xmm1 and registers of
 * dio_x64_take_xmm() besides, and only at their end take a register for the result, which may be
 * that of an operand. Encodings are named as in x64-vector.inc: P (BINARY, paddb). */
#pragma once

#include "core/jit/x86_64/x64-gen.h"
#include "core/vec/vec-types.h"

enum {
#define X(kind, name, enc) X64_P_##kind##_##name = (enc),
#include "core/jit/x86_64/x64-vector.inc"
#undef X
};
#define P(kind, name) ((uint32_t) X64_P_##kind##_##name)

#define SIMD_0 DIO_X64_XMM0
#define SIMD_1 DIO_X64_XMM1

/* Of the immediate of a VEC operation: log2 of the bytes of a lane, and the amount. */
#define SIMD_SIZE(n) ((n) &0xff)
#define SIMD_AMOUNT(n) ((n) >> 8 & 0x7f)

typedef bool DioX64SimdLower (DioX64Gen *g, const DioIrOp *op, unsigned n);

/* Does the processor have the instruction? */
bool dio_x64_simd_has (const DioX64Gen *g, uint32_t enc);

/* dst = a op b, or op a, in three operands where there is AVX. Without it @dst must not be @b
 * unless it is @a too. Those with _i have an immediate. */
void dio_x64_simd_3 (DioX64Gen *g, uint32_t enc, DioX64Xmm dst, DioX64Xmm a, DioX64Xmm b);
void dio_x64_simd_3m (DioX64Gen *g, uint32_t enc, DioX64Xmm dst, DioX64Xmm a, DioX64Mem b);
void dio_x64_simd_3i (DioX64Gen *g, uint32_t enc, DioX64Xmm dst, DioX64Xmm a, DioX64Xmm b,
                      unsigned imm);
void dio_x64_simd_2 (DioX64Gen *g, uint32_t enc, DioX64Xmm dst, DioX64Xmm a);
void dio_x64_simd_2i (DioX64Gen *g, uint32_t enc, DioX64Xmm dst, DioX64Xmm a, unsigned imm);
/* Shifts by a number. */
void dio_x64_simd_shift (DioX64Gen *g, uint32_t enc, DioX64Xmm dst, DioX64Xmm a, unsigned count);
void dio_x64_simd_move (DioX64Gen *g, DioX64Xmm dst, DioX64Xmm a);
/* The low 64 bits, the rest cleared. */
void dio_x64_simd_low (DioX64Gen *g, DioX64Xmm dst, DioX64Xmm a);
/* Each byte of @yes where the highest bit of that of @mask is set, else of @no. @dst is not @mask
 * nor @yes; @mask is xmm0. SSE4.1. */
void dio_x64_simd_blend (DioX64Gen *g, DioX64Xmm dst, DioX64Xmm no, DioX64Xmm yes, DioX64Xmm mask);

/* A constant in memory; the same in lanes of @size. */
DioX64Mem dio_x64_simd_constant (DioX64Gen *g, uint64_t low, uint64_t high);
DioX64Mem dio_x64_simd_lanes (DioX64Gen *g, unsigned size, uint64_t lane);
DioX64Mem dio_x64_simd_bytes (DioX64Gen *g, const uint8_t bytes[16]);
void dio_x64_simd_zero (DioX64Gen *g, DioX64Xmm dst);
void dio_x64_simd_ones (DioX64Gen *g, DioX64Xmm dst);

/* The operation at hand is what @from holds. */
void dio_x64_simd_finish (DioX64Gen *g, DioX64Xmm from);
/* With zeros above @clean bytes: see dio_x64_define_clean(). */
void dio_x64_simd_finish_clean (DioX64Gen *g, DioX64Xmm from, unsigned clean);
/* The operation at hand is one instruction on @a and @b, with @imm if that is not negative. */
void dio_x64_simd_one_of (DioX64Gen *g, uint32_t enc, DioX64Xmm a, DioX64Xmm b, int imm);
/* The operation at hand is one instruction with its operands in order, or the other way round. */
bool dio_x64_simd_one (DioX64Gen *g, const DioIrOp *op, uint32_t enc);
bool dio_x64_simd_one_swapped (DioX64Gen *g, const DioIrOp *op, uint32_t enc);

static inline DioX64Xmm
dio_x64_simd_operand (DioX64Gen *g, const DioIrOp *op, unsigned i)
{
  return dio_x64_xmm_of (g, op->arguments[i]);
}

/* By size of lanes, 0 where there is none. */
extern const uint32_t dio_x64_simd_add[4], dio_x64_simd_sub[4], dio_x64_simd_equal[4],
    dio_x64_simd_greater[4], dio_x64_simd_shl[4], dio_x64_simd_shr[4], dio_x64_simd_sar[4];

/* Atomic operations on vectors: x64-simd-memory.c. */
bool dio_x64_simd_memory (DioX64Gen *g, const DioIrOp *op);
/* Operations between vectors and words: x64-simd-words.c. */
bool dio_x64_simd_words (DioX64Gen *g, const DioIrOp *op);

/* ---- Lowerings of VEC operations, by name: NULL where there are none ---- */

extern DioX64SimdLower *const dio_x64_simd_by_lane[];   /* x64-simd-lanes.c */
extern DioX64SimdLower *const dio_x64_simd_by_bit[];    /* x64-simd-bits.c */
extern DioX64SimdLower *const dio_x64_simd_by_place[];  /* x64-simd-places.c */
extern DioX64SimdLower *const dio_x64_simd_by_sat[];    /* x64-simd-sat.c */
extern DioX64SimdLower *const dio_x64_simd_by_crypto[]; /* x64-simd-crypto.c */

/* uzp1 and uzp2 into @dst, which is neither operand nor xmm1. */
bool dio_x64_simd_unzip (DioX64Gen *g, unsigned size, bool odd, DioX64Xmm dst, DioX64Xmm a,
                         DioX64Xmm b);
/* Lanes of @size shifted by an amount up to the bits of a lane, rounded if @round; @dst may be @a;
 * changes xmm1. */
void dio_x64_simd_shift_lanes (DioX64Gen *g, unsigned size, bool is_signed, bool round,
                               unsigned amount, DioX64Xmm dst, DioX64Xmm a);
/* Smaller or larger lanes, signed or not; 0 where there is no instruction. */
uint32_t dio_x64_simd_extreme (unsigned size, bool is_signed, bool larger);

/* ---- Calls: x64-simd-call.c ---- */

/* What is called: function (operands, word, byte): the vectors in order, the result in place of the
 * first. @word is a constant; or the mode of floating point in force, @keep of its bits, with
 * @word's. */
typedef struct {
  void (*function) (DioVec *operands, uint64_t word, uint8_t *byte);
  uint64_t word, keep;
  bool is_mode;
  int32_t byte; /* in the CPU structure */
  bool fp;      /* uses the FPU */
  uint8_t n;
  uint8_t operands[3]; /* registers */
  uint32_t gprs, xmms; /* that must be kept */
  int8_t result;       /* register, or -1 */
} DioX64SimdCall;

/* A call for the operation at hand, with its vectors in registers. */
DioX64SimdCall dio_x64_simd_call_begin (DioX64Gen *g, const DioIrOp *op);
/* Of lanes of floating point: false if it is not known in which mode. */
bool dio_x64_simd_call_lanes (DioX64Gen *g, const DioIrOp *op, DioX64SimdCall *call);
/* The result goes to @dst, and no more registers will be taken: those in use are kept. */
void dio_x64_simd_call_to (DioX64Gen *g, DioX64SimdCall *call, DioX64Xmm dst);
/* The code of the call, here. */
void dio_x64_simd_call (DioX64Gen *g, const DioX64SimdCall *call);
/* The whole operation at hand by what @call says; by its function of core/vec. */
void dio_x64_simd_call_all (DioX64Gen *g, DioX64SimdCall *call);
void dio_x64_simd_by_function (DioX64Gen *g, const DioIrOp *op);
bool dio_x64_simd_crc32 (DioX64Gen *g, const DioIrOp *op);

typedef struct {
  DioX64SimdCall call;
  DioX64Label label, back;
  DioX64Range trap;
} DioX64SimdCold;
/* Puts @call behind the rest: jump to the label of what is returned, and bind back. It stays valid
 * until the next. */
DioX64SimdCold *dio_x64_simd_cold (DioX64Gen *g, const DioX64SimdCall *call);

/* ---- Floating point: x64-simd-fp.c, x64-simd-scalar.c ---- */

bool dio_x64_mode_of (const DioX64Gen *g, uint32_t value, DioX64Mode *mode);
/* The immediate of roundps and so on for a direction, or -1. */
int dio_x64_round_control (int rounding);
bool dio_x64_simd_float (DioX64Gen *g, const DioIrOp *op);
bool dio_x64_simd_scalar (DioX64Gen *g, const DioIrOp *op);
/* Does @user take the low end of a vector as its argument @argument without @value being made, the
 * word that was taken from it; of ZEXT32 its argument must be one? */
bool dio_x64_fp_looks_through (const DioX64Gen *g, const DioIrOp *user, unsigned argument,
                               const DioIrOp *value);
