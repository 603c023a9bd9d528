static inline double exponential_double(double x) { return exp(x); }
