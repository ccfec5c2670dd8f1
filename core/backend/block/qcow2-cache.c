/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tables of qcow2 images in memory. Clean ones make room for others; dirty ones stay until they are
 * written, which dio_qcow2_flush_much() sees to. */
#include <errno.h>

#include "core/backend/block/qcow2-private.h"

#define LEAST_TABLES 8

void
dio_qcow2_cache_init (Qcow2Cache *cache, uint64_t table_bytes)
{
  *cache = (Qcow2Cache){ .lru = G_QUEUE_INIT,
                         .most = (unsigned) MAX (QCOW2_CACHE_BYTES / table_bytes, LEAST_TABLES) };
}

static Qcow2Table **
bucket_of (const Qcow2Cache *cache, uint64_t index)
{
  return &cache->buckets[index & (cache->n_buckets - 1)];
}

static bool
make_buckets (Qcow2Cache *cache)
{
  if (cache->buckets)
    return true;
  cache->n_buckets = LEAST_TABLES;
  while (cache->n_buckets < cache->most)
    cache->n_buckets *= 2;
  cache->buckets = g_try_new0 (Qcow2Table *, cache->n_buckets);
  return cache->buckets;
}

void
dio_qcow2_cache_drop (Qcow2Cache *cache, Qcow2Table *table)
{
  dio_qcow2_table_clean (cache, table);
  Qcow2Table **at = bucket_of (cache, table->index);
  while (*at != table)
    at = &(*at)->next;
  *at = table->next;
  g_queue_unlink (&cache->lru, &table->link);
  g_free (table->data);
  g_free (table);
}

void
dio_qcow2_cache_clear (Qcow2Cache *cache)
{
  while (cache->lru.head)
    dio_qcow2_cache_drop (cache, cache->lru.head->data);
  g_clear_pointer (&cache->buckets, g_free);
}

static void
make_room (Qcow2Cache *cache)
{
  GList *link = cache->lru.tail;
  while (link && cache->lru.length >= cache->most) {
    Qcow2Table *table = link->data;
    link = link->prev;
    if (table->dirty_from == table->dirty_to && !table->unlinked && !table->flushing)
      dio_qcow2_cache_drop (cache, table);
  }
}

Qcow2Table *
dio_qcow2_cache_find (Qcow2Cache *cache, uint64_t index)
{
  Qcow2Table *table = cache->buckets ? *bucket_of (cache, index) : NULL;
  while (table && table->index != index)
    table = table->next;
  if (table && cache->lru.head != &table->link) {
    g_queue_unlink (&cache->lru, &table->link);
    g_queue_push_head_link (&cache->lru, &table->link);
  }
  return table;
}

Qcow2Table *
dio_qcow2_cache_add (Qcow2 *qcow2, Qcow2Cache *cache, uint64_t index, uint64_t offset, bool read,
                     int *result)
{
  g_autofree uint8_t *data = make_buckets (cache) ? g_try_malloc0 (qcow2->cluster_size) : NULL;
  *result = data ? 0 : -ENOMEM;
  if (data && read) {
    int64_t got =
        dio_file_read (qcow2->node.files, qcow2->node.fd, data, qcow2->cluster_size, offset);
    if (got < 0)
      *result = (int) got;
    else if ((uint64_t) got < qcow2->cluster_size && !qcow2->sparse)
      *result = -EIO;
  }
  if (*result)
    return NULL;
  make_room (cache);
  Qcow2Table *table = g_new0 (Qcow2Table, 1);
  table->index = index;
  table->offset = offset;
  table->data = g_steal_pointer (&data);
  table->link.data = table;
  g_queue_push_head_link (&cache->lru, &table->link);
  table->next = *bucket_of (cache, index);
  *bucket_of (cache, index) = table;
  return table;
}

void
dio_qcow2_table_dirty (Qcow2Cache *cache, Qcow2Table *table, uint32_t from, uint32_t to)
{
  if (table->dirty_from == table->dirty_to) {
    cache->n_dirty++;
    table->dirty_from = from;
    table->dirty_to = to;
  } else {
    table->dirty_from = MIN (table->dirty_from, from);
    table->dirty_to = MAX (table->dirty_to, to);
  }
}

void
dio_qcow2_table_clean (Qcow2Cache *cache, Qcow2Table *table)
{
  if (table->dirty_from != table->dirty_to)
    cache->n_dirty--;
  table->dirty_from = table->dirty_to = 0;
}
