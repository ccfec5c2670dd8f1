/* SPDX-License-Identifier: GPL-3.0-or-later
 * Bundles on disk and the library over them: making, trash, names, hostile folders, locks between
 * processes, crashes in the middle. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/library/library-bundle.h"
#include "app/library/library-journal.h"
#include "app/library/library-size.h"
#include "tests/app/app-fixture.h"

static guint
n_machines (Fixture *fixture)
{
  return g_list_model_get_n_items (G_LIST_MODEL (fixture->library));
}

/* Names in the library's folder that are not the lock or the trash. */
static guint
n_entries (Fixture *fixture)
{
  guint n = 0;
  g_autoptr (GDir) dir = g_dir_open (fixture->library_path, 0, NULL);
  for (const char *name; (name = g_dir_read_name (dir));)
    n += !g_str_equal (name, ".lock") && !g_str_equal (name, ".trash");
  return n;
}

static void
test_sizes (void)
{
  static const struct {
    const char *text;
    guint64 bytes;
  } good[] = {
    { "0", 0 },
    { "65536", 65536 },
    { "1k", 1024 },
    { "512M", 512 << 20 },
    { "1G", 1 << 30 },
    { "1.5 GiB", 1610612736 },
    { " 2gb ", 2147483648 },
    { "1T", G_GUINT64_CONSTANT (1) << 40 },
    { "9007199254740993", G_GUINT64_CONSTANT (9007199254740993) },
  };
  static const char *const bad[] = { "",      "G",   "-1",  "1X", "1GG", "0x10",
                                     "1e400", "nan", "inf", "9E", "1 2", "12345678901234567890T" };
  for (gsize i = 0; i < G_N_ELEMENTS (good); i++) {
    guint64 bytes = 1;
    g_assert_true (dio_size_parse (good[i].text, &bytes, NULL));
    g_assert_cmpuint (bytes, ==, good[i].bytes);
  }
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++) {
    guint64 bytes;
    g_autoptr (GError) error = NULL;
    if (dio_size_parse (bad[i], &bytes, &error))
      g_error ("“%s” was taken as %" G_GUINT64_FORMAT, bad[i], bytes);
    g_assert_error (error, DIO_ERROR, DIO_ERROR_CONFIG);
  }
  g_autofree char *text = dio_size_to_text (3 << 20);
  g_assert_cmpstr (text, ==, "3 MiB");
}

