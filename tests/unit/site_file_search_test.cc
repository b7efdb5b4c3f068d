// Which file a site's name means, and where its scratch is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "adapters/site_file/scratch.h"
#include "adapters/site_file/search.h"
#include "core/error.h"

namespace catena {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

EnvironmentLookup variables(std::map<std::string, std::string> all) {
  return [all = std::move(all)](std::string_view name) {
    const auto found = all.find(std::string(name));
    return found == all.end() ? std::nullopt : std::optional<std::string>(found->second);
  };
}

template <typename Call>
Error error_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return {ErrorKind::internal, ""};
}

TEST(SearchPath, FollowsTheOrder) {
  const SearchPath path = search_path(
      "x.ini",
      variables({{"CATENA_SITE_PATH", ":/a::/b:"}, {"XDG_CONFIG_HOME", "/xdg"}, {"HOME", "/home/u"}}));
  EXPECT_EQ(path.file, "x.ini");
  EXPECT_THAT(path.folders, ElementsAre("/a", "/b", "/xdg/catena/sites", "/etc/catena/sites"));
}

TEST(SearchPath, FallsBackOnHomeAndDoesWithout) {
  EXPECT_THAT(search_path("", variables({{"HOME", "/home/u"}, {"XDG_CONFIG_HOME", "relative"}})).folders,
              ElementsAre("/home/u/.config/catena/sites", "/etc/catena/sites"));
  EXPECT_THAT(search_path("", variables({})).folders, ElementsAre("/etc/catena/sites"));
}

class Sites : public testing::Test {
 protected:
  Sites() {
    char name[] = "/tmp/site_search_test.XXXXXX";
    folder_ = ::mkdtemp(name);
    path_.folders = {folder_ + "/one", folder_ + "/two", folder_ + "/none"};
    for (const char* sub : {"/one", "/two"}) std::filesystem::create_directory(folder_ + sub);
  }
  ~Sites() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& file, const std::string& description,
                    const std::string& further = "") {
    std::ofstream(folder_ + "/" + file) << "[site]\ndescription = " << description << "\n"
                                        << further << "\n[scheduler]\nkind = slurm\n";
    return folder_ + "/" + file;
  }

  std::string folder_;
  SearchPath path_;
};

TEST_F(Sites, LocalIsThereWithoutAFile) {
  EXPECT_EQ(load_site("local", path_).scheduler, "local");
  EXPECT_EQ(load_site("", path_).name, "local");
  EXPECT_THAT(list_sites(path_), testing::SizeIs(1));
}

TEST_F(Sites, TheFirstHitWinsAndSaysWhatItShadows) {
  const std::string first = write("one/hpc.ini", "first");
  const std::string second = write("two/hpc.ini", "second");
  const std::string own_local = write("two/local.ini", "mine");
  EXPECT_EQ(load_site("hpc", path_).description, "first");
  EXPECT_EQ(load_site("local", path_).description, "mine");
  const auto all = list_sites(path_);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].file, first);
  EXPECT_THAT(all[0].shadows, ElementsAre(second));
  EXPECT_EQ(all[1].file, own_local);
  EXPECT_THAT(all[1].shadows, ElementsAre("built in"));
}

TEST_F(Sites, TheSiteConfigFileComesFirstAndIsTheOneMeantWithoutAName) {
  write("one/hpc.ini", "first");
  path_.file = write("mine.ini", "explicit", "name = hpc");
  EXPECT_EQ(load_site("hpc", path_).description, "explicit");
  EXPECT_EQ(load_site("", path_).description, "explicit");
  EXPECT_EQ(load_site("local", path_).file, "");
}

TEST_F(Sites, ASiteIsFoundByTheNameInItsFile) {
  write("one/file.ini", "x", "name = cluster");
  EXPECT_EQ(load_site("cluster", path_).description, "x");
  EXPECT_EQ(error_of([&] { load_site("file", path_); }).kind(), ErrorKind::not_found);
}

TEST_F(Sites, ABrokenFileDoesNotHideTheOthers) {
  write("one/bad.ini", "x", "nmae = y\ntypo");
  write("one/good.ini", "fine");
  const auto all = list_sites(path_);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].name, "bad");
  EXPECT_FALSE(all[0].site);
  EXPECT_THAT(all[0].error,
              AllOf(HasSubstr("bad.ini:3: unknown key 'nmae'"), HasSubstr("bad.ini:4: 'typo' is")));
  EXPECT_EQ(load_site("good", path_).description, "fine");
  const Error error = error_of([&] { load_site("bad", path_); });
  EXPECT_EQ(error.kind(), ErrorKind::config);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("nmae"), HasSubstr("typo")));
}

TEST_F(Sites, ABrokenFileIsNotReplacedByAnotherOfItsName) {
  write("one/hpc.ini", "x", "typo");
  write("two/hpc.ini", "an old one");
  EXPECT_EQ(error_of([&] { load_site("hpc", path_); }).kind(), ErrorKind::config);
}

