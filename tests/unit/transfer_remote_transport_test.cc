// Files through a command's standard streams. The wire is a shell on this machine, which can be cut.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "adapters/local/local_transport.h"
#include "adapters/transfer/remote_transport.h"
#include "core/error.h"

namespace catena {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Wire : public RemoteTransport {
 public:
  std::string where() const override { return "the other side"; }
  CommandResult stream(const Command& command, const ByteSource& input, const ByteSink& output) override {
    ++commands;
    if (failure) failure();
    std::uintmax_t passed = 0;
    if (!input) return local_.stream(command, {}, counting(output, passed));
    return local_.stream(
        command,
        [&](std::span<char> buffer) {
          const auto size = input(buffer.first(std::min<std::size_t>(buffer.size(), 8192)));
          sent += size;
          if (cut_after && sent > *cut_after) throw ConnectionLost("the connection broke");
          return size;
        },
        counting(output, passed));
  }

  int commands = 0;
  std::function<void()> failure;
  std::uintmax_t sent = 0, received = 0;
  std::optional<std::uintmax_t> cut_after, cut_output_after;

 private:
  ByteSink counting(const ByteSink& output, std::uintmax_t& passed) {
    return [this, &output, &passed](std::string_view piece) {
      passed += piece.size();
      received += piece.size();
      if (cut_output_after && passed > *cut_output_after) throw ConnectionLost("the connection broke");
      output(piece);
    };
  }
  LocalTransport local_;
};

class RemoteTransportTest : public testing::Test {
 protected:
  RemoteTransportTest() {
    std::string name = (fs::temp_directory_path() / "catena-transfer.XXXXXX").string();
    dir_ = mkdtemp(name.data());
    here_ = dir_ / "here";
    there_ = dir_ / "there";
    fs::create_directories(here_);
  }
  ~RemoteTransportTest() override { fs::remove_all(dir_); }

  fs::path write(const std::string& name, const std::string& text) const {
    fs::create_directories((here_ / name).parent_path());
    std::ofstream(here_ / name, std::ios::binary) << text;
    return here_ / name;
  }
  static std::string read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return std::move(text).str();
  }
  FileToPut file(const fs::path& source, const std::string& target, int mode = 0600) const {
    return {{}, source, (there_ / target).string(), mode};
  }
  void put(const std::vector<FileToPut>& files) { wire_.put(files, there_.string()); }
  FilesGot get(const std::vector<std::string>& patterns, const std::string& directory = ".") {
    const FilesToGet set{(there_ / directory).lexically_normal().string(), patterns, here_ / "back"};
    return wire_.get({&set, 1});
  }
  // Everything below a directory, by name, temporary names too.
  static std::vector<std::string> names_below(const fs::path& path) {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      if (!entry.is_directory()) names.push_back(entry.path().lexically_relative(path).string());
    }
    std::ranges::sort(names);
    return names;
  }
  static ErrorKind kind_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::internal;
  }

  fs::path dir_, here_, there_;
  Wire wire_;
};

TEST_F(RemoteTransportTest, ContentModeAndTimeArrive) {
  const auto script = write("go.sh", "#!/bin/sh\n");
  put({file(script, "a/go.sh", 0750), {"rendered", {}, (there_ / "a/in").string(), 0640}});
  EXPECT_EQ(read(there_ / "a/go.sh"), "#!/bin/sh\n");
  EXPECT_EQ(read(there_ / "a/in"), "rendered");
  EXPECT_EQ(fs::status(there_ / "a/go.sh").permissions(), fs::perms(0750));
  EXPECT_EQ(fs::status(there_ / "a/in").permissions(), fs::perms(0640));
  EXPECT_EQ(fs::status(there_ / "a").permissions(), fs::perms(0700));
  struct stat one, other;
  ASSERT_EQ(::stat(script.c_str(), &one) + ::stat((there_ / "a/go.sh").c_str(), &other), 0);
  EXPECT_EQ(one.st_mtime, other.st_mtime);
}

TEST_F(RemoteTransportTest, NamesWithAnyByteAndOfAnyLengthTravelBothWays) {
  const std::vector<std::string> names = {"a b",
                                          "quote'\"$`\\",
                                          "-rf",
                                          "new\nline",
                                          "caf\xc3\xa9",
                                          "\xff\xfe",
                                          "*[?]",
                                          ".hidden",
                                          std::string(250, 'n'),
                                          std::string(99, 'd') + "/" + std::string(120, 'e')};
  std::vector<FileToPut> files;
  for (const auto& name : names) files.push_back(file(write("in/" + name, name), "x y/" + name));
  put(files);
  for (const auto& name : names) EXPECT_EQ(read(there_ / "x y" / name), name);
  const auto got = get({"*", ".hidden"}, "x y");
  EXPECT_THAT(got.files, SizeIs(names.size()));
  for (const auto& name : names) EXPECT_EQ(read(here_ / "back" / name), name);
}

