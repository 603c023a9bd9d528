static inline double logistic_double(double x) { return 1 / (1 + exponential_double(-x)); }
