/* SPDX-License-Identifier: GPL-3.0-or-later
 * The second level of the TLB, searched by compiled code. */
#pragma once

#include "core/jit/jit-private.h"
#include "core/jit/x86_64/x64-asm.h"

typedef struct {
  uint8_t size; /* bytes: 1, 2, 4, 8, 16 */
  bool is_store;
  bool is_signed;
} DioX64Access;

/* Whether @opcode is a plain load or store, and which. */
bool dio_x64_plain_access (unsigned opcode, DioX64Access *access);

/* Makes the beginning of a function for @access: guest's address in rcx, value of a store in rdx.
 * It returns to its caller with what was loaded in rcx (vectors are in DioJitVcpu.scratch), or goes
 * to @fail with everything as it was. No other register changes but those that are scratch. @flags:
 * a constant near the code that has the address of the flags of the RAM's pages. */
void dio_x64_gen_refill (DioX64Asm *a, const DioJitGuest *guest, DioX64Access access,
                         const uint8_t *flags, DioX64Label *fail);
