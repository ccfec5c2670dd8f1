/* SPDX-License-Identifier: GPL-3.0-or-later
 * Which system registers and system instructions compiled code does by itself, and how: those that
 * kernels and libraries use all the time and that are no more than a word of DioArm64, as
 * dio_a64_csr_access() does them. All else, and every use by who may not, is the interpreter's. */
#include "core/guest/arm64/arm64-control.h"

#include "core/guest/arm64/arm64-leaves.h"
#include "core/guest/arm64/arm64-priv.h"

#define SYSREG DIO_A64_SYSREG

typedef struct {
  unsigned number;
  uint32_t word;
  uint8_t bytes;
  bool writable;
} Word;

#define WORD(op1, crn, crm, op2, member, bytes, writable)                                          \
  {                                                                                                \
    SYSREG (3, op1, crn, crm, op2), offsetof (DioArm64, member), (bytes), (writable)               \
  }

/* Of EL1, without any effect but on who reads them again, or at the next exception. */
static const Word words[] = {
  WORD (0, 4, 0, 0, spsr, 4, true),     WORD (0, 4, 0, 1, elr, 8, true),
  WORD (0, 4, 1, 0, sp[0], 8, true),    WORD (0, 5, 2, 0, esr, 4, true),
  WORD (0, 6, 0, 0, far, 8, true),      WORD (0, 13, 0, 4, tpidr_el1, 8, true),
  WORD (0, 1, 0, 0, sctlr, 8, false),   WORD (0, 2, 0, 0, ttbr[0], 8, false),
  WORD (0, 2, 0, 1, ttbr[1], 8, false), WORD (0, 2, 0, 2, tcr, 8, false),
  WORD (0, 12, 0, 0, vbar, 8, false),
};

static void
condition (DioJitControl *control, size_t at, unsigned bytes, bool zero)
{
  control->conditions[control->n_conditions++] =
      (DioJitCondition){ (int32_t) at, (uint8_t) bytes, zero };
}

static void
only_system (DioJitControl *control)
{
  condition (control, offsetof (DioArm64, el), 1, false);
}

static bool
is_word (unsigned number, bool write, DioJitControl *control)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (words); i++) {
    const Word *word = &words[i];
    if (word->number != number || (write && !word->writable))
      continue;
    only_system (control);
    control->action = write ? DIO_JIT_CONTROL_WRITE : DIO_JIT_CONTROL_READ;
    control->word = (int32_t) word->word;
    control->bytes = word->bytes;
    control->mask = word->bytes == 8 ? UINT64_MAX : UINT32_MAX;
    return true;
  }
  return false;
}

/* The interrupt masks. Where some may be opened there must be no interrupt that waits for it. */
static bool
is_mask (const DioIrOp *op, const int64_t *constant, DioJitControl *control)
{
  bool field = op->immediate == DIO_A64_PSTATE_DAIFSET || op->immediate == DIO_A64_PSTATE_DAIFCLR;
  if (!field && op->immediate != SYSREG (3, 3, 4, 2, 1))
    return false;
  only_system (control);
  control->word = offsetof (DioArm64, pstate);
  control->bytes = 4;
  control->mask = A64_PSTATE_DAIF;
  control->action = op->opcode == DIO_IR_CSR_READ ? DIO_JIT_CONTROL_READ : DIO_JIT_CONTROL_WRITE;
  if (field) {
    if (!constant)
      return false;
    control->mask = (uint64_t) (*constant & 15) << 6;
    control->action =
        op->immediate == DIO_A64_PSTATE_DAIFSET ? DIO_JIT_CONTROL_SET : DIO_JIT_CONTROL_CLEAR;
  }
  if (control->action == DIO_JIT_CONTROL_WRITE || control->action == DIO_JIT_CONTROL_CLEAR)
    condition (control, offsetof (DioArm64, irq_lines), 4, true);
  return true;
}

/* Registers that programs read. */
static bool
is_of_programs (unsigned number, DioJitControl *control)
{
  switch (number) {
  case SYSREG (3, 3, 0, 0, 7): /* DCZID_EL0 */
    control->action = DIO_JIT_CONTROL_CONSTANT;
    control->mask = A64_DCZID;
    return true;
  case SYSREG (3, 3, 0, 0, 1): /* CTR_EL0 */
    only_system (control);
    control->action = DIO_JIT_CONTROL_CONSTANT;
    control->mask = A64_CTR;
    return true;
  case SYSREG (3, 3, 4, 4, 0): /* FPCR */
    condition (control, offsetof (DioArm64, fp_slow), 1, true);
    control->action = DIO_JIT_CONTROL_READ;
    control->word = offsetof (DioArm64, fpcr);
    control->bytes = 4;
    control->mask = UINT32_MAX;
    return true;
  default:
    return false;
  }
}

/* With nothing to be done for others, and by them. */
static bool
is_barrier (const char *name, DioJitControl *control)
{
  bool dsb = g_strcmp0 (name, "dsb") == 0;
  if (!dsb && g_strcmp0 (name, "isb") != 0)
    return false;
  condition (control, offsetof (DioArm64, interp.requests), 4, true);
  condition (control, dsb ? offsetof (DioArm64, asked_others) : offsetof (DioArm64, forget_code), 1,
             true);
  control->action = dsb ? DIO_JIT_CONTROL_FENCE : DIO_JIT_CONTROL_NOTHING;
  return true;
}

bool
dio_a64_control (const DioIrOp *op, const int64_t *constant, DioJitControl *control)
{
  unsigned number = (unsigned) op->immediate;
  if (op->opcode == DIO_IR_SYSTEM)
    return is_barrier (op->note, control);
  if (is_mask (op, constant, control))
    return true;
  if (op->opcode == DIO_IR_CSR_READ && is_of_programs (number, control))
    return true;
  return is_word (number, op->opcode == DIO_IR_CSR_WRITE, control);
}

bool
dio_a64_is_plain (const DioInsn *insn)
{
  DioJitControl control = { 0 };
  DioIrOp op = { .immediate = (uint16_t) insn->wide };
  switch (insn->leaf) {
  case DIO_A64_LEAF_MSR_DAIFSET:
  case DIO_A64_LEAF_MSR_DAIFCLR:
  case DIO_A64_LEAF_DSB:
  case DIO_A64_LEAF_ISB:
  case DIO_A64_LEAF_DC_ZVA:
    return true;
  case DIO_A64_LEAF_MSR:
    op.opcode = DIO_IR_CSR_WRITE;
    break;
  case DIO_A64_LEAF_MRS:
    op.opcode = DIO_IR_CSR_READ;
    break;
  default:
    return false;
  }
  return dio_a64_control (&op, NULL, &control);
}
