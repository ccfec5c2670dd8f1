/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of the calls on files: every operation through a stack of layers, what is repeated, what
 * does not leave its folder, failures. */
#include "core/file/file.h"

#include <errno.h>
#include <glib.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/file/file-util.h"
#include "tests/support/files-fail.h"
#include "tests/support/files-log.h"

typedef struct {
  char *folder;
  int dir;
  FilesFail fail;
  FilesLog *log;
  DioFiles *files;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->folder = g_dir_make_tmp ("dio-file-XXXXXX", NULL);
  f->dir = dio_file_open (dio_files_host (), AT_FDCWD, f->folder, O_RDONLY | O_DIRECTORY, 0);
  g_assert_cmpint (f->dir, >=, 0);
  f->log = files_log_new (dio_files_host (), f->folder);
  files_fail_init (&f->fail, &f->log->files);
  f->files = &f->fail.files;
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_assert_true (dio_file_remove_tree (dio_files_host (), AT_FDCWD, f->folder, NULL));
  g_assert_cmpint (dio_file_close (f->files, f->dir), ==, 0);
  files_log_free (f->log);
  g_free (f->folder);
}

static int
make_file (Fixture *f, const char *name)
{
  int fd = dio_file_open (f->files, f->dir, name, O_RDWR | O_CREAT | O_EXCL, 0600);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (fcntl (fd, F_GETFD) & FD_CLOEXEC, !=, 0);
  return fd;
}

static unsigned
logged (Fixture *f, DioFileOp op)
{
  unsigned count = 0;
  for (guint i = 0; i < f->log->entries->len; i++)
    count += ((FilesLogEntry *) g_ptr_array_index (f->log->entries, i))->op == op;
  return count;
}

static void
test_every_operation (Fixture *f, gconstpointer data)
{
  struct statx status;
  char text[16] = "";
  int fd = make_file (f, "a");
  g_assert_cmpint (dio_file_write (f->files, fd, "hello", 5, 4096), ==, 0);
  g_assert_cmpint (dio_file_read (f->files, fd, text, sizeof text, 4096), ==, 5);
  g_assert_cmpstr (text, ==, "hello");
  g_assert_cmpint (dio_file_read (f->files, fd, text, sizeof text, 9999), ==, 0);
  g_assert_cmpint (dio_file_sync (f->files, fd), ==, 0);
  g_assert_cmpint (dio_file_datasync (f->files, fd), ==, 0);
  g_assert_cmpint (dio_file_truncate (f->files, fd, 65536), ==, 0);
  g_assert_cmpint (dio_file_seek (f->files, fd, 0, SEEK_END), ==, 65536);
  g_assert_cmpint (dio_file_seek (f->files, fd, 65536, SEEK_DATA), ==, -ENXIO);
  g_assert_cmpint (
      dio_file_allocate (f->files, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096), ==,
      0);
  g_assert_cmpint (dio_file_read (f->files, fd, text, 5, 4096), ==, 5);
  g_assert_cmpmem (text, 5, "\0\0\0\0\0", 5);
  g_assert_cmpint (dio_file_write (f->files, fd, "data", 4, 0), ==, 0);
  int copy = make_file (f, "b");
  g_assert_cmpint (dio_file_copy_range (f->files, fd, 0, copy, 0, 4), ==, 4);
  g_assert_cmpint (dio_file_read (f->files, copy, text, 4, 0), ==, 4);
  g_assert_cmpmem (text, 4, "data", 4);
  int cloned = dio_file_clone_range (f->files, fd, 0, copy, 0, 0);
  g_assert_true (cloned == 0 || dio_file_is_unsupported (cloned));
  g_assert_cmpint (dio_file_free_space (f->files, fd), >, 0);

  g_assert_cmpint (dio_file_stat (f->files, fd, "", AT_EMPTY_PATH, &status), ==, 0);
  g_assert_cmpuint (status.stx_size, ==, 65536);
  g_assert_cmpint (dio_file_stat (f->files, f->dir, "a", AT_SYMLINK_NOFOLLOW, &status), ==, 0);
  g_assert_true (S_ISREG (status.stx_mode));
  g_assert_cmpint (dio_file_stat (f->files, f->dir, "nothing", 0, &status), ==, -ENOENT);

  g_assert_cmpint (dio_file_mkdir (f->files, f->dir, "sub", 0700), ==, 0);
  g_assert_cmpint (dio_file_link (f->files, f->dir, "a", f->dir, "sub/c"), ==, 0);
  g_assert_cmpint (dio_file_rename (f->files, f->dir, "a", f->dir, "b", 1 /* NOREPLACE */), ==,
                   -EEXIST);
  g_assert_cmpint (dio_file_rename (f->files, f->dir, "a", f->dir, "b", 0), ==, 0);
  g_assert_cmpint (dio_file_unlink (f->files, f->dir, "sub", AT_REMOVEDIR), ==, -ENOTEMPTY);
  g_assert_cmpint (dio_file_unlink (f->files, f->dir, "sub/c", 0), ==, 0);
  g_assert_cmpint (dio_file_unlink (f->files, f->dir, "sub", AT_REMOVEDIR), ==, 0);
  g_assert_cmpint (dio_file_sync (f->files, f->dir), ==, 0);
  g_assert_cmpint (dio_file_close (f->files, copy), ==, 0);
  g_assert_cmpint (dio_file_close (f->files, fd), ==, 0);
  g_assert_cmpint (dio_file_close (f->files, fd), ==, -EBADF);

  /* And what it left in the log. */
  g_assert_cmpuint (logged (f, DIO_FILE_OP_OPEN), ==, 2);
  g_assert_cmpuint (logged (f, DIO_FILE_OP_WRITE), ==, cloned == 0 ? 4 : 3);
  g_assert_cmpuint (logged (f, DIO_FILE_OP_SYNC), ==, 2);
  g_assert_cmpuint (logged (f, DIO_FILE_OP_ALLOCATE), ==, 1);
  g_assert_cmpuint (logged (f, DIO_FILE_OP_RENAME), ==, 1);
  g_assert_cmpuint (logged (f, DIO_FILE_OP_UNLINK), ==, 2);
  g_assert_cmpuint (logged (f, DIO_FILE_OP_MKDIR), ==, 1);
  g_assert_cmpuint (logged (f, DIO_FILE_OP_LINK), ==, 1);
}

