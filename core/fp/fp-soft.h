/* SPDX-License-Identifier: GPL-3.0-or-later
 * Exact IEEE 754 arithmetic in integers: every rounding direction, every flag, no host FPU.
 *
 * All functions are pure but for or-ing into *@flags (sticky, DIO_FP_*), take and return raw bit
 * patterns, accept any of them, and may be called from any thread. Callers want fp.h, which does
 * the common case on the host's FPU and falls back to these. */
#pragma once

#include "core/fp/fp-types.h"

uint32_t dio_fp_soft_add32 (DioFpMode mode, uint8_t *flags, uint32_t a, uint32_t b);
uint32_t dio_fp_soft_sub32 (DioFpMode mode, uint8_t *flags, uint32_t a, uint32_t b);
uint32_t dio_fp_soft_mul32 (DioFpMode mode, uint8_t *flags, uint32_t a, uint32_t b);
uint32_t dio_fp_soft_div32 (DioFpMode mode, uint8_t *flags, uint32_t a, uint32_t b);
uint32_t dio_fp_soft_sqrt32 (DioFpMode mode, uint8_t *flags, uint32_t a);
uint64_t dio_fp_soft_add64 (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b);
uint64_t dio_fp_soft_sub64 (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b);
uint64_t dio_fp_soft_mul64 (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b);
uint64_t dio_fp_soft_div64 (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b);
uint64_t dio_fp_soft_sqrt64 (DioFpMode mode, uint8_t *flags, uint64_t a);

/* @a * @b + @c with one rounding. Negate operands by their sign bits for the other forms. */
uint32_t dio_fp_soft_fma32 (DioFpMode mode, uint8_t *flags, uint32_t a, uint32_t b, uint32_t c);
uint64_t dio_fp_soft_fma64 (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b, uint64_t c);

/* IEEE 754-2019 minimumNumber and maximumNumber: a NaN loses against a number, -0 < +0; a
 * signalling NaN is invalid. Two NaNs give the default NaN. */
uint32_t dio_fp_soft_min32 (DioFpMode mode, uint8_t *flags, uint32_t a, uint32_t b);
uint32_t dio_fp_soft_max32 (DioFpMode mode, uint8_t *flags, uint32_t a, uint32_t b);
uint64_t dio_fp_soft_min64 (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b);
uint64_t dio_fp_soft_max64 (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b);
/* IEEE 754-2019 minimum and maximum: a NaN wins. */
uint32_t dio_fp_soft_minm32 (DioFpMode mode, uint8_t *flags, uint32_t a, uint32_t b);
uint32_t dio_fp_soft_maxm32 (DioFpMode mode, uint8_t *flags, uint32_t a, uint32_t b);
uint64_t dio_fp_soft_minm64 (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b);
uint64_t dio_fp_soft_maxm64 (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b);

/* Comparisons. eq, ltq and leq are quiet (only signalling NaNs are invalid), lt and le signal for
 * any NaN. Unordered is false. */
bool dio_fp_soft_eq32 (uint8_t *flags, uint32_t a, uint32_t b);
bool dio_fp_soft_lt32 (uint8_t *flags, uint32_t a, uint32_t b);
bool dio_fp_soft_le32 (uint8_t *flags, uint32_t a, uint32_t b);
bool dio_fp_soft_ltq32 (uint8_t *flags, uint32_t a, uint32_t b);
bool dio_fp_soft_leq32 (uint8_t *flags, uint32_t a, uint32_t b);
bool dio_fp_soft_eq64 (uint8_t *flags, uint64_t a, uint64_t b);
bool dio_fp_soft_lt64 (uint8_t *flags, uint64_t a, uint64_t b);
bool dio_fp_soft_le64 (uint8_t *flags, uint64_t a, uint64_t b);
bool dio_fp_soft_ltq64 (uint8_t *flags, uint64_t a, uint64_t b);
bool dio_fp_soft_leq64 (uint8_t *flags, uint64_t a, uint64_t b);

DioFpClass dio_fp_soft_class32 (uint32_t a);
DioFpClass dio_fp_soft_class64 (uint64_t a);

/* To integers, saturating: out of range is invalid (and then not inexact); a NaN gives the largest
 * value, as RISC-V has it. */
int32_t dio_fp_soft_f32_to_i32 (DioFpMode mode, uint8_t *flags, uint32_t a);
uint32_t dio_fp_soft_f32_to_u32 (DioFpMode mode, uint8_t *flags, uint32_t a);
int64_t dio_fp_soft_f32_to_i64 (DioFpMode mode, uint8_t *flags, uint32_t a);
uint64_t dio_fp_soft_f32_to_u64 (DioFpMode mode, uint8_t *flags, uint32_t a);
int32_t dio_fp_soft_f64_to_i32 (DioFpMode mode, uint8_t *flags, uint64_t a);
uint32_t dio_fp_soft_f64_to_u32 (DioFpMode mode, uint8_t *flags, uint64_t a);
int64_t dio_fp_soft_f64_to_i64 (DioFpMode mode, uint8_t *flags, uint64_t a);
uint64_t dio_fp_soft_f64_to_u64 (DioFpMode mode, uint8_t *flags, uint64_t a);
/* The low 32 bits of @a truncated, the flags of dio_fp_soft_f64_to_i32() in RTZ; NaN and infinity
 * give 0 (RISC-V fcvtmod.w.d). */
