/* Traps: interrupts, and exceptions that a check waits for. Everything else is an unexpected end. */
#include "guest.h"

#define TICK 2000UL
#define USER_STACK 1024

extern char probe_load_at[], probe_stimecmp_at[];
u64 probe_load(const void *pointer);
void probe_stimecmp(u64 value);
void run_user(void *function, const void *argument, void *stack);
void leave_user(void) __attribute__((noreturn));

struct hart harts[2];
/* Where the handler counts ticks as well: perhaps through a tagged pointer. */
volatile u64 *tick_mirror;
static int ticks_by_sbi;
static u64 user_result;
static int fetching;
static USER_DATA char user_stack[USER_STACK] __attribute__((aligned(16)));

static void set_timer(u64 deadline)
{
    if (ticks_by_sbi)
        sbi_call(SBI_TIME, 0, deadline, 0, 0);
    else
        csr_write(0x14d, deadline); /* stimecmp */
}

static void on_tick(void)
{
    this_hart->ticks++;
    if (tick_mirror)
        ++*tick_mirror;
    set_timer(csr_read(time) + TICK);
}

static void unexpected(u64 cause, const struct frame *frame)
{
    put_text("unexpected trap ");
    put_number(cause);
    put_text(" at ");
    put_number(frame->pc);
    put_text(" value ");
    put_number(csr_read(stval));
    put_text("\n");
    failures++;
    finish();
}

static void on_exception(struct frame *frame, u64 cause)
{
    this_hart->cause = cause;
    this_hart->tval = csr_read(stval);
    if (!(frame->status & SSTATUS_SPP)) {
        user_result = frame->x[9];
        leave_user();
    }
    if (frame->pc == (u64)probe_load_at || frame->pc == (u64)probe_stimecmp_at)
        frame->pc += 4;
    else if (fetching)
        frame->pc = frame->x[0];
    else
        unexpected(cause, frame);
}

void trap(struct frame *frame)
{
    u64 cause = csr_read(scause);

    if (cause == CAUSE_TIMER) {
        on_tick();
    } else if (cause == CAUSE_SOFTWARE) {
        csr_clear(sip, SIE_SOFTWARE);
        this_hart->greetings++;
    } else {
        on_exception(frame, cause);
    }
}

static struct outcome outcome_of(u64 value)
{
    return (struct outcome){value, this_hart->cause, this_hart->tval};
}

/* A load in VS-mode. */
struct outcome load_from(const void *pointer)
{
    this_hart->cause = this_hart->tval = 0;
    return outcome_of(probe_load(pointer));
}

/* A call in VS-mode. */
struct outcome fetch_from(const void *pointer)
{
    this_hart->cause = this_hart->tval = 0;
    fetching = 1;
    ((void (*)(void))pointer)();
    fetching = 0;
    return outcome_of(0);
}

/* A call in VU-mode: the function's result with the cause of an ecall, or what it trapped with. */
struct outcome call_user(void *function, const void *argument)
{
    this_hart->cause = this_hart->tval = 0;
    run_user(function, argument, user_stack + USER_STACK);
    return outcome_of(user_result);
}

int has_sstc(void)
{
    this_hart->cause = 0;
    probe_stimecmp(~0UL);
    return this_hart->cause == 0;
}

void start_ticks(int by_sbi)
{
    ticks_by_sbi = by_sbi;
    this_hart->ticks = 0;
    set_timer(csr_read(time) + TICK);
    csr_set(sie, SIE_TIMER);
    csr_set(sstatus, SSTATUS_SIE);
}

void stop_ticks(void)
{
    csr_clear(sie, SIE_TIMER);
    csr_clear(sstatus, SSTATUS_SIE);
}