TEST_F(RemoteTransportTest, SizesAroundBlocksAndBuffers) {
  std::vector<FileToPut> files;
  for (const std::size_t size : {0, 1, 511, 512, 513, 65535, 65536, 65537, 3'000'001}) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + i / 255);
    files.push_back(file(write(std::to_string(size), text), std::to_string(size)));
  }
  put(files);
  const auto got = get({"*"});
  EXPECT_THAT(got.files, SizeIs(files.size()));
  for (const auto& each : files) {
    EXPECT_EQ(read(each.source), read(each.target));
    EXPECT_EQ(read(each.source), read(here_ / "back" / each.source.filename()));
  }
}

TEST_F(RemoteTransportTest, WhatIsThereAlreadyIsNotSentAgain) {
  const auto big = write("big", std::string(500'000, 'x'));
  const std::vector<FileToPut> files = {file(big, "big"), {"text", {}, (there_ / "text").string(), 0600}};
  put(files);
  const auto first = wire_.sent;
  EXPECT_GT(first, 500'000U);
  put(files);
  EXPECT_EQ(wire_.sent, first) << "same size and time, and a text with the same content";
  fs::last_write_time(big, fs::file_time_type::clock::now() + std::chrono::hours{1});
  put(files);
  EXPECT_EQ(wire_.sent, first) << "another time, but the same content";
  std::ofstream(big) << std::string(500'000, 'y');
  put(files);
  EXPECT_GT(wire_.sent, first + 500'000);
  EXPECT_EQ(read(there_ / "big"), std::string(500'000, 'y'));
}

TEST_F(RemoteTransportTest, ATextOfTheSameLengthIsToldFromTheOneThatIsThere) {
  put({{"alat = 10.1", {}, (there_ / "in").string(), 0600}});
  put({{"alat = 10.2", {}, (there_ / "in").string(), 0600}});
  EXPECT_EQ(read(there_ / "in"), "alat = 10.2");
}

TEST_F(RemoteTransportTest, WhatIsHereAlreadyIsNotFetchedAgain) {
  fs::create_directories(there_);
  std::ofstream(there_ / "out") << std::string(300'000, 'r');
  EXPECT_TRUE(get({"out"}).files.at(0).sent);
  const auto first = wire_.received;
  EXPECT_FALSE(get({"out"}).files.at(0).sent);
  EXPECT_LT(wire_.received, first + 10'000);
  fs::last_write_time(there_ / "out", fs::file_time_type::clock::now() + std::chrono::hours{1});
  EXPECT_FALSE(get({"out"}).files.at(0).sent) << "another time, but the same content";
  std::ofstream(there_ / "out") << std::string(300'000, 's');
  EXPECT_TRUE(get({"out"}).files.at(0).sent);
  EXPECT_EQ(read(here_ / "back/out"), std::string(300'000, 's'));
}

TEST_F(RemoteTransportTest, AFileThatManyNodesNeedIsSentOnce) {
  const auto source = write("pseudo.upf", std::string(400'000, 'p'));
  std::vector<FileToPut> files;
  for (int i = 0; i < 10; ++i) files.push_back(file(source, "n" + std::to_string(i) + "/pseudo.upf"));
  put(files);
  EXPECT_LT(wire_.sent, 450'000U);
  for (const auto& each : files) EXPECT_EQ(read(each.target).size(), 400'000U);
  EXPECT_EQ(fs::hard_link_count(there_ / "n3/pseudo.upf"), 10U);
}

TEST_F(RemoteTransportTest, NewFilesJoinThoseOfADirectoryThatIsThere) {
  fs::create_directories(there_ / "w/sub");
  std::ofstream(there_ / "w/sub/mine") << "job's own";
  put({file(write("a", "1"), "w/a"), file(write("b", "2"), "w/sub/b"),
       file(write("c", "3"), "w/sub/deep/c")});
  EXPECT_THAT(names_below(there_), ElementsAre("w/a", "w/sub/b", "w/sub/deep/c", "w/sub/mine"));
}

TEST_F(RemoteTransportTest, TargetsOutsideTheRootArriveToo) {
  const auto outside = (dir_ / "elsewhere/f").string();
  put({{"x", {}, outside, 0600}, {"y", {}, (there_ / "g").string(), 0600}});
  EXPECT_EQ(read(outside), "x");
  EXPECT_EQ(read(there_ / "g"), "y");
  EXPECT_THAT(names_below(dir_ / "elsewhere"), ElementsAre("f"));
}

TEST_F(RemoteTransportTest, ACutUploadLeavesNoHalfFileAndTheNextOneIsWhole) {
  fs::create_directories(there_);
  std::ofstream(there_ / "old") << "as it was";
  const std::vector<FileToPut> files = {file(write("old", std::string(100'000, 'n')), "old"),
                                        file(write("more", std::string(100'000, 'm')), "d/more")};
  for (const std::uintmax_t at : {1U, 600U, 50'000U, 100'800U, 150'000U, 200'000U}) {
    wire_.sent = 0;
    wire_.cut_after = at;
    EXPECT_EQ(kind_of([&] { put(files); }), ErrorKind::transport) << at;
    EXPECT_EQ(read(there_ / "old"), "as it was") << at;
    EXPECT_FALSE(fs::exists(there_ / "d")) << at;
  }
  wire_.cut_after.reset();
  put(files);
  EXPECT_THAT(names_below(there_), ElementsAre("d/more", "old"));
  EXPECT_EQ(read(there_ / "old"), std::string(100'000, 'n'));
}

TEST_F(RemoteTransportTest, ACutDownloadLeavesNoHalfFileAndTheNextOneIsWhole) {
  fs::create_directories(there_);
  std::ofstream(there_ / "a") << std::string(200'000, 'a');
  std::ofstream(there_ / "b") << std::string(200'000, 'b');
  for (const std::uintmax_t at : {700U, 100'000U, 250'000U, 405'000U}) {
    wire_.cut_output_after = at;
    EXPECT_EQ(kind_of([&] { get({"*"}); }), ErrorKind::transport) << at;
    for (const auto& name : names_below(here_)) EXPECT_EQ(read(here_ / name).size(), 200'000U) << at << name;
    fs::remove_all(here_ / "back");
    fs::create_directories(here_);
  }
  wire_.cut_output_after.reset();
  EXPECT_THAT(get({"*"}).files, SizeIs(2));
}

TEST_F(RemoteTransportTest, AFileThatShrinksWhileItIsSentIsAnErrorAndNotHalfAFile) {
  const auto source = write("log", std::string(2'000'000, 'l'));
  wire_.put({}, "");
  const auto files = std::vector<FileToPut>{file(source, "log")};
  bool shrunk = false;
  const Progress shrink = [&](std::uintmax_t, std::uintmax_t) {
    if (!std::exchange(shrunk, true)) fs::resize_file(source, 10);
  };
  EXPECT_EQ(kind_of([&] { wire_.put(files, there_.string(), shrink); }), ErrorKind::transport);
  EXPECT_FALSE(fs::exists(there_ / "log"));
}

TEST_F(RemoteTransportTest, LinksAreFollowedBelowTheDirectoryOnly) {
  fs::create_directories(there_ / "run");
  std::ofstream(dir_ / "secret") << "not to be fetched";
  std::ofstream(there_ / "run/out.5") << "five";
  fs::create_symlink("out.5", there_ / "run/latest.out");
  fs::create_symlink(dir_ / "secret", there_ / "run/absolute.out");
  fs::create_symlink("../../secret", there_ / "run/up.out");
  fs::create_symlink("..", there_ / "run/dir.out");
  fs::create_symlink("loop.out", there_ / "run/loop.out");
  const auto got = get({"*"}, "run");
  EXPECT_THAT(names_below(here_ / "back"), ElementsAre("latest.out", "out.5"));
  EXPECT_EQ(read(here_ / "back/latest.out"), "five");
  EXPECT_THAT(got.left_out, SizeIs(4));
  EXPECT_THAT(got.left_out.front(), HasSubstr("is a symbolic link to"));
}

TEST_F(RemoteTransportTest, PatternsMeanWhatAShellMeans) {
  for (const std::string name : {"a.out", "b.out", "b.log", "d/x", "d/e/y", ".dot", "out.d/z"}) {
    fs::create_directories((there_ / name).parent_path());
    std::ofstream(there_ / name) << name;
  }
  const auto got = [&](std::vector<std::string> patterns) {
    std::vector<std::string> paths;
    for (const auto& each : get(patterns).files) paths.push_back(each.path);
    std::ranges::sort(paths);
    return paths;
  };
  EXPECT_THAT(got({"*.out"}), ElementsAre("a.out", "b.out"));
  EXPECT_THAT(got({"d"}), ElementsAre("d/e/y", "d/x"));
  EXPECT_THAT(got({"d/"}), ElementsAre("d/e/y", "d/x"));
  EXPECT_THAT(got({"*/?"}), ElementsAre("d/e/y", "d/x", "out.d/z"));
  EXPECT_THAT(got({"./a.out", "[ab].out"}), ElementsAre("a.out", "b.out"));
  EXPECT_THAT(got({"nothing*"}), IsEmpty());
  EXPECT_THAT(get({"*"}, "not-there").files, IsEmpty());
}

TEST_F(RemoteTransportTest, ThousandsOfSmallFilesTakeAHandfulOfCommands) {
  std::vector<FileToPut> files;
  for (int i = 0; i < 3000; ++i) {
    const auto name = std::to_string(i % 50) + "/" + std::to_string(i);
    files.push_back(file(write("many/" + name, name), name));
  }
  put(files);
  EXPECT_THAT(names_below(there_), SizeIs(3000));
  EXPECT_THAT(get({"*"}).files, SizeIs(3000));
  EXPECT_LE(wire_.commands, 4);
  EXPECT_EQ(read(here_ / "back/17/2917"), "17/2917");
}

TEST_F(RemoteTransportTest, WhatCannotBeWrittenThereIsNamed) {
  std::ofstream(dir_ / "there") << "a file, where a directory is needed";
  try {
    put({file(write("a", "1"), "a")});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::transport);
    EXPECT_THAT(error.what(), HasSubstr(there_.string()));
    EXPECT_THAT(error.what(), HasSubstr("the other side"));
  }
}

TEST_F(RemoteTransportTest, OnlyABrokenConnectionIsTriedAgainAndOnlyForWhatMayBeRepeated) {
  Command command;
  command.argv = {"true"};
  command.repeatable = true;
  wire_.failure = [&] { throw Error(ErrorKind::transport, "the host key is not the known one"); };
  EXPECT_EQ(kind_of([&] { wire_.run(command); }), ErrorKind::transport);
  EXPECT_EQ(wire_.commands, 1);
  wire_.failure = [&] {
    if (wire_.commands == 2) throw ConnectionLost("the connection broke");
  };
  EXPECT_EQ(wire_.run(command).status, 0);
  EXPECT_EQ(wire_.commands, 3);
  command.repeatable = false;
  wire_.failure = [] { throw ConnectionLost("the connection broke"); };
  EXPECT_EQ(kind_of([&] { wire_.run(command); }), ErrorKind::transport);
  EXPECT_EQ(wire_.commands, 4);
}

TEST_F(RemoteTransportTest, StatAndReadTellAFileFromNone) {
  fs::create_directories(there_);
  std::ofstream(there_ / "log") << "0123456789";
  fs::permissions(there_ / "log", fs::perms(0640));
  const auto info = wire_.stat((there_ / "log").string());
  ASSERT_TRUE(info);
  EXPECT_EQ(info->size, 10U);
  EXPECT_EQ(info->mode, 0640);
  EXPECT_FALSE(info->directory);
  EXPECT_TRUE(wire_.stat(there_.string())->directory);
  EXPECT_FALSE(wire_.stat((there_ / "none").string()));
  std::string text;
  wire_.read((there_ / "log").string(), 7, [&](std::string_view piece) { text += piece; });
  EXPECT_EQ(text, "789");
  EXPECT_EQ(kind_of([&] { wire_.read((there_ / "none").string(), 0, [](std::string_view) {}); }),
            ErrorKind::not_found);
}

TEST_F(RemoteTransportTest, DirectoriesAreMadePrivateAndOldOnesAreLeftAlone) {
  fs::create_directories(there_ / "old");
  fs::permissions(there_ / "old", fs::perms(0755));
  const std::vector<std::string> paths = {(there_ / "old").string(), (there_ / "new/deep er").string()};
  wire_.make_directories(paths);
  EXPECT_EQ(fs::status(there_ / "old").permissions(), fs::perms(0755));
  EXPECT_EQ(fs::status(there_ / "new/deep er").permissions(), fs::perms(0700));
}

}  // namespace
}  // namespace catena
