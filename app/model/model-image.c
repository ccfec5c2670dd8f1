/* SPDX-License-Identifier: GPL-3.0-or-later
 * Images that machines can be made from: looking into files, and finding them. */
#include "app/model/model-image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/job/job-thread.h"
#include "app/library/library-json.h"
#include "app/library/library-size.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/backend/block/block-node.h"
#include "core/boot/boot-efi.h"
#include "core/file/file-util.h"

#define IMAGE_JSON_MAX (64u << 10)
#define DEFAULT_MEMORY (G_GUINT64_CONSTANT (1) << 30)
#define DEFAULT_DISK (G_GUINT64_CONSTANT (8) << 30)
#define MAX_DOWNLOADS 2000

struct _DioImage {
  GObject parent_instance;
  char *title;
  char *subtitle;
  DioArch arch;
  DioImageKind kind;
  char *kernel;
  char *initrd;
  char *disk;
  char *append;
  guint64 memory;
  guint64 disk_size;
  DioBootCondition condition;
};

G_DEFINE_FINAL_TYPE (DioImage, dio_image, G_TYPE_OBJECT)

enum {
  PROP_0,
  PROP_TITLE,
  PROP_SUBTITLE,
  PROP_KERNEL,
  PROP_INITRD,
  PROP_DISK,
  PROP_APPEND,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];

/* Looking into a file. */

static DioImageKind
kind_of (const DioBootIdentity *identity)
{
  /* The inside of a compressed disk cannot be used. */
  gboolean plain = identity->compression == DIO_COMPRESSION_NONE;
  switch (identity->kind) {
  case DIO_BOOT_LINUX_IMAGE:
  case DIO_BOOT_BZIMAGE:
  case DIO_BOOT_ELF:
    return DIO_IMAGE_KERNEL;
  case DIO_BOOT_INITRD:
    return DIO_IMAGE_INITRD;
  case DIO_BOOT_ISO:
    return plain ? DIO_IMAGE_ISO : DIO_IMAGE_UNKNOWN;
  case DIO_BOOT_DISK:
  case DIO_BOOT_QCOW2:
    return plain ? DIO_IMAGE_DISK : DIO_IMAGE_UNKNOWN;
  case DIO_BOOT_UEFI:
    return DIO_IMAGE_FIRMWARE;
  case DIO_BOOT_EFI:
  case DIO_BOOT_FOREIGN_DISK:
  case DIO_BOOT_DEVICE_TREE:
  case DIO_BOOT_UNKNOWN:
    break;
  }
  return DIO_IMAGE_UNKNOWN;
}

static const char *
kind_title (DioImageKind kind)
{
  switch (kind) {
  case DIO_IMAGE_KERNEL:
    return _ ("Kernel");
  case DIO_IMAGE_INITRD:
    return _ ("Initial RAM disk");
  case DIO_IMAGE_DISK:
    return _ ("Disk image");
  case DIO_IMAGE_ISO:
    return _ ("Installation disc");
  case DIO_IMAGE_FIRMWARE:
    return _ ("Firmware");
  case DIO_IMAGE_UNKNOWN:
    break;
  }
  return _ ("Unknown file");
}

static const char *
arch_title (DioArch arch)
{
  return arch == DIO_ARCH_RISCV64  ? "RISC-V"
         : arch == DIO_ARCH_ARM64  ? "Arm"
         : arch == DIO_ARCH_X86_64 ? "x86-64"
         : arch == DIO_ARCH_PPC64  ? "POWER"
                                   : NULL;
}

static char *
make_subtitle (DioArch arch, DioImageKind kind, guint64 bytes)
{
  g_autofree char *size = g_format_size (bytes);
  const char *first = arch_title (arch);
  if (!first)
    first = kind_title (kind);
  return g_strdup_printf ("%s, %s", first, size);
}

/* "vmlinuz.xz-Foo" as people read it: the name without the folder. */
static char *
title_of_file (const char *path)
{
  g_autofree char *base = g_path_get_basename (path);
  return g_filename_display_name (base);
}

static bool
read_node (void *data, uint64_t offset, void *bytes, size_t length)
{
  DioBlockNode *node = data;
  return offset <= node->size && length <= node->size - offset
         && dio_block_node_read (node, offset, bytes, length) == 0;
}

/* By its boot file. Whoever uses the image now may; what it stands on is not looked for. */
static DioArch
arch_of_qcow2 (const char *path)
{
  g_autoptr (DioBlockNode) node =
      dio_block_node_open (dio_files_host (), path, "qcow2",
                           DIO_BLOCK_OPEN_READONLY | DIO_BLOCK_OPEN_UNLOCKED, NULL, NULL);
  return node ? dio_boot_find_efi (read_node, node) : DIO_ARCH_NONE;
}

