/* SPDX-License-Identifier: GPL-3.0-or-later
 * The core of the x86-64 encoder: operands, the buffer, labels, and the description of an encoding
 * in one word from which all instructions are made. Users include "core/jit/x86_64/x64-asm.h".
 *
 * No state but the DioX64Asm itself: any thread may use one of its own. Wrong operands are mistakes
 * of the code generator and are asserted; a full buffer is not, see DioX64Asm.overflow. */
#pragma once

#include "core/base/base-types.h"

/* clang-format off */
typedef enum {
  DIO_X64_RAX, DIO_X64_RCX, DIO_X64_RDX, DIO_X64_RBX, DIO_X64_RSP, DIO_X64_RBP, DIO_X64_RSI, DIO_X64_RDI,
  DIO_X64_R8, DIO_X64_R9, DIO_X64_R10, DIO_X64_R11, DIO_X64_R12, DIO_X64_R13, DIO_X64_R14, DIO_X64_R15,
} DioX64Reg;

typedef enum {
  DIO_X64_XMM0, DIO_X64_XMM1, DIO_X64_XMM2, DIO_X64_XMM3, DIO_X64_XMM4, DIO_X64_XMM5, DIO_X64_XMM6, DIO_X64_XMM7,
  DIO_X64_XMM8, DIO_X64_XMM9, DIO_X64_XMM10, DIO_X64_XMM11, DIO_X64_XMM12, DIO_X64_XMM13, DIO_X64_XMM14, DIO_X64_XMM15,
} DioX64Xmm;

/* Conditions, numbered as in the opcodes; cc ^ 1 is the opposite. */
typedef enum {
  DIO_X64_CC_O, DIO_X64_CC_NO, DIO_X64_CC_B, DIO_X64_CC_AE, DIO_X64_CC_E, DIO_X64_CC_NE, DIO_X64_CC_BE, DIO_X64_CC_A,
  DIO_X64_CC_S, DIO_X64_CC_NS, DIO_X64_CC_P, DIO_X64_CC_NP, DIO_X64_CC_L, DIO_X64_CC_GE, DIO_X64_CC_LE, DIO_X64_CC_G,
} DioX64Cc;
/* clang-format on */

/* What DioX64Mem.base and index are when they are no register. */
enum {
  DIO_X64_NONE = -1,
  DIO_X64_RIP_ADDRESS =
      -2,                 /* relative to rip; `target` is the address as the running code sees it */
  DIO_X64_RIP_LABEL = -3, /* relative to rip; `target` is a DioX64Label */
};

/* base + (index << scale) + disp, made by the functions dio_x64_mem*. */
typedef struct {
  int8_t base, index;
  uint8_t scale; /* log2 */
  int32_t disp;
  void *target; /* only with DIO_X64_RIP_*; disp is added to it */
} DioX64Mem;

/* A place in the buffer. Start with DIO_X64_LABEL_INIT; bind once, before or after its uses. Uses
 * in an unbound label are chained through their rel32 fields. */
typedef struct {
  int32_t position; /* offset from DioX64Asm.start once bound, else -1 */
  int32_t fixups;   /* offset of the last unresolved rel32 field, or -1 */
} DioX64Label;

/* clang-format off */
#define DIO_X64_LABEL_INIT { -1, -1 }
/* clang-format on */

/* Where code is written. Once less than 16 bytes are left (or a rel32 cannot reach its target),
 * overflow becomes true and nothing is written any more, labels stay as they are: who generates
 * code looks at overflow once, at the end. At most 256 MiB. */
typedef struct {
  uint8_t *start, *at, *end;
  ptrdiff_t exec_delta; /* address at which a byte runs minus the address at which it is written */
  bool overflow;
} DioX64Asm;

/* Starts an empty buffer that the caller owns, with exec_delta 0. */
static inline void
dio_x64_init (DioX64Asm *a, void *buffer, size_t size)
{
  uint8_t *start = (uint8_t *) buffer;
  *a = (DioX64Asm){ .start = start, .at = start, .end = start + size };
}

/* Bytes written. */
static inline size_t
dio_x64_size (const DioX64Asm *a)
{
  return (size_t) (a->at - a->start);
}

/* [base + disp]; base is DIO_X64_NONE for an absolute address within the low or high 2 GiB. */
static inline DioX64Mem
dio_x64_mem (int base, int32_t disp)
{
  return (DioX64Mem){ (int8_t) base, DIO_X64_NONE, 0, disp, NULL };
}

/* [base + (index << scale) + disp]; base may be DIO_X64_NONE, index must not be rsp. */
static inline DioX64Mem
dio_x64_mem_index (int base, DioX64Reg index, unsigned scale, int32_t disp)
{
  return (DioX64Mem){ (int8_t) base, (int8_t) index, (uint8_t) scale, disp, NULL };
}

