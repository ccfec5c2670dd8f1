/* SPDX-License-Identifier: GPL-3.0-or-later
 * Memory that is refused: a malloc() that fails, at the n-th large allocation from now on.
 *
 * Small allocations end the process by design, as GLib's do. Who makes a file or a guest can make
 * no more of the large ones than the limits allow, and all of them are tried, not demanded. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define OOM_LARGE ((size_t) 64 << 10) /* bytes, and what is larger */

/* The @nth, from 1, large allocation of any thread fails. */
void oom_arm (unsigned nth);

/* The same among those of @least bytes, for what makes no small ones that it cannot do without. */
void oom_arm_from (unsigned nth, size_t least);

/* The same, and all after it fail too. */
void oom_arm_for_ever (unsigned nth, size_t least);

/* No more do. True if one has failed since. */
bool oom_disarm (void);