static void
test_locks (Fixture *f, gconstpointer data)
{
  struct flock lock = { .l_type = F_WRLCK, .l_start = 100, .l_len = 1 };
  int first = make_file (f, "lock");
  int second = dio_file_open (f->files, f->dir, "lock", O_RDWR, 0);
  g_assert_cmpint (dio_file_lock (f->files, first, F_OFD_SETLK, &lock), ==, 0);
  g_assert_cmpint (dio_file_lock (f->files, second, F_OFD_SETLK, &lock), ==, -EAGAIN);
  g_assert_cmpint (dio_file_lock (f->files, second, F_OFD_GETLK, &lock), ==, 0);
  g_assert_cmpint (lock.l_type, ==, F_WRLCK);
  dio_file_close (f->files, first);
  lock = (struct flock){ .l_type = F_WRLCK, .l_start = 100, .l_len = 1 };
  g_assert_cmpint (dio_file_lock (f->files, second, F_OFD_SETLKW, &lock), ==, 0);
  dio_file_close (f->files, second);
}

/* Pieces and interruptions are nobody's business above. */
static void
test_pieces (Fixture *f, gconstpointer data)
{
  uint8_t out[5000], in[5000];
  struct iovec iov[200];
  int n = 0;
  for (size_t i = 0; i < sizeof out; i++)
    out[i] = (uint8_t) (i * 7 + (i >> 8));
  for (size_t at = 0; at < sizeof out; n++) {
    size_t length = n == 199 ? sizeof out - at : MIN ((size_t) (n % 4) * 20, sizeof out - at);
    iov[n] = (struct iovec){ out + at, length };
    at += length;
  }
  int fd = make_file (f, "pieces");
  f->fail.nth = 1;
  f->fail.for_ever = true;
  f->fail.how = FILES_FAIL_SHORT;
  g_assert_cmpint (dio_file_writev (f->files, fd, iov, n, 100), ==, 0);
  g_assert_cmpint (dio_file_read (f->files, fd, in, sizeof in, 100), ==, sizeof in);
  g_assert_cmpmem (in, sizeof in, out, sizeof out);

  /* The end of the file within a piece. */
  g_assert_cmpint (dio_file_read (f->files, fd, in, sizeof in, 101), ==, sizeof in - 1);

  f->fail.how = FILES_FAIL;
  f->fail.error = EINTR;
  f->fail.for_ever = false;
  for (f->fail.nth = 1; f->fail.nth < 4; f->fail.nth++) {
    f->fail.count = 0;
    memset (in, 0, sizeof in);
    g_assert_cmpint (dio_file_read (f->files, fd, in, sizeof in, 100), ==, sizeof in);
    g_assert_cmpmem (in, sizeof in, out, sizeof out);
    g_assert_cmpint (dio_file_datasync (f->files, fd), ==, 0);
  }
  /* A close that was interrupted has closed. */
  f->fail.count = 0;
  f->fail.nth = 1;
  g_assert_cmpint (dio_file_close (f->files, fd), ==, 0);
  f->fail.nth = 0;
  g_assert_cmpint (dio_file_close (f->files, fd), ==, -EBADF);
}

