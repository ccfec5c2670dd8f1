/* SPDX-License-Identifier: GPL-3.0-or-later
 * From arm64 instructions to intermediate representation. */
#pragma once

#include "core/ir/ir-block.h"

/* Appends to @block the meaning of the instructions in @code, as far as one block goes: up to an
 * instruction that always leaves, at most @max instructions, or what of @length bytes holds whole
 * instructions. An exit to what follows is appended when none of them ends the block. Returns the
 * bytes taken. Any thread. */
size_t dio_a64_lift (DioIrBlock *block, const uint8_t *code, size_t length, unsigned max);
