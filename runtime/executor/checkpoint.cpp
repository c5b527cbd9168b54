#include "runtime/executor/checkpoint.h"

#include <array>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/base/checksum.h"
#include "core/base/files.h"

namespace caracal::executor {
namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMagic = "CARACALC";
constexpr std::string_view kSchema = "caracal.checkpoint/1";
constexpr int64_t kNumber = sizeof(float);
constexpr size_t kNumberBytes = sizeof(uint64_t);

void append(std::string& content, uint64_t number) {
  std::array<char, kNumberBytes> bytes{};
  std::memcpy(bytes.data(), &number, bytes.size());
  content.append(bytes.data(), bytes.size());
}

uint64_t numberAt(const std::string& content, size_t offset) {
  uint64_t number = 0;
  std::memcpy(&number, content.data() + offset, sizeof(number));
  return number;
}

void append(std::string& content, std::span<const float> values) {
  content.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

uint64_t checksumOf(std::string_view content) {
  return checksum64(std::as_bytes(std::span(content)));
}

constexpr int64_t kArrays = 3;  // of a parameter: weights, first and second moments

template <class Values>
auto partOf(Values values, const model::ParameterSpec& spec) {
  return values.subspan(static_cast<size_t>(spec.offset), static_cast<size_t>(spec.count()));
}

}  // namespace

Result<void> writeCheckpoint(const std::string& path, const Progressed& progressed,
                             std::span<const StoredParameters> ranks) {
  json parameters = json::array();
  for (const StoredParameters& rank : ranks) {
    for (const model::ParameterSpec& spec : rank.specs) {
      parameters.push_back({{"name", spec.name},
                            {"shard", spec.shard},
                            {"shards", spec.shards},
                            {"count", spec.count()}});
    }
  }
  const std::string header = json{
      {"schema", kSchema},
      {"stepsDone", progressed.stepsDone},
      {"seed", progressed.seed},
      {"parameters",
       std::move(parameters)}}.dump();
  std::string content(kMagic);
  append(content, header.size());
  content += header;
  for (const StoredParameters& rank : ranks) {
    for (const model::ParameterSpec& spec : rank.specs) {
      for (const auto& array : {rank.weights, rank.moments1, rank.moments2})
        append(content, partOf(array, spec));
    }
  }
  append(content, checksumOf(content));
  return writeTextFile(path, content);
}

Result<Checkpoint> Checkpoint::open(const std::string& path) {
  Checkpoint checkpoint;
  checkpoint.m_path = path;
  CARACAL_TRY(content, readTextFile(path));
  const auto damaged = [&](std::string_view what) {
    return tl::unexpected(
        Error{ErrorCode::kInvalidInput, fmt::format("{}; take an earlier checkpoint", what), path});
  };
  constexpr size_t kFixed = kMagic.size() + 2 * kNumberBytes;
  if (content.size() < kFixed || !content.starts_with(kMagic))
    return damaged("this is not a checkpoint of caracal-run");
  const size_t end = content.size() - kNumberBytes;
  if (checksumOf(std::string_view(content).substr(0, end)) != numberAt(content, end))
    return damaged("the checkpoint is cut off or damaged: its checksum is wrong");
  // Whole as it was written, so what follows can only be the file of another version.
  const uint64_t headerBytes = numberAt(content, kMagic.size());
  size_t next = kMagic.size() + kNumberBytes;
  if (headerBytes > end - next) return damaged("the checkpoint's header is longer than its file");
  const json header = json::parse(content.substr(next, headerBytes), nullptr, false);
  next += headerBytes;
  try {
    if (header.at("schema") != kSchema) return damaged("the checkpoint has another version");
    checkpoint.m_progressed = {header.at("stepsDone"), header.at("seed")};
    for (const json& parameter : header.at("parameters")) {
      const Place place{next, parameter.at("count"), parameter.at("shards")};
      checkpoint.m_places[{parameter.at("name"), parameter.at("shard")}] = place;
      next += static_cast<size_t>(kArrays * place.count) * sizeof(float);
    }
  } catch (const json::exception&) {
    return damaged("the checkpoint's header is not that of " + std::string(kSchema));
  }
  if (next != end) return damaged("the checkpoint holds other sizes than its header says");
  checkpoint.m_content = std::move(content);
  return checkpoint;
}

Result<void> Checkpoint::restore(model::ParameterStore& parameters) const {
  for (const model::ParameterSpec& spec : parameters.specs()) {
    const auto found = m_places.find({spec.name, spec.shard});
    if (found == m_places.end() || found->second.count != spec.count() ||
        found->second.shards != spec.shards) {
      return tl::unexpected(Error{
          ErrorCode::kInvalidInput,
          fmt::format("the checkpoint lacks {} (shard {} of {}, {} elements); go on with the model "
                      "and the --tp it was written with",
                      spec.name, spec.shard, spec.shards, spec.count()),
          m_path});
    }
    const char* stored = m_content.data() + found->second.offset;
    const auto arrayBytes = static_cast<size_t>(spec.count()) * sizeof(float);
    std::memcpy(partOf(parameters.weights(), spec).data(), stored, arrayBytes);
    for (const auto& moments : {parameters.moments1(), parameters.moments2()}) {
      stored += arrayBytes;
      model::forEachOwned(spec, parameters.owned(),
                          [&](int64_t begin, int64_t count, int64_t state) {
                            std::memcpy(moments.data() + state,
                                        stored + (begin - spec.offset) * kNumber, count * kNumber);
                          });
    }
  }
  return {};
}

}  // namespace caracal::executor
