/* SPDX-License-Identifier: GPL-3.0-or-later
 * ACPI tables (ACPI 6.5 chapter 5) for firmware that takes them from fw_cfg: the tables with
 * pointers relative to their file, and a script that tells the firmware where to put them, which
 * pointers to fill in and which checksums to make. */
#pragma once

#include "core/vm/vm-device.h"

typedef struct DioAcpi DioAcpi;

DioAcpi *dio_acpi_new (void);
void dio_acpi_free (DioAcpi *acpi);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DioAcpi, dio_acpi_free)

/* A table, with its header, that lasts until the next one. */
void dio_acpi_begin (DioAcpi *acpi, const char *signature, unsigned revision);
/* Its offset in the file, when it is complete; the root table is to name it if @listed. */
uint32_t dio_acpi_end (DioAcpi *acpi, bool listed);

/* Contents of the open table. */
void dio_acpi_put (DioAcpi *acpi, uint64_t value, unsigned size); /* little-endian, 1 to 8 bytes */
void dio_acpi_zeros (DioAcpi *acpi, unsigned count);
void dio_acpi_bytes (DioAcpi *acpi, const void *data, size_t size);
/* A generic address structure of registers in memory that are accessed by 32 bits. */
void dio_acpi_address (DioAcpi *acpi, DioGpa address);
/* Eight bytes that the firmware makes the address of the table at @offset. */
void dio_acpi_pointer (DioAcpi *acpi, uint32_t offset);

/* Adds the root tables, and gives all to @fw_cfg. */
void dio_acpi_offer (DioAcpi *acpi, DioDevice *fw_cfg);