static void
add_condition (DioImage *image)
{
  g_autofree char *subtitle = image->subtitle;
  if (image->condition == DIO_BOOT_INCOMPLETE)
    image->subtitle = g_strdup_printf (_ ("%s, incomplete: get it again"), subtitle);
  else if (image->condition == DIO_BOOT_DAMAGED)
    image->subtitle = g_strdup_printf (_ ("%s, damaged: get it again"), subtitle);
  else
    g_steal_pointer (&subtitle);
}

DioImage *
dio_image_probe_file (const char *path, GError **error)
{
  DioBootIdentity identity;
  struct stat st;
  if (!dio_boot_identify_file (path, &identity, error))
    return NULL;
  if (stat (path, &st) != 0) {
    dio_set_error_errno (error, errno, _ ("“%s” cannot be opened"), path);
    return NULL;
  }
  DioImage *image = g_object_new (DIO_TYPE_IMAGE, NULL);
  image->kind = kind_of (&identity);
  image->arch = identity.arch;
  if (identity.kind == DIO_BOOT_QCOW2 && image->kind == DIO_IMAGE_DISK)
    image->arch = arch_of_qcow2 (path);
  image->title = title_of_file (path);
  image->subtitle = make_subtitle (image->arch, image->kind, st.st_size);
  image->condition = identity.condition;
  add_condition (image);
  if (image->kind == DIO_IMAGE_KERNEL)
    image->kernel = g_strdup (path);
  else if (image->kind == DIO_IMAGE_INITRD)
    image->initrd = g_strdup (path);
  else if (image->kind == DIO_IMAGE_DISK || image->kind == DIO_IMAGE_ISO)
    image->disk = g_strdup (path);
  image->disk_size = image->disk ? 0 : DEFAULT_DISK;
  return image;
}

/* Folders with an image.json. */

static const char *
json_string (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);
  return node && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node) : NULL;
}

/* A size as number or text. */
static guint64
json_size (JsonObject *object, const char *name, guint64 fallback)
{
  JsonNode *node = json_object_get_member (object, name);
  guint64 bytes;
  if (!node || !JSON_NODE_HOLDS_VALUE (node))
    return fallback;
  if (json_node_get_string (node))
    return dio_size_parse (json_node_get_string (node), &bytes, NULL) ? bytes : fallback;
  gint64 value = json_node_get_int (node);
  return value > 0 ? (guint64) value : fallback;
}

/* The absolute path of a file named in image.json, NULL when it is not inside or not there. */
static char *
file_inside (const char *folder, const char *name)
{
  if (!name || !dio_file_is_inside (name))
    return NULL;
  g_autofree char *path = g_build_filename (folder, name, NULL);
  return g_file_test (path, G_FILE_TEST_IS_REGULAR) ? g_steal_pointer (&path) : NULL;
}

static guint64
file_size (const char *path)
{
  struct stat st;
  return path && stat (path, &st) == 0 ? st.st_size : 0;
}

DioImage *
dio_image_load_folder (const char *folder, GError **error)
{
  int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    dio_set_error_errno (error, errno, _ ("The folder “%s” cannot be opened"), folder);
    return NULL;
  }
  gsize length;
  g_autofree char *text =
      dio_file_load (dio_files_host (), fd, "image.json", IMAGE_JSON_MAX, &length, error);
  close (fd);
  if (!text)
    return NULL;
  g_autoptr (JsonObject) object = dio_json_parse_object (text, length, 16, error);
  if (!object) {
    g_prefix_error (error, "%s/image.json:", folder);
    return NULL;
  }
  g_autoptr (DioImage) image = g_object_new (DIO_TYPE_IMAGE, NULL);
  image->title = g_strdup (json_string (object, "title"));
  image->arch = dio_arch_from_string (json_string (object, "arch"));
  image->kernel = file_inside (folder, json_string (object, "kernel"));
  image->initrd = file_inside (folder, json_string (object, "initrd"));
  image->disk = file_inside (folder, json_string (object, "disk"));
  image->append = g_strdup (json_string (object, "append"));
  image->memory = json_size (object, "memory", DEFAULT_MEMORY);
  image->disk_size = json_size (object, "disk-size", image->disk ? 0 : DEFAULT_DISK);
  image->kind = image->kernel ? DIO_IMAGE_KERNEL : DIO_IMAGE_DISK;
  if (!image->title || (!image->kernel && !image->disk)) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT,
                 _ ("%s/image.json: a title and a kernel or disk that exists are needed"), folder);
    return NULL;
  }
  image->subtitle = make_subtitle (image->arch, image->kind,
                                   file_size (image->kernel) + file_size (image->initrd)
                                       + file_size (image->disk));
  return g_steal_pointer (&image);
}

