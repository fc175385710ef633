/* Sums of products of matrices, whatever way they lie; read once for each kind of `real`.
 *
 *   c[m, n] = sum over k of a[m, k] b[n, k]     (written; or added to what is there)
 *
 * What limits a product is how often a number is loaded. So a small tile of c stays in registers
 * while k runs, and each number loaded serves a whole row or column of the tile. There are two ways:
 *
 * - tiles: vectors lie along n. For each k, one number of each row of a meets some vectors of b.
 *   b and c must follow each other along n; where b does not, or lies so scattered that each load
 *   would miss the cache, a panel of it is copied first.
 * - dots: vectors lie along k, and the lanes are added up at the end; a and b must follow each other
 *   along k. No copy, but the adding up costs about two rounds for each result: for few rows.
 *
 * Large products are done block by block, so that what is read again is still in a cache; the
 * largest, if there is one, by the BLAS that NumPy carries.
 *
 * Lanes behind the edge are masked: they hold 0, and no memory is touched there.
 */
#include <stdlib.h>

#if VECTOR_BYTES == 64 || defined(__aarch64__) /* 32 registers: 8 * 3 sums, 3 of b, 1 of a */
#define TILE_ROWS 8
#define TILE_VECTORS 3
#elif HAS_FMA /* 16 registers */
#define TILE_ROWS 4
#define TILE_VECTORS 3
#else /* 16 registers, and one of them for each product before it is added */
#define TILE_ROWS 4
#define TILE_VECTORS 2
#endif
#define DEPTH (2048 / (int)sizeof(real)) /* of a panel of b that stays in the first cache */
#define DEPTH_OF_ROWS 64    /* where one row of a passes by, and b with it */
#define BLOCK_ROWS 192      /* of a, that stay in the second cache */
#define BLOCK_PANELS 32     /* of b, copied at once */
#define BLOCKS_FROM 4000000 /* so many multiplications: from there on copying all of b pays */

/* How long to make the next piece, of pieces as equal as can be, none longer than most. */
INLINE int NAME(piece)(int left, int most) {
  if (left <= most) return left;
  const int pieces = (left + most - 1) / most;
  return (left + pieces - 1) / pieces;
}

/* rows (of a) times wide (vectors of b); of the last vector only some lanes count.
 * A tile of few sums has up to four sets of them: each one must wait for its last addition. */
INLINE void NAME(tile)(const int rows, const int wide, int K, const real *a, int64_t am, int64_t ak,
                       const real *b, int64_t bk, NAME(mask) last, real *c, int64_t cm, int adds) {
  enum { L = NAME(LANES) };
  const int sets = rows * wide >= 8 ? 1 : rows * wide >= 4 ? 2 : 4;
  NAME(vector) sum[4][TILE_ROWS][TILE_VECTORS], x[TILE_VECTORS];
  UNROLL for (int s = 0; s < sets; s++)
    UNROLL for (int i = 0; i < rows; i++)
      UNROLL for (int j = 0; j < wide; j++) sum[s][i][j] = (NAME(vector)){0};
#define STEP(s)                                                                             \
  UNROLL for (int j = 0; j < wide; j++) x[j] = HAS_MASKS && j == wide - 1                   \
                                                   ? NAME(load_first)(b + j * L, last)      \
                                                   : NAME(load)(b + j * L);                 \
  UNROLL for (int i = 0; i < rows; i++) {                                                   \
    const NAME(vector) y = NAME(spread)(a[i * am]);                                         \
    UNROLL for (int j = 0; j < wide; j++) sum[s][i][j] = NAME(madd)(y, x[j], sum[s][i][j]); \
  }                                                                                         \
  a += ak;                                                                                  \
  b += bk;
  int k = 0;
  for (; k + sets <= K; k += sets) {
    UNROLL for (int s = 0; s < sets; s++) { STEP(s) }
  }
  if (sets > 1)
    for (; k < K; k++) { STEP(0) }
#undef STEP
  UNROLL for (int i = 0; i < rows; i++)
    UNROLL for (int j = 0; j < wide; j++) {
      real *to = c + i * cm + j * L;
      NAME(vector) total = sum[0][i][j];
      UNROLL for (int s = 1; s < sets; s++) total += sum[s][i][j];
      if (j < wide - 1) {
        if (adds) total += NAME(load)(to);
        NAME(store)(to, total);
      } else {
        if (adds) total += NAME(load_first)(to, last);
        NAME(store_first)(to, total, last);
      }
    }
}

