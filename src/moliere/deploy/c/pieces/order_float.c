/* Numbers of the entries from the largest (sign 1) or the smallest (sign -1), equal ones as they came: a merge sort.
   The room is for 2 * length numbers; the result lies in one half of it. */
static const int32_t *order_float(int length, const float *restrict x, int sign, int32_t *room)
{
    int32_t *from = room, *to = room + length;
    for (int k = 0; k < length; ++k) from[k] = k;
    for (int width = 1; width < length; width *= 2) {
        int32_t *swapped;
        for (int start = 0; start < length; start += 2 * width) {
            int const middle = start + width < length ? start + width : length;
            int const end = start + 2 * width < length ? start + 2 * width : length;
            int a = start, b = middle;
            for (int k = start; k < end; ++k) {
                int const second = b < end && (a >= middle || (x[from[b]] - x[from[a]]) * sign > 0);
                to[k] = second ? from[b++] : from[a++];
            }
        }
        swapped = from;
        from = to;
        to = swapped;
    }
    return from;
}
