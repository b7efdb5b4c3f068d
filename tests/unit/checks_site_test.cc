// The checks before submission, with this machine as the site.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "adapters/checks/checks.h"
#include "adapters/local/local_transport.h"
#include "core/error.h"

namespace catena {
namespace {

namespace fs = std::filesystem;
using Kind = NodeCheck::Kind;

// Counts the commands, as one round trip is the promise.
class Counting : public LocalTransport {
 public:
  CommandResult stream(const Command& command, const ByteSource& input, const ByteSink& output) override {
    ++commands;
    return LocalTransport::stream(command, input, output);
  }
  int commands = 0;
};

class ChecksOnSite : public testing::Test {
 protected:
  ChecksOnSite() {
    char name[] = "/tmp/catena-checks-XXXXXX";
    dir = mkdtemp(name);
    site.name = "here";
    node.name = "scf.1";
    node.workdir = (dir / "run/scf.1").string();
  }
  ~ChecksOnSite() override { fs::remove_all(dir); }

  std::string write(const std::string& name, const std::string& text) {
    fs::create_directories((dir / name).parent_path());
    std::ofstream(dir / name) << text;
    return (dir / name).string();
  }
  void want(Kind kind, std::string subject, std::string limit = {}) {
    NodeCheck check;
    check.kind = kind;
    check.subject = std::move(subject);
    check.limit = std::move(limit);
    check.file = "w.yaml";
    check.at = {static_cast<int>(node.checks.size()) + 1, 1};
    node.checks.push_back(std::move(check));
  }
  std::vector<std::string> failures() {
    checks.add(node, [](const std::string&, const std::string& text) { return "rendered " + text; });
    return run();
  }
  std::vector<std::string> run() {
    checks.run(transport, site);
    Diagnostics diagnostics;
    checks.report(diagnostics);
    std::vector<std::string> list;
    for (const auto& diagnostic : diagnostics.list()) list.push_back(diagnostic.message);
    return list;
  }
  static bool has(const std::vector<std::string>& list, const std::string& part) {
    return std::ranges::any_of(list, [&](const auto& text) { return text.find(part) != std::string::npos; });
  }

