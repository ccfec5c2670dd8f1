/* SPDX-License-Identifier: GPL-3.0-or-later
 * Instructions on general registers. Users include "core/jit/x86_64/x64-asm.h". */
#pragma once

#include "core/jit/x86_64/x64-emit.h"

/* clang-format off */
typedef enum {
  DIO_X64_ADD, DIO_X64_OR, DIO_X64_ADC, DIO_X64_SBB, DIO_X64_AND, DIO_X64_SUB, DIO_X64_XOR, DIO_X64_CMP,
} DioX64Alu;

typedef enum {
  DIO_X64_ROL = 0, DIO_X64_ROR = 1, DIO_X64_SHL = 4, DIO_X64_SHR = 5, DIO_X64_SAR = 7,
} DioX64Shift;
/* clang-format on */

/* The encoding of an ALU operation with an immediate of width @w, which is made what it means. */
static inline uint32_t
dio_x64_alu_imm (unsigned w, int32_t *imm)
{
  if (w == 2)
    *imm = (int16_t) *imm;
  if (w > 1 && *imm == (int8_t) *imm)
    return 0x83 | dio_x64_wide (w) | DIO_X64_IMM8;
  return dio_x64_sized (w, 0x80) | dio_x64_sized_imm (w);
}

static inline void
dio_x64_alu_rr (DioX64Asm *a, DioX64Alu op, unsigned w, DioX64Reg dst, DioX64Reg src)
{
  dio_x64_put_rr (a, dio_x64_sized_reg (w, op << 3), src, dst, 0);
}

static inline void
dio_x64_alu_ri (DioX64Asm *a, DioX64Alu op, unsigned w, DioX64Reg dst, int32_t imm)
{
  uint32_t enc = dio_x64_alu_imm (w, &imm);
  dio_x64_put_rr (a, enc, op, dst, imm);
}

static inline void
dio_x64_alu_rm (DioX64Asm *a, DioX64Alu op, unsigned w, DioX64Reg dst, DioX64Mem mem)
{
  dio_x64_put_rm (a, dio_x64_sized_reg (w, op << 3 | 2), dst, mem, 0);
}

static inline void
dio_x64_alu_mr (DioX64Asm *a, DioX64Alu op, unsigned w, DioX64Mem mem, DioX64Reg src)
{
  dio_x64_put_rm (a, dio_x64_sized_reg (w, op << 3), src, mem, 0);
}

static inline void
dio_x64_alu_mi (DioX64Asm *a, DioX64Alu op, unsigned w, DioX64Mem mem, int32_t imm)
{
  uint32_t enc = dio_x64_alu_imm (w, &imm);
  dio_x64_put_rm (a, enc, op, mem, imm);
}

static inline void
dio_x64_test_rr (DioX64Asm *a, unsigned w, DioX64Reg x, DioX64Reg y)
{
  dio_x64_put_rr (a, dio_x64_sized_reg (w, 0x84), y, x, 0);
}

static inline void
dio_x64_test_ri (DioX64Asm *a, unsigned w, DioX64Reg x, int32_t imm)
{
  dio_x64_put_rr (a, dio_x64_sized (w, 0xf6) | dio_x64_sized_imm (w), 0, x, imm);
}

static inline void
dio_x64_test_mi (DioX64Asm *a, unsigned w, DioX64Mem mem, int32_t imm)
{
  dio_x64_put_rm (a, dio_x64_sized (w, 0xf6) | dio_x64_sized_imm (w), 0, mem, imm);
}

static inline void
dio_x64_test_mr (DioX64Asm *a, unsigned w, DioX64Mem mem, DioX64Reg y)
{
  dio_x64_put_rm (a, dio_x64_sized_reg (w, 0x84), y, mem, 0);
}

static inline void
dio_x64_mov_rr (DioX64Asm *a, unsigned w, DioX64Reg dst, DioX64Reg src)
{
  dio_x64_put_rr (a, dio_x64_sized_reg (w, 0x88), src, dst, 0);
}

