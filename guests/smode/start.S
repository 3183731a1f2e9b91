/* Start code of the supervisor-mode guest: OpenSBI enters with the hart's number in a0 and the device tree in a1.
 *
 * The first hart clears .bss and runs main(hart, device tree). A hart started by HSM enters at secondary_start with its
 * number in a0 and the top of its stack in a1, and runs secondary(hart).
 */
    .file "guests/smode/start.S"
    .equ STACK_SIZE, 8192

    .cfi_sections .debug_frame

    .macro  set_gp
    .option push
    .option norelax
    la      gp, __global_pointer$
    .option pop
    .endm

    .section .text.start, "ax", @progbits
    .globl _start
    .type _start, @function
_start:
    .cfi_startproc
    .cfi_undefined ra                   /* nobody called: a backtrace ends here */
    set_gp
    la      t0, __bss_start
    la      t1, __bss_end
clear:
    bgeu    t0, t1, cleared
    sd      zero, 0(t0)
    addi    t0, t0, 8
    j       clear
cleared:
    la      sp, first_stack + STACK_SIZE
    la      t0, trap_entry
    csrw    stvec, t0
    call    main
    j       park
    .cfi_endproc
    .size _start, . - _start

    .section .text, "ax", @progbits
    .globl secondary_start
    .type secondary_start, @function
secondary_start:
    .cfi_startproc
    .cfi_undefined ra
    set_gp
    mv      sp, a1
    la      t0, trap_entry
    csrw    stvec, t0
    call    secondary
park:
    wfi
    j       park
    .cfi_endproc
    .size secondary_start, . - secondary_start

/* Saves what a C function may change and calls trap(scause, sepc, stval).
 *
 * The return address column is the interrupted pc, so that a debugger's backtrace crosses the trap.
 */
    .globl trap_entry
    .type trap_entry, @function
    .balign 4
trap_entry:
    .cfi_startproc
    .cfi_signal_frame
    .cfi_return_column 0                /* x0 has no saved value of its own: its column carries sepc */
    addi    sp, sp, -144
    .cfi_def_cfa_offset 144
    .macro  keep reg, slot
    sd      \reg, \slot * 8(sp)
    .cfi_offset \reg, \slot * 8 - 144
    .endm
    keep ra, 1
    keep t0, 2
    keep t1, 3
    keep t2, 4
    keep a0, 5
    keep a1, 6
    keep a2, 7
    keep a3, 8
    keep a4, 9
    keep a5, 10
    keep a6, 11
    keep a7, 12
    keep t3, 13
    keep t4, 14
    keep t5, 15
    keep t6, 16
    csrr    a1, sepc
    sd      a1, 0(sp)
    .cfi_offset 0, -144
    csrr    a0, scause
    csrr    a2, stval
    call    trap
    ld      t0, 0(sp)
    csrw    sepc, t0
    ld      ra, 8(sp)
    ld      t0, 16(sp)
    ld      t1, 24(sp)
    ld      t2, 32(sp)
    ld      a0, 40(sp)
    ld      a1, 48(sp)
    ld      a2, 56(sp)
    ld      a3, 64(sp)
    ld      a4, 72(sp)
    ld      a5, 80(sp)
    ld      a6, 88(sp)
    ld      a7, 96(sp)
    ld      t3, 104(sp)
    ld      t4, 112(sp)
    ld      t5, 120(sp)
    ld      t6, 128(sp)
    addi    sp, sp, 144
    sret
    .cfi_endproc
    .size trap_entry, . - trap_entry

    .section .stacks, "aw", @nobits
    .balign 16
first_stack:
    .skip   STACK_SIZE
