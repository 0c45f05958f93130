#include "base/one_line.h"

#include <gtest/gtest.h>

namespace leeboard {
namespace {

TEST(OneLine, ControlCharactersAreWrittenOut) {
  EXPECT_EQ(OneLine("plain caf\xc3\xa9 \xe2\x82\xac"),
            "plain caf\xc3\xa9 \xe2\x82\xac");
  EXPECT_EQ(OneLine("a\nb\r\x1b[31m\x7f"), "a\\nb\\x0D\\x1B[31m\\x7F");
  EXPECT_EQ(OneLine("\xc2\x9b"
                    "1m\xc2\xa0\xc2"),
            "\\x9B1m\xc2\xa0\xc2");
  EXPECT_EQ(OneLine(std::string_view("\0x", 2)), "\\x00x");
}

}  // namespace
}  // namespace leeboard
