/* SPDX-License-Identifier: GPL-3.0-or-later
 * riscv64 on the compiler: between the instruction engine and core/jit. vCPU thread. */
#pragma once

#include "core/guest/riscv64/riscv64-engine-private.h"

/* How many jumps of the interpreter pass between two looks at where it is. */
#define DIO_RV_SAMPLE_PERIOD 16

/* Makes the machine's compiler if there is none yet and @hart part of it. False: it cannot be. */
bool dio_rv_jit_init (DioRiscv64 *hart, GError **error);
void dio_rv_jit_free (DioRiscv64 *hart);

/* How the compiler sees a riscv64 guest. */
extern const DioJitGuest dio_rv_jit_guest;

/* While compiled code is left for a moment: instructions retired. */
uint64_t dio_rv_jit_retired (const DioRiscv64 *hart);
/* The exceptions in the host's MXCSR as fflags. */
uint8_t dio_rv_jit_exceptions (uint32_t mxcsr);

/* From run(): what was compiled from pages written meanwhile is forgotten. */
void dio_rv_jit_synchronise (DioRiscv64 *hart);
/* The same at fence.i. */
void dio_rv_jit_barrier (DioRiscv64 *hart);

/* Runs compiled code for the instruction at hart->pc, which is at @address in RAM; false if there
 * is none (any more). hart->pc and the instruction count are exact before and after. Then
 * engine->exit tells whether the engine must be left: DIO_EXIT_HALT. */
bool dio_rv_jit_enter (DioRiscv64 *hart, uint64_t address);

/* The interpreter is often at @address in RAM, virtual address @pc: compiles it when it has been so
 * often enough. True when there is compiled code. */
bool dio_rv_jit_sample (DioRiscv64 *hart, uint64_t address, uint64_t pc);
