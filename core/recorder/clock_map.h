// The recorder's clock on a recording's time axis.
//
// Processes of one boot of one host read one CLOCK_MONOTONIC_RAW, so an offset puts them on one
// axis, exactly. That clock is not disciplined: two hosts' drift apart by microseconds a second.
// CLOCK_REALTIME is, by NTP, so logs of several hosts are put on it: linearly from anchor to
// anchor.
#pragma once

#include <cstdint>
#include <vector>

namespace caracal::recorder {

// What two clocks showed at one moment.
struct ClockPoint {
  int64_t timeNs = 0;  // the recorder's
  int64_t realtimeNs = 0;
  bool operator==(const ClockPoint&) const = default;
};

class ClockMap {
 public:
  // `zeroNs` becomes 0, and nothing else changes.
  ClockMap(int64_t zeroNs = 0) : m_zeroNs(zeroNs) {}  // NOLINT(google-explicit-constructor)
  // The first point in time becomes 0. Between points time passes as CLOCK_REALTIME shows it, and
  // before and behind them as between the nearest two. Where that clock was set rather than slewed
  // (by more than 1000 ppm between two points), time passes as on the recorder's clock: it never
  // jumps or runs backwards. REQUIRES times of clocks (isClockTime()).
  explicit ClockMap(std::vector<ClockPoint> points);

  int64_t operator()(int64_t timeNs) const;
  bool followsRealtime() const { return m_pieces.size() > 1; }

 private:
  struct Piece {
    int64_t fromNs = 0;    // on the recorder's clock
    int64_t resultNs = 0;  // on the axis
    double excess = 0;     // of the slope over 1
  };
  int64_t m_zeroNs = 0;
  std::vector<Piece> m_pieces;  // rising; empty: an offset alone
};

}  // namespace caracal::recorder
