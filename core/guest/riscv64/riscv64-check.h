/* SPDX-License-Identifier: GPL-3.0-or-later
 * Compiled code of riscv64 beside the interpreter, in lock step, for who debugs the compiler: the
 * option "check" of core/jit/jit-options.h. vCPU thread.
 *
 * A section is what compiled code does between two calls that say where it goes on. All of its
 * loads, stores and atomic operations are made by functions, as its TLB is an empty one; they are
 * done in full and recorded. When a section ends, the interpreter's semantic functions do it again
 * from the registers it began with, with recorded loads and results instead of memory. Then both
 * must have made the same accesses, and agree on registers, exception flags, PC, reservation and
 * the number of instructions. The first difference ends the machine. */
#pragma once

#include "core/guest/riscv64/riscv64-priv.h"

typedef struct DioRvCheck DioRvCheck;

/* How the compiler sees a guest that is checked. */
extern const DioJitGuest dio_rv_check_guest;

void dio_rv_check_init (DioRiscv64 *hart);
/* Tells how much was compared. */
void dio_rv_check_free (DioRiscv64 *hart);
/* @code is entered, for the instruction at hart->interp.pc, whose bytes are at @at. */
void dio_rv_check_begin (DioRiscv64 *hart, const uint8_t *code, const uint8_t *at);
