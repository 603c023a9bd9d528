/* ln u of a number in (0, 1), in IEEE operations only, so that it has the same bits everywhere (fdlibm's e_log.c). */
static double log_of(double u)
{
    int exponent;
    double m = frexp(u, &exponent), f, s, z, sum, h;
    if (m < 0.7071067811865476) {
        m = m * 2.0;
        exponent -= 1;
    }
    f = m - 1.0;
    s = f / (2.0 + f);
    z = s * s;
    sum = 1.479819860511658591e-01;
    sum = 1.531383769920937332e-01 + z * sum;
    sum = 1.818357216161805012e-01 + z * sum;
    sum = 2.222219843214978396e-01 + z * sum;
    sum = 2.857142874366239149e-01 + z * sum;
    sum = 3.999999999940941908e-01 + z * sum;
    sum = 6.666666666666735130e-01 + z * sum;
    sum = sum * z;
    h = 0.5 * f * f;
    return exponent * 6.93147180369123816490e-01
           - ((h - (s * (h + sum) + exponent * 1.90821492927058770002e-10)) - f);
}
