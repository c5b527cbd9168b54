#include "core/profile/link_text.h"

#include <gtest/gtest.h>

namespace caracal::profile {
namespace {

TEST(LinkText, readsLatencyAndBandwidthWithUnits) {
  EXPECT_EQ(parseLink("200us,2GB/s"), (Link{200'000, 2e9}));
  EXPECT_EQ(parseLink("1.5 ms,100 MiB/s"), (Link{1'500'000, 104857600.0}));
  EXPECT_EQ(parseLink("0,0"), (Link{0, 0}));
}

TEST(LinkText, refusesWhatIsNotALinkInWords) {
  for (const char* text :
       {"", "200us", "fast", "200,2GB/s", "200us,2", "-1us,2GB/s", "1us,2GB/s,3", "nan us,1B/s"}) {
    const auto link = parseLink(text);
    ASSERT_FALSE(link) << text;
    EXPECT_NE(link.error().message.find("200us,2GB/s"), std::string::npos) << link.error().message;
  }
}

TEST(LinkText, writesWhatIsReadAsTheSameLink) {
  EXPECT_EQ(linkText({200'000, 400e6}), "200us,400MB/s");
  EXPECT_EQ(linkText({1500, 2e9}), "1500ns,2GB/s");
  for (const Link& link : {Link{0, 0}, Link{1'000'000'000, 1}, Link{7, 399876543.21},
                           Link{123'456'789, 104857600.0}, Link{12'000, 4.5e11}}) {
    EXPECT_EQ(parseLink(linkText(link)), link) << linkText(link);
  }
}

}  // namespace
}  // namespace caracal::profile
