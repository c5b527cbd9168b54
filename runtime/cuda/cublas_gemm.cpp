// Products by cuBLASLt, opened by name at run time.
#include <cublasLt.h>

#include <map>
#include <tuple>

#include "runtime/cuda/dynamic_library.h"
#include "runtime/cuda/gemm.h"

namespace caracal::cuda {
namespace {

constexpr int64_t kMostAlignment = 256;

// The library's functions; all or none.
struct Library {
  DynamicLibrary library{"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"};
  bool complete = library.found();

  template <class Function>
  Function* find(const char* name) {
    auto* function = library.function<Function>(name);
    complete = complete && function != nullptr;
    return function;
  }

#define CARACAL_CUBLAS(name) decltype(::name)* name = find<decltype(::name)>(#name)
  CARACAL_CUBLAS(cublasLtCreate);
  CARACAL_CUBLAS(cublasLtDestroy);
  CARACAL_CUBLAS(cublasLtGetStatusString);
  CARACAL_CUBLAS(cublasLtMatmul);
  CARACAL_CUBLAS(cublasLtMatmulAlgoGetHeuristic);
  CARACAL_CUBLAS(cublasLtMatmulDescCreate);
  CARACAL_CUBLAS(cublasLtMatmulDescDestroy);
  CARACAL_CUBLAS(cublasLtMatmulDescSetAttribute);
  CARACAL_CUBLAS(cublasLtMatmulPreferenceCreate);
  CARACAL_CUBLAS(cublasLtMatmulPreferenceDestroy);
  CARACAL_CUBLAS(cublasLtMatmulPreferenceSetAttribute);
  CARACAL_CUBLAS(cublasLtMatrixLayoutCreate);
  CARACAL_CUBLAS(cublasLtMatrixLayoutDestroy);
  CARACAL_CUBLAS(cublasLtMatrixLayoutSetAttribute);
#undef CARACAL_CUBLAS
};

Library& theLibrary() {
  static Library library;
  return library;
}

Result<void> check(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return {};
  return fail(ErrorCode::kIo, "cuBLASLt refused {}: {}", what,
              theLibrary().cublasLtGetStatusString(status));
}

cudaDataType_t typeOf(Number number) {
  return number == Number::kBf16 ? CUDA_R_16BF : CUDA_R_32F;
}

int64_t alignmentOf(const void* data) {
  const auto address = reinterpret_cast<uintptr_t>(data);
  const auto lowest = static_cast<int64_t>(address & (~address + 1));
  return address == 0 || lowest > kMostAlignment ? kMostAlignment : lowest;
}

// What the choice of an algorithm may depend on.
using Key =
    std::tuple<int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
               int32_t, bool, bool, bool, Number, Number, int64_t, int64_t, int64_t, int64_t>;
Key keyOf(const GemmCall& c) {
  return {c.m,
          c.n,
          c.k,
          c.a.stride,
          c.a.batchStride,
          c.b.stride,
          c.b.batchStride,
          c.cStride,
          c.cBatchStride,
          c.batches,
          c.a.transposed,
          c.b.transposed,
          c.beta != 0,
          c.in,
          c.out,
          alignmentOf(c.a.data),
          alignmentOf(c.b.data),
          alignmentOf(c.c),
          c.bias != nullptr ? alignmentOf(c.bias) : 0};
}

// Descriptions of one kind of product and the algorithm chosen for it. The library's matrices are
// column-major, so it is asked for C^T = op(B)^T op(A)^T: its first factor is our B.
struct Recipe {
  Recipe() = default;
  Recipe(const Recipe&) = delete;
  Recipe& operator=(const Recipe&) = delete;
  ~Recipe() {
    const Library& lt = theLibrary();
    if (operation != nullptr) lt.cublasLtMatmulDescDestroy(operation);
    for (cublasLtMatrixLayout_t layout : {first, second, result})
      if (layout != nullptr) lt.cublasLtMatrixLayoutDestroy(layout);
  }

  cublasLtMatmulDesc_t operation = nullptr;
  cublasLtMatrixLayout_t first = nullptr, second = nullptr, result = nullptr;
  cublasLtMatmulAlgo_t algorithm{};
};

template <class T>
Result<void> set(cublasLtMatmulDesc_t operation, cublasLtMatmulDescAttributes_t which,
                 const T& value) {
  return check(theLibrary().cublasLtMatmulDescSetAttribute(operation, which, &value, sizeof value),
               "an attribute of a product");
}

// A row-major matrix of `rows` rows as the library sees it.
Result<cublasLtMatrixLayout_t> layoutOf(Number number, int64_t rows, int64_t columns,
                                        int64_t stride, int32_t batches, int64_t batchStride) {
  const Library& lt = theLibrary();
  cublasLtMatrixLayout_t layout = nullptr;
  CARACAL_CHECK_OK(
      check(lt.cublasLtMatrixLayoutCreate(&layout, typeOf(number), static_cast<uint64_t>(columns),
                                          static_cast<uint64_t>(rows), stride),
            "a matrix"));
  if (batches == 1) return layout;
  CARACAL_CHECK_OK(check(lt.cublasLtMatrixLayoutSetAttribute(
                             layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batches, sizeof batches),
                         "a batch"));
  CARACAL_CHECK_OK(
      check(lt.cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                                &batchStride, sizeof batchStride),
            "a batch"));
  return layout;
}

Result<cublasLtMatrixLayout_t> layoutOf(const GemmCall& call, const GemmOperand& matrix,
                                        int64_t rows, int64_t columns) {
  if (matrix.transposed) std::swap(rows, columns);
  return layoutOf(call.in, rows, columns, matrix.stride, call.batches, matrix.batchStride);
}

class CublasGemm final : public Gemm {
 public:
  explicit CublasGemm(int32_t multiprocessors) : m_multiprocessors(multiprocessors) {}
  ~CublasGemm() override {
    m_recipes.clear();
    if (m_handle != nullptr) theLibrary().cublasLtDestroy(m_handle);
  }
  CublasGemm(const CublasGemm&) = delete;
  CublasGemm& operator=(const CublasGemm&) = delete;

