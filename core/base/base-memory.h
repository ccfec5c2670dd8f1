/* SPDX-License-Identifier: GPL-3.0-or-later
 * Memory whose amount a guest or a file decides: it is asked for and may be refused, which is an
 * error like any other. GLib's own containers end the process instead. */
#pragma once

#include <glib.h>

#include "core/base/base-types.h"

/* Makes room for @needed items of @item bytes in *@array (a `T **`), which has room for *@capacity
 * of them; much more than asked for, so that growing one by one costs little. False and no change
 * where there is no memory. To be freed with g_free(). */
bool dio_memory_grow (void *array, size_t *capacity, size_t needed, size_t item);

/* True if @length bytes could be had now. For libraries that cannot be told: the answer may be
 * out of date at once. */
bool dio_memory_is_there (size_t length);

/* A set of keys of @key_size bytes, 8 at least, zeros before use. Room is made before something is
 * added, so that adding cannot fail. Not for several threads. */
typedef struct {
  size_t key_size;
  uint8_t *slots; /* one key each; zeros: none */
  size_t n_slots, n;
  uint64_t seed;
  bool has_zeros; /* the key of zeros is in the set */
} DioSet;

void dio_set_init (DioSet *set, size_t key_size);
void dio_set_clear (DioSet *set);

/* Room for @more keys in addition to what is there. False: there is no memory. */
bool dio_set_reserve (DioSet *set, size_t more);

bool dio_set_contains (const DioSet *set, const void *key);

/* True if @key was not there. There must be room. */
bool dio_set_add (DioSet *set, const void *key);

/* True if @key was there. */
bool dio_set_remove (DioSet *set, const void *key);
