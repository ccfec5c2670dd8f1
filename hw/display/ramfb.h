/* SPDX-License-Identifier: GPL-3.0-or-later
 * A framebuffer in the guest's memory, which firmware tells by fw_cfg ("etc/ramfb"). */
#pragma once

#include "core/vm/vm-device.h"

/* A system device without registers: attached, never mapped. */
extern const DioDeviceType dio_ramfb_type;

/* Adds the file through which the guest configures @ramfb to @fw_cfg, whose state is then the
 * state of both. After attach of both, before the machine starts. */
void dio_ramfb_connect (DioDevice *ramfb, DioDevice *fw_cfg);