/* Finding. */

char *
dio_images_default_folder (void)
{
  const char *path = g_getenv ("DIORAMA_IMAGES");
  if (path && *path)
    return g_canonicalize_filename (path, NULL);
  return g_build_filename (g_get_user_cache_dir (), "diorama", "images", NULL);
}

static void
scan_image_folders (GPtrArray *images)
{
  g_autofree char *root = dio_images_default_folder ();
  g_autoptr (GDir) dir = g_dir_open (root, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    g_autofree char *folder = g_build_filename (root, name, NULL);
    g_autoptr (GError) error = NULL;
    if (*name == '.' || !g_file_test (folder, G_FILE_TEST_IS_DIR))
      continue;
    DioImage *image = dio_image_load_folder (folder, &error);
    if (image)
      g_ptr_array_add (images, image);
    else if (!g_error_matches (error, DIO_ERROR, DIO_ERROR_NOT_FOUND))
      g_message ("%s", error->message);
  }
}

/* /usr/lib/debian-installer/images/13/riscv64/{text,gtk}/debian-installer/riscv64/{linux,initrd.gz}
 * as the packages debian-installer-*-netboot-* put it. */
static void
scan_debian_installer (GPtrArray *images, const char *folder, unsigned depth)
{
  g_autofree char *kernel = g_build_filename (folder, "linux", NULL);
  g_autofree char *initrd = g_build_filename (folder, "initrd.gz", NULL);
  if (g_file_test (kernel, G_FILE_TEST_IS_REGULAR)
      && g_file_test (initrd, G_FILE_TEST_IS_REGULAR)) {
    g_autoptr (DioImage) image = dio_image_probe_file (kernel, NULL);
    if (!image || image->kind != DIO_IMAGE_KERNEL)
      return;
    /* The release is the component after "images". */
    const char *release = strstr (folder, "/images/");
    g_autofree char *number = release ? g_strndup (release + 8, strcspn (release + 8, "/")) : NULL;
    g_free (image->title);
    image->title = g_strdup_printf (strstr (folder, "/gtk/") ? _ ("Debian %s installer (graphical)")
                                                             : _ ("Debian %s installer"),
                                    number ? number : "");
    image->initrd = g_strdup (initrd);
    g_free (image->subtitle);
    image->subtitle =
        make_subtitle (image->arch, image->kind, file_size (kernel) + file_size (initrd));
    g_ptr_array_add (images, g_steal_pointer (&image));
    return;
  }
  g_autoptr (GDir) dir = depth < 8 ? g_dir_open (folder, 0, NULL) : NULL;
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    g_autofree char *child = g_build_filename (folder, name, NULL);
    if (g_file_test (child, G_FILE_TEST_IS_DIR) && !g_file_test (child, G_FILE_TEST_IS_SYMLINK))
      scan_debian_installer (images, child, depth + 1);
  }
}

static void
scan_downloads (GPtrArray *images)
{
  static const char *const suffixes[] = { ".img", ".raw", ".iso", ".elf", ".bin" };
  const char *folder = g_get_user_special_dir (G_USER_DIRECTORY_DOWNLOAD);
  g_autoptr (GDir) dir = folder ? g_dir_open (folder, 0, NULL) : NULL;
  unsigned seen = 0;
  for (const char *name; dir && (name = g_dir_read_name (dir)) && seen++ < MAX_DOWNLOADS;) {
    g_autofree char *lower = g_ascii_strdown (name, -1);
    gboolean likely = g_str_has_prefix (lower, "vmlinu") || g_str_equal (lower, "linux");
    for (gsize i = 0; i < G_N_ELEMENTS (suffixes); i++)
      likely |= g_str_has_suffix (lower, suffixes[i]);
    if (!likely || *name == '.')
      continue;
    g_autofree char *path = g_build_filename (folder, name, NULL);
    g_autoptr (DioImage) image = dio_image_probe_file (path, NULL);
    if (image && (image->kind == DIO_IMAGE_KERNEL || image->disk))
      g_ptr_array_add (images, g_steal_pointer (&image));
  }
}

static int
compare_images (gconstpointer a, gconstpointer b)
{
  const DioImage *first = *(DioImage *const *) a;
  const DioImage *second = *(DioImage *const *) b;
  return g_utf8_collate (first->title, second->title);
}

