/* SPDX-License-Identifier: GPL-3.0-or-later
 * Vectors of memory, taken apart. */
#include <string.h>

#include "core/backend/block/block-node.h"

uint64_t
dio_iov_length (const struct iovec *iov, int n_iov)
{
  uint64_t length = 0;
  for (int i = 0; i < n_iov; i++)
    length += iov[i].iov_len;
  return length;
}

int
dio_iov_slice (struct iovec *out, const struct iovec *iov, int n_iov, uint64_t skip,
               uint64_t length)
{
  int used = 0;
  for (int i = 0; i < n_iov && length > 0; i++) {
    if (skip >= iov[i].iov_len) {
      skip -= iov[i].iov_len;
      continue;
    }
    size_t here = (size_t) MIN (iov[i].iov_len - skip, length);
    out[used++] = (struct iovec){ (char *) iov[i].iov_base + skip, here };
    length -= here;
    skip = 0;
  }
  return used;
}

void
dio_iov_zero (const struct iovec *iov, int n_iov, uint64_t skip)
{
  for (int i = 0; i < n_iov; i++) {
    size_t keep = (size_t) MIN (skip, iov[i].iov_len);
    memset ((char *) iov[i].iov_base + keep, 0, iov[i].iov_len - keep);
    skip -= keep;
  }
}

void
dio_iov_fill (const struct iovec *iov, int n_iov, const void *data)
{
  for (int i = 0; i < n_iov; i++) {
    memcpy (iov[i].iov_base, data, iov[i].iov_len);
    data = (const char *) data + iov[i].iov_len;
  }
}
