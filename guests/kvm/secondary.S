/* Where HSM starts the second hart: its number in a0, its struct hart in a1.
 */
    .file "guests/kvm/secondary.S"
    .equ HART_STACK_TOP, 16

    .cfi_sections .debug_frame
    .section .text, "ax", @progbits
    .globl secondary_start
    .type secondary_start, @function
secondary_start:
    .cfi_startproc
    .cfi_undefined ra                   /* nobody called: a backtrace ends here */
    .option push
    .option norelax
    la      gp, __global_pointer$
    .option pop
    mv      tp, a1
    ld      sp, HART_STACK_TOP(tp)
    csrw    sscratch, zero
    la      t0, trap_entry
    csrw    stvec, t0
    call    secondary
forever:
    wfi
    j       forever
    .cfi_endproc
    .size secondary_start, . - secondary_start

    .section .stacks, "aw", @nobits
    .balign 16
    .globl second_stack_top
    .skip   8192
second_stack_top:
