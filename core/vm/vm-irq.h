/* SPDX-License-Identifier: GPL-3.0-or-later
 * An interrupt line that anyone can hold without knowing the controller behind it. */
#pragma once

#include "core/base/base-types.h"

/* By value. @set may be called from any thread with any device lock held; controllers lock for
 * themselves with a leaf lock and never call back into devices. */
typedef struct {
  void (*set) (void *opaque, unsigned number, bool level);
  void *opaque;
  unsigned number;
} DioIrq;

static inline void
dio_irq_set (const DioIrq *irq, bool level)
{
  if (irq->set)
    irq->set (irq->opaque, irq->number, level);
}

/* Where message-signalled interrupts go. @send returns false when no controller claims @address;
 * @requester is the sender: bus, device and function of PCI, as in its requests. */
typedef struct {
  bool (*send) (void *opaque, uint32_t requester, DioGpa address, uint32_t data);
  void *opaque;
} DioMsiTarget;
