/* SPDX-License-Identifier: GPL-3.0-or-later
 * A block of intermediate representation: a straight list of operations in SSA form, made from one
 * run of guest instructions. The value of an operation is named by its index. */
#pragma once

#include <glib.h>

#include "core/base/base-types.h"

typedef enum {
#define X(name, text, result, arguments, immediate, effects) DIO_IR_##name,
#include "core/ir/ir-ops.inc"
#undef X
  DIO_IR_N_OPS
} DioIrOpcode;

typedef enum {
#define X(name) DIO_IR_FP_##name,
#include "core/ir/ir-fp.inc"
#undef X
  DIO_IR_N_FP
} DioIrFp;

typedef enum {
#define X(name) DIO_IR_VEC_##name,
#include "core/ir/ir-vec.inc"
#undef X
  DIO_IR_N_VEC
} DioIrVec;

typedef enum {
  DIO_IR_VOID,
  DIO_IR_I1,
  DIO_IR_I64,
  DIO_IR_V128,
} DioIrType;

/* What the immediate of an operation means. */
typedef enum {
  DIO_IR_IMM_NONE,
  DIO_IR_IMM_NUMBER,
  DIO_IR_IMM_X,
  DIO_IR_IMM_F,
  DIO_IR_IMM_PC,
  DIO_IR_IMM_FP,
  DIO_IR_IMM_SYSTEM,
  DIO_IR_IMM_ORDER,
  DIO_IR_IMM_DISPLACEMENT,
  DIO_IR_IMM_SHIFT,
  DIO_IR_IMM_V,
  DIO_IR_IMM_VEC,
  DIO_IR_IMM_LANES,
} DioIrImmediate;

/* The parts of the last two. */
#define DIO_IR_VEC_IMMEDIATE(name, n) ((int64_t) (name) | (int64_t) (n) << 16)
#define DIO_IR_LANES_IMMEDIATE(name, lanes, bits)                                                  \
  ((int64_t) (name) | (int64_t) (lanes) << 16 | (int64_t) (bits) << 24)
#define DIO_IR_IMMEDIATE_NAME(immediate) ((unsigned) (immediate) &0xffff)
#define DIO_IR_IMMEDIATE_N(immediate) ((unsigned) ((immediate) >> 16))

enum {
  DIO_IR_PURE = 0,
  DIO_IR_READ = 1 << 0,
  DIO_IR_FAULT = 1 << 1,
  DIO_IR_EFFECT = 1 << 2,
  DIO_IR_END = 1 << 3,
};

#define DIO_IR_MAX_ARGUMENTS 4

/* The largest PC offset and displacement, either way: what fits in 32 bits and still does after
 * small numbers are added, as code generators do. */
#define DIO_IR_MAX_OFFSET (INT32_MAX - 0xffff)

typedef struct {
  const char *name;
  DioIrType result;
  uint8_t n_arguments;
  uint8_t effects;
  DioIrImmediate immediate;
  DioIrType arguments[DIO_IR_MAX_ARGUMENTS];
} DioIrOpInfo;

extern const DioIrOpInfo dio_ir_op_info[DIO_IR_N_OPS];
extern const char *const dio_ir_fp_names[DIO_IR_N_FP];
extern const char *const dio_ir_vec_names[DIO_IR_N_VEC];

/* What an operation does with the condition flags, bits. */
enum {
  DIO_IR_FLAGS_READ = 1 << 0,
  DIO_IR_FLAGS_SET = 1 << 1,    /* all of them */
  DIO_IR_FLAGS_CHANGE = 1 << 2, /* perhaps */
};

unsigned dio_ir_flags_use (DioIrOpcode opcode);

/* Is the result or an argument a v128? */
static inline bool
dio_ir_op_has_vectors (DioIrOpcode opcode)
{
  const DioIrOpInfo *info = &dio_ir_op_info[opcode];
  bool has = info->result == DIO_IR_V128;
  for (unsigned i = 0; i < info->n_arguments; i++)
    has |= info->arguments[i] == DIO_IR_V128;
  return has;
}

typedef struct {
  uint16_t opcode;
  uint16_t leaf; /* INSN: the instruction */
  uint32_t arguments[DIO_IR_MAX_ARGUMENTS];
  int64_t immediate;
  const char *note; /* INSN: its name; SYSTEM: the function. Static string. */
} DioIrOp;

typedef struct {
  GArray *ops; /* of DioIrOp */
  unsigned
      pc_zeros; /* this many low bits of the block's address are 0, for the guest aligns code */
} DioIrBlock;

DioIrBlock *dio_ir_block_new (void);
void dio_ir_block_free (DioIrBlock *block);
void dio_ir_block_clear (DioIrBlock *block);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DioIrBlock, dio_ir_block_free)

static inline const DioIrOp *
dio_ir_block_op (const DioIrBlock *block, uint32_t index)
{
  return &g_array_index (block->ops, DioIrOp, index);
}

/* Appends an operation, returns its index. Arguments beyond those of @opcode are ignored. */
uint32_t dio_ir_block_append (DioIrBlock *block, DioIrOpcode opcode, int64_t immediate, uint32_t a,
                              uint32_t b, uint32_t c, uint32_t d);

/* For each operation of @block, how often others use its value; UINT8_MAX stands for that or more.
 * @uses has room for all. */
void dio_ir_block_count_uses (const DioIrBlock *block, uint8_t *uses);

/* The block as text, one operation a line: "%3 = add %1, %2". NOPs are left out. */
char *dio_ir_block_to_text (const DioIrBlock *block);

/* The inverse: a block whose text is @text again, with NOPs where it skips names of values. What
 * the text does not tell (the leaf of an instruction) is 0. The block may still be one that the
 * verifier refuses. NULL and @error, with the line, when a line is not an operation. */
DioIrBlock *dio_ir_block_parse (const char *text, GError **error);

/* Checks what every pass may rely on: arguments are earlier values of the right type; nothing
 * follows an end, and the last operation is one; register numbers exist; and within an instruction
 * nothing that may fault comes after an effect, so that a fault finds the state before the
 * instruction. At most one effect on memory per instruction. A NOP may be anywhere inside an
 * instruction. False and @error otherwise. */
bool dio_ir_block_verify (const DioIrBlock *block, GError **error);
