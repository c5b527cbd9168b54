#include "runtime/cuda/kernels/collective.h"

#include "tests/runtime/cuda/kernel_test.h"

namespace caracal::cuda {
namespace {

class CollectiveKernels : public KernelTest {};

TEST_P(CollectiveKernels, sumsHaveMemberOrderAndReachEveryMember) {
  constexpr int64_t kCount = 1234;
  const std::vector<Vector> in{randomVector(kCount, 1), randomVector(kCount, 2),
                               randomVector(kCount, 3)};
  std::vector<Vector> out(3, Vector(kCount));
  Members<float> members;
  members.count = 3;
  for (size_t m = 0; m < 3; ++m) {
    members.in[m] = in[m].data();
    members.out[m] = out[m].data();
  }
  sumMembers(m_queue, members, kCount, 2);
  finish();
  for (int64_t i = 0; i < kCount; ++i) {
    const auto at = static_cast<size_t>(i);
    EXPECT_EQ(out[0][at], (in[0][at] + in[1][at]) + in[2][at]) << i;
  }
  EXPECT_EQ(out[1], out[0]);
  EXPECT_EQ(out[2], out[0]);
}

template <class T>
std::vector<T> sumsOf(Queue& queue, const std::vector<std::vector<T>>& in, size_t count) {
  std::vector<std::vector<T>> out(in.size(), std::vector<T>(count));
  Members<T> members;
  members.count = static_cast<int32_t>(in.size());
  for (size_t m = 0; m < in.size(); ++m) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(out[m].data()) % 16, 0U);
    members.in[m] = in[m].data();
    members.out[m] = out[m].data();
  }
  sumMembers(queue, members, static_cast<int64_t>(count), 2);
  cudaStreamSynchronize(queue.stream);
  return out.back();
}

// Memory and counts that fill units of 16 bytes are summed in them, others number by number.
TEST_P(CollectiveKernels, sumsAreTheSameInAnyUnit) {
  constexpr size_t kCount = 256;
  const std::vector<Vector> in{randomVector(kCount + 1, 4), randomVector(kCount + 1, 5),
                               randomVector(kCount + 1, 6)};
  Vector byNumber = sumsOf(m_queue, in, kCount + 1);
  byNumber.pop_back();
  EXPECT_EQ(sumsOf(m_queue, in, kCount), byNumber);

  std::vector<Bf16Vector> narrow;
  for (const Vector& own : in) narrow.push_back(rounded(own));
  Vector narrowByNumber = widened(sumsOf(m_queue, narrow, kCount + 1));
  narrowByNumber.pop_back();
  EXPECT_EQ(widened(sumsOf(m_queue, narrow, kCount)), narrowByNumber);
}

TEST_P(CollectiveKernels, sumInPlace) {
  Vector a{1, 2, 3};
  Vector b{10, 20, 30};
  Members<float> members;
  members.count = 2;
  members.in[0] = members.out[0] = a.data();
  members.in[1] = members.out[1] = b.data();
  sumMembers(m_queue, members, 3, 8);
  finish();
  EXPECT_EQ(a, (Vector{11, 22, 33}));
  EXPECT_EQ(b, a);
}

TEST_P(CollectiveKernels, gathersPartsInMemberOrderFromTheirOwnPlaces) {
  constexpr int64_t kPart = 617;
  constexpr size_t kMembers = 3;
  Vector expected;
  std::vector<Vector> out(kMembers, Vector(kMembers * kPart));
  Members<float> members;
  members.count = kMembers;
  for (size_t m = 0; m < kMembers; ++m) {
    const Vector part = randomVector(kPart, static_cast<uint32_t>(m + 4));
    expected.insert(expected.end(), part.begin(), part.end());
    float* place = out[m].data() + m * kPart;
    std::copy(part.begin(), part.end(), place);
    members.in[m] = place;
    members.out[m] = out[m].data();
  }
  gatherMembers(m_queue, members, kPart, 2);
  finish();
  for (const Vector& whole : out) EXPECT_EQ(whole, expected);
}

TEST_P(CollectiveKernels, scattersTheSumsThatAllReducingGives) {
  constexpr int64_t kPart = 617;
  constexpr size_t kMembers = 3;
  std::vector<Vector> values, sums(kMembers, Vector(kMembers * kPart));
  for (uint32_t m = 0; m < kMembers; ++m) values.push_back(randomVector(kMembers * kPart, m + 7));
  Members<float> members;
  members.count = kMembers;
  for (size_t m = 0; m < kMembers; ++m) {
    members.in[m] = values[m].data();
    members.out[m] = sums[m].data();
  }
  sumMembers(m_queue, members, kMembers * kPart, 2);
  finish();
  for (size_t m = 0; m < kMembers; ++m) members.out[m] = values[m].data() + m * kPart;
  scatterSums(m_queue, members, kPart, 2);
  finish();
  for (size_t m = 0; m < kMembers; ++m) {
    for (size_t i = m * kPart; i < (m + 1) * kPart; ++i)
      ASSERT_EQ(values[m][i], sums[m][i]) << "member " << m << ", number " << i;
  }
}

TEST_P(CollectiveKernels, aLinkHoldsItsStreamUntilTheStatedTime) {
  cudaEvent_t begin = nullptr;
  cudaEvent_t end = nullptr;
  cudaEventCreateWithFlags(&begin, cudaEventDefault);
  cudaEventCreateWithFlags(&end, cudaEventDefault);
  uint64_t stamp = 0;
  cudaEventRecord(begin, m_queue.stream);
  stampClock(m_queue, &stamp);
  holdUntil(m_queue, &stamp, 250'000, 1);
  cudaEventRecord(end, m_queue.stream);
  finish();
  float milliseconds = 0;
  ASSERT_EQ(cudaEventElapsedTime(&milliseconds, begin, end), cudaSuccess);
  // The stamp's own launch comes before it; the emulator says 1 us a launch.
  EXPECT_GE(milliseconds, 0.25F);
  EXPECT_LE(milliseconds, 0.253F);
}

CARACAL_UNDER_EACH_ORDER(CollectiveKernels);

}  // namespace
}  // namespace caracal::cuda