  fs::path dir;
  Site site;
  Rendered node;
  Counting transport;
  checks::Checks checks;
};

TEST_F(ChecksOnSite, EverythingAtOnceInOneCommand) {
  want(Kind::file, "/nonexistent/a");
  want(Kind::file, dir.string());
  want(Kind::directory, "/nonexistent/b");
  want(Kind::env, "CATENA_TEST_NOT_SET");
  want(Kind::command, "catena-test-no-such-program -x");
  want(Kind::free_space, node.workdir, "100000T");
  want(Kind::file, "/etc/passwd");
  want(Kind::command, "ls -l");
  want(Kind::command, "");
  want(Kind::command, "../compile/solver");  // a parent may make it
  want(Kind::free_space, node.workdir, "1K");
  const auto list = failures();
  EXPECT_EQ(list.size(), 6U) << testing::PrintToString(list);
  EXPECT_EQ(transport.commands, 1);
}

TEST_F(ChecksOnSite, ValuesAreQuotedWhateverTheyHold) {
  const auto odd = write("it's $(touch x); `y` \"z\".in", "text");
  want(Kind::file, odd);
  want(Kind::file, odd + "'; touch " + (dir / "made").string() + "; '");
  EXPECT_EQ(failures().size(), 1U);
  EXPECT_FALSE(fs::exists(dir / "made"));
}

TEST_F(ChecksOnSite, AVariableInAPathIsTheSitesAndAnUnsetOneIsNamed) {
  write("data/there", "");
  site.environment = {{"CATENA_TEST_DATA", (dir / "data").string()}};
  want(Kind::file, "$CATENA_TEST_DATA/there");
  want(Kind::file, "${CATENA_TEST_DATA}/not there");
  want(Kind::file, "$CATENA_TEST_NOT_SET/there");
  const auto list = failures();
  ASSERT_EQ(list.size(), 2U) << testing::PrintToString(list);
  EXPECT_TRUE(has(list, (dir / "data").string() + "/not there"));
  EXPECT_TRUE(has(list, "$CATENA_TEST_NOT_SET is not set"));
}

TEST_F(ChecksOnSite, TheNodesOwnEnvironmentCounts) {
  node.env = {{"CATENA_TEST_OWN", "it's set"}};
  want(Kind::env, "CATENA_TEST_OWN");
  EXPECT_TRUE(failures().empty());
  Rendered other = node;
  other.name = "scf.2";
  other.env.clear();
  checks.add(other, {});
  EXPECT_EQ(run().size(), 1U);
}

TEST_F(ChecksOnSite, ThePrologueExtendsPathAndMayPrintAndRead) {
  const auto program = write("bin/catena-test-own-program", "#!/bin/sh\n");
  fs::permissions(program, fs::perms(0755));
  site.prologue =
      "echo 0 there is noise; cat; [[ 1 == 1 ]] && export PATH=\"" + (dir / "bin").string() + ":$PATH\"";
  want(Kind::command, "catena-test-own-program");
  EXPECT_TRUE(failures().empty());
}

TEST_F(ChecksOnSite, AProloguesExitIsNotTakenForSuccess) {
  site.prologue = "exit 0";
  want(Kind::file, "/nonexistent");
  EXPECT_THROW(failures(), Error);
}

TEST_F(ChecksOnSite, InputsAreLookedAtHereAndAsTheyWillBeRendered) {
  node.inputs = {{write("my.INCAR", "ENCUT = 3"), "INCAR", true},
                 {(dir / "pots/*.UPF").string(), "pots", false},
                 {(dir / "folder").string(), "folder", false}};
  write("pots/Si.UPF", "");
  write("folder/deep/x", "");
  want(Kind::file, "INCAR");
  want(Kind::file, node.workdir + "/INCAR");
  want(Kind::file, "pots/Si.UPF");
  want(Kind::file, "folder/deep/x");
  want(Kind::text, "INCAR");
  node.checks.back().regex = R"(^rendered\sENCUT = \d$)";
  want(Kind::text, "INCAR");
  node.checks.back().regex = "ISMEAR";
  node.checks.back().message = "give it a smearing";
  const auto list = failures();
  ASSERT_EQ(list.size(), 1U) << testing::PrintToString(list);
  EXPECT_EQ(list.front(), "check: INCAR: give it a smearing");
  EXPECT_EQ(transport.commands, 0);
}

TEST_F(ChecksOnSite, TextOfAFileOnTheSite) {
  const auto file = write("there/INCAR", "ENCUT = 400\n");
  want(Kind::text, file);
  node.checks.back().regex = R"(ENCUT\s*=\s*\d+)";
  want(Kind::text, file);
  node.checks.back().regex = "-ISMEAR'";
  const auto list = failures();
  ASSERT_EQ(list.size(), 1U) << testing::PrintToString(list);
  EXPECT_TRUE(has(list, "no line of"));
}

TEST_F(ChecksOnSite, ManyElementsWithTheSameCheckAskOnceAndFailOnce) {
  want(Kind::file, "/nonexistent/a");
  for (int i = 1; i <= 1000; ++i) {
    node.name = "scf." + std::to_string(i);
    checks.add(node, {});
  }
  const auto program = checks.program(site);
  const auto at = program.find("/nonexistent/a");
  EXPECT_EQ(program.find("/nonexistent/a", at + 1), std::string::npos);
  const auto list = run();
  ASSERT_EQ(list.size(), 1U);
  EXPECT_TRUE(has(list, "likewise 999 more of its elements")) << list.front();
}

class Potcar : public ChecksOnSite {
 protected:
  Potcar() {
    write("pp/potpaw_PBE.54/Si_sv/POTCAR", "");
    write("pp/potpaw_PBE/O/POTCAR", "");
    fs::create_directories(dir / "pp/potpaw_PBE/Na");  // without a POTCAR
    site.environment = {{"VASP_PP_PATH", (dir / "pp").string()}};
    poscar =
        write("POSCAR", "SiO NaCl\n1.0\n1 0 0\n0 1 0\n0 0 1\n  Si O Na Si/hash Cl\r\n1 1 1 1 1\nDirect\n");
  }
  std::string poscar;
};

TEST_F(Potcar, ElementAndPathAreNamedForAnInput) {
  node.inputs = {{poscar, "POSCAR", false}};
  want(Kind::vasp_potcar, "POSCAR", "$VASP_PP_PATH");
  const auto list = failures();
  ASSERT_EQ(list.size(), 2U) << testing::PrintToString(list);
  EXPECT_TRUE(has(list, "element Na: there is neither " + (dir / "pp").string() + "/potpaw_PBE*/Na"));
  EXPECT_TRUE(has(list, "element Cl:"));
}
TEST_F(Potcar, TheSameForAFileOnTheSite) {
  want(Kind::vasp_potcar, poscar, "$VASP_PP_PATH");
  const auto list = failures();
  ASSERT_EQ(list.size(), 2U) << testing::PrintToString(list);
  EXPECT_TRUE(has(list, "element Na:") && has(list, "element Cl:"));
}
TEST_F(Potcar, IsNotAskedWhereTheNodeBringsItsOwn) {
  node.inputs = {{poscar, "POSCAR", false}, {write("my.POTCAR", ""), "POTCAR", false}};
  want(Kind::vasp_potcar, "POSCAR", "$VASP_PP_PATH");
  EXPECT_TRUE(failures().empty());
}
TEST_F(Potcar, TheFormOfVasp4IsSaidToBeIt) {
  const auto old = write("old", "SiO\n1.0\n1 0 0\n0 1 0\n0 0 1\n1 1\nDirect\n0 0 0\n");
  node.inputs = {{old, "POSCAR", false}};
  want(Kind::vasp_potcar, "POSCAR", "$VASP_PP_PATH");
  want(Kind::vasp_potcar, old, "$VASP_PP_PATH");
  const auto list = failures();
  ASSERT_EQ(list.size(), 2U) << testing::PrintToString(list);
  EXPECT_TRUE(has(list, "line 6 of POSCAR does not name the elements"));
}

class Pseudo : public ChecksOnSite {
 protected:
  std::string input(const std::string& directory) {
    return write("pw.in",
                 "&control\n ! pseudo_dir = '/wrong'\n  calculation='scf', PSEUDO_DIR = \"" + directory +
                     "\"\n/\n&system\n/\nATOMIC_SPECIES\n Si 28.086 Si.UPF ! silicon\n\n Fe1 55.8 Fe.UPF\n"
                     "ATOMIC_POSITIONS alat\n Si 0 0 0\n Fe1 1 1 1\nK_POINTS gamma\n");
  }
};

TEST_F(Pseudo, EachSpeciesFileInPseudoDir) {
  write("my pseudos/Si.UPF", "");
  const auto file = input((dir / "my pseudos").string());
  node.inputs = {{file, "pw.in", false}};
  want(Kind::qe_pseudo, "pw.in");
  want(Kind::qe_pseudo, file);
  const auto list = failures();
  ASSERT_EQ(list.size(), 2U) << testing::PrintToString(list);
  for (const auto& text : list)
    EXPECT_NE(text.find("of Fe1: there is no file " + (dir / "my pseudos/Fe.UPF").string()),
              std::string::npos);
}
TEST_F(Pseudo, TheInputsOfTheNodeMayBeThePseudopotentials) {
  node.inputs = {{input("./pots"), "pw.in", false}, {(dir / "p/*.UPF").string(), "pots", false}};
  write("p/Si.UPF", "");
  write("p/Fe.UPF", "");
  want(Kind::qe_pseudo, "pw.in");
  EXPECT_TRUE(failures().empty());
}

}  // namespace
}  // namespace catena
