/* The two functions that a freestanding compiler may call by itself. */
typedef __SIZE_TYPE__ size_t;

void *memcpy(void *to, const void *from, size_t length)
{
    unsigned char *target = to;
    const unsigned char *source = from;

    while (length--)
        *target++ = *source++;
    return to;
}

void *memset(void *to, int value, size_t length)
{
    unsigned char *target = to;

    while (length--)
        *target++ = (unsigned char)value;
    return to;
}
