/* SPDX-License-Identifier: GPL-3.0-or-later
 * The ACPI tables of the arm64 board: what its device tree says, for systems that firmware starts.
 * Sections are of ACPI 6.5, where nothing else is named. */
#include <inttypes.h>

#include "core/guest/arm64/arm64-cpu.h"
#include "hw/board/virt-arm64-private.h"
#include "hw/firmware/acpi-aml.h"
#include "hw/firmware/acpi-tables.h"
#include "hw/firmware/fw-cfg.h"
#include "hw/irq/gicv3-its.h"
#include "hw/irq/gicv3.h"
#include "hw/misc/pl061.h"
#include "hw/pci/pci-host-ecam.h"

#define PAGE 0x1000
#define SPI(n) (32u + (n))
#define PPI(n) (16u + (n))
#define PCI_SLOTS 32
#define PCI_BUSES 256

/* ---- Tables ---- */

/* Section 5.2.9: hardware reduced; PSCI by HVC. */
static void
add_fadt (DioAcpi *acpi, uint32_t dsdt)
{
  dio_acpi_begin (acpi, "FACP", 6);
  dio_acpi_zeros (acpi, 112 - 36);
  dio_acpi_put (acpi, 1u << 20, 4);
  dio_acpi_zeros (acpi, 129 - 116);
  dio_acpi_put (acpi, 3, 2);
  dio_acpi_put (acpi, 3, 1); /* the minor version: 6.3 */
  dio_acpi_zeros (acpi, 8);
  dio_acpi_pointer (acpi, dsdt);
  dio_acpi_zeros (acpi, 268 - 148);
  dio_acpi_bytes (acpi, "Diorama", 8);
  dio_acpi_end (acpi, true);
}

/* Section 5.2.12.14. */
static void
add_cpu (DioAcpi *acpi, const DioMachine *machine, unsigned index)
{
  dio_acpi_put (acpi, 0x0b, 1);
  dio_acpi_put (acpi, 80, 1);
  dio_acpi_zeros (acpi, 2);
  dio_acpi_put (acpi, index, 4);
  dio_acpi_put (acpi, index, 4); /* _UID */
  dio_acpi_put (acpi, 1, 4);     /* enabled */
  dio_acpi_zeros (acpi, 52);
  dio_acpi_put (acpi, DIO_ARM64 (machine->cpus[index])->mpidr & UINT64_C (0xff00ffffff), 8);
  dio_acpi_zeros (acpi, 4);
}

/* Sections 5.2.12.15, 17 and 18. */
static void
add_controller (DioAcpi *acpi, const DioMachine *machine)
{
  dio_acpi_put (acpi, 0x0c, 1); /* the distributor */
  dio_acpi_put (acpi, 24, 1);
  dio_acpi_zeros (acpi, 6);
  dio_acpi_put (acpi, DIO_VIRT_ARM64_GIC, 8);
  dio_acpi_zeros (acpi, 4);
  dio_acpi_put (acpi, 3, 4); /* GICv3 */

  dio_acpi_put (acpi, 0x0e, 1); /* the redistributors */
  dio_acpi_put (acpi, 16, 1);
  dio_acpi_zeros (acpi, 2);
  dio_acpi_put (acpi, DIO_VIRT_ARM64_GIC_REDISTRIBUTORS, 8);
  dio_acpi_put (acpi, (uint64_t) machine->n_cpus * DIO_GICV3_REDISTRIBUTOR_SIZE, 4);

  dio_acpi_put (acpi, 0x0f, 1); /* the ITS */
  dio_acpi_put (acpi, 20, 1);
  dio_acpi_zeros (acpi, 6);
  dio_acpi_put (acpi, DIO_VIRT_ARM64_GIC_ITS, 8);
  dio_acpi_zeros (acpi, 4);
}

static void
add_madt (DioAcpi *acpi, const DioMachine *machine)
{
  dio_acpi_begin (acpi, "APIC", 5);
  dio_acpi_zeros (acpi, 8);
  for (unsigned i = 0; i < machine->n_cpus; i++)
    add_cpu (acpi, machine, i);
  add_controller (acpi, machine);
  dio_acpi_end (acpi, true);
}

