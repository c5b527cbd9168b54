#include "runtime/model/workspace.h"

namespace caracal::model {
namespace {

// Elements of each buffer, in the order of the struct.
struct Counts {
  Counts(const RankShape& shape, bool holdsHead)
      : stream(shape.rows() * shape.hidden),
        hidden(shape.tokens() * shape.hidden),
        gathered(shape.sequenceParallel ? hidden : 0),
        ffn(shape.tokens() * shape.localFfn()),
        context(shape.tokens() * shape.localHidden()),
        qkv(3 * context),
        probabilities(shape.tokens() * shape.localHeads() * shape.sequence),
        logits(holdsHead ? shape.tokens() * shape.vocabulary : 0) {}
  int64_t stream, hidden, gathered, ffn, context, qkv, probabilities, logits;
};

std::vector<float> zeros(int64_t count) {
  return std::vector<float>(static_cast<size_t>(count));
}

}  // namespace

Workspace::Workspace(const RankShape& shape, bool holdsHead) {
  const Counts counts(shape, holdsHead);
  stream = zeros(counts.stream);
  branch = zeros(counts.hidden);
  gathered = zeros(counts.gathered);
  ffn = zeros(counts.ffn);
  context = zeros(counts.context);
  qkv = zeros(counts.qkv);
  probabilities = zeros(counts.probabilities);
  logits = zeros(counts.logits);
}

int64_t Workspace::bytesFor(const RankShape& shape, bool holdsHead) {
  const Counts counts(shape, holdsHead);
  const int64_t elements = counts.stream + counts.hidden + counts.gathered + counts.ffn +
                           counts.context + counts.qkv + counts.probabilities + counts.logits;
  return elements * static_cast<int64_t>(sizeof(float));
}

}  // namespace caracal::model
