/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the differential harness and the oracle inside qemu-riscv64 share: one mapping of a file,
 * with a batch of cases in it and their results.
 *
 * Guest addresses are the same on both sides, so that registers compare as they are:
 *
 *   code     DIFF_CODE_SIZE bytes, all c.ebreak but for what follows, so that every jump lands on
 *            something that stops.
 *   slots    the code under test, each piece followed by `j stub`.
 *   jumps    slots of 16 bytes for single jumps and branches, of which the upper half stays
 *            c.ebreak; far from the others.
 *   stubs    8 bytes for each register B that the code under test does not write. In the oracle,
 *            stub B leaves through B; on our side it is an ecall.
 *   data     DIFF_DATA_SIZE bytes with nothing before and after. A case has a window in it, which
 *            is set before the case and read back after it. */
#pragma once

#include <stdint.h>

#define DIFF_CODE UINT64_C (0x10000000)
#define DIFF_CODE_SIZE UINT64_C (0x400000)
#define DIFF_JUMPS (DIFF_CODE + 0x180000)
#define DIFF_JUMPS_SIZE UINT64_C (0x10000)
#define DIFF_SLOTS (DIFF_CODE + 0x200000)
#define DIFF_SLOTS_SIZE UINT64_C (0x40000)
#define DIFF_STUBS (DIFF_CODE + 0x240000)
#define DIFF_DATA UINT64_C (0x20000000)
#define DIFF_DATA_SIZE UINT64_C (0x10000)
#define DIFF_SHARED UINT64_C (0x30000000)

#define DIFF_C_EBREAK UINT64_C (0x9002900290029002)

#define DIFF_BATCH 2048
#define DIFF_WINDOW_MAX 1040
#define DIFF_BLOB_SIZE (DIFF_BATCH * 256)

typedef struct {
  uint64_t x[32]; /* x[0]: the address of the slot; so is x[base] */
  uint64_t f[32];
  uint64_t fcsr;
  uint64_t base;   /* B, never x0 */
  uint64_t window; /* address, a multiple of 8 */
  uint32_t length; /* bytes, a multiple of 8 */
  uint32_t blob;   /* where the window's bytes are in DiffShared.blob and .blob_out */
} DiffCase;

typedef struct {
  uint64_t x[32]; /* x[0]: pc where a signal hit; x[base] is not stored unless there was a signal */
  uint64_t f[32];
  uint64_t fcsr;
  uint64_t signal; /* 0: left through the stub */
  uint64_t fault;  /* si_addr */
} DiffResult;

typedef struct {
  uint64_t count;
  uint64_t running;              /* index of the case that the oracle is at */
  uint64_t slots_end, jumps_end; /* bytes in use, multiples of 8 */
  DiffCase cases[DIFF_BATCH];
  DiffResult results[DIFF_BATCH];
  uint64_t blob[DIFF_BLOB_SIZE / 8];
  uint64_t blob_out[DIFF_BLOB_SIZE / 8];
  uint64_t slots[DIFF_SLOTS_SIZE / 8]; /* what goes to DIFF_SLOTS */
  uint64_t jumps[DIFF_JUMPS_SIZE / 8]; /* and to DIFF_JUMPS */
  uint64_t data[DIFF_DATA_SIZE / 8];   /* what the batch left outside the windows */
} DiffShared;
