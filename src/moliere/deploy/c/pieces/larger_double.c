static inline double larger_double(double a, double b) { return a > b || a != a ? a : b; }
