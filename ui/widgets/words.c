/* SPDX-License-Identifier: GPL-3.0-or-later
 * Things of the engine in words for people. */
#include "config.h"

#include "ui/widgets/words.h"

#include <glib/gi18n.h>

const char *
dio_words_arch (DioArch arch)
{
  switch (arch) {
  case DIO_ARCH_RISCV64:
    return _ ("RISC-V");
  case DIO_ARCH_ARM64:
    return _ ("Arm");
  case DIO_ARCH_X86_64:
    return _ ("x86");
  case DIO_ARCH_PPC64:
    return _ ("POWER");
  case DIO_ARCH_NONE:
    break;
  }
  return _ ("Unknown");
}

const char *
dio_words_state (DioItemState state)
{
  switch (state) {
  case DIO_ITEM_OFF:
    return _ ("Off");
  case DIO_ITEM_STARTING:
    return _ ("Starting");
  case DIO_ITEM_RUNNING:
    return _ ("Running");
  case DIO_ITEM_PAUSED:
    return _ ("Paused");
  case DIO_ITEM_STOPPING:
    return _ ("Turning off");
  case DIO_ITEM_ELSEWHERE:
    return _ ("Running elsewhere");
  case DIO_ITEM_BROKEN:
    return _ ("Cannot be used");
  }
  return "";
}

const char *
dio_words_state_inline (DioItemState state)
{
  switch (state) {
  case DIO_ITEM_OFF:
    /* Translators: state of a machine, within a line like “RISC-V · off”. */
    return _ ("off");
  case DIO_ITEM_STARTING:
    return _ ("starting");
  case DIO_ITEM_RUNNING:
    return _ ("running");
  case DIO_ITEM_PAUSED:
    return _ ("paused");
  case DIO_ITEM_STOPPING:
    return _ ("turning off");
  case DIO_ITEM_ELSEWHERE:
    return _ ("running elsewhere");
  case DIO_ITEM_BROKEN:
    return _ ("cannot be used");
  }
  return "";
}

const char *
dio_words_state_class (DioItemState state)
{
  switch (state) {
  case DIO_ITEM_RUNNING:
  case DIO_ITEM_ELSEWHERE:
    return "running";
  case DIO_ITEM_PAUSED:
    return "paused";
  case DIO_ITEM_STARTING:
  case DIO_ITEM_STOPPING:
    return "busy";
  case DIO_ITEM_BROKEN:
    return "broken";
  case DIO_ITEM_OFF:
    break;
  }
  return "off";
}

GdkTexture *
dio_words_texture (GBytes *pixels, int width, int height)
{
  g_return_val_if_fail (g_bytes_get_size (pixels) >= (gsize) width * height * 4, NULL);
  /* X is 0xff in every picture of a scan-out, so it may be taken for alpha. */
  return gdk_memory_texture_new (width, height, GDK_MEMORY_B8G8R8A8_PREMULTIPLIED, pixels,
                                 (gsize) width * 4);
}
