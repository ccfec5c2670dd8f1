/* SPDX-License-Identifier: GPL-3.0-or-later
 * Entry of the hostile guests: like the measuring programs, but a trap skips the instruction. */
  .section .text.start
  .globl _start
_start:
  csrr a0, mhartid
1: bnez a0, 1b
  la sp, stack_top
  la t0, trap
  csrw mtvec, t0
  call main
  slli a0, a0, 16
  li t0, 0x3333
  or t0, a0, t0
  bnez a0, 2f
  li t0, 0x5555
2: li t1, 0x100000
  sw t0, 0(t1)
3: wfi
  j 3b
  .balign 4
trap:
  addi sp, sp, -32
  sd t0, 0(sp)
  sd t1, 8(sp)
  csrr t0, mepc
  lhu t1, 0(t0)                 /* 4 bytes when the low bits are 11, else 2 */
  andi t1, t1, 3
  addi t1, t1, -3
  addi t0, t0, 2
  bnez t1, 4f
  addi t0, t0, 2
4: csrw mepc, t0
  ld t0, 0(sp)
  ld t1, 8(sp)
  addi sp, sp, 32
  mret
