#include <gtest/gtest.h>

#include <cstdlib>

#include "adapters/store/file_system.h"
#include "adapters/store/location.h"
#include "unit/store_support.h"

namespace catena {
namespace {

// Each test is a process of its own environment again afterwards.
class LocationTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"CATENA_HOME", "XDG_STATE_HOME", "HOME"}) {
      const char* value = std::getenv(name);
      before_.emplace_back(name, value == nullptr ? std::nullopt : std::optional<std::string>(value));
      unsetenv(name);
    }
  }
  void TearDown() override {
    for (const auto& [name, value] : before_) {
      value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
    }
  }

 private:
  std::vector<std::pair<std::string, std::optional<std::string>>> before_;
};

TEST_F(LocationTest, CatenaHomeGoesFirst) {
  setenv("CATENA_HOME", "/data/c", 1);
  setenv("XDG_STATE_HOME", "/state", 1);
  setenv("HOME", "/home/ada", 1);
  EXPECT_EQ(home(), "/data/c");
  EXPECT_EQ(store_file(), "/data/c/catena.db");
}

TEST_F(LocationTest, ThenTheStateDirectory) {
  setenv("XDG_STATE_HOME", "/state", 1);
  setenv("HOME", "/home/ada", 1);
  EXPECT_EQ(home(), "/state/catena");
}

TEST_F(LocationTest, ThenTheHomeDirectory) {
  setenv("HOME", "/home/ada", 1);
  EXPECT_EQ(store_file(), "/home/ada/.local/state/catena/catena.db");
}

TEST_F(LocationTest, EmptyIsNotSet) {
  setenv("CATENA_HOME", "", 1);
  setenv("XDG_STATE_HOME", "", 1);
  setenv("HOME", "/home/ada", 1);
  EXPECT_EQ(home(), "/home/ada/.local/state/catena");
}

TEST_F(LocationTest, ARelativeStateDirectoryIsIgnoredAndARelativeCatenaHomeIsTakenFromHere) {
  setenv("XDG_STATE_HOME", "state", 1);
  setenv("HOME", "/home/ada", 1);
  EXPECT_EQ(home(), "/home/ada/.local/state/catena");
  setenv("CATENA_HOME", "here", 1);
  EXPECT_EQ(home(), std::filesystem::current_path() / "here");
}

TEST_F(LocationTest, AJobWithoutHomeAsksTheUserDatabase) {
  EXPECT_TRUE(home().is_absolute());
  EXPECT_TRUE(home().string().ends_with("/.local/state/catena"));
  EXPECT_NE(home(), "/.local/state/catena");
}

TEST(FileSystemTest, SharedFileSystemsAreNotLocal) {
  for (const std::int64_t type : {std::int64_t{0x6969},         // NFS
                                  std::int64_t{0x0BD00BD0},     // Lustre
                                  std::int64_t{0x47504653},     // GPFS
                                  std::int64_t{0x19830326},     // BeeGFS
                                  std::int64_t{0x517B},         // SMB
                                  std::int64_t{0xFF534D42},     // CIFS
                                  std::int64_t{0xFE534D42},     // SMB2
                                  std::int64_t{-0x00ACB2BE},    // CIFS, sign-extended
                                  std::int64_t{0x00C36400},     // CephFS
                                  std::int64_t{0x65735546},     // FUSE
                                  std::int64_t{0x01021997},     // 9P
                                  std::int64_t{0x5346414F},     // AFS
                                  std::int64_t{0xAAD7AAEA},     // PanFS
                                  std::int64_t{0x20030528},     // OrangeFS
                                  std::int64_t{0x12345678}}) {  // one that nobody knows
    EXPECT_FALSE(is_local(type)) << std::hex << type;
  }
}

TEST(FileSystemTest, DisksOfTheMachineAreLocal) {
  EXPECT_TRUE(is_local(0xEF53));
  EXPECT_TRUE(is_local(0x58465342));
  EXPECT_TRUE(is_local(0x9123683E));
  EXPECT_TRUE(is_local(static_cast<std::int32_t>(0x9123683E)));  // where f_type is 32 bits wide and signed
  EXPECT_TRUE(is_local(0x01021994));
}

using FolderTest = StoreTest;

TEST_F(FolderTest, MissingDirectoriesArePrivateAndExistingOnesStay) {
  const auto mode = [](const std::filesystem::path& path) {
    return static_cast<int>(std::filesystem::status(path).permissions() & std::filesystem::perms::all);
  };
  make_private_directory(folder() / "a" / "b" / "c");
  EXPECT_EQ(mode(folder()), 0755);
  EXPECT_EQ(mode(folder() / "a"), 0700);
  EXPECT_EQ(mode(folder() / "a" / "b"), 0700);
  EXPECT_EQ(mode(folder() / "a" / "b" / "c"), 0700);
  make_private_directory(folder());
  EXPECT_EQ(mode(folder()), 0755);
}

TEST_F(FolderTest, ADirectoryThatCannotBeMadeIsNamed) {
  write_file(folder() / "file", "");
  const Error error = error_of([&] { make_private_directory(folder() / "file" / "below"); });
  EXPECT_NE(std::string(error.what()).find((folder() / "file" / "below").string()), std::string::npos);
  EXPECT_FALSE(error.remedy().empty());
}

}  // namespace
}  // namespace catena
