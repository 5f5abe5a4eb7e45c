// The number of the thread that asks, with OpenMP or without.
#pragma once

#if defined(_OPENMP)
#include <omp.h>
static inline int this_thread() { return omp_get_thread_num(); }
#else
static inline int this_thread() { return 0; }
#endif
