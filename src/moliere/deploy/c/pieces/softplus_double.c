/* ln(1 + e^x) */
static inline double softplus_double(double x) { return (x > 0 ? x : 0) + log1p(exponential_double(x > 0 ? -x : x)); }