TEST_F(Sites, ABrokenSiteConfigIsAnErrorWhicheverSiteIsAskedFor) {
  path_.file = write("mine.ini", "x", "typo");
  EXPECT_EQ(error_of([&] { load_site("local", path_); }).kind(), ErrorKind::config);
  path_.file = folder_ + "/gone.ini";
  EXPECT_EQ(error_of([&] { load_site("local", path_); }).kind(), ErrorKind::not_found);
  path_.file = folder_;
  EXPECT_THAT(error_of([&] { load_site("", path_); }).what(), HasSubstr("is not a regular file"));
}

TEST_F(Sites, AnUnknownNameIsAnsweredWithASuggestionAndThePlaces) {
  write("one/hpc.ini", "x");
  const Error error = error_of([&] { load_site("hcp", path_); });
  EXPECT_EQ(error.kind(), ErrorKind::not_found);
  EXPECT_EQ(std::string(error.what()), "no site 'hcp' (did you mean 'hpc'?); searched: " + path_.folders[0] +
                                           ", " + path_.folders[1] + ", " + path_.folders[2] + ", built in");
}

TEST_F(Sites, OnlyIniFilesCountAndEachOnce) {
  write("one/hpc.ini", "x");
  write("one/hpc.ini~", "editor's copy");
  write("one/.hpc.ini", "hidden");
  path_.folders.push_back(folder_ + "/one");
  path_.file = folder_ + "/two/../one/hpc.ini";
  const auto all = list_sites(path_);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_THAT(all[0].shadows, IsEmpty());
}

TEST_F(Sites, WhatIsNoFolderIsListedAsSuch) {
  path_.folders[2] = write("one/hpc.ini", "x");
  const auto all = list_sites(path_);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_THAT(all[1].error, HasSubstr("Not a directory"));
}

Site with_scratch(const std::string& scratch) {
  Site site;
  site.name = "hpc";
  site.file = "hpc.ini";
  site.scratch = scratch;
  return site;
}

TEST(Scratch, VariablesAreFilledInOnce) {
  const auto env = variables({{"SCRATCH", "/s"}, {"USER", "$SCRATCH"}, {"A_1", "x"}});
  EXPECT_EQ(expand_scratch(with_scratch("$SCRATCH/catena"), env), "/s/catena");
  EXPECT_EQ(expand_scratch(with_scratch("/x/${USER}/$A_1.d/"), env), "/x/$SCRATCH/x.d");
  EXPECT_EQ(expand_scratch(with_scratch("${SCRATCH}//a/./b/"), env), "/s/a/b");
}

TEST(Scratch, AnUnsetOrEmptyVariableDoesNotLeaveAPathAtTheRoot) {
  EXPECT_THAT(error_of([] { expand_scratch(with_scratch("$SCRATCH/runs"), variables({})); }).what(),
              AllOf(HasSubstr("hpc.ini"), HasSubstr("SCRATCH is not set")));
  EXPECT_THAT(error_of([] {
                expand_scratch(with_scratch("$S/runs"), variables({{"S", ""}}));
              }).what(),
              HasSubstr("S is not set"));
}

TEST(Scratch, WhatIsNoVariableOrNotAbsoluteIsAnError) {
  const auto env = variables({{"R", "rel"}, {"N", "/a\nb"}});
  for (const char* bad : {"/a/$", "/a/$1", "/a/${R", "/a/${}", "/a/$(id)", "~/x", "x/y", "$R/x", "$N"}) {
    EXPECT_EQ(error_of([&] { expand_scratch(with_scratch(bad), env); }).kind(), ErrorKind::config) << bad;
  }
}

TEST(Scratch, TheVariablesOfTheEnvironmentFollowInTheirOrder) {
  std::map<std::string, std::string> all = {
      {"CATENA_SCRATCH_BASE", "/a"}, {"CRY_SCRATCH_BASE", "/b/"}, {"CRY23_SCRDIR", "/c"}};
  EXPECT_EQ(expand_scratch(with_scratch("/site"), variables(all)), "/site");
  EXPECT_EQ(expand_scratch(with_scratch(""), variables(all)), "/a");
  all["CATENA_SCRATCH_BASE"] = "";
  EXPECT_EQ(expand_scratch(with_scratch(""), variables(all)), "/b");
  all.erase("CRY_SCRATCH_BASE");
  EXPECT_EQ(expand_scratch(with_scratch(""), variables(all)), "/c");
  EXPECT_EQ(expand_scratch(with_scratch(""), variables({})), "");
  EXPECT_THAT(error_of([&] {
                expand_scratch(with_scratch(""), variables({{"CRY23_SCRDIR", "rel"}}));
              }).what(),
              HasSubstr("$CRY23_SCRDIR: 'rel' is not an absolute path"));
}

}  // namespace
}  // namespace catena
