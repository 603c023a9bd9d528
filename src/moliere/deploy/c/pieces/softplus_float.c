/* ln(1 + e^x) */
static inline float softplus_float(float x) { return (x > 0 ? x : 0) + log1pf(exponential_float(x > 0 ? -x : x)); }
