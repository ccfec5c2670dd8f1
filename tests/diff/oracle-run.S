# SPDX-License-Identifier: GPL-3.0-or-later
# The way into and out of code under test, with every register set and read.
# DiffCase: x at 0, f at 256, fcsr at 512, base at 520. DiffResult: the same offsets.

  .option norvc
  .option norelax

.macro for_registers op, file, pointer, offset
  .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  \op \file\n, (\offset + 8 * \n)(\pointer)
  .endr
.endm

# All integer registers but x0 and \base.
.macro for_others op, base
  .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  .if \n != \base
  \op x\n, (8 * \n)(x\base)
  .endif
  .endr
.endm

.macro for_host op
  \op ra, 0(t0)
  \op sp, 8(t0)
  \op gp, 16(t0)
  \op tp, 24(t0)
  \op s0, 32(t0)
  \op s1, 40(t0)
  \op s2, 48(t0)
  \op s3, 56(t0)
  \op s4, 64(t0)
  \op s5, 72(t0)
  \op s6, 80(t0)
  \op s7, 88(t0)
  \op s8, 96(t0)
  \op s9, 104(t0)
  \op s10, 112(t0)
  \op s11, 120(t0)
.endm

  .text
  .globl _start
_start:
  andi sp, sp, -16
  call oracle_main
  li a7, 93
  ecall

# void oracle_run (const DiffCase *, DiffResult *)
  .globl oracle_run
oracle_run:
  la t0, oracle_host
  for_host sd
  la t1, oracle_result
  sd a1, 0(t1)
  # No reservation survives from the case before.
  addi t1, t0, 128
  sc.d zero, zero, (t1)
  ld t1, 512(a0)
  fscsr t1
  for_registers fld, f, a0, 256
  # Through the entry of the case's base register, in which a0 then is.
  ld t1, 520(a0)
  la t2, oracle_entries
  slli t1, t1, 9
  add t2, t2, t1
  jr t2

  .balign 512
oracle_entries:
  .irp b, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  .balign 512
  .if \b == 0
  ebreak
  .else
  mv x\b, a0
  for_others ld, \b
  ld x\b, 0(x\b)
  jr x\b
  .endif
  .endr

  # The ways out; the stubs jump here.
  .globl oracle_exits
  .balign 512
oracle_exits:
  .irp b, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  .balign 512
  .if \b == 0
  ebreak
  .else
  la x\b, oracle_result
  ld x\b, 0(x\b)
  for_others sd, \b
  mv a1, x\b
  j leave
  .endif
  .endr

leave:
  for_registers fsd, f, a1, 256
  frcsr t1
  sd t1, 512(a1)
  sd zero, 520(a1)
  .globl oracle_leave
oracle_leave:
  la t0, oracle_host
  for_host ld
  ret

  .bss
  .balign 16
oracle_host:
  .skip 256
