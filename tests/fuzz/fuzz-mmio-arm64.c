/* SPDX-License-Identifier: GPL-3.0-or-later
 * The fuzzer of boards, with that of arm64. */
#define FUZZ_ARM64
#include "fuzz-mmio.c"
