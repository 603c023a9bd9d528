/* Towards zero; what no whole number can hold becomes the nearest, and what is no number becomes 0. */
static inline int64_t whole_number(double x)
{
    return x >= 9.2e18 ? INT64_MAX : x <= -9.2e18 ? INT64_MIN : x == x ? (int64_t)x : 0;
}
