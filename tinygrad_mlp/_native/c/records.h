/* What Python hands over: records of one size, and a table of where memory begins.
 *
 * A record names an operation, extents of a loop nest (the last one is the innermost), and for each
 * operand where it lies: memory number `base` of the table, `offset` elements behind its beginning,
 * then `stride` elements from one round of a loop to the next (0: the same element again).
 * Addresses are not in it, so that one list of records serves any memory and any number of threads.
 */
#ifndef TINYGRAD_RECORDS_H
#define TINYGRAD_RECORDS_H

#include <stdint.h>

enum { AXES = 5, OPERANDS = 4 };

typedef struct {
  int32_t base;
  int32_t offset;
  int32_t stride[AXES];
} operand;

typedef struct {
  int32_t operation; /* its place in the list of operations.h */
  int32_t extent[AXES];
  operand out;
  operand in[OPERANDS];
} record;

/* Whatever is seen by the outside; everything else is static. */
#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#define INLINE static inline __attribute__((always_inline))

#endif