/* All 64 bits, in the shortest form that leaves the flags alone: never xor. */
static inline void
dio_x64_mov_ri (DioX64Asm *a, DioX64Reg dst, uint64_t imm)
{
  if (imm == (uint32_t) imm)
    dio_x64_put_o (a, 0xb8, dst, imm, 4);
  else if (imm == (uint64_t) (int32_t) imm)
    dio_x64_put_rr (a, 0xc7 | DIO_X64_W | DIO_X64_IMM32, 0, dst, (int32_t) imm);
  else
    dio_x64_put_o (a, 0xb8 | DIO_X64_W, dst, imm, 8);
}

/* w = 1 and 2 leave the rest of the register as it was: mostly dio_x64_movzx_rm() is meant. */
static inline void
dio_x64_mov_rm (DioX64Asm *a, unsigned w, DioX64Reg dst, DioX64Mem mem)
{
  dio_x64_put_rm (a, dio_x64_sized_reg (w, 0x8a), dst, mem, 0);
}

static inline void
dio_x64_mov_mr (DioX64Asm *a, unsigned w, DioX64Mem mem, DioX64Reg src)
{
  dio_x64_put_rm (a, dio_x64_sized_reg (w, 0x88), src, mem, 0);
}

/* With w = 8 the immediate is sign-extended. */
static inline void
dio_x64_mov_mi (DioX64Asm *a, unsigned w, DioX64Mem mem, int32_t imm)
{
  dio_x64_put_rm (a, dio_x64_sized (w, 0xc6) | dio_x64_sized_imm (w), 0, mem, imm);
}

/* Big-endian loads and stores (MOVBE), w = 2, 4, 8. */
static inline void
dio_x64_movbe_rm (DioX64Asm *a, unsigned w, DioX64Reg dst, DioX64Mem mem)
{
  dio_x64_put_rm (a, 0xf0 | DIO_X64_0F38 | dio_x64_wide (w), dst, mem, 0);
}

static inline void
dio_x64_movbe_mr (DioX64Asm *a, unsigned w, DioX64Mem mem, DioX64Reg src)
{
  dio_x64_put_rm (a, 0xf1 | DIO_X64_0F38 | dio_x64_wide (w), src, mem, 0);
}

static inline uint32_t
dio_x64_movzx_enc (unsigned w_src)
{
  return w_src == 1   ? 0xb6 | DIO_X64_0F | DIO_X64_BYTE_RM
         : w_src == 2 ? 0xb7 | DIO_X64_0F
         : w_src == 4 ? 0x8b
                      : 0x8b | DIO_X64_W;
}

static inline uint32_t
dio_x64_movsx_enc (unsigned w_src)
{
  return w_src == 1   ? 0xbe | DIO_X64_0F | DIO_X64_BYTE_RM | DIO_X64_W
         : w_src == 2 ? 0xbf | DIO_X64_0F | DIO_X64_W
         : w_src == 4 ? 0x63 | DIO_X64_W
                      : 0x8b | DIO_X64_W;
}

/* Extensions from @w_src = 1, 2 or 4 bytes to 64 bits; 8 is a plain move. */
static inline void
dio_x64_movzx_rr (DioX64Asm *a, unsigned w_src, DioX64Reg dst, DioX64Reg src)
{
  dio_x64_put_rr (a, dio_x64_movzx_enc (w_src), dst, src, 0);
}

static inline void
dio_x64_movzx_rm (DioX64Asm *a, unsigned w_src, DioX64Reg dst, DioX64Mem mem)
{
  dio_x64_put_rm (a, dio_x64_movzx_enc (w_src), dst, mem, 0);
}

static inline void
dio_x64_movsx_rr (DioX64Asm *a, unsigned w_src, DioX64Reg dst, DioX64Reg src)
{
  dio_x64_put_rr (a, dio_x64_movsx_enc (w_src), dst, src, 0);
}

static inline void
dio_x64_movsx_rm (DioX64Asm *a, unsigned w_src, DioX64Reg dst, DioX64Mem mem)
{
  dio_x64_put_rm (a, dio_x64_movsx_enc (w_src), dst, mem, 0);
}

