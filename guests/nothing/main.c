/* Ends at once: what an emulator costs before and after the guest. */
int main(void)
{
    return 0;
}