int32_t dio_fp_soft_f64_to_i32_mod (uint8_t *flags, uint64_t a);

uint32_t dio_fp_soft_i64_to_f32 (DioFpMode mode, uint8_t *flags, int64_t a);
uint32_t dio_fp_soft_u64_to_f32 (DioFpMode mode, uint8_t *flags, uint64_t a);
uint64_t dio_fp_soft_i64_to_f64 (DioFpMode mode, uint8_t *flags, int64_t a);
uint64_t dio_fp_soft_u64_to_f64 (DioFpMode mode, uint8_t *flags, uint64_t a);

uint64_t dio_fp_soft_f32_to_f64 (DioFpMode mode, uint8_t *flags, uint32_t a);
uint32_t dio_fp_soft_f64_to_f32 (DioFpMode mode, uint8_t *flags, uint64_t a);

/* To an integral value in the same format; inexact is raised only when @exact. */
uint32_t dio_fp_soft_round32 (DioFpMode mode, uint8_t *flags, uint32_t a, bool exact);
uint64_t dio_fp_soft_round64 (DioFpMode mode, uint8_t *flags, uint64_t a, bool exact);

/* ---- arm ---- */

/* A denormal number as zero where the mode asks for it. Comparisons have no mode, so their operands
 * go through this. */
uint32_t dio_fp_soft_flush32 (DioFpMode mode, uint8_t *flags, uint32_t a);
uint64_t dio_fp_soft_flush64 (DioFpMode mode, uint8_t *flags, uint64_t a);
/* NZCV in bits 31 to 28: less 1000, equal 0110, greater 0010, unordered 0011; comparee signals for
 * any NaN. */
uint32_t dio_fp_soft_compare32 (uint8_t *flags, uint32_t a, uint32_t b);
uint32_t dio_fp_soft_compare64 (uint8_t *flags, uint64_t a, uint64_t b);
uint32_t dio_fp_soft_comparee32 (uint8_t *flags, uint32_t a, uint32_t b);
uint32_t dio_fp_soft_comparee64 (uint8_t *flags, uint64_t a, uint64_t b);
/* FMULX, FRECPS, FRSQRTS, FRECPE, FRSQRTE, FRECPX; URECPE and URSQRTE. */
uint32_t dio_fp_soft_mulx32 (DioFpMode mode, uint8_t *flags, uint32_t a, uint32_t b);
uint64_t dio_fp_soft_mulx64 (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b);
uint32_t dio_fp_soft_recip_step32 (DioFpMode mode, uint8_t *flags, uint32_t a, uint32_t b);
uint64_t dio_fp_soft_recip_step64 (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b);
uint32_t dio_fp_soft_rsqrt_step32 (DioFpMode mode, uint8_t *flags, uint32_t a, uint32_t b);
uint64_t dio_fp_soft_rsqrt_step64 (DioFpMode mode, uint8_t *flags, uint64_t a, uint64_t b);
uint32_t dio_fp_soft_recip32 (DioFpMode mode, uint8_t *flags, uint32_t a);
uint64_t dio_fp_soft_recip64 (DioFpMode mode, uint8_t *flags, uint64_t a);
uint32_t dio_fp_soft_rsqrt32 (DioFpMode mode, uint8_t *flags, uint32_t a);
uint64_t dio_fp_soft_rsqrt64 (DioFpMode mode, uint8_t *flags, uint64_t a);
uint32_t dio_fp_soft_recipx32 (DioFpMode mode, uint8_t *flags, uint32_t a);
uint64_t dio_fp_soft_recipx64 (DioFpMode mode, uint8_t *flags, uint64_t a);
uint32_t dio_fp_soft_recip_u32 (uint32_t a);
uint32_t dio_fp_soft_rsqrt_u32 (uint32_t a);
/* FJCVTZS: the low 32 bits, and in bit 32 whether that is the value. */
uint64_t dio_fp_soft_f64_to_i32_js (DioFpMode mode, uint8_t *flags, uint64_t a);
/* FCVTXN: rounded to odd. */
uint32_t dio_fp_soft_f64_to_f32_odd (DioFpMode mode, uint8_t *flags, uint64_t a);
/* Half precision, in the low 16 bits. */
uint32_t dio_fp_soft_f16_to_f32 (DioFpMode mode, uint8_t *flags, uint32_t a);
uint64_t dio_fp_soft_f16_to_f64 (DioFpMode mode, uint8_t *flags, uint32_t a);
uint32_t dio_fp_soft_f32_to_f16 (DioFpMode mode, uint8_t *flags, uint32_t a);
uint32_t dio_fp_soft_f64_to_f16 (DioFpMode mode, uint8_t *flags, uint64_t a);
