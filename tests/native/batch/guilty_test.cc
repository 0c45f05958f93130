#include "batch/guilty.h"

#include <gtest/gtest.h>

#include <string_view>

namespace leeboard::batch {
namespace {

Digest DigestOf(std::initializer_list<std::string_view> parts) {
  Digester digester;
  for (const std::string_view part : parts) {
    digester.Add({reinterpret_cast<const std::uint8_t*>(part.data()), part.size()});
  }
  return digester.Finish();
}

Deed Did(const char* text) {
  return {Code::kInternal, text};
}

TEST(Guilty, ADigestIsSha256OfItsPartsTogether) {
  const Digest digest = DigestOf({"a", "", "bc"});
  EXPECT_EQ(digest, DigestOf({"abc"}));
  EXPECT_NE(digest, DigestOf({"abd"}));
  EXPECT_EQ(digest[0], 0xba);
  EXPECT_EQ(digest[1], 0x78);
  EXPECT_EQ(digest[31], 0xad);
}

TEST(Guilty, NobodyIsKnownAtFirst) {
  Guilty guilty;
  EXPECT_FALSE(guilty.MayKnow(0));
  EXPECT_EQ(guilty.Find(DigestOf({"a"}), 1), nullptr);
}

TEST(Guilty, WhoWasAddedIsFoundWithItsDeed) {
  Guilty guilty;
  guilty.Add(DigestOf({"a"}), 5, {Code::kResourceExhausted, "ate"}, 1);
  EXPECT_TRUE(guilty.MayKnow(5));
  EXPECT_FALSE(guilty.MayKnow(6));
  const Deed* deed = guilty.Find(DigestOf({"a"}), 2);
  ASSERT_NE(deed, nullptr);
  EXPECT_EQ(deed->code, Code::kResourceExhausted);
  EXPECT_EQ(deed->text, "ate");
  EXPECT_EQ(guilty.Find(DigestOf({"b"}), 2), nullptr);
}

TEST(Guilty, IsForgottenAfterItsTimeAndNotBefore) {
  Guilty guilty;
  guilty.Add(DigestOf({"a"}), 5, Did("crashed"), 1);
  guilty.Add(DigestOf({"b"}), 5, Did("crashed"), 2);
  EXPECT_NE(guilty.Find(DigestOf({"a"}), 1 + Guilty::kRemembered), nullptr);
  EXPECT_EQ(guilty.Find(DigestOf({"a"}), 2 + Guilty::kRemembered), nullptr);
  EXPECT_NE(guilty.Find(DigestOf({"b"}), 2 + Guilty::kRemembered), nullptr);
  EXPECT_EQ(guilty.Find(DigestOf({"b"}), 3 + Guilty::kRemembered), nullptr);
  EXPECT_FALSE(guilty.MayKnow(5));
}

TEST(Guilty, WhoIsAddedAgainIsRememberedFromThenOn) {
  Guilty guilty;
  guilty.Add(DigestOf({"a"}), 5, Did("crashed"), 1);
  guilty.Add(DigestOf({"b"}), 5, Did("crashed"), 2);
  guilty.Add(DigestOf({"a"}), 5, Did("hung"), 100);
  const Deed* deed = guilty.Find(DigestOf({"a"}), 100 + Guilty::kRemembered);
  ASSERT_NE(deed, nullptr);
  EXPECT_EQ(deed->text, "hung");
  EXPECT_EQ(guilty.Find(DigestOf({"b"}), 100), nullptr);
}

TEST(Guilty, TheOldestGoesWhenThereAreTooMany) {
  Guilty guilty;
  for (std::size_t i = 0; i <= Guilty::kMost; ++i) {
    guilty.Add(DigestOf({std::to_string(i)}), i, Did("crashed"), 1);
  }
  EXPECT_FALSE(guilty.MayKnow(0));
  EXPECT_EQ(guilty.Find(DigestOf({"0"}), 1), nullptr);
  EXPECT_NE(guilty.Find(DigestOf({"1"}), 1), nullptr);
  EXPECT_NE(guilty.Find(DigestOf({std::to_string(Guilty::kMost)}), 1), nullptr);
}

}  // namespace
}  // namespace leeboard::batch
