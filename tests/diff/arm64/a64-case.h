/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the differential harness of arm64 and the oracle inside qemu-aarch64 share: one mapping of a
 * file, with a batch of cases in it and their results.
 *
 * Guest addresses are the same on both sides, so that registers compare as they are:
 *
 *   code     A64_CODE_SIZE bytes, all brk but for what follows, so that every jump lands on
 *            something that stops.
 *   jumps    slots of 16 bytes for single jumps and branches, of which the upper half stays brk.
 *   slots    the code under test; behind it brk.
 *   data     A64_DATA_SIZE bytes with nothing before and after. A case has a window in it, which is
 *            set before the case and read back after it.
 *
 * Every case ends in an exception. In the oracle the handler of its signal takes the state out of
 * the signal frame and puts the next case's state into it, so that entering and leaving the code
 * under test needs no register. */
#pragma once

#include <stdint.h>

#define A64_CODE UINT64_C (0x10000000)
#define A64_CODE_SIZE UINT64_C (0x400000)
#define A64_JUMPS (A64_CODE + 0x180000)
#define A64_JUMPS_SIZE UINT64_C (0x10000)
#define A64_SLOTS (A64_CODE + 0x200000)
#define A64_SLOTS_SIZE UINT64_C (0x40000)
#define A64_DATA UINT64_C (0x20000000)
#define A64_DATA_SIZE UINT64_C (0x10000)
#define A64_SHARED UINT64_C (0x30000000)

#define A64_BRK UINT32_C (0xd4200000)

#define A64_BATCH 2048
#define A64_WINDOW_MAX 1024
#define A64_BLOB_SIZE (A64_BATCH * A64_WINDOW_MAX)

typedef struct {
  uint64_t x[31];
  uint64_t sp, pc;
  uint64_t nzcv; /* bits 31 to 28 */
  uint64_t fpcr, fpsr;
  uint64_t v[32][2];
} A64State;

typedef struct {
  A64State state;
  uint64_t window; /* address, a multiple of 8 */
  uint32_t length; /* bytes, a multiple of 8 */
  uint32_t blob;   /* where the window's bytes are in A64Shared.blob and .blob_out */
} A64Case;

typedef struct {
  A64State state;
  uint64_t signal;
  uint64_t fault; /* si_addr */
} A64Result;

typedef struct {
  uint64_t count;
  uint64_t running;              /* index of the case that the oracle is at */
  uint64_t slots_end, jumps_end; /* bytes in use, multiples of 8 */
  A64Case cases[A64_BATCH];
  A64Result results[A64_BATCH];
  uint64_t blob[A64_BLOB_SIZE / 8];
  uint64_t blob_out[A64_BLOB_SIZE / 8];
  uint64_t slots[A64_SLOTS_SIZE / 8]; /* what goes to A64_SLOTS */
  uint64_t jumps[A64_JUMPS_SIZE / 8]; /* and to A64_JUMPS */
  uint64_t data[A64_DATA_SIZE / 8];   /* what the batch left outside the windows */
} A64Shared;
