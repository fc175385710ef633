/* The library: a compiled program is a list of records that the interpreter runs, once in double
 * and once in float. No part of Python is needed; ctypes calls what is marked EXPORT. */
#include "records.h"

#define NAME_OF(name, suffix) name##_##suffix
#define NAME_WITH(name, suffix) NAME_OF(name, suffix)
#define NAME(name) NAME_WITH(name, SUFFIX)

#define real double
#define REAL_BITS 64
#define SUFFIX f64
#include "vectors.h"
#include "functions.h"
#include "products.h"
#include "interpreter.h"
#include "tape.h"
#include "epochs.h"
#undef real
#undef REAL_BITS
#undef SUFFIX

#define real float
#define REAL_BITS 32
#define SUFFIX f32
#include "vectors.h"
#include "functions.h"
#include "products.h"
#include "interpreter.h"
#include "tape.h"
#include "epochs.h"
#undef real
#undef REAL_BITS
#undef SUFFIX

/* The names of the operations in the order of their numbers, one on each line. */
EXPORT const char *operations(void) {
  return
#define ELEMENTWISE(NAME_, N, RESULT) #NAME_ "\n"
#define KERNEL(NAME_) #NAME_ "\n"
#include "operations.h"
      ;
}

/* So that Python can see that both sides mean the same structs. */
EXPORT const int64_t sizes[] = {sizeof(record),  sizeof(entry),  sizeof(input),
                                sizeof(program), sizeof(update), sizeof(epoch)};

/* Which compiler made the library, and of which files: a checksum that Python compares. */
#ifndef SOURCES
#define SOURCES 0
#endif
#if defined(__clang__)
EXPORT const char *compiler(void) { return __VERSION__; }
#else
EXPORT const char *compiler(void) { return "gcc " __VERSION__; }
#endif
EXPORT int64_t sources(void) { return SOURCES; }
