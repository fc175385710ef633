/* Sums of products of matrices, whatever way they lie; read once for each kind of `real`. */
static void NAME(matrix_product)(int M, int N, int K, const real *a, int am, int ak, const real *b,
                                 int bn, int bk, real *c, int cm, int cn) {
  for (int m = 0; m < M; m++)
    for (int n = 0; n < N; n++) {
      real s = 0;
      for (int k = 0; k < K; k++) s += a[(int64_t)m * am + (int64_t)k * ak] * b[(int64_t)n * bn + (int64_t)k * bk];
      c[(int64_t)m * cm + (int64_t)n * cn] = s;
    }
}
