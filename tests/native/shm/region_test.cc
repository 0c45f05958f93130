#include "shm/region.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "pair.h"

namespace leeboard::shm {
namespace {

constexpr std::size_t kSize = 8192;

Region Made(Region::Peer peer) {
  Region region;
  EXPECT_TRUE(Region::Create("test", kSize, peer, &region).ok());
  return region;
}

UniqueFd Memfd(std::size_t size, int seals) {
  UniqueFd fd(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(ftruncate(fd.get(), static_cast<off_t>(size)), 0);
  EXPECT_TRUE(seals == 0 || fcntl(fd.get(), F_ADD_SEALS, seals) == 0);
  return fd;
}

TEST(Region, IsSeenByWhoAttachesToIt) {
  const Region made = Made(Region::Peer::kWrites);
  Region attached;
  ASSERT_TRUE(
      Region::Attach(Duplicate(made.fd()), kSize, /*writable=*/true, &attached).ok());
  made.data()[kSize - 1] = 7;
  EXPECT_EQ(attached.data()[kSize - 1], 7);
  attached.data()[0] = 9;
  EXPECT_EQ(made.data()[0], 9);
}

TEST(Region, OfInputsCannotBeMappedForWriting) {
  const Region made = Made(Region::Peer::kReads);
  made.data()[0] = 1;
  Region attached;
  EXPECT_FALSE(
      Region::Attach(Duplicate(made.fd()), kSize, /*writable=*/true, &attached).ok());
  EXPECT_FALSE(attached.mapped());
  ASSERT_TRUE(
      Region::Attach(Duplicate(made.fd()), kSize, /*writable=*/false, &attached).ok());
  made.data()[0] = 2;  // The owner's mapping is older than the seal.
  EXPECT_EQ(attached.data()[0], 2);
  EXPECT_EQ(mprotect(attached.data(), kSize, PROT_READ | PROT_WRITE), -1);
  const char byte = 1;
  EXPECT_EQ(pwrite(made.fd(), &byte, 1, 0), -1);
}

TEST(Region, CannotShrinkGrowOrLoseItsSeals) {
  for (const Region::Peer peer : {Region::Peer::kReads, Region::Peer::kWrites}) {
    const Region made = Made(peer);
    EXPECT_EQ(ftruncate(made.fd(), kSize / 2), -1);
    EXPECT_EQ(ftruncate(made.fd(), kSize * 2), -1);
    EXPECT_EQ(fcntl(made.fd(), F_ADD_SEALS, F_SEAL_WRITE), -1);
  }
}

TEST(Region, OneThatMayShrinkIsRefused) {
  Region region;
  const Status status =
      Region::Attach(Memfd(kSize, F_SEAL_GROW), kSize, /*writable=*/false, &region);
  EXPECT_EQ(status.code(), Code::kInternal);
  EXPECT_FALSE(region.mapped());
}

TEST(Region, OneSmallerThanAnnouncedIsRefused) {
  Region region;
  const Status status =
      Region::Attach(Memfd(kSize - 1, F_SEAL_SHRINK), kSize, false, &region);
  EXPECT_EQ(status.code(), Code::kInternal);
}

TEST(Region, WhatIsNoMemfdIsRefused) {
  Region region;
  EXPECT_FALSE(Region::Attach(UniqueFd(open("/dev/zero", O_RDWR | O_CLOEXEC)), kSize,
                              /*writable=*/true, &region)
                   .ok());
  EXPECT_FALSE(
      Region::Attach(UniqueFd(eventfd(0, EFD_CLOEXEC)), kSize, false, &region).ok());
  EXPECT_FALSE(Region::Attach(UniqueFd(), kSize, false, &region).ok());
}

TEST(Region, AttachedWholeHasTheSizeOfItsDescriptor) {
  const Region made = Made(Region::Peer::kWrites);
  Region attached;
  ASSERT_TRUE(Region::AttachWhole(Duplicate(made.fd()), kSize, &attached).ok());
  EXPECT_EQ(attached.size(), kSize);
}

TEST(Region, AttachedWholeIsRefusedWhenEmptyOrTooLarge) {
  Region region;
  EXPECT_EQ(Region::AttachWhole(Memfd(0, F_SEAL_SHRINK), kSize, &region).code(),
            Code::kResourceExhausted);
  EXPECT_EQ(Region::AttachWhole(Memfd(kSize + 1, F_SEAL_SHRINK), kSize, &region).code(),
            Code::kResourceExhausted);
}

TEST(Region, MovesWithItsMapping) {
  Region first = Made(Region::Peer::kWrites);
  first.data()[3] = 5;
  Region second = Made(Region::Peer::kWrites);
  second = std::move(first);
  EXPECT_EQ(second.data()[3], 5);
  EXPECT_FALSE(
      first.mapped());  // NOLINT(bugprone-use-after-move): says what a move leaves.
}

}  // namespace
}  // namespace leeboard::shm
