/* SPDX-License-Identifier: GPL-3.0-or-later
 * The program that was running when the snapshots in tests/guest/kept were taken: small in memory,
 * and long enough to be in the middle. */
#define WORDS (1u << 12)
#define ROUNDS 60000
#define SUM 0xe9ed046f1c7388de /* what any processor computes */
#include "memory.c"
