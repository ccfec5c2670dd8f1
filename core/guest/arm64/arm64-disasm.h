/* SPDX-License-Identifier: GPL-3.0-or-later
 * arm64 instructions as text. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define DIO_A64_DISASM_SIZE 96

/* Writes the instruction @raw at @pc, without aliases, to @text. Any thread. */
void dio_a64_disassemble (uint32_t raw, uint64_t pc, char *text, size_t size);
