/* SPDX-License-Identifier: GPL-3.0-or-later
 * riscv64 on the compiler: between the instruction engine and core/jit. vCPU thread. */
#pragma once

#include "core/guest/riscv64/riscv64-priv.h"

/* If the machine is to run compiled code: makes its compiler if there is none yet and @hart part of
 * it. False: it cannot be. */
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