/* All rows of a, over `wide` vectors of b. */
INLINE void NAME(strip)(const int wide, int M, int K, const real *a, int64_t am, int64_t ak,
                        const real *b, int64_t bk, NAME(mask) last, real *c, int64_t cm, int adds) {
  for (int rows; M > 0; M -= rows, a += rows * am, c += rows * cm) {
    rows = NAME(piece)(M, TILE_ROWS);
    switch (rows) {
#define ROWS(N) \
  case N:       \
    NAME(tile)(N, wide, K, a, am, ak, b, bk, last, c, cm, adds); break;
      ROWS(1) ROWS(2) ROWS(3) ROWS(4)
#if TILE_ROWS == 8
      ROWS(5) ROWS(6) ROWS(7) ROWS(8)
#endif
#undef ROWS
    }
  }
}

#define STRIP(W)                                                                                \
  static void NAME(strip_##W)(int M, int K, const real *a, int64_t am, int64_t ak,              \
                              const real *b, int64_t bk, NAME(mask) last, real *c, int64_t cm,  \
                              int adds) {                                                       \
    NAME(strip)(W, M, K, a, am, ak, b, bk, last, c, cm, adds);                                  \
  }
STRIP(1)
STRIP(2)
#if TILE_VECTORS == 3
STRIP(3)
#endif
#undef STRIP

static void (*const NAME(strips)[])(int, int, const real *, int64_t, int64_t, const real *, int64_t,
                                    NAME(mask), real *, int64_t, int) = {
    NAME(strip_1), NAME(strip_2),
#if TILE_VECTORS == 3
    NAME(strip_3),
#endif
};

/* n columns of b, one row of whole vectors for each k, zeros behind the last column. */
static void NAME(pack)(int n, int K, const real *b, int64_t bn, int64_t bk, real *to) {
  enum { L = NAME(LANES) };
  const int width = (n + L - 1) / L * L;
  for (int j = 0; j < width; j += L) {
    const int columns = n - j < L ? n - j : L;
    const NAME(mask) some = NAME(first)(columns);
    const real *p = b + j * bn;
    real *o = to + j;
    int k = 0;
    if (bn == 1)
      for (; k < K; k++) NAME(store)(o + k * width, NAME(load_first)(p + k * bk, some));
    if (bk == 1 && bn != 1)
      for (; k < K; k += L) { /* L rows of L numbers, turned by taking evens and odds apart */
        const int length = K - k < L ? K - k : L;
        const NAME(mask) part = NAME(first)(length);
        NAME(vector) x[L], y[L];
        UNROLL for (int i = 0; i < L; i++) x[i] =
            i < columns ? NAME(load_first)(p + i * bn + k, part) : (NAME(vector)){0};
        UNROLL for (int turns = L; turns > 1; turns /= 2) {
          UNROLL for (int i = 0; i < L / 2; i++) {
            y[i] = NAME(evens)(x[2 * i], x[2 * i + 1]);
            y[i + L / 2] = NAME(odds)(x[2 * i], x[2 * i + 1]);
          }
          UNROLL for (int i = 0; i < L; i++) x[i] = y[i];
        }
        UNROLL for (int i = 0; i < L; i++)
          if (i < length) NAME(store)(o + (k + i) * width, x[i]);
      }
    for (; k < K; k++)
      for (int i = 0; i < L; i++) o[k * width + i] = i < columns ? p[i * bn + k * bk] : 0;
  }
}

