#include "wire/text.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace leeboard::wire {
namespace {

using std::string_view_literals::operator""sv;

TEST(TextTest, WellFormedUtf8IsAccepted) {
  for (const std::string_view text :
       {""sv, "a"sv, "a\0b"sv, "exactly8"sv, "more than eight"sv, "\xc2\x80"sv,
        "gr\xc3\xbc\xc3\x9f"sv, "\xe0\xa0\x80"sv, "\xed\x9f\xbf"sv, "\xee\x80\x80"sv,
        "\xf0\x90\x80\x80"sv, "\xf4\x8f\xbf\xbf"sv}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
  }
}

TEST(TextTest, EveryKindOfWrongUtf8IsRefused) {
  for (const std::string_view text :
       {"\x80"sv, "12345678\xff"sv, "1234567\xff"sv, "\xc3"sv, "\xc3\x28"sv,
        "\xc0\x80"sv, "\xc1\xbf"sv, "\xe0\x9f\xbf"sv, "\xed\xa0\x80"sv, "\xe2\x82"sv,
        "\xf0\x8f\xbf\xbf"sv, "\xf4\x90\x80\x80"sv, "\xf5\x80\x80\x80"sv}) {
    EXPECT_FALSE(IsUtf8(text)) << text;
  }
}

TEST(TextTest, LongNamesAreCutAtACharacter) {
  EXPECT_EQ(Quoted("image"), "'image'");
  std::string name(79, 'x');
  name += "\xc3\xbc and more";
  EXPECT_EQ(Quoted(name), "'" + std::string(79, 'x') + "...'");
}

}  // namespace
}  // namespace leeboard::wire