static void
test_failures (Fixture *f, gconstpointer data)
{
  uint8_t bytes[2048];
  memset (bytes, 'x', sizeof bytes);
  int fd = make_file (f, "fail");
  f->fail.ops = FILES_OP (DIO_FILE_OP_WRITE);
  f->fail.count = 0;
  f->fail.nth = 2;
  f->fail.error = ENOSPC;
  g_assert_cmpint (dio_file_write (f->files, fd, bytes, 512, 0), ==, 0);
  g_assert_cmpint (dio_file_datasync (f->files, fd), ==, 0);
  g_assert_cmpint (dio_file_write (f->files, fd, bytes, 512, 512), ==, -ENOSPC);
  g_assert_cmpint (dio_file_write (f->files, fd, bytes, 512, 512), ==, 0);
  g_assert_cmpuint (f->fail.failed, ==, 1);

  /* A torn write leaves its first half. */
  f->fail.count = 0;
  f->fail.nth = 1;
  f->fail.how = FILES_FAIL_TORN;
  f->fail.error = EIO;
  g_assert_cmpint (dio_file_write (f->files, fd, bytes, sizeof bytes, 1024), ==, -EIO);
  g_assert_cmpint (dio_file_seek (f->files, fd, 0, SEEK_END), ==, 2048);

  /* A lost answer leaves all of it. */
  f->fail.count = 0;
  f->fail.how = FILES_FAIL_AFTER;
  f->fail.for_ever = true;
  g_assert_cmpint (dio_file_write (f->files, fd, bytes, sizeof bytes, 2048), ==, -EIO);
  g_assert_cmpint (dio_file_write (f->files, fd, bytes, sizeof bytes, 4096), ==, -EIO);
  g_assert_cmpint (dio_file_seek (f->files, fd, 0, SEEK_END), ==, 6144);
  dio_file_close (f->files, fd);
}

/* As on an old kernel or in a strict sandbox. */
static void
forbid_openat2 (void)
{
  struct sock_filter filter[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { G_N_ELEMENTS (filter), filter };
  g_assert_cmpint (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), ==, 0);
  g_assert_cmpint (prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), ==, 0);
}

static void
check_beneath (Fixture *f)
{
  static const char *const refused[] = {
    "../x", "/etc/passwd", "sub/../../x", "link", "link/f", "sub/link", "sub/none",
  };
  int fd = dio_file_open_beneath (f->files, f->dir, "sub/f", O_RDONLY, 0);
  g_assert_cmpint (fd, >=, 0);
  dio_file_close (f->files, fd);
  fd = dio_file_open_beneath (f->files, f->dir, "sub/new", O_RDWR | O_CREAT | O_EXCL, 0600);
  g_assert_cmpint (fd, >=, 0);
  dio_file_close (f->files, fd);
  g_assert_cmpint (dio_file_unlink (f->files, f->dir, "sub/new", 0), ==, 0);
  for (size_t i = 0; i < G_N_ELEMENTS (refused); i++)
    g_assert_cmpint (dio_file_open_beneath (f->files, f->dir, refused[i], O_RDONLY, 0), <, 0);
}

/* A path from elsewhere stays inside. */
static void
test_beneath (Fixture *f, gconstpointer data)
{
  int status;
  g_assert_cmpint (dio_file_mkdir (f->files, f->dir, "sub", 0700), ==, 0);
  dio_file_close (f->files, make_file (f, "sub/f"));
  g_assert_cmpint (symlinkat ("/etc/passwd", f->dir, "sub/link"), ==, 0);
  g_assert_cmpint (symlinkat ("sub", f->dir, "link"), ==, 0);
  check_beneath (f);
  pid_t child = fork ();
  if (child == 0) {
    forbid_openat2 ();
    check_beneath (f);
    _exit (0);
  }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
}

/* Calls that dawdle end all the same. */
static void
test_delay (Fixture *f, gconstpointer data)
{
  FilesDelay delay;
  files_delay_init (&delay, f->files, 200);
  int fd = make_file (f, "slow");
  for (unsigned i = 0; i < 10; i++)
    g_assert_cmpint (dio_file_write (&delay.files, fd, "x", 1, i), ==, 0);
  g_assert_cmpint (dio_file_seek (f->files, fd, 0, SEEK_END), ==, 10);
  dio_file_close (&delay.files, fd);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/core/file/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("every-operation", test_every_operation);
  ADD ("locks", test_locks);
  ADD ("pieces", test_pieces);
  ADD ("failures", test_failures);
  ADD ("beneath", test_beneath);
  ADD ("delay", test_delay);
#undef ADD
  return g_test_run ();
}