/* The strips of some columns, at most a panel of b; where c lies apart, by a tile beside it. */
INLINE void NAME(write_panel)(int M, int columns, int K, const real *a, int64_t am, int64_t ak,
                              const real *b, int64_t bk, real *c, int64_t cm, int64_t cn, int adds) {
  enum { L = NAME(LANES) };
  const int wide = (columns + L - 1) / L;
  const NAME(mask) last = NAME(first)(columns - (wide - 1) * L);
  if (cn == 1) {
    NAME(strips)[wide - 1](M, K, a, am, ak, b, bk, last, c, cm, adds);
    return;
  }
  for (int rows; M > 0; M -= rows, a += rows * am, c += rows * cm) {
    real tile[TILE_ROWS][TILE_VECTORS * L];
    rows = M < TILE_ROWS ? M : TILE_ROWS;
    NAME(strips)[wide - 1](rows, K, a, am, ak, b, bk, last, tile[0], TILE_VECTORS * L, 0);
    for (int i = 0; i < rows; i++)
      for (int j = 0; j < columns; j++) {
        real *to = c + i * cm + j * cn;
        *to = adds ? *to + tile[i][j] : tile[i][j];
      }
  }
}

/* Panel after panel of b, all its depth, so that the sums stay near; but for one row of a, b is read
 * row after row, some rows at a time, as it lies in memory: each number of it serves only once. */
static void NAME(product_of_tiles)(int M, int N, int K, const real *a, int64_t am, int64_t ak,
                                   const real *b, int64_t bn, int64_t bk, real *c, int64_t cm,
                                   int64_t cn, int adds) {
  enum { L = NAME(LANES), MOST = TILE_VECTORS * L };
  real panel[MOST * DEPTH] __attribute__((aligned(64)));
  const int by_rows = M == 1 && bn == 1 && cn == 1, depth = by_rows ? DEPTH_OF_ROWS : DEPTH;
  const int scattered = bn != 1 || (M >= 64 && bk * (int64_t)sizeof(real) >= 512);
  for (int begin = 0, end; begin < N; begin = end) {
    end = by_rows ? N : begin + NAME(piece)((N - begin + L - 1) / L, TILE_VECTORS) * L;
    if (end > N) end = N;
    for (int k = 0, deep; k < K; k += deep) {
      deep = NAME(piece)(K - k, depth);
      for (int n = begin, columns; n < end; n += columns) {
        columns = NAME(piece)((end - n + L - 1) / L, TILE_VECTORS) * L;
        if (columns > end - n) columns = end - n;
        const real *q = b + n * bn + k * bk;
        int64_t step = bk;
        if (scattered || (!HAS_MASKS && columns % L)) {
          NAME(pack)(columns, deep, q, bn, bk, panel);
          q = panel;
          step = (columns + L - 1) / L * L;
        }
        NAME(write_panel)(M, columns, deep, a + k * ak, am, ak, q, step, c + n * cn, cm, cn,
                          adds || k > 0);
      }
    }
  }
}

/* Large ones: some columns of b, and of a what does not follow each other along k, are copied as the
 * tiles will read them, and stay in the second cache. Returns 0 where there is no memory for that. */
