#include <gmock/gmock.h>
#include <stdlib.h>

#include <fstream>

#include "adapters/batch/input_files.h"
#include "core/error.h"

namespace catena {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class InputFiles : public testing::Test {
 protected:
  InputFiles() {
    char name[] = "/tmp/catena-inputs.XXXXXX";
    dir_ = mkdtemp(name);
    fs::create_directories(dir_ / "data/sub");
    std::ofstream(dir_ / "data/sub/file") << "1";
    std::ofstream(dir_ / "outside") << "2";
    node_.name = "a";
    node_.workdir = "/run/a";
    Input input;
    input.from = (dir_ / "data").string();
    input.to = "data";
    node_.inputs = {input};
  }
  ~InputFiles() override { fs::remove_all(dir_); }
  std::vector<std::string> targets() const {
    std::vector<std::string> found;
    for (const auto& file : input_files(node_, {})) found.push_back(file.target);
    std::ranges::sort(found);
    return found;
  }
  fs::path dir_;
  Rendered node_;
};

TEST_F(InputFiles, ALinkToAFileOfTheSameFolderIsThatFile) {
  fs::create_symlink("sub/file", dir_ / "data/link");
  EXPECT_THAT(targets(), ElementsAre("/run/a/data/link", "/run/a/data/sub/file"));
}

TEST_F(InputFiles, ALinkOutOfTheFolderIsRefusedAndNamed) {
  for (const fs::path& target :
       {dir_ / "outside", fs::path("../outside"), fs::path("nowhere"), fs::path("..")}) {
    fs::create_symlink(target, dir_ / "data/link");
    try {
      targets();
      ADD_FAILURE() << target;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config);
      EXPECT_THAT(error.what(), HasSubstr("node a: the input " + (dir_ / "data/link").string()));
    }
    fs::remove(dir_ / "data/link");
  }
}

TEST_F(InputFiles, ALinkThatIsNamedItselfIsFollowed) {
  fs::create_symlink(dir_ / "outside", dir_ / "link");
  node_.inputs[0].from = (dir_ / "link").string();
  node_.inputs[0].to = "link";
  EXPECT_THAT(targets(), ElementsAre("/run/a/link"));
}

}  // namespace
}  // namespace catena
