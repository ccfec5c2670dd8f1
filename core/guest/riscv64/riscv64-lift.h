/* SPDX-License-Identifier: GPL-3.0-or-later
 * From riscv64 instructions to intermediate representation. */
#pragma once

#include "core/guest/guest-insn.h"
#include "core/ir/ir-block.h"

/* An access to a control register after which a block may go on: it changes neither translation nor
 * what interrupts may be taken, and need not know how many instructions were retired. */
bool dio_rv_is_plain_csr (const DioInsn *insn);

/* Appends to @block the meaning of the instructions in @code, as far as one block goes: up to an
 * instruction that always leaves, at most @max instructions, or what of @length bytes holds whole
 * instructions. An exit to what follows is appended when none of them ends the block. Returns the
 * bytes taken. Any thread. */
size_t dio_rv_lift (DioIrBlock *block, const uint8_t *code, size_t length, unsigned max);
