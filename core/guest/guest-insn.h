/* SPDX-License-Identifier: GPL-3.0-or-later
 * A decoded instruction, and what a guest's decode tables tell about each instruction. */
#pragma once

#include "core/base/base-types.h"

/* The operands of one instruction. Eight bytes, because interpreters keep millions of them; what
 * the names stand for is in the decode tables. */
typedef struct {
  union {
    uint16_t leaf; /* which instruction: an index into the guest's leaf table */
    uint16_t run;  /* in the interpreter's pages: instructions from here to the end of the run */
  };
  uint8_t rd;
  uint8_t rs3;
  union {
    int32_t wide;
    struct {
      union {
        int16_t imm;
        int16_t rm;
      };
      uint8_t rs1;
      uint8_t rs2;
    };
  };
} DioInsn;

_Static_assert(sizeof (DioInsn) == 8, "interpreter slots hold a DioInsn");

/* What an engine must know about an instruction before running it. */
typedef enum {
  DIO_LEAF_PLAIN,         /* registers only, cannot trap or leave */
  DIO_LEAF_LOAD,          /* one memory access before any other effect */
  DIO_LEAF_STORE,         /* the same */
  DIO_LEAF_ATOMIC,        /* the same */
  DIO_LEAF_BRANCH,        /* ends in a conditional branch by imm */
  DIO_LEAF_JUMP,          /* ends in a jump by wide */
  DIO_LEAF_JUMP_REGISTER, /* ends in a jump to a computed address */
  DIO_LEAF_FP,            /* may trap before any effect; no memory access */
  DIO_LEAF_FENCE,         /* may need to act on requests of other CPUs first */
  DIO_LEAF_SYSTEM,        /* anything: CSRs, fences, traps; may change the engine's state */
  DIO_LEAF_END,           /* the same, and never goes on to the next instruction */
  DIO_LEAF_CALL,          /* like FP, but not worth a handler of its own: always a call */
} DioLeafKind;

/* Operands an instruction has (DioLeafInfo.operands). *_X: an integer register; *_S: the same, but
 * the number of the register that ignores writes means the stack pointer; *_F: a floating-point
 * register; rd..rs3 with none of these are constants. RS3_T: an integer register that is written.
 */
enum {
  DIO_OPERAND_RD = 1 << 0,
  DIO_OPERAND_RS1 = 1 << 1,
  DIO_OPERAND_RS2 = 1 << 2,
  DIO_OPERAND_RS3 = 1 << 3,
  DIO_OPERAND_IMM = 1 << 4,
  DIO_OPERAND_RM = 1 << 5,
  DIO_OPERAND_WIDE = 1 << 6,
  DIO_OPERAND_RD_X = 1 << 8,
  DIO_OPERAND_RS1_X = 1 << 9,
  DIO_OPERAND_RS2_X = 1 << 10,
  DIO_OPERAND_RS3_X = 1 << 11,
  DIO_OPERAND_RD_F = 1 << 12,
  DIO_OPERAND_RS1_F = 1 << 13,
  DIO_OPERAND_RS2_F = 1 << 14,
  DIO_OPERAND_RS3_F = 1 << 15,
  DIO_OPERAND_RD_S = 1 << 16,
  DIO_OPERAND_RS1_S = 1 << 17,
  DIO_OPERAND_RS2_S = 1 << 18,
  DIO_OPERAND_RS3_S = 1 << 19,
  DIO_OPERAND_RS3_T = 1 << 20,
};

/* One line of a decode table. A word w is this instruction when (w & mask) == value, unless a line
 * declared `under` it or a `where` condition says otherwise: the decoder decides. */
typedef struct {
  const char *name;
  const char *syntax; /* of the operands, for the disassembler */
  const char *extension;
  uint32_t mask, value;
  uint8_t length; /* bytes */
  uint8_t kind;   /* DioLeafKind */
  uint32_t operands;
} DioLeafInfo;
