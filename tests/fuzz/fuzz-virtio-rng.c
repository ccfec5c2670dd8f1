/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fuzzes virtio-rng, and with it the transport. */
#include "hw/virtio/virtio.h"
#include "tests/fuzz/fuzz-virtio.h"

const FuzzVirtio fuzz_virtio = { .type = &dio_virtio_rng_type };
