/* SPDX-License-Identifier: GPL-3.0-or-later
 * What a machine's compiler counts. */
#pragma once

#include "core/base/base-types.h"

/* Written under the compiler's lock or by vCPU threads without care for lost increments; read by
 * anyone. */
typedef struct {
  uint64_t units, insns, code_bytes; /* compiled so far: regions, guest instructions, host code */
  uint64_t live_units, live_bytes;   /* of them in the cache */
  uint64_t compile_ns;               /* spent compiling, all vCPUs together */
  uint64_t invalidated_units;        /* because their page was written */
  uint64_t evicted_segments;         /* for want of room */
  uint64_t lookups, lookup_misses;   /* exits of compiled code that asked where to go on; in vain */
  uint64_t interpreted;              /* single instructions run by the interpreter */
  uint64_t polls, faults;
  uint64_t refills;       /* TLB misses that compiled code has answered by itself */
  uint64_t sweeps;        /* times that a loop went round without looking into the TLB */
  uint64_t slow_accesses; /* those it has not, devices, and control registers */
  uint64_t traps, steps;  /* of the FPU, with a way on; without, so that one instruction was done */
  uint64_t failed;        /* regions that the generator refused */
  uint64_t enters;        /* from the interpreter */
} DioJitStats;
