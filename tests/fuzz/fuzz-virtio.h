/* SPDX-License-Identifier: GPL-3.0-or-later
 * What a fuzzer of one virtio device gives to the common part (fuzz-virtio.c). */
#pragma once

#include "core/vm/vm-machine.h"

typedef struct {
  const DioDeviceType *type;
  /* Host sides that live as long as the process; may be NULL. */
  void (*prepare) (DioMachineHost *host);
  /* Before the device is realized; may be NULL. */
  void (*set_up) (DioDevice *dev, DioMachine *machine);
  /* Writes a command that makes sense, but for the numbers in it, and says how long it is and how
   * much room the answer needs; @memory is guest memory it may refer to. May be NULL. */
  size_t (*command) (const uint8_t choice[8], DioGpa memory, uint8_t out[128], uint32_t *in);
  /* Something happens on the host; @what is from the input. May be NULL. */
  void (*event) (DioDevice *dev, uint32_t what);
  /* Before the device is drained or freed: lets go of what is held back. May be NULL. */
  void (*release) (DioDevice *dev);
} FuzzVirtio;

extern const FuzzVirtio fuzz_virtio;
