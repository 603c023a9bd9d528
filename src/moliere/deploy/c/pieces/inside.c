/* A position on an axis: from its end where it is negative, and never outside. */
static inline int64_t inside(int64_t place, int64_t length)
{
    int64_t const counted = place < 0 ? place + length : place;
    return counted < 0 ? 0 : counted < length ? counted : length - 1;
}
