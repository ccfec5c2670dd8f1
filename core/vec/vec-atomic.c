/* SPDX-License-Identifier: GPL-3.0-or-later
 * Atomic operations on 128 bits. */
#include "core/vec/vec-types.h"

DioVec
dio_vec_compare_swap (void *host, DioVec expected, DioVec desired)
{
#if defined(__x86_64__)
  /* In assembler, as compilers use the instruction only with an option for it; every processor
   * that anybody runs this on has it. */
  uint64_t low = expected[0], high = expected[1];
  __asm__ volatile("lock cmpxchg16b %0"
                   : "+m"(*(unsigned __int128 *) host), "+a"(low), "+d"(high)
                   : "b"(desired[0]), "c"(desired[1])
                   : "cc", "memory");
  return dio_vec_make (low, high);
#else
  unsigned __int128 old = (unsigned __int128) expected[1] << 64 | expected[0];
  unsigned __int128 new = (unsigned __int128) desired[1] << 64 | desired[0];
  __atomic_compare_exchange_n ((unsigned __int128 *) host, &old, new, false, __ATOMIC_SEQ_CST,
                               __ATOMIC_SEQ_CST);
  return dio_vec_make ((uint64_t) old, (uint64_t) (old >> 64));
#endif
}