static int NAME(product_of_blocks)(int M, int N, int K, const real *a, int64_t am, int64_t ak,
                                   const real *b, int64_t bn, int64_t bk, real *c, int64_t cm,
                                   int64_t cn, int adds) {
  enum { L = NAME(LANES), MOST = TILE_VECTORS * L, COLUMNS = BLOCK_PANELS * MOST };
  enum { AT_ONCE = 16 }; /* rows of b, so that memory is read along them; and columns of a */
  real *memory = malloc((BLOCK_ROWS + COLUMNS) * DEPTH * sizeof(real) + 64);
  if (!memory) return 0;
  real *of_a = memory + (64 - (uintptr_t)memory % 64) / sizeof(real);
  real *of_b = of_a + BLOCK_ROWS * DEPTH;
#define LESS(x, y) ((x) < (y) ? (x) : (y))
  for (int k = 0, deep; k < K; k += deep, adds = 1) {
    deep = NAME(piece)(K - k, DEPTH);
    for (int n = 0; n < N; n += COLUMNS) {
      const int columns = LESS(N - n, COLUMNS);
      for (int i = 0; i < deep; i += AT_ONCE)
        for (int j = 0; j < columns; j += MOST) {
          const int width = LESS(columns - j, MOST);
          NAME(pack)(width, LESS(deep - i, AT_ONCE), b + (n + j) * bn + (k + i) * bk, bn, bk,
                     of_b + j * deep + i * ((width + L - 1) / L * L));
        }
      for (int m = 0; m < M; m += BLOCK_ROWS) {
        const int rows = LESS(M - m, BLOCK_ROWS), group = ak == 1 ? rows : AT_ONCE;
        if (ak != 1)
          for (int i = 0; i < rows; i += group)
            NAME(pack)(LESS(rows - i, group), deep, a + (m + i) * am + k * ak, am, ak,
                       of_a + i * deep);
        for (int j = 0; j < columns; j += MOST) {
          const int width = LESS(columns - j, MOST), step = (width + L - 1) / L * L;
          for (int i = 0; i < rows; i += group) {
            const int some = LESS(rows - i, group);
            const real *p = ak == 1 ? a + (m + i) * am + k : of_a + i * deep;
            NAME(write_panel)(some, width, deep, p, ak == 1 ? am : 1,
                              ak == 1 ? 1 : (some + L - 1) / L * L, of_b + j * deep, step,
                              c + (m + i) * cm + (n + j) * cn, cm, cn, adds);
          }
        }
      }
    }
  }
#undef LESS
  free(memory);
  return 1;
}

/* rows of a, each with each of some columns of b; those behind the edge repeat the last one. */
INLINE void NAME(dots)(const int rows, const int columns, int M, int N, int K, const real *a,
                       int64_t am, const real *b, int64_t bn, real *c, int64_t cm, int64_t cn,
                       int adds) {
  enum { L = NAME(LANES) };
  NAME(vector) sum[16] = {{0}}, x[4];
  const real *p[4], *q[16];
  UNROLL for (int i = 0; i < rows; i++) p[i] = a + (i < M ? i : M - 1) * am;
  UNROLL for (int j = 0; j < columns; j++) q[j] = b + (j < N ? j : N - 1) * bn;
#define STEP(LOAD)                                                                       \
  UNROLL for (int i = 0; i < rows; i++) x[i] = LOAD(p[i] + k);                           \
  UNROLL for (int j = 0; j < columns; j++) {                                             \
    const NAME(vector) y = LOAD(q[j] + k);                                               \
    UNROLL for (int i = 0; i < rows; i++) sum[i * columns + j] =                         \
        NAME(madd)(x[i], y, sum[i * columns + j]);                                       \
  }
#define FIRST(p) NAME(load_first)(p, some)
  int k = 0;
  for (; k + L <= K; k += L) { STEP(NAME(load)) }
  if (k < K) {
    const NAME(mask) some = NAME(first)(K - k);
    STEP(FIRST)
  }
#undef STEP
#undef FIRST
  real total[16] __attribute__((aligned(64)));
  UNROLL for (int from = 0; from < rows * columns; from += L) {
    UNROLL for (int half = L / 2; half > 0; half /= 2)
      UNROLL for (int i = 0; i < half; i++) sum[from + i] =
          NAME(evens)(sum[from + 2 * i], sum[from + 2 * i + 1]) +
          NAME(odds)(sum[from + 2 * i], sum[from + 2 * i + 1]);
    if (rows == 1 && cn == 1) {
      if (from >= N) return;
      const NAME(mask) some = NAME(first)(N - from < L ? N - from : L);
      if (adds) sum[from] += NAME(load_first)(c + from, some);
      NAME(store_first)(c + from, sum[from], some);
    } else
      NAME(store)(total + from, sum[from]);
  }
  if (rows == 1 && cn == 1) return;
  for (int i = 0; i < rows && i < M; i++)
    for (int j = 0; j < columns && j < N; j++) {
      real *to = c + i * cm + j * cn;
      *to = adds ? *to + total[i * columns + j] : total[i * columns + j];
    }
}

