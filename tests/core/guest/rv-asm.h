/* SPDX-License-Identifier: GPL-3.0-or-later
 * Encoders of the instructions that tests write by hand. */
#pragma once

#include <stdint.h>

enum {
  ZERO,
  RA,
  SP,
  GP,
  TP,
  T0,
  T1,
  T2,
  S0,
  S1,
  A0,
  A1,
  A2,
  A3,
  A4,
  A5,
  A6,
  A7, /* clang-format off */
}; /* clang-format on */

static inline uint32_t
rv_r (uint32_t base, unsigned rd, unsigned rs1, unsigned rs2)
{
  return base | rd << 7 | rs1 << 15 | rs2 << 20;
}

static inline uint32_t
rv_i (uint32_t base, unsigned rd, unsigned rs1, int imm)
{
  return base | rd << 7 | rs1 << 15 | (uint32_t) imm << 20;
}

static inline uint32_t
rv_s (uint32_t base, unsigned rs2, int imm, unsigned rs1)
{
  return base | rs1 << 15 | rs2 << 20 | ((uint32_t) imm & 31) << 7 | (uint32_t) (imm >> 5) << 25;
}

static inline uint32_t
rv_b (uint32_t base, unsigned rs1, unsigned rs2, int offset)
{
  uint32_t o = (uint32_t) offset;
  return base | rs1 << 15 | rs2 << 20 | (o >> 12 & 1) << 31 | (o >> 5 & 63) << 25
         | (o >> 1 & 15) << 8 | (o >> 11 & 1) << 7;
}

static inline uint32_t
rv_jal (unsigned rd, int offset)
{
  uint32_t o = (uint32_t) offset;
  return 0x6f | rd << 7 | (o >> 20 & 1) << 31 | (o >> 1 & 0x3ff) << 21 | (o >> 11 & 1) << 20
         | (o >> 12 & 0xff) << 12;
}

#define ADDI(rd, rs1, imm) rv_i (0x13, rd, rs1, imm)
#define ADD_(rd, rs1, rs2) rv_r (0x33, rd, rs1, rs2)
#define SUB_(rd, rs1, rs2) rv_r (0x40000033, rd, rs1, rs2)
#define SLLI(rd, rs1, sh) rv_i (0x1013, rd, rs1, sh)
#define LUI(rd, page) (0x37u | (unsigned) (rd) << 7 | (uint32_t) (page) << 12)
#define AUIPC(rd, page) (0x17u | (unsigned) (rd) << 7 | (uint32_t) (page) << 12)
#define LW(rd, imm, rs1) rv_i (0x2003, rd, rs1, imm)
#define LD(rd, imm, rs1) rv_i (0x3003, rd, rs1, imm)
#define SB(rs2, imm, rs1) rv_s (0x0023, rs2, imm, rs1)
#define SH(rs2, imm, rs1) rv_s (0x1023, rs2, imm, rs1)
#define SW(rs2, imm, rs1) rv_s (0x2023, rs2, imm, rs1)
#define SD(rs2, imm, rs1) rv_s (0x3023, rs2, imm, rs1)
#define BEQ(rs1, rs2, o) rv_b (0x0063, rs1, rs2, o)
#define BNE(rs1, rs2, o) rv_b (0x1063, rs1, rs2, o)
#define BLT(rs1, rs2, o) rv_b (0x4063, rs1, rs2, o)
#define JAL(rd, o) rv_jal (rd, o)
#define JALR(rd, rs1, imm) rv_i (0x67, rd, rs1, imm)
#define CSRRW(rd, csr, rs1) rv_i (0x1073, rd, rs1, (int) (csr))
#define CSRRS(rd, csr, rs1) rv_i (0x2073, rd, rs1, (int) (csr))
#define AMOADD_D(rd, rs2, rs1) rv_r (0x0000302f, rd, rs1, rs2)
#define LR_D(rd, rs1) rv_r (0x1000302f, rd, rs1, 0)
#define SC_D(rd, rs2, rs1) rv_r (0x1800302f, rd, rs1, rs2)
#define ECALL 0x00000073u
#define EBREAK 0x00100073u
#define MRET 0x30200073u
#define WFI 0x10500073u
#define FENCE_RW 0x0330000fu
#define FENCE_I 0x0000100fu
#define NOP 0x00000013u
#define MTVEC 0x305
#define MEPC 0x341
#define MCAUSE 0x342
#define MTVAL 0x343
#define MINSTRET 0xb02