static void
add_arch (DioImage *image)
{
  const char *arch = arch_title (image->arch);
  char *title = g_strdup_printf ("%s (%s)", image->title, arch ? arch : "?");

  g_free (image->title);
  image->title = title;
}

/* The title of a system that is there for several architectures says which, as machines are called
 * by it. */
static void
tell_apart (GPtrArray *images)
{
  g_autofree gboolean *ambiguous = g_new0 (gboolean, images->len);

  for (guint i = 0; i < images->len; i++)
    for (guint j = 0; j < images->len; j++) {
      const DioImage *one = g_ptr_array_index (images, i), *other = g_ptr_array_index (images, j);
      ambiguous[i] |= one->arch != other->arch && g_str_equal (one->title, other->title);
    }
  for (guint i = 0; i < images->len; i++)
    if (ambiguous[i])
      add_arch (g_ptr_array_index (images, i));
}

GPtrArray *
dio_images_find (void)
{
  GPtrArray *images = g_ptr_array_new_with_free_func (g_object_unref);
  scan_image_folders (images);
  scan_debian_installer (images, "/usr/lib/debian-installer/images", 0);
  tell_apart (images);
  g_ptr_array_sort (images, compare_images);
  scan_downloads (images);
  return images;
}

static void
scan_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  g_task_return_pointer (task, dio_images_find (), (GDestroyNotify) g_ptr_array_unref);
}

static void
scanned_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GPtrArray) images = g_task_propagate_pointer (G_TASK (result), NULL);
  if (images)
    g_list_store_splice (G_LIST_STORE (object), 0, 0, images->pdata, images->len);
}

GListModel *
dio_images_scan (void)
{
  GListStore *store = g_list_store_new (DIO_TYPE_IMAGE);
  g_autoptr (GTask) task = g_task_new (store, NULL, scanned_cb, NULL);
  dio_job_thread_run (task, scan_thread);
  return G_LIST_MODEL (store);
}

/* GObject. */

const char *
dio_image_get_title (DioImage *self)
{
  return self->title;
}

const char *
dio_image_get_subtitle (DioImage *self)
{
  return self->subtitle;
}

DioArch
dio_image_get_arch (DioImage *self)
{
  return self->arch;
}

DioBootCondition
dio_image_get_condition (DioImage *self)
{
  return self->condition;
}

DioImageKind
dio_image_get_kind (DioImage *self)
{
  return self->kind;
}

const char *
dio_image_get_kernel (DioImage *self)
{
  return self->kernel;
}

const char *
dio_image_get_initrd (DioImage *self)
{
  return self->initrd;
}

const char *
dio_image_get_disk (DioImage *self)
{
  return self->disk;
}

const char *
dio_image_get_append (DioImage *self)
{
  return self->append;
}

guint64
dio_image_get_recommended_memory (DioImage *self)
{
  return self->memory;
}

guint64
dio_image_get_recommended_disk (DioImage *self)
{
  return self->disk_size;
}

static void
dio_image_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  DioImage *self = DIO_IMAGE (object);
  const char *const values[] = {
    [PROP_TITLE] = self->title,   [PROP_SUBTITLE] = self->subtitle, [PROP_KERNEL] = self->kernel,
    [PROP_INITRD] = self->initrd, [PROP_DISK] = self->disk,         [PROP_APPEND] = self->append,
  };
  if (id > PROP_0 && id < N_PROPS)
    g_value_set_string (value, values[id]);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
dio_image_finalize (GObject *object)
{
  DioImage *self = DIO_IMAGE (object);
  g_free (self->title);
  g_free (self->subtitle);
  g_free (self->kernel);
  g_free (self->initrd);
  g_free (self->disk);
  g_free (self->append);
  G_OBJECT_CLASS (dio_image_parent_class)->finalize (object);
}

static void
dio_image_class_init (DioImageClass *klass)
{
  static const char *const names[] = {
    [PROP_TITLE] = "title",   [PROP_SUBTITLE] = "subtitle", [PROP_KERNEL] = "kernel",
    [PROP_INITRD] = "initrd", [PROP_DISK] = "disk",         [PROP_APPEND] = "append",
  };
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  object_class->get_property = dio_image_get_property;
  object_class->finalize = dio_image_finalize;
  for (guint i = PROP_TITLE; i < N_PROPS; i++)
    properties[i] =
        g_param_spec_string (names[i], NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
dio_image_init (DioImage *self)
{
  self->memory = DEFAULT_MEMORY;
  self->disk_size = DEFAULT_DISK;
}