static void NAME(product_of_dots)(int M, int N, int K, const real *a, int64_t am, const real *b,
                                  int64_t bn, real *c, int64_t cm, int64_t cn, int adds) {
  enum { ROWS = TILE_ROWS / 2, COLUMNS = 4, MANY = NAME(LANES) > 8 ? NAME(LANES) : 8 };
  enum { LENGTH = 4096 / sizeof(real) };
  for (int k = 0, deep; k < K; k += deep, adds = 1) {
    deep = NAME(piece)(K - k, LENGTH);
    if (M == 1)
      for (int n = 0; n < N; n += MANY) {
        const real *q = b + n * bn + k;
        if (N - n <= 8)
          NAME(dots)(1, 8, 1, N - n, deep, a + k, am, q, bn, c + n * cn, cm, cn, adds);
        else
          NAME(dots)(1, MANY, 1, N - n, deep, a + k, am, q, bn, c + n * cn, cm, cn, adds);
      }
    else
      for (int m = 0; m < M; m += ROWS)
        for (int n = 0; n < N; n += COLUMNS)
          NAME(dots)(ROWS, COLUMNS, M - m, N - n, deep, a + m * am + k, am, b + n * bn + k, bn,
                     c + m * cm + n * cn, cm, cn, adds);
  }
}

/* The product of a BLAS with integers of 64 bits, as CBLAS has it, from a number of multiplications
 * on. The only variables of the library: both are set when it is loaded, before anything runs. Two
 * threads that load it at once write the same, and the number first, so that no product in between
 * goes where it does not belong. */
typedef void (*NAME(gemm))(int by_rows, int turns_a, int turns_b, int64_t M, int64_t N, int64_t K,
                           real alpha, const real *a, int64_t lda, const real *b,
                           int64_t ldb, real beta, real *c, int64_t ldc);
static NAME(gemm) NAME(blas);
static int64_t NAME(blas_from);
EXPORT void NAME(use_blas)(NAME(gemm) blas, int64_t from) {
  NAME(blas_from) = from;
  __atomic_store_n(&NAME(blas), blas, __ATOMIC_RELEASE);
}

/* Whether the BLAS has done it: it knows rows or columns that follow each other, and no others. */
static int NAME(product_of_blas)(int M, int N, int K, const real *a, int64_t am, int64_t ak,
                                 const real *b, int64_t bn, int64_t bk, real *c, int64_t cm,
                                 int64_t cn, int adds) {
  enum { BY_ROWS = 101, AS_IS = 111, TURNED = 112 };
  const int turns_a = ak != 1, turns_b = bn != 1;
  const int64_t lda = turns_a ? ak : am, ldb = turns_b ? bn : bk;
  const NAME(gemm) multiply = __atomic_load_n(&NAME(blas), __ATOMIC_ACQUIRE);
  if (!multiply || (int64_t)M * N * K < NAME(blas_from)) return 0;
  if ((turns_a && am != 1) || (turns_b && bk != 1) || cn != 1) return 0;
  if (lda < (turns_a ? M : K) || ldb < (turns_b ? K : N) || cm < N) return 0;
  multiply(BY_ROWS, turns_a ? TURNED : AS_IS, turns_b ? TURNED : AS_IS, M, N, K, 1, a, lda, b, ldb,
             adds ? 1 : 0, c, cm);
  return 1;
}

