/* SPDX-License-Identifier: GPL-3.0-or-later
 * The riscv64 disassembler. */
#pragma once

#include "core/base/base-types.h"

/* Enough for the text of any instruction. */
#define DIO_RV_DISASM_SIZE 80

/* Writes the instruction at the start of @raw, fetched from @pc, as text ("addi a0, a1, -3") to
 * @text, always terminated. Returns its length in bytes, 2 or 4. Operands are shown as decoded,
 * without aliases; branch targets are absolute. Any thread. */
unsigned dio_rv_disassemble (uint32_t raw, uint64_t pc, char *text, size_t size);