static void
test_folder_names (void)
{
  static const char *const cases[][2] = {
    { "Debian", "Debian" },       { "a/b", "a-b" },
    { "../../etc", "-.-..-etc" }, { ".hidden", "-hidden" },
    { "日本語", "日本語" },       { "a:b*c?", "a-b-c-" },
    { "end...", "end" },          { "e\xcc\x81", "\xc3\xa9" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *folder = dio_bundle_folder_name (cases[i][0]);
    g_assert_null (strchr (folder, '/'));
    g_assert_cmpint (folder[0], !=, '.');
    if (i != 2)
      g_assert_cmpstr (folder, ==, cases[i][1]);
  }
  g_autofree char *lengthy = g_strnfill (400, 'x');
  g_autofree char *folder = dio_bundle_folder_name (lengthy);
  g_assert_cmpuint (strlen (folder), <=, 200);
  g_autofree char *dots = dio_bundle_folder_name ("...");
  g_assert_cmpuint (strlen (dots), >, 0);
}

static void
test_create_trash_restore (void)
{
  Fixture fixture;
  fixture_set_up (&fixture);
  g_autoptr (GError) error = NULL;
  g_autoptr (DioMachineItem) item = fixture_create (&fixture, "Größe /1", "quiet");
  g_autofree char *id = g_strdup (dio_machine_item_get_id (item));
  g_assert_cmpuint (n_machines (&fixture), ==, 1);
  g_assert_true (dio_library_find (fixture.library, id) == item);
  g_assert_true (dio_library_find (fixture.library, "GRÖSSE /1") == NULL
                 || dio_library_find (fixture.library, "größe /1") == item);
  const DioMachineConfig *config = dio_machine_item_get_config (item);
  g_assert_true (g_str_has_prefix (config->kernel, dio_machine_item_get_path (item)));
  struct stat st;
  g_assert_cmpint (stat (config->kernel, &st), ==, 0);
  g_assert_cmpint (st.st_size, ==, 128 * 1024);
  g_assert_cmpint (st.st_mode & 0777, ==, 0600);
  g_assert_cmpint (stat (dio_machine_item_get_path (item), &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0700);

  g_assert_true (dio_library_trash (fixture.library, item, &error));
  g_assert_cmpuint (n_machines (&fixture), ==, 0);
  g_assert_cmpuint (n_entries (&fixture), ==, 0);
  g_autoptr (DioMachineItem) back = dio_library_restore (fixture.library, id, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (dio_machine_item_get_id (back), ==, id);
  g_assert_cmpstr (dio_machine_item_get_name (back), ==, "Größe /1");
  g_assert_cmpuint (n_machines (&fixture), ==, 1);
  g_assert_null (dio_library_restore (fixture.library, id, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (dio_library_restore (fixture.library, "../machines", &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND);
  fixture_tear_down (&fixture);
}

static void
test_names (void)
{
  Fixture fixture;
  fixture_set_up (&fixture);
  g_autoptr (GError) error = NULL;
  g_autoptr (DioMachineItem) one = fixture_create (&fixture, "One", NULL);
  g_autoptr (DioMachineItem) two = fixture_create (&fixture, "Two", NULL);
  g_assert_nonnull (one);
  const char *field = NULL;
  g_autoptr (DioMachineConfig) config = fixture_config (&fixture, "ONE", NULL);
  g_assert_false (dio_library_validate (fixture.library, config, 0, &field, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_EXISTS);
  g_assert_cmpstr (field, ==, "name");
  g_clear_error (&error);
  g_assert_false (dio_machine_item_rename (two, "one", &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_EXISTS);
  g_clear_error (&error);
  g_assert_false (dio_machine_item_rename (two, "  ", &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_CONFIG);
  g_clear_error (&error);
  g_assert_true (dio_machine_item_rename (two, " TWO ", &error));
  g_assert_cmpstr (dio_machine_item_get_name (two), ==, "TWO");
  g_assert_true (dio_machine_item_rename (two, "三", &error));
  g_assert_true (g_str_has_suffix (dio_machine_item_get_path (two), "/Two.diorama"));
  g_autofree char *free_name = dio_library_free_name (fixture.library, "One");
  g_assert_cmpstr (free_name, ==, "One 2");
  g_autoptr (DioLibrary) again = dio_library_new (fixture.library_path, &fixture.host, &error);
  g_assert_nonnull (dio_library_find (again, "三"));
  fixture_tear_down (&fixture);
}

static void
test_validate (void)
{
  Fixture fixture;
  fixture_set_up (&fixture);
  g_autofree char *foreign = fixture_path (&fixture, "foreign");
  g_autofree char *empty = fixture_path (&fixture, "empty");
  g_autofree char *text = fixture_path (&fixture, "text");
  char elf[64] = "\177ELF\2\1\1";
  elf[18] = 62; /* x86-64 */
  g_assert_true (g_file_set_contents (foreign, elf, sizeof elf, NULL));
  g_assert_true (g_file_set_contents (empty, "", 0, NULL));
  g_assert_true (g_file_set_contents (text, "hello\n", -1, NULL));
  const struct {
    const char *field, *kernel, *initrd, *disk;
    guint64 memory;
    unsigned cpus;
    DioArch arch;
    guint64 disk_size;
    int code;
  } cases[] = {
    { "kernel", "/proc/nonexistent", NULL, NULL, 0, 1, 1, 0, DIO_ERROR_NOT_FOUND },
    { "kernel", fixture.folder, NULL, NULL, 0, 1, 1, 0, DIO_ERROR_FORMAT },
    { "kernel", "/dev/zero", NULL, NULL, 0, 1, 1, 0, DIO_ERROR_FORMAT },
    { "kernel", empty, NULL, NULL, 0, 1, 1, 0, DIO_ERROR_FORMAT },
    { "kernel", text, NULL, NULL, 0, 1, 1, 0, DIO_ERROR_FORMAT },
    { "kernel", foreign, NULL, NULL, 0, 1, 1, 0, DIO_ERROR_WRONG_ARCH },
    { "initrd", NULL, "/proc/nonexistent", NULL, 0, 1, 1, 0, DIO_ERROR_NOT_FOUND },
    { "memory", NULL, NULL, NULL, 3 << 20, 1, 1, 0, DIO_ERROR_CONFIG },
    { "memory", NULL, NULL, NULL, G_GUINT64_CONSTANT (1) << 50, 1, 1, 0, DIO_ERROR_CONFIG },
    { "memory", NULL, NULL, NULL, (256 << 20) + 1, 1, 1, 0, DIO_ERROR_CONFIG },
    { "cpus", NULL, NULL, NULL, 0, 9, 1, 0, DIO_ERROR_CONFIG },
    { "cpus", NULL, NULL, NULL, 0, 0, 1, 0, DIO_ERROR_CONFIG },
    { "arch", NULL, NULL, NULL, 0, 1, DIO_ARCH_PPC64, 0, DIO_ERROR_UNSUPPORTED },
    { "arch", NULL, NULL, NULL, 0, 1, DIO_ARCH_NONE, 0, DIO_ERROR_CONFIG },
    { "disk", NULL, NULL, "/proc/nonexistent", 0, 1, 1, 0, DIO_ERROR_NOT_FOUND },
    { "disk", NULL, NULL, text, 0, 1, 1, 0, DIO_ERROR_FORMAT },
    { "disk-size", NULL, NULL, NULL, 0, 1, 1, 1, DIO_ERROR_CONFIG },
    { "disk-size", NULL, NULL, NULL, 0, 1, 1, G_MAXUINT64 - 511, DIO_ERROR_CONFIG },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (DioMachineConfig) config = fixture_config (&fixture, "x", NULL);
    g_autoptr (GError) error = NULL;
    const char *field = NULL;
    if (cases[i].kernel) {
      g_free (config->kernel);
      config->kernel = g_strdup (cases[i].kernel);
    }
    config->initrd = g_strdup (cases[i].initrd);
    if (cases[i].disk)
      dio_machine_config_add_disk (config, cases[i].disk, "raw", false);
    if (cases[i].memory)
      config->memory = cases[i].memory;
    config->cpus = cases[i].cpus;
    config->arch = cases[i].arch;
    g_assert_false (
        dio_library_validate (fixture.library, config, cases[i].disk_size, &field, &error));
    g_assert_cmpstr (field, ==, cases[i].field);
    g_assert_error (error, DIO_ERROR, cases[i].code);
  }
  g_assert_cmpuint (n_entries (&fixture), ==, 0);
  fixture_tear_down (&fixture);
}

/* What a stranger may put into a bundle is refused, and nothing outside is touched. */
static void
test_hostile_bundle (void)
{
  Fixture fixture;
  fixture_set_up (&fixture);
  g_autoptr (GError) error = NULL;
  g_autoptr (DioMachineItem) item = fixture_create (&fixture, "Trap", NULL);
  const char *path = dio_machine_item_get_path (item);
  g_autofree char *kernel = g_build_filename (path, "kernel", NULL);
  g_assert_cmpint (unlink (kernel), ==, 0);
  g_assert_cmpint (symlink ("/etc/passwd", kernel), ==, 0);
  g_assert_false (fixture_command (item, dio_machine_item_start_async, &error));
  g_assert_nonnull (strstr (error->message, "machine.json: kernel: "));
  g_assert_nonnull (strstr (error->message, "symbolic link"));
  g_clear_error (&error);
  /* A FIFO must not hold the application. */
  g_assert_cmpint (unlink (kernel), ==, 0);
  g_assert_cmpint (mkfifo (kernel, 0600), ==, 0);
  g_assert_false (fixture_command (item, dio_machine_item_start_async, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_cmpint (unlink (kernel), ==, 0);
  g_assert_false (fixture_command (item, dio_machine_item_start_async, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND);
  g_clear_error (&error);

  g_autofree char *manifest = g_build_filename (path, "machine.json", NULL);
  g_assert_true (g_file_set_contents (manifest, "{ \"version\": 99 }", -1, NULL));
  fixture_wait_state (item, DIO_ITEM_BROKEN);
  g_assert_nonnull (strstr (dio_machine_item_get_error (item), "newer"));
  g_assert_null (dio_machine_item_get_config (item));
  g_assert_false (fixture_command (item, dio_machine_item_start_async, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_CONFIG);
  g_clear_error (&error);
  g_assert_cmpint (unlink (manifest), ==, 0);
  g_assert_cmpint (symlink ("/etc/passwd", manifest), ==, 0);
  fixture_iterate (400);
  g_assert_cmpint (dio_machine_item_get_state (item), ==, DIO_ITEM_BROKEN);
  g_assert_nonnull (strstr (dio_machine_item_get_error (item), "symbolic link"));
  /* Even that can be thrown away, and the link's target stays. */
  g_assert_true (dio_library_trash (fixture.library, item, &error));
  g_assert_no_error (error);
  g_assert_true (g_file_test ("/etc/passwd", G_FILE_TEST_IS_REGULAR));
  fixture_tear_down (&fixture);
}

/* A library sees what another process (here: another library) does. */
static void
test_two_libraries (void)
{
  Fixture fixture;
  fixture_set_up (&fixture);
  g_autoptr (GError) error = NULL;
  g_autoptr (DioLibrary) other = dio_library_new (fixture.library_path, &fixture.host, &error);
  g_autoptr (DioMachineItem) item = fixture_create (&fixture, "Shared", NULL);
  gint64 deadline = g_get_monotonic_time () + 5 * G_USEC_PER_SEC;
  while (!dio_library_find (other, "shared")) {
    g_assert_cmpint (g_get_monotonic_time (), <, deadline);
    fixture_iterate (20);
  }
  g_autoptr (DioMachineItem) same = g_object_ref (dio_library_find (other, "shared"));
  fixture_command (item, dio_machine_item_start_async, &error);
  g_assert_no_error (error);
  fixture_wait_state (same, DIO_ITEM_ELSEWHERE);
  g_assert_false (fixture_command (same, dio_machine_item_start_async, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_false (dio_library_trash (other, same, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_BUSY);
  g_clear_error (&error);
  /* Commands reach it over its socket. */
  g_assert_true (fixture_command (same, dio_machine_item_pause_async, &error));
  fixture_wait_state (item, DIO_ITEM_PAUSED);
  g_assert_false (fixture_command (same, dio_machine_item_pause_async, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_true (dio_machine_item_rename (same, "Renamed", &error));
  fixture_iterate (400);
  g_assert_cmpstr (dio_machine_item_get_name (item), ==, "Renamed");
  g_assert_true (fixture_command (same, dio_machine_item_force_off_async, &error));
  fixture_wait_state (item, DIO_ITEM_OFF);
  fixture_wait_state (same, DIO_ITEM_OFF);
  g_assert_true (dio_library_trash (fixture.library, item, &error));
  deadline = g_get_monotonic_time () + 5 * G_USEC_PER_SEC;
  while (g_list_model_get_n_items (G_LIST_MODEL (other))) {
    g_assert_cmpint (g_get_monotonic_time (), <, deadline);
    fixture_iterate (20);
  }
  fixture_tear_down (&fixture);
}

/* A folder copied by hand becomes a machine of its own. */
static void
test_copied_bundle (void)
{
  Fixture fixture;
  fixture_set_up (&fixture);
  g_autoptr (DioMachineItem) item = fixture_create (&fixture, "Origin", NULL);
  g_autofree char *copy = g_build_filename (fixture.library_path, "Copy.diorama", NULL);
  g_autofree char *command =
      g_strdup_printf ("cp -a '%s' '%s'", dio_machine_item_get_path (item), copy);
  g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, NULL, NULL));
  g_autoptr (GError) error = NULL;
  g_autoptr (DioLibrary) again = dio_library_new (fixture.library_path, &fixture.host, &error);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (again)), ==, 2);
  g_autoptr (DioMachineItem) a = g_list_model_get_item (G_LIST_MODEL (again), 0);
  g_autoptr (DioMachineItem) b = g_list_model_get_item (G_LIST_MODEL (again), 1);
  g_assert_cmpstr (dio_machine_item_get_id (a), !=, dio_machine_item_get_id (b));
  /* Both carry one name, so that it names neither. */
  g_assert_null (dio_library_find (again, "origin"));
  fixture_tear_down (&fixture);
}

/* The lock is the kernel's: a process that dies lets go, one that lives is named. */
static void
test_lock (void)
{
  g_autofree char *folder = g_dir_make_tmp ("dio-lock-XXXXXX", NULL);
  int dir = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int ready[2];
  g_assert_cmpint (pipe (ready), ==, 0);
  pid_t child = fork ();
  if (child == 0) {
    DioLock *lock = dio_lock_take (dio_files_host (), dir, "lock", "it", NULL);
    if (!lock || write (ready[1], "x", 1) != 1)
      _exit (1);
    pause ();
    _exit (0);
  }
  char byte;
  g_assert_cmpint (read (ready[0], &byte, 1), ==, 1);
  g_autoptr (GError) error = NULL;
  g_autofree char *who = NULL;
  g_autofree char *pid = g_strdup_printf ("%d", child);
  g_assert_null (dio_lock_take (dio_files_host (), dir, "lock", "it", &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, pid));
  g_assert_true (dio_lock_is_held (dio_files_host (), dir, "lock", &who));
  g_assert_nonnull (strstr (who, pid));
  g_clear_error (&error);
  kill (child, SIGKILL);
  waitpid (child, NULL, 0);
  g_assert_false (dio_lock_is_held (dio_files_host (), dir, "lock", NULL));
  DioLock *lock = dio_lock_take (dio_files_host (), dir, "lock", "it", &error);
  g_assert_no_error (error);
  /* Also within one process. */
  g_assert_null (dio_lock_take (dio_files_host (), dir, "lock", "it", &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_BUSY);
  dio_lock_release (lock);
  lock = dio_lock_take (dio_files_host (), dir, "lock", "it", NULL);
  g_assert_nonnull (lock);
  dio_lock_release (lock);
  close (dir);
  close (ready[0]);
  close (ready[1]);
  fixture_remove (folder);
}

static bool
slow_cb (uint64_t done, uint64_t total, void *data)
{
  g_usleep (10000);
  return true;
}

static const char *program;

/* The process that is killed. */
static int
create_slowly (const char *library, const char *kernel)
{
  g_autoptr (DioMachineConfig) config = dio_machine_config_new ();
  config->name = g_strdup ("Killed");
  config->arch = DIO_ARCH_RISCV64;
  config->memory = UINT64_C (256) << 20;
  config->cpus = 1;
  config->kernel = g_strdup (kernel);
  g_autofree char *path = dio_bundle_create (dio_files_host (), library, config, 1 << 20, NULL,
                                             NULL, slow_cb, NULL, NULL);
  return path ? 0 : 1;
}

/* kill -9 at many moments of making a machine: it is there whole, or nothing is. */
static void
test_killed_while_creating (void)
{
  Fixture fixture;
  fixture_set_up (&fixture);
  fixture_write_kernel (fixture.kernel, 9 << 20);
  unsigned whole = 0;
  for (unsigned delay = 0; delay < 150; delay += 10) {
    /* A process of its own, not a fork: threads of this one would be missing in it. */
    char *argv[] = { (char *) program, (char *) "--create", fixture.library_path, fixture.kernel,
                     NULL };
    GPid child;
    g_assert_true (
        g_spawn_async (NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &child, NULL));
    g_usleep (delay * 1000);
    kill (child, SIGKILL);
    waitpid (child, NULL, 0);
    g_auto (GStrv) paths = dio_bundle_list (fixture.library_path, NULL);
    if (paths[0]) {
      g_autoptr (GError) error = NULL;
      g_autoptr (DioManifest) manifest = dio_bundle_load (dio_files_host (), paths[0], &error);
      g_assert_no_error (error);
      g_autoptr (DioMachineConfig) config =
          dio_bundle_prepare (dio_files_host (), paths[0], manifest, &error);
      g_assert_no_error (error);
      g_assert_nonnull (config);
      fixture_remove (paths[0]);
      whole++;
    }
    dio_bundle_clean_library (dio_files_host (), fixture.library_path);
  }
  g_test_message ("%u of 15 were made before the kill", whole);
  /* A folder killed before it had its lock stays for 5 s; make it old. */
  g_autoptr (GDir) dir = g_dir_open (fixture.library_path, 0, NULL);
  for (const char *name; (name = g_dir_read_name (dir));) {
    g_autofree char *path = g_build_filename (fixture.library_path, name, NULL);
    struct timespec times[2] = { { 1, 0 }, { 1, 0 } };
    if (g_str_has_suffix (name, ".new"))
      utimensat (AT_FDCWD, path, times, 0);
  }
  dio_bundle_clean_library (dio_files_host (), fixture.library_path);
  g_assert_cmpuint (n_entries (&fixture), ==, 0);
  fixture_tear_down (&fixture);
}

/* A machine being made by a living process is not taken for a dead one. */
static void
test_clean_spares_the_living (void)
{
  Fixture fixture;
  fixture_set_up (&fixture);
  g_autofree char *hidden =
      g_build_filename (fixture.library_path, ".x.diorama.12345678.new", NULL);
  g_assert_cmpint (g_mkdir (hidden, 0700), ==, 0);
  int fd = open (hidden, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DioLock *lock = dio_lock_take (dio_files_host (), fd, DIO_LOCK_FILE, "x", NULL);
  dio_bundle_clean_library (dio_files_host (), fixture.library_path);
  g_assert_true (g_file_test (hidden, G_FILE_TEST_IS_DIR));
  dio_lock_release (lock);
  dio_bundle_clean_library (dio_files_host (), fixture.library_path);
  g_assert_false (g_file_test (hidden, G_FILE_TEST_EXISTS));
  close (fd);
  fixture_tear_down (&fixture);
}

/* The disk fills up in the middle (here: files may not grow beyond 4 MiB). */
static void
test_no_space (void)
{
  Fixture fixture;
  fixture_set_up (&fixture);
  fixture_write_kernel (fixture.kernel, 9 << 20);
  pid_t child = fork ();
  if (child == 0) {
    struct rlimit limit = { 4 << 20, 4 << 20 };
    signal (SIGXFSZ, SIG_IGN);
    setrlimit (RLIMIT_FSIZE, &limit);
    g_autoptr (DioMachineConfig) config = fixture_config (&fixture, "Full", NULL);
    g_autoptr (GError) error = NULL;
    g_autofree char *path = dio_bundle_create (dio_files_host (), fixture.library_path, config, 0,
                                               NULL, NULL, NULL, NULL, &error);
    _exit (!path && error && strstr (error->message, "linux") ? 0 : 1);
  }
  int status;
  waitpid (child, &status, 0);
  g_assert_cmpint (status, ==, 0);
  g_assert_cmpuint (n_entries (&fixture), ==, 0);
  /* And one that is too small is told before anything is copied. */
  int fd = open (fixture.library_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_autoptr (GError) error = NULL;
  g_assert_false (dio_file_check_space (dio_files_host (), fd, G_MAXINT64, "library", &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_NO_SPACE);
  close (fd);
  fixture_tear_down (&fixture);
}

static bool
cancel_cb (uint64_t done, uint64_t total, void *data)
{
  g_cancellable_cancel (data);
  return true;
}

static void
test_cancel (void)
{
  Fixture fixture;
  fixture_set_up (&fixture);
  fixture_write_kernel (fixture.kernel, 9 << 20);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (DioMachineConfig) config = fixture_config (&fixture, "Never", NULL);
  g_autoptr (GError) error = NULL;
  g_cancellable_cancel (cancellable);
  g_assert_null (dio_bundle_create (dio_files_host (), fixture.library_path, config, 0, NULL,
                                    cancellable, cancel_cb, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (n_entries (&fixture), ==, 0);
  fixture_tear_down (&fixture);
}

/* A journal cannot be rewritten, and a broken one is set aside. */
static void
test_journal (void)
{
  g_autofree char *folder = g_dir_make_tmp ("dio-journal-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (folder, DIO_JOURNAL_FILE, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) none = dio_journal_read (folder, 5, &error);
  g_assert_cmpuint (none->len, ==, 0);
  DioJournal *journal = dio_journal_open (folder);
  for (int i = 0; i < 20; i++)
    dio_journal_add (journal, "error", NULL, i, 1, "message \xff", 1000 + i);
  DioMachineStats stats = { .run_seconds = 1 };
  dio_journal_add_stats (journal, &stats);
  dio_journal_flush ();
  g_autoptr (GPtrArray) events = dio_journal_read (folder, 5, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (events->len, ==, 5);
  const DioJournalEvent *last = g_ptr_array_index (events, 4);
  g_assert_cmpint (last->exit_code, ==, 19);
  g_assert_true (g_utf8_validate (last->message, -1, NULL));
  dio_journal_close (journal);
  dio_journal_flush ();

  g_assert_true (g_file_set_contents (file, "this is no database, whatever it says", -1, NULL));
  g_assert_null (dio_journal_read (folder, 5, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
  g_test_expect_message ("diorama-app", G_LOG_LEVEL_WARNING, "*damaged*");
  journal = dio_journal_open (folder);
  dio_journal_add (journal, "starting", NULL, 0, 1, NULL, 1);
  dio_journal_close (journal);
  dio_journal_flush ();
  g_test_assert_expected_messages ();
  g_autoptr (GPtrArray) fresh = dio_journal_read (folder, 5, NULL);
  g_assert_cmpuint (fresh->len, ==, 1);
  fixture_remove (folder);
}

int
main (int argc, char **argv)
{
  if (argc == 4 && g_str_equal (argv[1], "--create"))
    return create_slowly (argv[2], argv[3]);
  program = argv[0];
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/app/library/sizes", test_sizes);
  g_test_add_func ("/app/library/folder-names", test_folder_names);
  g_test_add_func ("/app/library/create-trash-restore", test_create_trash_restore);
  g_test_add_func ("/app/library/names", test_names);
  g_test_add_func ("/app/library/validate", test_validate);
  g_test_add_func ("/app/library/hostile-bundle", test_hostile_bundle);
  g_test_add_func ("/app/library/two-libraries", test_two_libraries);
  g_test_add_func ("/app/library/copied-bundle", test_copied_bundle);
  g_test_add_func ("/app/library/lock", test_lock);
  g_test_add_func ("/app/library/killed-while-creating", test_killed_while_creating);
  g_test_add_func ("/app/library/clean-spares-the-living", test_clean_spares_the_living);
  g_test_add_func ("/app/library/no-space", test_no_space);
  g_test_add_func ("/app/library/cancel", test_cancel);
  g_test_add_func ("/app/library/journal", test_journal);
  return fixture_run_tests ();
}
