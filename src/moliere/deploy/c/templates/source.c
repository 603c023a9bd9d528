/*
$about
 */
#include "$name.h"

#include <string.h>

#ifdef __FAST_MATH__
#error "compile without -ffast-math: the numbers of a shower would depend on the machine"
#endif
/* A product and a sum are two operations everywhere, so that compilers and machines agree. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("O3", "fp-contract=off")
#endif

/* One copy of each function: copies for every call would take minutes to compile. */
#if defined(__clang__)
#define APART __attribute__((noinline))
#elif defined(__GNUC__)
#define APART __attribute__((noinline, noclone))
#else
#define APART
#endif

/* Compiled three times where the C library can choose when the program starts: vectors as wide as the processor has
   them, whatever the options are. The bits are the same. */
#if defined(__GNUC__) && !defined(__clang__) && !defined(PLAIN_C99) && defined(__x86_64__) && defined(__GLIBC__)
#define WIDE __attribute__((noinline, target_clones("avx512f", "avx2", "default")))
#else
#define WIDE APART
#endif

/* Bytes of one shower, and how many showers are made together. */
enum { SHOWER = $shower, TOGETHER = $together };
#define AT(TYPE, PLACE) ((TYPE *)(void *)(memory + (PLACE)))
