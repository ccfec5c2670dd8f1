/* SPDX-License-Identifier: GPL-3.0-or-later
 * Takes the memory words away that the one or the other of interp-memory-*.h made; no guard. */
#undef LOAD
#undef STORE
#undef AMO
#undef LOAD_RESERVED
#undef STORE_CONDITIONAL
#undef LOAD_USER
#undef STORE_USER
#undef LOAD_V128
#undef STORE_V128
#undef COMPARE_SWAP
#undef COMPARE_SWAP_V128
#undef LOAD_RESERVED_V128
#undef STORE_CONDITIONAL_V128