static inline void
dio_x64_lea (DioX64Asm *a, unsigned w, DioX64Reg dst, DioX64Mem mem)
{
  dio_x64_put_rm (a, 0x8d | dio_x64_wide (w), dst, mem, 0);
}

/* The line of @mem into all caches; nothing where that is not possible. */
static inline void
dio_x64_prefetch (DioX64Asm *a, DioX64Mem mem)
{
  dio_x64_put_rm (a, 0x18 | DIO_X64_0F, 1, mem, 0);
}

/* The address of the label, relative to rip. */
static inline void
dio_x64_lea_label (DioX64Asm *a, DioX64Reg dst, DioX64Label *label)
{
  dio_x64_lea (a, 8, dst, dio_x64_mem_label (label, 0));
}

static inline void
dio_x64_shift_ri (DioX64Asm *a, DioX64Shift op, unsigned w, DioX64Reg dst, unsigned count)
{
  if (count == 1)
    dio_x64_put_rr (a, dio_x64_sized (w, 0xd0), op, dst, 0);
  else
    dio_x64_put_rr (a, dio_x64_sized (w, 0xc0) | DIO_X64_IMM8, op, dst, (int32_t) count);
}

/* By cl. */
static inline void
dio_x64_shift_cl (DioX64Asm *a, DioX64Shift op, unsigned w, DioX64Reg dst)
{
  dio_x64_put_rr (a, dio_x64_sized (w, 0xd2), op, dst, 0);
}

/* Shifts @dst left (right) and fills it with the upper (lower) bits of @src; w = 2, 4, 8. */
static inline void
dio_x64_shld_rri (DioX64Asm *a, unsigned w, DioX64Reg dst, DioX64Reg src, unsigned count)
{
  dio_x64_put_rr (a, 0xa4 | DIO_X64_0F | dio_x64_wide (w) | DIO_X64_IMM8, src, dst,
                  (int32_t) count);
}

static inline void
dio_x64_shrd_rri (DioX64Asm *a, unsigned w, DioX64Reg dst, DioX64Reg src, unsigned count)
{
  dio_x64_put_rr (a, 0xac | DIO_X64_0F | dio_x64_wide (w) | DIO_X64_IMM8, src, dst,
                  (int32_t) count);
}

/* BMI2, w = 4 or 8; flags stay. */
static inline void
dio_x64_shlx (DioX64Asm *a, unsigned w, DioX64Reg dst, DioX64Reg src, DioX64Reg count)
{
  dio_x64_put_vex_rr (a, 0xf7 | DIO_X64_0F38 | DIO_X64_66 | dio_x64_wide (w), dst, count, src, 0);
}

static inline void
dio_x64_shrx (DioX64Asm *a, unsigned w, DioX64Reg dst, DioX64Reg src, DioX64Reg count)
{
  dio_x64_put_vex_rr (a, 0xf7 | DIO_X64_0F38 | DIO_X64_F2 | dio_x64_wide (w), dst, count, src, 0);
}

static inline void
dio_x64_sarx (DioX64Asm *a, unsigned w, DioX64Reg dst, DioX64Reg src, DioX64Reg count)
{
  dio_x64_put_vex_rr (a, 0xf7 | DIO_X64_0F38 | DIO_X64_F3 | dio_x64_wide (w), dst, count, src, 0);
}

static inline void
dio_x64_rorx (DioX64Asm *a, unsigned w, DioX64Reg dst, DioX64Reg src, unsigned count)
{
  dio_x64_put_vex_rr (a, 0xf0 | DIO_X64_0F3A | DIO_X64_F2 | dio_x64_wide (w) | DIO_X64_IMM8, dst, 0,
                      src, (int32_t) count);
}

/* hi:lo = rdx * src, flags stay. If hi and lo are the same register it gets the high half. */
static inline void
dio_x64_mulx (DioX64Asm *a, unsigned w, DioX64Reg hi, DioX64Reg lo, DioX64Reg src)
{
  dio_x64_put_vex_rr (a, 0xf6 | DIO_X64_0F38 | DIO_X64_F2 | dio_x64_wide (w), hi, lo, src, 0);
}

