/* SPDX-License-Identifier: GPL-3.0-or-later
 * Marks text for translation: _() translates now, N_() only marks (tables, descriptors). */
#pragma once

#include "config.h"

#include <glib/gi18n-lib.h>