/* Section 5.2.25; the timers go on when CPUs sleep. */
static void
add_gtdt (DioAcpi *acpi)
{
  static const uint8_t ppis[] = {
    DIO_VIRT_ARM64_PPI_SECURE_TIMER,
    DIO_VIRT_ARM64_PPI_PHYSICAL_TIMER,
    DIO_VIRT_ARM64_PPI_VIRTUAL_TIMER,
    DIO_VIRT_ARM64_PPI_HYPERVISOR_TIMER,
  };

  dio_acpi_begin (acpi, "GTDT", 2);
  dio_acpi_put (acpi, UINT64_MAX, 8); /* no counter in memory */
  dio_acpi_zeros (acpi, 4);
  for (unsigned i = 0; i < G_N_ELEMENTS (ppis); i++) {
    dio_acpi_put (acpi, PPI (ppis[i]), 4);
    dio_acpi_put (acpi, 1u << 2, 4);
  }
  dio_acpi_put (acpi, UINT64_MAX, 8);
  dio_acpi_zeros (acpi, 8);
  dio_acpi_end (acpi, true);
}

/* PCI Firmware Specification 3.2, table 4-3. */
static void
add_mcfg (DioAcpi *acpi)
{
  dio_acpi_begin (acpi, "MCFG", 1);
  dio_acpi_zeros (acpi, 8);
  dio_acpi_put (acpi, DIO_VIRT_ARM64_PCI_ECAM, 8);
  dio_acpi_zeros (acpi, 3);
  dio_acpi_put (acpi, PCI_BUSES - 1, 1);
  dio_acpi_zeros (acpi, 4);
  dio_acpi_end (acpi, true);
}

/* Serial Port Console Redirection Table, revision 2. */
static void
add_spcr (DioAcpi *acpi)
{
  dio_acpi_begin (acpi, "SPCR", 2);
  dio_acpi_put (acpi, 3, 4); /* a PL011 */
  dio_acpi_address (acpi, DIO_VIRT_ARM64_UART);
  dio_acpi_put (acpi, 8, 2); /* at the GIC */
  dio_acpi_put (acpi, SPI (DIO_VIRT_ARM64_IRQ_UART), 4);
  dio_acpi_put (acpi, 7, 1); /* 115200 baud, no parity, one stop bit */
  dio_acpi_zeros (acpi, 1);
  dio_acpi_put (acpi, 1, 1);
  dio_acpi_zeros (acpi, 1);
  dio_acpi_put (acpi, 3, 1); /* an ANSI terminal */
  dio_acpi_zeros (acpi, 1);
  dio_acpi_put (acpi, UINT32_MAX, 4); /* no PCI device */
  dio_acpi_zeros (acpi, 12);
  dio_acpi_end (acpi, true);
}

/* Debug Port Table 2: the same port. */
static void
add_dbg2 (DioAcpi *acpi)
{
  static const char name[] = "\\_SB_.COM0";
  enum { INFO = 22, ADDRESS = 12 };

  dio_acpi_begin (acpi, "DBG2", 0);
  dio_acpi_put (acpi, 36 + 8, 4);
  dio_acpi_put (acpi, 1, 4);
  dio_acpi_put (acpi, 0, 1);
  dio_acpi_put (acpi, INFO + ADDRESS + 4 + sizeof name, 2);
  dio_acpi_put (acpi, 1, 1);
  dio_acpi_put (acpi, sizeof name, 2);
  dio_acpi_put (acpi, INFO + ADDRESS + 4, 2);
  dio_acpi_zeros (acpi, 4);
  dio_acpi_put (acpi, 0x8000, 2);
  dio_acpi_put (acpi, 3, 2);
  dio_acpi_zeros (acpi, 2);
  dio_acpi_put (acpi, INFO, 2);
  dio_acpi_put (acpi, INFO + ADDRESS, 2);
  dio_acpi_address (acpi, DIO_VIRT_ARM64_UART);
  dio_acpi_put (acpi, PAGE, 4);
  dio_acpi_bytes (acpi, name, sizeof name);
  dio_acpi_end (acpi, true);
}

/* I/O Remapping Table (Arm DEN 0049): messages of all functions go to the ITS, which knows them by
 * their numbers. */