/* BMI1, w = 4 or 8: the bits of @src that bits 0 to 15 of @control tell, 8 for the first and 8 for
 * how many. */
static inline void
dio_x64_bextr (DioX64Asm *a, unsigned w, DioX64Reg dst, DioX64Reg src, DioX64Reg control)
{
  dio_x64_put_vex_rr (a, 0xf7 | DIO_X64_0F38 | dio_x64_wide (w), dst, control, src, 0);
}

/* BMI1, w = 4 or 8: dst = ~inverted & src. */
static inline void
dio_x64_andn (DioX64Asm *a, unsigned w, DioX64Reg dst, DioX64Reg inverted, DioX64Reg src)
{
  dio_x64_put_vex_rr (a, 0xf2 | DIO_X64_0F38 | dio_x64_wide (w), dst, inverted, src, 0);
}

static inline void
dio_x64_not (DioX64Asm *a, unsigned w, DioX64Reg r)
{
  dio_x64_put_rr (a, dio_x64_sized (w, 0xf6), 2, r, 0);
}

static inline void
dio_x64_neg (DioX64Asm *a, unsigned w, DioX64Reg r)
{
  dio_x64_put_rr (a, dio_x64_sized (w, 0xf6), 3, r, 0);
}

static inline void
dio_x64_inc (DioX64Asm *a, unsigned w, DioX64Reg r)
{
  dio_x64_put_rr (a, dio_x64_sized (w, 0xfe), 0, r, 0);
}

static inline void
dio_x64_dec (DioX64Asm *a, unsigned w, DioX64Reg r)
{
  dio_x64_put_rr (a, dio_x64_sized (w, 0xfe), 1, r, 0);
}

/* w = 2, 4, 8. */
static inline void
dio_x64_imul_rr (DioX64Asm *a, unsigned w, DioX64Reg dst, DioX64Reg src)
{
  dio_x64_put_rr (a, 0xaf | DIO_X64_0F | dio_x64_wide (w), dst, src, 0);
}

static inline void
dio_x64_imul_rm (DioX64Asm *a, unsigned w, DioX64Reg dst, DioX64Mem mem)
{
  dio_x64_put_rm (a, 0xaf | DIO_X64_0F | dio_x64_wide (w), dst, mem, 0);
}

static inline void
dio_x64_imul_rri (DioX64Asm *a, unsigned w, DioX64Reg dst, DioX64Reg src, int32_t imm)
{
  if (w == 2)
    imm = (int16_t) imm;
  uint32_t enc = imm == (int8_t) imm ? 0x6b | DIO_X64_IMM8 : 0x69 | dio_x64_sized_imm (w);
  dio_x64_put_rr (a, enc | dio_x64_wide (w), dst, src, imm);
}

/* On rdx:rax (with w = 1 on ax). */
static inline void
dio_x64_mul1 (DioX64Asm *a, unsigned w, DioX64Reg src)
{
  dio_x64_put_rr (a, dio_x64_sized (w, 0xf6), 4, src, 0);
}

static inline void
dio_x64_imul1 (DioX64Asm *a, unsigned w, DioX64Reg src)
{
  dio_x64_put_rr (a, dio_x64_sized (w, 0xf6), 5, src, 0);
}

static inline void
dio_x64_div1 (DioX64Asm *a, unsigned w, DioX64Reg src)
{
  dio_x64_put_rr (a, dio_x64_sized (w, 0xf6), 6, src, 0);
}

static inline void
dio_x64_idiv1 (DioX64Asm *a, unsigned w, DioX64Reg src)
{
  dio_x64_put_rr (a, dio_x64_sized (w, 0xf6), 7, src, 0);
}

/* Fills rdx with the sign of rax: cwd, cdq, cqo for w = 2, 4, 8. */
static inline void
dio_x64_cqo (DioX64Asm *a, unsigned w)
{
  uint64_t bytes = w == 8 ? 0x9948 : w == 2 ? 0x9966 : 0x99;
  dio_x64_put_bytes (a, bytes, w == 4 ? 1 : 2);
}

