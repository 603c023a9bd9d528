/* Rows of exponentials divided by their sums. */
WIDE static void softmax_double(int rows, int length, const double *restrict x, double *restrict out)
{
    for (int row = 0; row < rows; ++row, x += length, out += length) {
        double top = x[0], sum;
        for (int k = 1; k < length; ++k) top = larger_double(top, x[k]);
        for (int k = 0; k < length; ++k) out[k] = exponential_double(x[k] - top);
        sum = sum_double(length, out);
        for (int k = 0; k < length; ++k) out[k] = out[k] / sum;
    }
}
