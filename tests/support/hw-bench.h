/* SPDX-License-Identifier: GPL-3.0-or-later
 * A bench for single devices: a machine of memory and nothing else, not started, whose loop and
 * clock run all the same. */
#pragma once

#include "core/vm/vm-machine.h"
#include "hw/system-device.h"
#include "tests/support/support-machine.h"

#define DIO_HW_BENCH_LINES 256
#define DIO_HW_BENCH_RAM SUPPORT_RAM_BASE
#define DIO_HW_BENCH_RAM_SIZE (UINT64_C (4) << 20)

typedef struct {
  DioMachine *machine;
  struct {
    _Atomic bool level;
    _Atomic unsigned rises;
  } lines[DIO_HW_BENCH_LINES];
} DioHwBench;

DioHwBench *dio_hw_bench_new (void);
void dio_hw_bench_free (DioHwBench *bench); /* devices in reverse order first */

/* Attaches @dev, maps its region 0, if it has one, at @gpa and connects its lines to the bench's
 * from @line on. */
void dio_hw_bench_add (DioHwBench *bench, DioDevice *dev, DioGpa gpa, unsigned line);

/* A line that the bench records. */
DioIrq dio_hw_bench_irq (DioHwBench *bench, unsigned line);
bool dio_hw_bench_level (DioHwBench *bench, unsigned line);
unsigned dio_hw_bench_rises (DioHwBench *bench, unsigned line); /* since the last call */

/* Waits up to five seconds for @line to have @level. */
bool dio_hw_bench_wait (DioHwBench *bench, unsigned line, bool level);

/* Accesses as a vCPU makes them; that nothing is there fails the test. */
uint64_t dio_hw_bench_read (DioHwBench *bench, DioGpa gpa, unsigned size);
void dio_hw_bench_write (DioHwBench *bench, DioGpa gpa, unsigned size, uint64_t value);

/* Saves @dev; loads @dev, which must succeed or, with @expect false, fail. */
GBytes *dio_hw_bench_save (DioDevice *dev);
void dio_hw_bench_load (DioDevice *dev, GBytes *bytes, bool expect);

/* Returns when the loop has run everything posted so far. */
void dio_hw_bench_sync (DioHwBench *bench);
