/* Rows of exponentials divided by their sums. */
WIDE static void softmax_float(int rows, int length, const float *restrict x, float *restrict out)
{
    for (int row = 0; row < rows; ++row, x += length, out += length) {
        float top = x[0], sum;
        for (int k = 1; k < length; ++k) top = larger_float(top, x[k]);
        for (int k = 0; k < length; ++k) out[k] = exponential_float(x[k] - top);
        sum = sum_float(length, out);
        for (int k = 0; k < length; ++k) out[k] = out[k] / sum;
    }
}