/* Only the low byte of the register. */
static inline void
dio_x64_setcc (DioX64Asm *a, DioX64Cc cc, DioX64Reg dst)
{
  dio_x64_put_rr (a, (0x90 + cc) | DIO_X64_0F | DIO_X64_BYTE_RM, 0, dst, 0);
}

/* w = 2, 4, 8; w = 4 clears the upper half even when the condition is false. */
static inline void
dio_x64_cmov (DioX64Asm *a, DioX64Cc cc, unsigned w, DioX64Reg dst, DioX64Reg src)
{
  dio_x64_put_rr (a, (0x40 + cc) | DIO_X64_0F | dio_x64_wide (w), dst, src, 0);
}

static inline void
dio_x64_cmov_rm (DioX64Asm *a, DioX64Cc cc, unsigned w, DioX64Reg dst, DioX64Mem mem)
{
  dio_x64_put_rm (a, (0x40 + cc) | DIO_X64_0F | dio_x64_wide (w), dst, mem, 0);
}

/* w = 4 or 8. */
static inline void
dio_x64_bswap (DioX64Asm *a, unsigned w, DioX64Reg r)
{
  dio_x64_put_o (a, 0xc8 | DIO_X64_0F | dio_x64_wide (w), r, 0, 0);
}

/* w = 2, 4, 8 for all of these. */
static inline void
dio_x64_popcnt (DioX64Asm *a, unsigned w, DioX64Reg dst, DioX64Reg src)
{
  dio_x64_put_rr (a, 0xb8 | DIO_X64_0F | DIO_X64_F3 | dio_x64_wide (w), dst, src, 0);
}

static inline void
dio_x64_lzcnt (DioX64Asm *a, unsigned w, DioX64Reg dst, DioX64Reg src)
{
  dio_x64_put_rr (a, 0xbd | DIO_X64_0F | DIO_X64_F3 | dio_x64_wide (w), dst, src, 0);
}

static inline void
dio_x64_tzcnt (DioX64Asm *a, unsigned w, DioX64Reg dst, DioX64Reg src)
{
  dio_x64_put_rr (a, 0xbc | DIO_X64_0F | DIO_X64_F3 | dio_x64_wide (w), dst, src, 0);
}

static inline void
dio_x64_bsf (DioX64Asm *a, unsigned w, DioX64Reg dst, DioX64Reg src)
{
  dio_x64_put_rr (a, 0xbc | DIO_X64_0F | dio_x64_wide (w), dst, src, 0);
}

static inline void
dio_x64_bsr (DioX64Asm *a, unsigned w, DioX64Reg dst, DioX64Reg src)
{
  dio_x64_put_rr (a, 0xbd | DIO_X64_0F | dio_x64_wide (w), dst, src, 0);
}

static inline void
dio_x64_bt_ri (DioX64Asm *a, unsigned w, DioX64Reg r, unsigned bit)
{
  dio_x64_put_rr (a, 0xba | DIO_X64_0F | dio_x64_wide (w) | DIO_X64_IMM8, 4, r, (int32_t) bit);
}

static inline void
dio_x64_bts_rr (DioX64Asm *a, unsigned w, DioX64Reg r, DioX64Reg bit)
{
  dio_x64_put_rr (a, 0xab | DIO_X64_0F | dio_x64_wide (w), bit, r, 0);
}

static inline void
dio_x64_btr_rr (DioX64Asm *a, unsigned w, DioX64Reg r, DioX64Reg bit)
{
  dio_x64_put_rr (a, 0xb3 | DIO_X64_0F | dio_x64_wide (w), bit, r, 0);
}

static inline void
dio_x64_bt_rr (DioX64Asm *a, unsigned w, DioX64Reg r, DioX64Reg bit)
{
  dio_x64_put_rr (a, 0xa3 | DIO_X64_0F | dio_x64_wide (w), bit, r, 0);
}

