/* sin 2 pi u and cos 2 pi u of a number in (0, 1), in IEEE operations only (fdlibm's k_sin.c and k_cos.c). */
static void turn(double u, double *sine, double *cosine)
{
    double const quarter = floor(4.0 * u + 0.5);
    double const x = 6.283185307179586 * (u - 0.25 * quarter), z = x * x;
    double s = 1.58969099521155010221e-10, c = -1.13596475577881948265e-11;
    s = -2.50507602534068634195e-08 + z * s;
    s = 2.75573137070700676789e-06 + z * s;
    s = -1.98412698298579493134e-04 + z * s;
    s = 8.33333333332248946124e-03 + z * s;
    s = -1.66666666666666324348e-01 + z * s;
    s = x + z * x * s;
    c = 2.08757232129817482790e-09 + z * c;
    c = -2.75573143513906633035e-07 + z * c;
    c = 2.48015872894767294178e-05 + z * c;
    c = -1.38888888888741095749e-03 + z * c;
    c = 4.16666666666666019037e-02 + z * c;
    c = (1.0 - 0.5 * z) + z * z * c;
    switch ((int)quarter % 4) {
    case 0: *sine = s; *cosine = c; break;
    case 1: *sine = c; *cosine = -s; break;
    case 2: *sine = -s; *cosine = -c; break;
    default: *sine = -c; *cosine = s; break;
    }
}