  Result<void> open() { return check(theLibrary().cublasLtCreate(&m_handle), "to start"); }

  Result<void> multiply(Lane& lane, const GemmCall& call) override {
    CARACAL_TRY(found, recipeFor(call));
    const Recipe& recipe = *found;
    if (call.bias != nullptr)
      CARACAL_CHECK_OK(set(recipe.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, call.bias));
    return check(theLibrary().cublasLtMatmul(
                     m_handle, recipe.operation, &call.alpha, call.b.data, recipe.first,
                     call.a.data, recipe.second, &call.beta, call.c, recipe.result, call.c,
                     recipe.result, &recipe.algorithm, lane.gemmWorkspace,
                     static_cast<size_t>(kGemmWorkspaceBytes), lane.queue.stream),
                 "a product");
  }

 private:
  Result<const Recipe*> recipeFor(const GemmCall& call) {
    Recipe& recipe = m_recipes[keyOf(call)];
    if (recipe.operation != nullptr) return &recipe;
    CARACAL_CHECK_OK(describe(call, recipe));
    CARACAL_CHECK_OK(choose(call, recipe));
    return &recipe;
  }

  Result<void> describe(const GemmCall& call, Recipe& recipe) const {
    CARACAL_CHECK_OK(check(
        theLibrary().cublasLtMatmulDescCreate(&recipe.operation, CUBLAS_COMPUTE_32F, CUDA_R_32F),
        "a product"));
    if (m_multiprocessors > 0) {
      CARACAL_CHECK_OK(
          set(recipe.operation, CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET, m_multiprocessors));
    }
    const auto transposition = [](bool transposed) {
      return static_cast<int32_t>(transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    };
    CARACAL_CHECK_OK(
        set(recipe.operation, CUBLASLT_MATMUL_DESC_TRANSA, transposition(call.b.transposed)));
    CARACAL_CHECK_OK(
        set(recipe.operation, CUBLASLT_MATMUL_DESC_TRANSB, transposition(call.a.transposed)));
    if (call.bias != nullptr) {
      const auto epilogue = static_cast<uint32_t>(CUBLASLT_EPILOGUE_BIAS);
      CARACAL_CHECK_OK(set(recipe.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue));
      CARACAL_CHECK_OK(set(recipe.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, call.bias));
    }
    CARACAL_TRY(first, layoutOf(call, call.b, call.k, call.n));
    recipe.first = first;
    CARACAL_TRY(second, layoutOf(call, call.a, call.m, call.k));
    recipe.second = second;
    CARACAL_TRY(result,
                layoutOf(call.out, call.m, call.n, call.cStride, call.batches, call.cBatchStride));
    recipe.result = result;
    return {};
  }

  // Only algorithms whose sums have one order: a reduction in place goes by who comes first.
  Result<void> choose(const GemmCall& call, Recipe& recipe) const {
    const Library& lt = theLibrary();
    cublasLtMatmulPreference_t preference = nullptr;
    CARACAL_CHECK_OK(check(lt.cublasLtMatmulPreferenceCreate(&preference), "a preference"));
    const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t which, auto value) {
      return lt.cublasLtMatmulPreferenceSetAttribute(preference, which, &value, sizeof value);
    };
    const auto alignment = [&](const void* data) {
      return static_cast<uint32_t>(alignmentOf(data));
    };
    constexpr uint32_t kOrdered =
        CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE | CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE;
    cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
    for (const cublasStatus_t next :
         {prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                 static_cast<uint64_t>(kGemmWorkspaceBytes)),
          prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, kOrdered),
          prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment(call.b.data)),
          prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment(call.a.data)),
          prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment(call.c)),
          prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment(call.c))}) {
      if (status == CUBLAS_STATUS_SUCCESS) status = next;
    }
    cublasLtMatmulHeuristicResult_t best{};
    int found = 0;
    if (status == CUBLAS_STATUS_SUCCESS) {
      status = lt.cublasLtMatmulAlgoGetHeuristic(m_handle, recipe.operation, recipe.first,
                                                 recipe.second, recipe.result, recipe.result,
                                                 preference, 1, &best, &found);
    }
    lt.cublasLtMatmulPreferenceDestroy(preference);
    CARACAL_CHECK_OK(check(status, "to choose an algorithm"));
    if (found == 0) {
      return fail(ErrorCode::kUnsupported, "cuBLASLt has no algorithm for ({}, {}) x ({}, {})",
                  call.m, call.k, call.k, call.n);
    }
    recipe.algorithm = best.algo;
    return {};
  }

  int32_t m_multiprocessors;
  cublasLtHandle_t m_handle = nullptr;
  std::map<Key, Recipe> m_recipes;
};

}  // namespace

Result<std::unique_ptr<Gemm>> makeGemm(int32_t multiprocessors) {
  if (!theLibrary().complete) {
    return fail(ErrorCode::kNotFound,
                "libcublasLt.so.13 is not there; install CUDA's cuBLAS or add its folder to "
                "LD_LIBRARY_PATH");
  }
  auto gemm = std::make_unique<CublasGemm>(multiprocessors);
  CARACAL_CHECK_OK(gemm->open());
  return gemm;
}

}  // namespace caracal::cuda