/* SSE4.2: accumulates the CRC-32C of the w bytes of @src in @dst. */
static inline void
dio_x64_crc32 (DioX64Asm *a, unsigned w, DioX64Reg dst, DioX64Reg src)
{
  dio_x64_put_rr (a, dio_x64_sized (w, 0xf0) | DIO_X64_0F38 | DIO_X64_F2, dst, src, 0);
}

/* Atomic by itself. */
static inline void
dio_x64_xchg_mr (DioX64Asm *a, unsigned w, DioX64Mem mem, DioX64Reg r)
{
  dio_x64_put_rm (a, dio_x64_sized_reg (w, 0x86), r, mem, 0);
}

static inline void
dio_x64_lock_xadd_mr (DioX64Asm *a, unsigned w, DioX64Mem mem, DioX64Reg r)
{
  dio_x64_put_rm (a, dio_x64_sized_reg (w, 0xc0) | DIO_X64_0F | DIO_X64_LOCK, r, mem, 0);
}

/* Compares with rax. */
static inline void
dio_x64_lock_cmpxchg_mr (DioX64Asm *a, unsigned w, DioX64Mem mem, DioX64Reg r)
{
  dio_x64_put_rm (a, dio_x64_sized_reg (w, 0xb0) | DIO_X64_0F | DIO_X64_LOCK, r, mem, 0);
}

/* Compares with rdx:rax, stores rcx:rbx; the address must be a multiple of 16. */
static inline void
dio_x64_lock_cmpxchg16b (DioX64Asm *a, DioX64Mem mem)
{
  dio_x64_put_rm (a, 0xc7 | DIO_X64_0F | DIO_X64_W | DIO_X64_LOCK, 1, mem, 0);
}

/* Any operation but DIO_X64_CMP. */
static inline void
dio_x64_lock_alu_mr (DioX64Asm *a, DioX64Alu op, unsigned w, DioX64Mem mem, DioX64Reg src)
{
  dio_x64_put_rm (a, dio_x64_sized_reg (w, op << 3) | DIO_X64_LOCK, src, mem, 0);
}

static inline void
dio_x64_lock_alu_mi (DioX64Asm *a, DioX64Alu op, unsigned w, DioX64Mem mem, int32_t imm)
{
  uint32_t enc = dio_x64_alu_imm (w, &imm);
  dio_x64_put_rm (a, enc | DIO_X64_LOCK, op, mem, imm);
}

static inline void
dio_x64_mfence (DioX64Asm *a)
{
  dio_x64_put_bytes (a, 0xf0ae0f, 3);
}

static inline void
dio_x64_pause (DioX64Asm *a)
{
  dio_x64_put_bytes (a, 0x90f3, 2);
}

static inline void
dio_x64_ud2 (DioX64Asm *a)
{
  dio_x64_put_bytes (a, 0x0b0f, 2);
}

static inline void
dio_x64_int3 (DioX64Asm *a)
{
  dio_x64_put_bytes (a, 0xcc, 1);
}

static inline void
dio_x64_ret (DioX64Asm *a)
{
  dio_x64_put_bytes (a, 0xc3, 1);
}

/* 64 bits, as all of the following. */
static inline void
dio_x64_push (DioX64Asm *a, DioX64Reg r)
{
  dio_x64_put_o (a, 0x50, r, 0, 0);
}

static inline void
dio_x64_pop (DioX64Asm *a, DioX64Reg r)
{
  dio_x64_put_o (a, 0x58, r, 0, 0);
}

static inline void
dio_x64_call_r (DioX64Asm *a, DioX64Reg r)
{
  dio_x64_put_rr (a, 0xff, 2, r, 0);
}

static inline void
dio_x64_call_m (DioX64Asm *a, DioX64Mem mem)
{
  dio_x64_put_rm (a, 0xff, 2, mem, 0);
}

static inline void
dio_x64_jmp_r (DioX64Asm *a, DioX64Reg r)
{
  dio_x64_put_rr (a, 0xff, 4, r, 0);
}

static inline void
dio_x64_jmp_m (DioX64Asm *a, DioX64Mem mem)
{
  dio_x64_put_rm (a, 0xff, 4, mem, 0);
}
