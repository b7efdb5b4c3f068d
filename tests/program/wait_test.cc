// catena wait from the command line.
#include <gmock/gmock.h>

#include <filesystem>

#include "sandbox.h"

namespace catena {
namespace {

using testing::HasSubstr;
using testing::Not;

// Seen: "internal error: …/lock: Is a directory", where every look before had said what was wrong and gone
// on.
TEST(Wait, FilesThatCannotBeAskedWhileItPausesEndNoWait) {
  Sandbox box;
  ASSERT_EQ(box.run("w", "name: w\nnodes: {a: {run: 'sleep 60'}}\n", "--id w1").status, 0);
  const auto lock = box.dir / "catena-runs/w-w1/.catena/local/lock", away = box.dir / "away";
  std::filesystem::rename(lock, away);
  std::filesystem::create_directory(lock);
  const auto said = box.catena("wait w1 --timeout 2s");
  std::filesystem::remove(lock);
  std::filesystem::rename(away, lock);
  EXPECT_EQ(said.status, 10);
  EXPECT_THAT(said.err, HasSubstr("Is a directory"));
  EXPECT_THAT(said.err, Not(HasSubstr("internal error")));
  box.catena("cancel w1");
}

}  // namespace
}  // namespace catena