static void
add_iort (DioAcpi *acpi)
{
  enum { NODES = 48, ITS = 24, ROOT = 36, MAPPING = 20 };

  dio_acpi_begin (acpi, "IORT", 0);
  dio_acpi_put (acpi, 2, 4);
  dio_acpi_put (acpi, NODES, 4);
  dio_acpi_zeros (acpi, 4);

  dio_acpi_put (acpi, 0, 1); /* a group of one ITS, that with the number 0 */
  dio_acpi_put (acpi, ITS, 2);
  dio_acpi_zeros (acpi, 13);
  dio_acpi_put (acpi, 1, 4);
  dio_acpi_put (acpi, 0, 4);

  dio_acpi_put (acpi, 2, 1); /* a root complex */
  dio_acpi_put (acpi, ROOT + MAPPING, 2);
  dio_acpi_put (acpi, 1, 1);
  dio_acpi_zeros (acpi, 4);
  dio_acpi_put (acpi, 1, 4);
  dio_acpi_put (acpi, ROOT, 4);
  dio_acpi_put (acpi, 1, 4); /* coherent */
  dio_acpi_zeros (acpi, 3);
  dio_acpi_put (acpi, 3, 1); /* in any case */
  dio_acpi_zeros (acpi, 8);
  dio_acpi_put (acpi, 64, 4); /* bits of addresses */
  dio_acpi_put (acpi, 0, 4);
  dio_acpi_put (acpi, 0xffff, 4); /* one less than there are */
  dio_acpi_put (acpi, 0, 4);
  dio_acpi_put (acpi, NODES, 4);
  dio_acpi_zeros (acpi, 4);
  dio_acpi_end (acpi, true);
}

/* ---- The namespace ---- */

static void
name_memory (DioAml *aml, DioGpa address, uint64_t size)
{
  GByteArray *list = dio_aml_resources_new ();

  dio_aml_memory32 (list, (uint32_t) address, (uint32_t) size);
  dio_aml_name_resources (aml, "_CRS", list);
}

static void
name_device (DioAml *aml, DioGpa address, uint64_t size, unsigned spi)
{
  GByteArray *list = dio_aml_resources_new ();

  dio_aml_memory32 (list, (uint32_t) address, (uint32_t) size);
  dio_aml_interrupt (list, SPI (spi), false);
  dio_aml_name_resources (aml, "_CRS", list);
}

static void
add_processors (DioAml *aml, unsigned count)
{
  for (unsigned i = 0; i < count; i++) {
    g_autofree char *name = g_strdup_printf ("C%03X", i);
    dio_aml_begin_device (aml, name);
    dio_aml_name_string (aml, "_HID", "ACPI0007");
    dio_aml_name_integer (aml, "_UID", i);
    dio_aml_end (aml);
  }
}

static void
add_serial (DioAml *aml)
{
  dio_aml_begin_device (aml, "COM0");
  dio_aml_name_string (aml, "_HID", "ARMH0011");
  dio_aml_name_integer (aml, "_UID", 0);
  name_device (aml, DIO_VIRT_ARM64_UART, PAGE, DIO_VIRT_ARM64_IRQ_UART);
  dio_aml_end (aml);
}

static void
add_fw_cfg (DioAml *aml)
{
  dio_aml_begin_device (aml, "FWCF");
  dio_aml_name_string (aml, "_HID", "QEMU0002");
  dio_aml_name_integer (aml, "_STA", 0xb);
  dio_aml_name_integer (aml, "_CCA", 1);
  name_memory (aml, DIO_VIRT_ARM64_FW_CFG, DIO_FW_CFG_SIZE);
  dio_aml_end (aml);
}

/* The key that the controller of GPIO lines has (sections 4.8.3.2 and 5.6.5.2): _E and the pin. */
static void
add_power_key (DioAml *aml)
{
  g_autofree char *event = g_strdup_printf ("_E%02X", DIO_PL061_POWER_KEY);
  GByteArray *list = dio_aml_resources_new ();

  dio_aml_begin_device (aml, "PWRB");
  dio_aml_name_string (aml, "_HID", "PNP0C0C");
  dio_aml_name_integer (aml, "_UID", 0);
  dio_aml_end (aml);

  dio_aml_begin_device (aml, "GPO0");
  dio_aml_name_string (aml, "_HID", "ARMH0061");
  dio_aml_name_integer (aml, "_UID", 0);
  name_device (aml, DIO_VIRT_ARM64_GPIO, PAGE, DIO_VIRT_ARM64_IRQ_GPIO);
  dio_aml_gpio_edge (list, DIO_PL061_POWER_KEY, "GPO0");
  dio_aml_name_resources (aml, "_AEI", list);
  dio_aml_begin_method (aml, event, 0);
  dio_aml_op (aml, DIO_AML_NOTIFY);
  dio_aml_name (aml, "PWRB");
  dio_aml_integer (aml, 0x80);
  dio_aml_end (aml);
  dio_aml_end (aml);
}

