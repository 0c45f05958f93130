// What an access table is made of.

#include "front/access_table.h"

#include <gtest/gtest.h>

namespace leeboard::front {
namespace {

TEST(AccessTable, ADigestIsSha256) {
  Digest digest{};
  ASSERT_TRUE(DigestOf("abc", &digest));
  EXPECT_EQ(digest[0], 0xBA);
  EXPECT_EQ(digest[31], 0xAD);
}

TEST(AccessTable, RolesHaveNames) {
  EXPECT_EQ(RoleNames(kInfer | kApprover), "infer, approver");
  EXPECT_EQ(RoleNames(0), "none");
}

TEST(AccessTable, ModelsAreNamedExactlyOrByPrefix) {
  Identity identity;
  EXPECT_TRUE(identity.MayUse("anything"));
  identity.models = {{"fraud", false}, {"team-a-", true}};
  EXPECT_TRUE(identity.MayUse("fraud"));
  EXPECT_TRUE(identity.MayUse("team-a-x"));
  EXPECT_FALSE(identity.MayUse("fraud2"));
  EXPECT_FALSE(identity.MayUse("team-b-x"));
  EXPECT_FALSE(identity.MayUse(""));
}

}  // namespace
}  // namespace leeboard::front
