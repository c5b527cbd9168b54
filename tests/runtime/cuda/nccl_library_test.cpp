// The NCCL of this machine, where there is one: its functions, and a communicator where there is a
// GPU too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/cuda/nccl_communicator.h"

namespace caracal::cuda {
namespace {

class NcclLibrary : public testing::Test {
 protected:
  void SetUp() override {
    const auto found = nccl::api();
    if (!found) GTEST_SKIP() << found.error().text();
    m_api = *found;
  }
  nccl::UniqueId newId() const {
    nccl::UniqueId id{};
    EXPECT_EQ(m_api->getUniqueId(&id), nccl::Status::kSuccess);
    return id;
  }
  const nccl::Api* m_api = nullptr;
};

TEST_F(NcclLibrary, tellsItsVersionAndMakesIdentifiers) {
  int version = 0;
  EXPECT_EQ(m_api->getVersion(&version), nccl::Status::kSuccess);
  EXPECT_GE(version, nccl::kOldestVersion);
  const auto text = [](const nccl::UniqueId& id) {
    return std::string(id.bytes, sizeof(id.bytes));
  };
  EXPECT_NE(text(newId()), text(newId()));
}

TEST_F(NcclLibrary, aRankAloneIsACommunicator) {
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  const comm::Monitor monitor({std::chrono::minutes(1), nullptr});
  auto joined = NcclCommunicator::join(*m_api, monitor, newId(), {{"whole", {0}}, 0}, 0);
  if (devices == 0) {
    ASSERT_FALSE(joined);
    EXPECT_THAT(joined.error().message, testing::HasSubstr("in the whole group of ranks 0"));
    GTEST_SKIP() << "no GPU: " << cudaGetErrorString(error);
  }
  ASSERT_TRUE(joined) << joined.error().text();
  auto part = (*joined)->split({{"part", {0}}, 1}, 0, 0, 2);
  ASSERT_TRUE(part) << part.error().text();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  EXPECT_TRUE((*part)->finish(deadline));
  EXPECT_TRUE((*joined)->finish(deadline));
}

}  // namespace
}  // namespace caracal::cuda