/* "Virtual Machine Generation ID", and the device of events (section 5.6.9) that tells of it. */
static void
add_generation (DioAml *aml)
{
  GByteArray *list = dio_aml_resources_new ();

  dio_aml_begin_device (aml, "VGEN");
  dio_aml_name_string (aml, "_HID", "DIOR0001");
  dio_aml_name_string (aml, "_CID", "VM_Gen_Counter");
  dio_aml_name_string (aml, "_DDN", "VM_Gen_Counter");
  dio_aml_define (aml, "ADDR");
  dio_aml_begin_package (aml, 2);
  dio_aml_integer (aml, (uint32_t) DIO_VIRT_ARM64_VMGENID);
  dio_aml_integer (aml, DIO_VIRT_ARM64_VMGENID >> 32);
  dio_aml_end (aml);
  dio_aml_end (aml);

  dio_aml_begin_device (aml, "GED");
  dio_aml_name_string (aml, "_HID", "ACPI0013");
  dio_aml_name_integer (aml, "_UID", 0);
  dio_aml_interrupt (list, SPI (DIO_VIRT_ARM64_IRQ_VMGENID), true);
  dio_aml_name_resources (aml, "_CRS", list);
  dio_aml_begin_method (aml, "_EVT", 1);
  dio_aml_op (aml, DIO_AML_NOTIFY);
  dio_aml_name (aml, "VGEN");
  dio_aml_integer (aml, 0x80);
  dio_aml_end (aml);
  dio_aml_end (aml);
}

/* Pins of all slots; each slot begins with another interrupt. */
static void
name_pci_pins (DioAml *aml)
{
  dio_aml_define (aml, "_PRT");
  dio_aml_begin_package (aml, PCI_SLOTS * DIO_PCI_PINS);
  for (unsigned slot = 0; slot < PCI_SLOTS; slot++)
    for (unsigned pin = 0; pin < DIO_PCI_PINS; pin++) {
      dio_aml_begin_package (aml, 4);
      dio_aml_integer (aml, slot << 16 | 0xffff);
      dio_aml_integer (aml, pin);
      dio_aml_integer (aml, 0);
      dio_aml_integer (aml, SPI (DIO_VIRT_ARM64_IRQ_PCI + (slot + pin) % DIO_PCI_PINS));
      dio_aml_end (aml);
    }
  dio_aml_end (aml);
}

static void
name_pci_windows (DioAml *aml)
{
  GByteArray *list = dio_aml_resources_new ();

  dio_aml_window (list, DIO_AML_BUSES, 0, PCI_BUSES, 0);
  dio_aml_window (list, DIO_AML_MEMORY32, DIO_VIRT_ARM64_PCI_MMIO, DIO_VIRT_ARM64_PCI_MMIO_SIZE, 0);
  dio_aml_window (list, DIO_AML_IO, 0, DIO_PCI_HOST_PIO_SIZE, DIO_VIRT_ARM64_PCI_PIO);
  dio_aml_window (list, DIO_AML_MEMORY64, DIO_VIRT_ARM64_PCI_MMIO64, DIO_VIRT_ARM64_PCI_MMIO64_SIZE,
                  0);
  dio_aml_name_resources (aml, "_CRS", list);
}

/* What the system may do itself (PCI Firmware Specification 3.2, section 4.5.1): of what it asks
 * for, the control of the capabilities of PCI Express. */
