/* SPDX-License-Identifier: GPL-3.0-or-later
 * Instructions that the test programs write into memory and run. */
#pragma once

#include "guest.h"

struct emitter {
  uint16_t *at;
};

static inline void
emit (struct emitter *e, uint32_t insn)
{
  *e->at++ = insn;
  if ((insn & 3) == 3)
    *e->at++ = insn >> 16;
}

static inline void
fence_i (void)
{
  __asm__ volatile("fence.i" ::: "memory");
}

static inline uint32_t
op_i (uint32_t base, unsigned rd, unsigned rs1, int imm)
{
  return base | rd << 7 | rs1 << 15 | (uint32_t) imm << 20;
}

static inline uint32_t
op_r (uint32_t base, unsigned rd, unsigned rs1, unsigned rs2)
{
  return base | rd << 7 | rs1 << 15 | rs2 << 20;
}

static inline uint32_t
op_s (uint32_t base, unsigned rs2, int imm, unsigned rs1)
{
  uint32_t i = (uint32_t) imm;
  return base | rs1 << 15 | rs2 << 20 | (i & 31) << 7 | (i >> 5) << 25;
}

static inline uint32_t
op_b (uint32_t base, unsigned rs1, unsigned rs2, int offset)
{
  uint32_t o = (uint32_t) offset;
  return base | rs1 << 15 | rs2 << 20 | (o >> 12 & 1) << 31 | (o >> 5 & 63) << 25
         | (o >> 1 & 15) << 8 | (o >> 11 & 1) << 7;
}

/* x registers by name. */
enum { RA = 1, T0 = 5, T1, T2, S0, S1, A0, A1, A2, A3, A4, A5, A6, A7 };

#define ADDI(rd, rs1, imm) op_i (0x13, rd, rs1, imm)
#define XORI(rd, rs1, imm) op_i (0x4013, rd, rs1, imm)
#define ADD(rd, rs1, rs2) op_r (0x33, rd, rs1, rs2)
#define XOR(rd, rs1, rs2) op_r (0x4033, rd, rs1, rs2)
#define LD(rd, imm, rs1) op_i (0x3003, rd, rs1, imm)
#define SD(rs2, imm, rs1) op_s (0x3023, rs2, imm, rs1)
#define BNE(rs1, rs2, offset) op_b (0x1063, rs1, rs2, offset)
#define JALR(rd, rs1, imm) op_i (0x67, rd, rs1, imm)
#define SFENCE_VMA(rs1) op_r (0x12000073, 0, rs1, 0)
#define ECALL 0x73u
#define RET 0x8082u
#define C_NOP 0x0001u

/* Bytes from the place to come to @to. */
static inline int
back_to (const struct emitter *e, const uint16_t *to)
{
  return (int) ((const uint8_t *) to - (const uint8_t *) e->at);
}
