/* SPDX-License-Identifier: GPL-3.0-or-later
 * The state of the host's FPU around guest code. */
#include "core/fp/fp.h"

#include <fenv.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

uint64_t
dio_fp_host_enter (void)
{
#if defined(__x86_64__)
  unsigned saved = _mm_getcsr ();

  _mm_setcsr (0x1f80);
  return saved;
#else
  int saved = fegetround ();

  fesetround (FE_TONEAREST);
  return (uint64_t) saved;
#endif
}

void
dio_fp_host_leave (uint64_t saved)
{
#if defined(__x86_64__)
  _mm_setcsr ((unsigned) saved);
#else
  fesetround ((int) saved);
#endif
}
