// Every bad file in tests/golden/diagnostics and exactly what is said about it. CATENA_UPDATE_GOLDEN=1
// rewrites the .txt files.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "adapters/workflow_file/workflow_reader.h"
#include "core/error.h"

namespace catena {
namespace {

namespace fs = std::filesystem;

const fs::path folder = fs::path(CATENA_SOURCE_DIR) / "tests/golden/diagnostics";

std::string read_text(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// What a user would read.
std::string said_about(const std::string& file) {
  ReaderContext context;
  context.template_folders = {"templates"};
  context.dialects = {"slurm", "pbs"};
  Diagnostics diagnostics;
  Source source = Source::from_file(file);
  read_workflow(source, context, diagnostics);
  try {
    diagnostics.throw_if_any();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config);
    return error.what() + std::string("\n");
  }
  return "";
}

std::vector<std::string> bad_files() {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().extension() != ".txt")
      files.push_back(entry.path().filename().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

class BadFile : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Golden, BadFile, testing::ValuesIn(bad_files()), [](const auto& file) {
  std::string name = file.param;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
});

TEST_P(BadFile, IsAnsweredWithEveryMistakeAndItsPlace) {
  fs::current_path(folder);
  const std::string said = said_about(GetParam());
  EXPECT_NE(said, "");
  const fs::path golden = folder / (GetParam() + ".txt");
  if (std::getenv("CATENA_UPDATE_GOLDEN") != nullptr) std::ofstream(golden) << said;
  EXPECT_EQ(said, read_text(golden));
}

}  // namespace
}  // namespace catena
