// A block takes a token; the losses of tokens are then summed by one block.
#include "runtime/cuda/kernels/cross_entropy.h"

#include "runtime/cuda/kernels/device_math.h"

namespace caracal::cuda {
namespace {

constexpr int kThreads = 256;

template <class T>
__global__ void forward(CrossEntropyShape shape, const T* logits, const uint8_t* targets,
                        float* rowLosses, float* probabilities) {
  const int64_t t = blockIdx.x;
  const T* row = logits + t * shape.vocabulary;
  float* out = probabilities + t * shape.vocabulary;
  float largest = kLowest;
  for (int64_t v = threadIdx.x; v < shape.vocabulary; v += kThreads) {
    const float logit = toFloat(row[v]);
    largest = logit > largest ? logit : largest;
  }
  largest = blockMax<kThreads>(largest);
  float sum = 0;
  for (int64_t v = threadIdx.x; v < shape.vocabulary; v += kThreads)
    sum += expf(toFloat(row[v]) - largest);
  sum = blockSum<kThreads>(sum);
  const float inverse = 1.0F / sum;
  for (int64_t v = threadIdx.x; v < shape.vocabulary; v += kThreads)
    out[v] = expf(toFloat(row[v]) - largest) * inverse;
  if (threadIdx.x == 0) rowLosses[t] = logf(sum) + largest - toFloat(row[targets[t]]);
}

__global__ void addMean(int64_t tokens, const float* rowLosses, double* lossSum) {
  double sum = 0;
  for (int64_t t = threadIdx.x; t < tokens; t += kThreads) sum += rowLosses[t];
  sum = blockSum<kThreads>(sum);
  if (threadIdx.x == 0) *lossSum += sum / static_cast<double>(tokens);
}

template <class T>
__global__ void backward(CrossEntropyShape shape, const float* probabilities,
                         const uint8_t* targets, float share, T* dlogits) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= shape.tokens * shape.vocabulary) return;
  const bool hit = i % shape.vocabulary == targets[i / shape.vocabulary];
  dlogits[i] = fromFloat<T>(probabilities[i] * share - (hit ? share : 0.0F));
}

}  // namespace

template <class T>
void crossEntropyForward(Queue& queue, CrossEntropyShape shape, const T* logits,
                         const uint8_t* targets, float* rowLosses, float* probabilities,
                         double* lossSum) {
  launch(queue, "crossEntropyForward", forward<T>, {shape.tokens, dim3(kThreads)}, shape, logits,
         targets, rowLosses, probabilities);
  launch(queue, "crossEntropyMean", addMean, {1, dim3(kThreads)}, shape.tokens, rowLosses, lossSum);
}

template <class T>
void crossEntropyBackward(Queue& queue, CrossEntropyShape shape, const float* probabilities,
                          const uint8_t* targets, float scale, T* dlogits) {
  const float share = scale / static_cast<float>(shape.tokens);
  launch(queue, "crossEntropyBackward", backward<T>,
         {ceilDiv(shape.tokens * shape.vocabulary, kThreads), dim3(kThreads)}, shape, probabilities,
         targets, share, dlogits);
}

template void crossEntropyForward(Queue&, CrossEntropyShape, const float*, const uint8_t*, float*,
                                  float*, double*);
template void crossEntropyForward(Queue&, CrossEntropyShape, const Bf16*, const uint8_t*, float*,
                                  float*, double*);
template void crossEntropyBackward(Queue&, CrossEntropyShape, const float*, const uint8_t*, float,
                                   float*);
template void crossEntropyBackward(Queue&, CrossEntropyShape, const float*, const uint8_t*, float,
                                   Bf16*);

}  // namespace caracal::cuda
