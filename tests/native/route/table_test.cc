#include "route/table.h"

#include <gtest/gtest.h>

namespace leeboard::route {
namespace {

std::shared_ptr<const Version> Made(const char* model, const char* number, State state,
                                    const char* reason = "") {
  auto version = std::make_shared<Version>();
  version->model = model;
  version->version = number;
  version->state = state;
  version->reason = reason;
  return version;
}

// The version that answers, or what Find says instead.
std::string Found(const Table& table, std::string_view model,
                  std::string_view number = "") {
  const Version* version = nullptr;
  const Status status = table.Find(model, number, &version);
  return status.ok() ? version->version : status.message();
}

TEST(Table, AnswersWithTheHighestVersionThatIsReady) {
  Table table;
  table.Add(Made("m", "1", State::kReady));
  table.Add(Made("m", "3", State::kLoading));
  table.Add(Made("m", "2", State::kReady));
  EXPECT_EQ(Found(table, "m"), "2");
}

TEST(Table, VersionsAreComparedAsNumbers) {
  Table table;
  for (const char* number : {"9", "100", "11", "10", "2"}) {
    table.Add(Made("m", number, State::kReady));
  }
  EXPECT_EQ(Found(table, "m"), "100");
}

TEST(Table, ThePreferredVersionAnswersThoughAHigherOneIsReady) {
  for (const bool preferred_first : {true, false}) {
    Table table;
    auto preferred = std::make_shared<Version>(*Made("m", "2", State::kReady));
    preferred->preferred = true;
    table.Add(preferred_first ? preferred : Made("m", "3", State::kReady));
    table.Add(preferred_first ? Made("m", "3", State::kReady) : preferred);
    EXPECT_EQ(Found(table, "m"), "2");
    EXPECT_EQ(Found(table, "m", "3"), "3");
    EXPECT_EQ(table.Look("m", "")->version, "2");
  }
}

TEST(Table, APreferredVersionThatIsNotReadyLeavesTheAnswerToTheHighestThatIs) {
  Table table;
  auto preferred = std::make_shared<Version>(*Made("m", "4", State::kUnavailable));
  preferred->preferred = true;
  table.Add(preferred);
  table.Add(Made("m", "2", State::kReady));
  table.Add(Made("m", "3", State::kReady));
  EXPECT_EQ(Found(table, "m"), "3");
}

TEST(Table, TheOrderOfAddingDoesNotMatter) {
  for (const bool ready_first : {true, false}) {
    Table table;
    const auto ready = Made("m", "1", State::kReady);
    const auto loading = Made("m", "2", State::kLoading);
    table.Add(ready_first ? ready : loading);
    table.Add(ready_first ? loading : ready);
    EXPECT_EQ(Found(table, "m"), "1");
  }
}

TEST(Table, APinnedVersionAnswersItself) {
  Table table;
  table.Add(Made("m", "1", State::kReady));
  table.Add(Made("m", "2", State::kReady));
  EXPECT_EQ(Found(table, "m", "1"), "1");
}

TEST(Table, APinnedVersionThatIsNotReadyIsNotReplacedByAnother) {
  Table table;
  table.Add(Made("m", "1", State::kReady));
  table.Add(Made("m", "2", State::kUnavailable, "the file is broken"));
  const Version* version = nullptr;
  const Status status = table.Find("m", "2", &version);
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(
      status.message(),
      "Request for model 'm' version 2 cannot be served: it is not at ready state "
      "(UNAVAILABLE: the file is broken)");
  EXPECT_EQ(version, nullptr);
}

TEST(Table, AModelThatIsNotReadySaysWhichVersionAndWhy) {
  Table table;
  table.Add(Made("m", "4", State::kLoading));
  table.Add(Made("m", "3", State::kUnavailable, "old"));
  EXPECT_EQ(
      Found(table, "m"),
      "Request for model 'm' version 4 cannot be served: it is not at ready state "
      "(LOADING)");
}

TEST(Table, AnUnknownModelOrVersionIsNotFound) {
  Table table;
  table.Add(Made("m", "1", State::kReady));
  const Version* version = nullptr;
  EXPECT_EQ(table.Find("n", "", &version).code(), Code::kNotFound);
  EXPECT_EQ(table.Find("m", "2", &version).code(), Code::kNotFound);
  EXPECT_EQ(Found(table, "n"), "Request for unknown model: 'n' is not found");
  EXPECT_EQ(Found(table, "m", "2"),
            "Request for unknown model: 'm' version 2 is not found");
  EXPECT_EQ(Found(table, "m", "01"),
            "Request for unknown model: 'm' version 01 is not found");
}

TEST(Table, ModelsAreKeptApart) {
  Table table;
  table.Add(Made("a", "1", State::kReady));
  table.Add(Made("b", "7", State::kReady));
  EXPECT_EQ(Found(table, "a"), "1");
  EXPECT_EQ(Found(table, "b"), "7");
  EXPECT_EQ(table.all().size(), 2u);
}

TEST(Table, LooksUpVersionsWhateverTheirState) {
  Table table;
  table.Add(Made("m", "1", State::kUnavailable));
  ASSERT_NE(table.Look("m", ""), nullptr);
  EXPECT_EQ(table.Look("m", "")->version, "1");
  EXPECT_EQ(table.Look("m", "1")->state, State::kUnavailable);
  EXPECT_EQ(table.Look("m", "2"), nullptr);
  EXPECT_EQ(table.Look("", ""), nullptr);
}

TEST(StateName, IsWhatTheRepositoryIndexCallsIt) {
  EXPECT_EQ(StateName(State::kLoading), "LOADING");
  EXPECT_EQ(StateName(State::kReady), "READY");
  EXPECT_EQ(StateName(State::kUnavailable), "UNAVAILABLE");
}

}  // namespace
}  // namespace leeboard::route
