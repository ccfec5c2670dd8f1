/* SPDX-License-Identifier: GPL-3.0-or-later
 * The x86-64 encoder: everything that a code generator includes.
 *
 * One function for each form of an instruction, named dio_x64_MNEMONIC_OPERANDS: r is a general
 * register, m memory, i an immediate, x an XMM, y a YMM register; the destination comes first. `w`
 * is the width in bytes: 1, 2, 4, 8 for integers, 4 (ss) or 8 (sd) for floating point. As in the
 * processor, w = 4 clears the upper half of the register, 1 and 2 leave the rest of it as it was.
 *
 *   core/jit/x86_64/x64-emit.h     operands, buffer, labels, jumps, the generic encodings
 *   core/jit/x86_64/x64-integer.h  general registers
 *   core/jit/x86_64/x64-vector.h   SSE and AVX; its packed instructions are in x64-vector.inc */
#pragma once

#include "core/jit/x86_64/x64-emit.h"
#include "core/jit/x86_64/x64-integer.h"
#include "core/jit/x86_64/x64-vector.h"
