/* SPDX-License-Identifier: GPL-3.0-or-later
 * Entry of a bare-metal measuring program on the riscv64 `virt` board, in M-mode at 0x80000000. */
  .section .text.start
  .globl _start
_start:
  csrr a0, mhartid
1: bnez a0, 1b                  /* one hart measures */
  la sp, stack_top
  li t0, 0x6000                 /* mstatus.FS = dirty */
  csrs mstatus, t0
  csrw fcsr, zero
  la t0, trap
  csrw mtvec, t0
  la t0, bss_start
  la t1, bss_end
2: bgeu t0, t1, 3f
  sd zero, 0(t0)
  addi t0, t0, 8
  j 2b
3: call main
  slli a0, a0, 16               /* test finisher: 0x5555 is success, code<<16 | 0x3333 failure */
  li t0, 0x3333
  or a0, a0, t0
  srli t1, a0, 16
  bnez t1, 4f
  li a0, 0x5555
4: li t0, 0x100000
  sw a0, 0(t0)
5: wfi
  j 5b
  .balign 4
trap:
  csrr a0, mcause
  csrr a1, mepc
  call trapped
  li a0, 99
  slli a0, a0, 16
  li t0, 0x3333
  or a0, a0, t0
  j 4b
