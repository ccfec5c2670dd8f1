/* SPDX-License-Identifier: GPL-3.0-or-later
 * How a machine's compiler works, for who tests and debugs it. */
#pragma once

#include <glib.h>

#include "core/base/base-types.h"

typedef struct {
  unsigned hot;      /* heat at which a place is compiled; 0: when it is first seen */
  bool whole;        /* also what can be reached but was not run yet */
  bool check;        /* all compiled code beside the interpreter: see HACKING.md */
  bool traps;        /* code relies on traps of the FPU however many there are */
  size_t cache;      /* bytes of code memory */
  size_t segment;    /* and of its parts */
  char features[96]; /* of the host that are (not) used: dio_x64_features_override() */
} DioJitOptions;

/* What machines run with. */
void dio_jit_options_init (DioJitOptions *options);

/* Applies @text: words, separated by spaces, of "hot=HEAT", "whole", "check", "traps",
 * "cache=MIB", "segment=KIB", "features=LIST". NULL and "" change nothing. DIO_ERROR_CONFIG for
 * another word; the names of features are looked at when a compiler is made. */
bool dio_jit_options_parse (DioJitOptions *options, const char *text, GError **error);
