/* SPDX-License-Identifier: GPL-3.0-or-later
 * Compiled code beside the interpreter, in lock step, for who debugs the compiler: the option
 * "check" of core/jit/jit-options.h. vCPU thread.
 *
 * A section is what compiled code does between two calls that say where it goes on. All of its
 * loads, stores and atomic operations are made by functions, as its TLB is an empty one; they are
 * done in full and recorded. When a section ends, the interpreter's semantic functions do it again
 * from the registers it began with, with recorded loads and results instead of memory. Then both
 * must have made the same accesses, and agree on registers, exception flags, PC, reservation and
 * the number of instructions. The first difference ends the machine. */
#pragma once

#include "core/tier/tier.h"

/* Makes @seen what the compiler sees of a guest that is checked. */
void dio_tier_check_watch (DioJitGuest *seen);

void dio_tier_check_init (DioInterpCpu *cpu);
/* Tells how much was compared. */
void dio_tier_check_free (DioInterpCpu *cpu);
/* @code is entered, for the instruction at cpu->pc, whose bytes are at @at. */
void dio_tier_check_begin (DioInterpCpu *cpu, const uint8_t *code, const uint8_t *at);