static void NAME(matrix_product)(int M, int N, int K, const real *a, int64_t am, int64_t ak,
                             const real *b, int64_t bn, int64_t bk, real *c, int64_t cm, int64_t cn,
                             int adds) {
  if (K <= 0 && !adds)
    for (int m = 0; m < M; m++)
      for (int n = 0; n < N; n++) c[m * cm + n * cn] = 0;
  if (M <= 0 || N <= 0 || K <= 0) return;
  if ((N == 1 && M > 1) || (M > 1 && cn != 1 && (cm == 1 || (bn != 1 && am == 1)))) {
    NAME(matrix_product)(N, M, K, b, bn, bk, a, am, ak, c, cn, cm, adds); /* the roles of a and b */
    return;
  }
  if (N == 1) bn = cn = 1; /* an axis of one number has no stride */
  const int few = M <= 2 || (M <= 8 && 8 * M <= K) || (2 * N <= NAME(LANES) && K >= 64);
  if (NAME(product_of_blas)(M, N, K, a, am, ak, b, bn, bk, c, cm, cn, adds)) return;
  const int large = M >= 32 && N >= 32 && K >= 32 && (int64_t)M * N * K >= BLOCKS_FROM;
  const int can_dot = K > 1 && ak == 1 && bk == 1 && (bn != 1 || N == 1);
  const int behind = N % NAME(LANES); /* columns behind the last whole vector */
  if (can_dot && few) {
    NAME(product_of_dots)(M, N, K, a, am, b, bn, c, cm, cn, adds);
    return;
  }
  if (can_dot && 0 < behind && behind <= NAME(LANES) / 4 && behind < N && K >= 4 * NAME(LANES)) {
    N -= behind; /* a vector for these alone would cost as much as a whole one */
    NAME(matrix_product)(M, behind, K, a, am, ak, b + N * bn, bn, bk, c + N * cn, cm, cn, adds);
  }
  if (!large || !NAME(product_of_blocks)(M, N, K, a, am, ak, b, bn, bk, c, cm, cn, adds))
    NAME(product_of_tiles)(M, N, K, a, am, ak, b, bn, bk, c, cm, cn, adds);
}

/* c[p, q, lane] = sum over k of a[p, k, lane] b[q, k, lane], lanes being samples; what is behind the
 * edge repeats the last row or column. */
INLINE void NAME(row_tile)(const int rows, const int columns, int P, int Q, int K, const real *a,
                           int64_t ap, int64_t ak, const real *b, int64_t bq, int64_t bk, real *c,
                           int64_t cp, int64_t cq, NAME(mask) some) {
  NAME(vector) sum[4][4], x[4];
  const real *p[4], *q[4];
  UNROLL for (int i = 0; i < rows; i++) p[i] = a + (i < P ? i : P - 1) * ap;
  UNROLL for (int j = 0; j < columns; j++) q[j] = b + (j < Q ? j : Q - 1) * bq;
  UNROLL for (int i = 0; i < rows; i++)
    UNROLL for (int j = 0; j < columns; j++) sum[i][j] = (NAME(vector)){0};
  for (int64_t k = 0; k < K; k++) {
    UNROLL for (int i = 0; i < rows; i++) x[i] = NAME(load_first)(p[i] + k * ak, some);
    UNROLL for (int j = 0; j < columns; j++) {
      const NAME(vector) y = NAME(load_first)(q[j] + k * bk, some);
      UNROLL for (int i = 0; i < rows; i++) sum[i][j] = NAME(madd)(x[i], y, sum[i][j]);
    }
  }
  UNROLL for (int i = 0; i < rows; i++)
    UNROLL for (int j = 0; j < columns; j++)
      if (i < P && j < Q) NAME(store_first)(c + i * cp + j * cq, sum[i][j], some);
}

/* The same for all samples, B of them, that follow each other. */
static void NAME(row_products)(int P, int Q, int K, int B, const real *a, int64_t ap, int64_t ak,
                               const real *b, int64_t bq, int64_t bk, real *c, int64_t cp,
                               int64_t cq) {
  enum { L = NAME(LANES), ROWS = TILE_ROWS / 2 };
  for (int from = 0; from < B; from += L, a += L, b += L, c += L) {
    const NAME(mask) some = NAME(first)(B - from < L ? B - from : L);
    for (int i = 0; i < P; i += ROWS)
      for (int j = 0; j < Q; j += 4) {
        const real *x = a + i * ap, *y = b + j * bq;
        real *to = c + i * cp + j * cq;
        if (P - i == 1 && Q - j == 1)
          NAME(row_tile)(1, 1, 1, 1, K, x, ap, ak, y, bq, bk, to, cp, cq, some);
        else if (P - i == 1)
          NAME(row_tile)(1, 4, 1, Q - j, K, x, ap, ak, y, bq, bk, to, cp, cq, some);
        else if (Q - j == 1)
          NAME(row_tile)(ROWS, 1, P - i, 1, K, x, ap, ak, y, bq, bk, to, cp, cq, some);
        else
          NAME(row_tile)(ROWS, 4, P - i, Q - j, K, x, ap, ak, y, bq, bk, to, cp, cq, some);
      }
  }
}
