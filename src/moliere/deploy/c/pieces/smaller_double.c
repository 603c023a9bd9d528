static inline double smaller_double(double a, double b) { return a < b || a != a ? a : b; }
