#include "core/planner/chain_interfaces.h"

#include <algorithm>

namespace caracal::planner {

uint32_t ChainInterfaces::numberOf(const ChainInterface& wanted) {
  std::vector<int64_t> bytes{wanted.bytes.outputBytes};
  for (const PhaseBytes& beside : wanted.bytes.beside)
    bytes.insert(bytes.end(), {beside.net, beside.peak});
  while (bytes.size() > 1 && bytes.back() == 0) bytes.pop_back();
  const auto [entry, isNew] =
      m_known.try_emplace({wanted.mlpNs, std::move(bytes)}, static_cast<uint32_t>(m_list.size()));
  if (isNew) m_list.push_back(wanted);
  return entry->second;
}

uint32_t ChainInterfaces::easier(uint32_t a, uint32_t b) {
  const ChainInterface &first = m_list[a], &second = m_list[b];
  ChainInterface both{std::max(first.mlpNs, second.mlpNs),
                      {{}, std::max(first.bytes.outputBytes, second.bytes.outputBytes)}};
  const size_t hosts = std::max(first.bytes.beside.size(), second.bytes.beside.size());
  for (size_t host = 0; host < hosts; ++host) {
    const PhaseBytes x = first.bytes.at(host), y = second.bytes.at(host);
    both.bytes.beside.push_back({std::min(x.peak, y.peak), std::min(x.net, y.net)});
  }
  return numberOf(both);
}

}  // namespace caracal::planner
