/* SPDX-License-Identifier: GPL-3.0-or-later
 * The one way to files: every disk, snapshot, manifest and variable store reaches the host through
 * a `DioFiles`, so that tests can log all of it, make any call fail, and cut the power between any
 * two.
 *
 * A call is a value (`DioFileCall`); a `DioFiles` performs it itself or hands it, perhaps changed,
 * to the one below. The bottom is dio_files_host(), a table with one function for each operation; a
 * layer on top is one function for all of them. File descriptors are the kernel's, in every layer.
 *
 * The functions below make the calls. They repeat what signals interrupt and what comes in parts,
 * so that neither layers nor callers need to. All results are -errno on failure; errno itself means
 * nothing. Any thread, and all may block. */
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "core/base/base-types.h"

/* The operations. What a call returns on success is 0 where nothing is said. */
typedef enum {
  DIO_FILE_OP_OPEN,  /* @path in @fd with @flags, @mode and RESOLVE_* in @resolve: a descriptor */
  DIO_FILE_OP_CLOSE, /* @fd */
  DIO_FILE_OP_READ,  /* @fd at @offset into @iov: bytes */
  DIO_FILE_OP_WRITE, /* @fd at @offset from @iov: bytes */
  DIO_FILE_OP_SYNC,  /* @fd, a file or a folder */
  DIO_FILE_OP_DATASYNC, /* @fd */
  DIO_FILE_OP_TRUNCATE, /* @fd to @length */
  DIO_FILE_OP_ALLOCATE, /* @fd, FALLOC_FL_* in @flags, @offset and @length */
  DIO_FILE_OP_SEEK,     /* @fd, @offset and SEEK_* in @flags: the position */
  DIO_FILE_OP_COPY,     /* @length bytes at @other_offset of @other_fd to @offset of @fd: bytes */
  DIO_FILE_OP_CLONE,    /* the same by sharing blocks; a @length of 0 is all up to the end */
  DIO_FILE_OP_STAT,     /* @path in @fd with AT_* in @flags into @status */
  DIO_FILE_OP_SPACE,    /* the bytes that are free where @fd lies */
  DIO_FILE_OP_LOCK,     /* @fd, F_OFD_* in @flags, @lock */
  DIO_FILE_OP_RENAME,   /* @path in @fd to @other_path in @other_fd, RENAME_* in @flags */
  DIO_FILE_OP_LINK,     /* @path in @fd becomes @other_path in @other_fd too */
  DIO_FILE_OP_UNLINK,   /* @path in @fd, AT_REMOVEDIR in @flags */
  DIO_FILE_OP_MKDIR,    /* @path in @fd with @mode */
  DIO_FILE_N_OPS,
} DioFileOp;

typedef struct {
  DioFileOp op;
  int fd; /* the file, or the folder that @path starts in */
  const char *path;
  int other_fd;
  const char *other_path;
  int flags;
  mode_t mode;
  uint64_t resolve;
  const struct iovec *iov;
  int n_iov;
  uint64_t offset, length, other_offset;
  struct statx *status;
  struct flock *lock;
} DioFileCall;

typedef struct DioFiles DioFiles;

/* To be the first member of a layer. */
struct DioFiles {
  int64_t (*call) (DioFiles *self, const DioFileCall *call);
  DioFiles *below; /* of a layer; it outlives the layer */
  /* Of a layer that lets calls be begun on a ring (file-ring.h): it sees @call before that. True:
   * it is done, with *@result; false: it may begin. NULL: all come through @call, on threads. */
  bool (*intercept) (DioFiles *self, const DioFileCall *call, int64_t *result);
};

/* The system calls. Stateless; lives for ever. */
DioFiles *dio_files_host (void);

/* Opens @path in the folder @dir_fd (AT_FDCWD: the current one), always with O_CLOEXEC. Returns a
 * descriptor to be closed with dio_file_close(). */
int dio_file_open (DioFiles *files, int dir_fd, const char *path, int flags, mode_t mode);

/* The same for a @path that comes from elsewhere: it must stay below @dir_fd, and no symbolic link
 * is followed, neither on the way nor at the end. */
int dio_file_open_beneath (DioFiles *files, int dir_fd, const char *path, int flags, mode_t mode);

/* The result counts for what was written: quotas and network file systems speak up here at last.
 * The descriptor is gone in any case. */
int dio_file_close (DioFiles *files, int fd);

/* All that @iov describes. Reading stops at the end of the file; the result is how many bytes there
 * were. Writing is all or an error. */
int64_t dio_file_readv (DioFiles *files, int fd, const struct iovec *iov, int n_iov,
                        uint64_t offset);
int dio_file_writev (DioFiles *files, int fd, const struct iovec *iov, int n_iov, uint64_t offset);

/* The same for one piece of memory. */
int64_t dio_file_read (DioFiles *files, int fd, void *data, size_t length, uint64_t offset);
int dio_file_write (DioFiles *files, int fd, const void *data, size_t length, uint64_t offset);

/* After a failure the kernel may have dropped what was to be written: the contents are unknown from
 * then on, and trying again proves nothing. */
int dio_file_sync (DioFiles *files, int fd);
int dio_file_datasync (DioFiles *files, int fd);

int dio_file_truncate (DioFiles *files, int fd, uint64_t length);

/* @mode of FALLOC_FL_*. */
int dio_file_allocate (DioFiles *files, int fd, int mode, uint64_t offset, uint64_t length);

/* True for results that say that this file system cannot do such a thing, but another way may
 * work. */
bool dio_file_is_unsupported (int64_t result);

/* Where data (SEEK_DATA) or a hole (SEEK_HOLE) starts at or behind @offset, or the size (SEEK_END,
 * @offset 0; devices have one, too). -ENXIO behind the last data. */
int64_t dio_file_seek (DioFiles *files, int fd, uint64_t offset, int whence);

/* Copies within the kernel; may do less than asked for, 0 at the end of the source. */
int64_t dio_file_copy_range (DioFiles *files, int source, uint64_t source_offset, int fd,
                             uint64_t offset, uint64_t length);

/* Shares blocks; unsupported on most file systems. A @length of 0 is all up to the end. */
int dio_file_clone_range (DioFiles *files, int source, uint64_t source_offset, int fd,
                          uint64_t offset, uint64_t length);

/* @flags of AT_*; an empty @path with AT_EMPTY_PATH is @fd itself. */
int dio_file_stat (DioFiles *files, int fd, const char *path, int flags, struct statx *status);

/* Bytes that this person may still use on the file system of @fd. */
int64_t dio_file_free_space (DioFiles *files, int fd);

/* @command is F_OFD_SETLK, F_OFD_SETLKW or F_OFD_GETLK. -EAGAIN when somebody else holds it. */
int dio_file_lock (DioFiles *files, int fd, int command, struct flock *lock);

/* Changes of folders; on disk after a dio_file_sync() of them. @flags of RENAME_*. */
int dio_file_rename (DioFiles *files, int dir_fd, const char *path, int new_dir_fd,
                     const char *new_path, int flags);
int dio_file_link (DioFiles *files, int dir_fd, const char *path, int new_dir_fd,
                   const char *new_path);
int dio_file_unlink (DioFiles *files, int dir_fd, const char *path, int flags);
int dio_file_mkdir (DioFiles *files, int dir_fd, const char *path, mode_t mode);