static void
add_pci_control (DioAml *aml)
{
  dio_aml_begin_method (aml, "_OSC", 4);
  dio_aml_dword_field (aml, DIO_AML_ARG0 + 3, 0, "CDW1");
  dio_aml_begin (aml, DIO_AML_IF);
  dio_aml_op (aml, DIO_AML_EQUAL);
  dio_aml_op (aml, DIO_AML_ARG0);
  dio_aml_uuid (aml, "33db4d5b-1ff7-401c-9657-7441c03dd766");
  dio_aml_dword_field (aml, DIO_AML_ARG0 + 3, 8, "CDW3");
  dio_aml_op (aml, DIO_AML_AND);
  dio_aml_name (aml, "CDW3");
  dio_aml_integer (aml, 1u << 4);
  dio_aml_op (aml, DIO_AML_LOCAL0);
  dio_aml_begin (aml, DIO_AML_IF); /* another revision */
  dio_aml_op (aml, DIO_AML_NOT);
  dio_aml_op (aml, DIO_AML_EQUAL);
  dio_aml_op (aml, DIO_AML_ARG0 + 1);
  dio_aml_integer (aml, 1);
  dio_aml_op (aml, DIO_AML_OR);
  dio_aml_name (aml, "CDW1");
  dio_aml_integer (aml, 1u << 3);
  dio_aml_name (aml, "CDW1");
  dio_aml_end (aml);
  dio_aml_begin (aml, DIO_AML_IF); /* not all was granted */
  dio_aml_op (aml, DIO_AML_NOT);
  dio_aml_op (aml, DIO_AML_EQUAL);
  dio_aml_name (aml, "CDW3");
  dio_aml_op (aml, DIO_AML_LOCAL0);
  dio_aml_op (aml, DIO_AML_OR);
  dio_aml_name (aml, "CDW1");
  dio_aml_integer (aml, 1u << 4);
  dio_aml_name (aml, "CDW1");
  dio_aml_end (aml);
  dio_aml_op (aml, DIO_AML_STORE);
  dio_aml_op (aml, DIO_AML_LOCAL0);
  dio_aml_name (aml, "CDW3");
  dio_aml_end (aml);
  dio_aml_begin (aml, DIO_AML_ELSE); /* of another subject */
  dio_aml_op (aml, DIO_AML_OR);
  dio_aml_name (aml, "CDW1");
  dio_aml_integer (aml, 1u << 2);
  dio_aml_name (aml, "CDW1");
  dio_aml_end (aml);
  dio_aml_op (aml, DIO_AML_RETURN);
  dio_aml_op (aml, DIO_AML_ARG0 + 3);
  dio_aml_end (aml);
}

static void
add_pci (DioAml *aml)
{
  GByteArray *list = dio_aml_resources_new ();

  dio_aml_begin_device (aml, "PCI0");
  dio_aml_define (aml, "_HID");
  dio_aml_eisa_id (aml, "PNP0A08");
  dio_aml_define (aml, "_CID");
  dio_aml_eisa_id (aml, "PNP0A03");
  dio_aml_name_integer (aml, "_SEG", 0);
  dio_aml_name_integer (aml, "_BBN", 0);
  dio_aml_name_integer (aml, "_UID", 0);
  dio_aml_name_integer (aml, "_CCA", 1);
  dio_aml_name_integer (aml, "_CBA", DIO_VIRT_ARM64_PCI_ECAM);
  name_pci_pins (aml);
  name_pci_windows (aml);
  add_pci_control (aml);
  /* Nobody else may use the configuration space. */
  dio_aml_begin_device (aml, "RES0");
  dio_aml_define (aml, "_HID");
  dio_aml_eisa_id (aml, "PNP0C02");
  dio_aml_window (list, DIO_AML_MEMORY64, DIO_VIRT_ARM64_PCI_ECAM, DIO_PCI_HOST_ECAM_SIZE, 0);
  dio_aml_name_resources (aml, "_CRS", list);
  dio_aml_end (aml);
  dio_aml_end (aml);
}

static uint32_t
add_dsdt (DioAcpi *acpi, const DioMachine *machine)
{
  DioAml aml;

  dio_aml_init (&aml);
  dio_aml_begin_scope (&aml, "\\_SB");
  add_processors (&aml, machine->n_cpus);
  add_serial (&aml);
  add_fw_cfg (&aml);
  add_power_key (&aml);
  add_generation (&aml);
  add_pci (&aml);
  dio_aml_end (&aml);
  g_autoptr (GBytes) code = dio_aml_finish (&aml);

  dio_acpi_begin (acpi, "DSDT", 2);
  dio_acpi_bytes (acpi, g_bytes_get_data (code, NULL), g_bytes_get_size (code));
  return dio_acpi_end (acpi, false);
}

void
dio_virt_arm64_offer_acpi (DioMachine *machine, DioVirtArm64 *virt)
{
  g_autoptr (DioAcpi) acpi = dio_acpi_new ();

  add_fadt (acpi, add_dsdt (acpi, machine));
  add_madt (acpi, machine);
  add_gtdt (acpi);
  add_mcfg (acpi);
  add_spcr (acpi);
  add_dbg2 (acpi);
  add_iort (acpi);
  dio_acpi_offer (acpi, &virt->fw_cfg->dev);
}
