/* SPDX-License-Identifier: GPL-3.0-or-later
 * Statistics of a machine as JSON, for --stats, `diorama show --json` and the control socket. */
#pragma once

#include <json-glib/json-glib.h>

#include "core/vm/vm-machine.h"

/* Counters, times and million instructions per second of vCPU time. Caller owns. */
JsonObject *dio_stats_to_json (const DioMachineStats *stats);