/* [target], encoded relative to rip: within 2 GiB of the running code, else overflow. */
static inline DioX64Mem
dio_x64_mem_abs (const void *target)
{
  return (DioX64Mem){ DIO_X64_RIP_ADDRESS, DIO_X64_NONE, 0, 0, (void *) target };
}

/* [label + disp], encoded relative to rip, bound or not; @disp must be 0 if it is not bound. */
static inline DioX64Mem
dio_x64_mem_label (DioX64Label *label, int32_t disp)
{
  return (DioX64Mem){ DIO_X64_RIP_LABEL, DIO_X64_NONE, 0, disp, label };
}

/* Puts the label here and completes all uses so far. */
void dio_x64_bind (DioX64Asm *a, DioX64Label *label);

/* jmp and jcc take the form with 8 bits if the label is bound and near enough, else 32 bits. */
void dio_x64_jmp_label (DioX64Asm *a, DioX64Label *label);
void dio_x64_jcc_label (DioX64Asm *a, DioX64Cc cc, DioX64Label *label);
void dio_x64_call_label (DioX64Asm *a, DioX64Label *label);

/* With rel32 to an address as the running code sees it; overflow when it is out of reach. */
void dio_x64_jmp_abs (DioX64Asm *a, const void *target);
void dio_x64_jcc_abs (DioX64Asm *a, DioX64Cc cc, const void *target);
void dio_x64_call_abs (DioX64Asm *a, const void *target);

/* @n bytes of the recommended long no-operations. */
void dio_x64_nop (DioX64Asm *a, size_t n);

/* An encoding: the opcode in the low byte, or-ed with any of these. The numbers of map and prefix
 * are those of the VEX fields mmmmm and pp (Intel SDM 2.3.6). */
enum {
  DIO_X64_0F = 1 << 8, /* opcode maps; without one the map of one byte */
  DIO_X64_0F38 = 2 << 8,
  DIO_X64_0F3A = 3 << 8,
  DIO_X64_66 = 1 << 10, /* mandatory prefixes */
  DIO_X64_F3 = 2 << 10,
  DIO_X64_F2 = 3 << 10,
  DIO_X64_W = 1 << 12,    /* REX.W or VEX.W */
  DIO_X64_L = 1 << 13,    /* VEX.L: 256 bits */
  DIO_X64_IMM8 = 1 << 14, /* an immediate follows */
  DIO_X64_IMM16 = 2 << 14,
  DIO_X64_IMM32 = 3 << 14,
  DIO_X64_BYTE_REG = 1 << 16, /* the field reg (rm) names a byte: 4..7 are spl, bpl, sil, dil */
  DIO_X64_BYTE_RM = 1 << 17,
  DIO_X64_LOCK = 1 << 18,
  DIO_X64_OPSIZE = 1 << 19, /* 66 as the operand size, besides a mandatory prefix */
};

/* One instruction each: @reg and @rm are numbers of registers of any kind or the digit of a /digit
 * opcode, @imm is cut to the size that @enc names. */
void dio_x64_put_rr (DioX64Asm *a, uint32_t enc, unsigned reg, unsigned rm, int32_t imm);
void dio_x64_put_rm (DioX64Asm *a, uint32_t enc, unsigned reg, DioX64Mem mem, int32_t imm);
void dio_x64_put_vex_rr (DioX64Asm *a, uint32_t enc, unsigned reg, unsigned vvvv, unsigned rm,
                         int32_t imm);
void dio_x64_put_vex_rm (DioX64Asm *a, uint32_t enc, unsigned reg, unsigned vvvv, DioX64Mem mem,
                         int32_t imm);
/* The register is in the low bits of the opcode; the immediate has @imm_size bytes, up to 8. */
void dio_x64_put_o (DioX64Asm *a, uint32_t enc, unsigned reg, uint64_t imm, unsigned imm_size);
/* The low @n bytes of @bytes, the first one lowest. */
void dio_x64_put_bytes (DioX64Asm *a, uint64_t bytes, unsigned n);

/* The encoding of an integer operation whose opcode for bytes is @opcode and the next one for
 * words:
 * @w is 1, 2, 4 or 8 bytes. */
static inline uint32_t
dio_x64_wide (unsigned w)
{
  return w == 8 ? DIO_X64_W : w == 2 ? DIO_X64_OPSIZE : 0;
}

static inline uint32_t
dio_x64_sized (unsigned w, uint32_t opcode)
{
  return w == 1 ? opcode | DIO_X64_BYTE_RM : (opcode | 1) | dio_x64_wide (w);
}

/* The same if the field reg is a register and not a digit. */
static inline uint32_t
dio_x64_sized_reg (unsigned w, uint32_t opcode)
{
  return dio_x64_sized (w, opcode) | (w == 1 ? DIO_X64_BYTE_REG : 0);
}

static inline uint32_t
dio_x64_sized_imm (unsigned w)
{
  return w == 1 ? DIO_X64_IMM8 : w == 2 ? DIO_X64_IMM16 : DIO_X64_IMM32;
}
