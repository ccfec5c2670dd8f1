/* SPDX-License-Identifier: GPL-3.0-or-later
 * A device alone, whose state is brought about by random writes, saved, loaded and looked at. */
#pragma once

#include "hw/pci/pci-device.h"
#include "tests/support/hw-bench.h"

#define STATE_REGIONS 7 /* at most: BARs and the configuration space */
#define STATE_PAGES 104

typedef struct {
  DioHwBench *bench;
  DioDevice *dev;
  DioPciDevice *pci; /* the device again, or NULL */
} StateRig;

/* Where registers are read: @which is the BAR, 6 for the configuration space. */
typedef struct {
  uint64_t which;
  DioGpa base;
  uint64_t size;
  uint64_t width; /* of an access */
} StateRegion;

StateRig state_rig_new (const DioDeviceType *type);
void state_rig_free (StateRig *rig);

/* As a machine does it: when the device does nothing any more. Loading tells whether it could. */
GBytes *state_rig_save (StateRig *rig);
bool state_rig_load (StateRig *rig, GBytes *bytes);
void state_rig_wake (StateRig *rig);

/* @count writes and reads all over the registers, and writes to the memory that it may read. */
void state_rig_scramble (StateRig *rig, GRand *rand, unsigned count);

/* The regions that can be read, as the BARs are now; how many. */
unsigned state_rig_regions (StateRig *rig, StateRegion regions[STATE_REGIONS]);

/* Register blocks begin at round addresses: the first bytes of the first pages, and of the pages
 * after each power of two. @index from 0 to STATE_PAGES - 1 gives them; UINT64_MAX: not in @size.
 */
uint64_t state_rig_page (unsigned index, uint64_t size);
