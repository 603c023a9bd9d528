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
#pragma GCC optimize("fp-contract=off")
#endif

/* One copy of each function: copies for every call would take minutes to compile. */
#if defined(__clang__)
#define APART __attribute__((noinline))
#elif defined(__GNUC__)
#define APART __attribute__((noinline, noclone))
#else
#define APART
#endif

/* Bytes of one shower, and how many showers are made together. */
enum { SHOWER = $shower, TOGETHER = $together };
#define AT(TYPE, PLACE) ((TYPE *)(void *)(memory + (PLACE)))
