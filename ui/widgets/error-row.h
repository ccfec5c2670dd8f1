/* SPDX-License-Identifier: GPL-3.0-or-later
 * A row of a form that says what is wrong with the field above it. Main thread. */
#pragma once

#include <adwaita.h>

#define DIO_TYPE_ERROR_ROW (dio_error_row_get_type ())
G_DECLARE_FINAL_TYPE (DioErrorRow, dio_error_row, DIO, ERROR_ROW, AdwPreferencesRow)

/* Shows @message, or nothing at all for NULL. */
void dio_error_row_set_message (DioErrorRow *self, const char *message);
