// Numbers for people: "12.3 ms", "1.50 GiB", "31.1 %". C locale, fixed widths left to the caller.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace caracal {

std::string formatDuration(
    int64_t ns);  // 3 significant digits: "987 ns", "1.23 us", "45.6 ms", "7.89 s"
std::string formatBytes(int64_t bytes);     // "512 B", "1.50 KiB", "3.25 GiB"
std::string formatPercent(double percent);  // "31.10 %"
// Parses "4GiB", "512MB", "1.5 GB", "1024": bytes, or -1 when it is not a size.
int64_t parseBytes(const std::string& text);

// A text table with a header row; numbers are right-aligned, words left-aligned.
struct TextTable {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
  std::string render() const;
};

}  // namespace caracal
