// The templates and example workflows that come with catena.
#include <gmock/gmock.h>
#include <unistd.h>

#include "sandbox.h"

namespace catena {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const fs::path sources = CATENA_SOURCE_DIR;

std::vector<std::string> template_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(sources / "templates/job"))
    names.push_back(entry.path().stem().string());
  std::ranges::sort(names);
  return names;
}

bool have(const std::string& program) {
  return std::system(("command -v " + program + " > /dev/null 2>&1").c_str()) == 0;
}

class EveryTemplate : public testing::TestWithParam<std::string> {
 protected:
  Sandbox box;
};
INSTANTIATE_TEST_SUITE_P(Job, EveryTemplate, testing::ValuesIn(template_names()), [](const auto& name) {
  std::string text = name.param;
  std::ranges::replace(text, '-', '_');
  return text;
});

TEST_P(EveryTemplate, WithItsDefaultsIsAScriptThatBashReads) {
  box.write("an input", "");
  box.write("t.yaml", "name: t\nnodes:\n  a: {template: " + GetParam() + ", inputs: [an input]}\n");
  for (const char* site : {"local", "slurm"}) {
    const auto said = box.catena("plan t.yaml --script a --site " + std::string(site));
    ASSERT_EQ(said.status, 0) << said.err;
    box.write("script", said.out);
    EXPECT_EQ(shell_output("bash -n '" + (box.dir / "script").string() + "'"), "");
  }
}

TEST_P(EveryTemplate, SaysWhatItAndEachOfItsParametersIsFor) {
  const auto said = box.catena("templates --json " + GetParam());
  ASSERT_EQ(said.status, 0) << said.err;
  const auto list = boost::json::parse(said.out).as_array();
  ASSERT_EQ(list.size(), 1U);
  const auto& entry = list.front().as_object();
  EXPECT_NE(entry.at("description").as_string(), "");
  for (const auto& parameter : entry.at("parameters").as_array()) {
    if (parameter.at("name").as_string() == "output") continue;
    EXPECT_NE(parameter.at("description").as_string(), "") << parameter;
  }
}

class Templates : public testing::Test {
 protected:
  // A program that leaves an excerpt of what the real one prints.
  void stand_in(const std::string& name, const std::string& body) {
    box.write("bin/" + name, "#!/bin/bash\n" + body);
    fs::permissions(box.dir / "bin" / name, fs::perms(0755));
    box.environment = "PATH='" + (box.dir / "bin").string() + ":" + getenv("PATH") + "'";
  }
  static std::string excerpt(const std::string& name) {
    return (sources / "tests/templates" / name).string();
  }
  boost::json::object node(const std::string& name) const {
    const auto all = box.status();
    for (const auto& each : all.at("nodes").as_array()) {
      if (each.at("name").as_string() == name) return each.as_object();
    }
    return {};
  }
  std::string summary(const std::string& name) const {
    const auto all = node(name);
    std::string text;
    for (const auto& item : all.at("summary").as_array()) {
      for (const char* key : {"label", "value", "unit"}) text += std::string(item.at(key).as_string()) + "|";
    }
    return text;
  }
  void example(const std::string& name) {
    for (const auto& entry : fs::directory_iterator(sources / "templates/workflows"))
      fs::copy(entry.path(), box.dir / entry.path().filename());
    const auto said = box.catena("run " + name + " --wait --id x");
    EXPECT_EQ(said.status, 0) << said.out << said.err
                              << shell_output("tail -n 20 " + box.dir.string() + "/catena-runs/*/logs/*");
  }
  Sandbox box;
};

TEST_F(Templates, AreListedWithTheirFolderAndWhatTheyHide) {
  box.write("templates/vasp.yaml", "description: ours\nrun: 'true'\n");
  box.write("templates/broken.yaml", "descripton: x\nrun: 'true'\n");
  const auto said = box.catena("templates");
  EXPECT_EQ(said.status, 0);
  EXPECT_THAT(said.out, HasSubstr("ours"));
  EXPECT_THAT(said.out, HasSubstr("templates/vasp.yaml takes the place of " CATENA_SOURCE_DIR));
  EXPECT_THAT(said.out, HasSubstr("unknown key 'descripton' in a template"));
  EXPECT_EQ(box.catena("templates broken").status, 3);
  const auto unknown = box.catena("templates vaps");
  EXPECT_EQ(unknown.status, 4);
  EXPECT_THAT(unknown.err, HasSubstr("did you mean 'vasp'?"));
}

TEST_F(Templates, VaspPutsThePotcarTogetherAndIsSummedUp) {
  stand_in("vasp_std",
           "cp '" + excerpt("OUTCAR") + "' OUTCAR; touch OSZICAR vasprun.xml; cp POSCAR CONTCAR\n");
  box.write("pp/potpaw_PBE/Si_sv/POTCAR", "PAW_PBE Si_sv\n");
  box.write("pp/potpaw_PBE/O/POTCAR", "PAW_PBE O\n");
  box.environment += " VASP_PP_PATH='" + (box.dir / "pp").string() + "'";
  box.write("INCAR", "ENCUT = {{ encut }}\n");
  box.write("KPOINTS", "");
  box.write("POSCAR", "quartz\n1.0\n1 0 0\n0 1 0\n0 0 1\nSi O\n1 2\nDirect\n");
  const auto said =
      box.run("v",
              "name: v\nnodes:\n  relax:\n    template: vasp\n    params: {encut: 400, launcher: ''}\n"
              "    inputs: [INCAR, KPOINTS, POSCAR]\n",
              "--wait");
  ASSERT_EQ(said.status, 0) << said.out << said.err;
  const std::string directory(node("relax").at("directory").as_string());
  EXPECT_EQ(read_text(directory + "/POTCAR"), "PAW_PBE Si_sv\nPAW_PBE O\n");
  EXPECT_EQ(read_text(directory + "/INCAR"), "ENCUT = 400\n");
  EXPECT_EQ(
      summary("relax"),
      "energy (sigma->0)|-16.72345712|eV|largest force|0.005000|eV/Angstrom|formula|SiO2||converged|true||");
  const auto shown = box.catena("status --results").out;
  EXPECT_THAT(shown, HasSubstr("LARGEST FORCE"));
  EXPECT_THAT(shown, HasSubstr("-16.72345712 eV"));
  EXPECT_THAT(shown, HasSubstr(directory));
}

TEST_F(Templates, VaspWithoutAPotcarIsNotSubmitted) {
  stand_in("vasp_std", "exit 1");
  box.write("pp/potpaw_PBE/O/POTCAR", "");
  box.environment += " VASP_PP_PATH='" + (box.dir / "pp").string() + "'";
  for (const char* name : {"INCAR", "KPOINTS"}) box.write(name, "");
  box.write("POSCAR", "quartz\n1.0\n1 0 0\n0 1 0\n0 0 1\nSi O\n1 2\nDirect\n");
  const auto said = box.run("v",
                            "name: v\nnodes:\n  relax:\n    template: vasp\n    params: {launcher: ''}\n"
                            "    inputs: [INCAR, KPOINTS, POSCAR]\n");
  EXPECT_EQ(said.status, 3);
  EXPECT_THAT(said.err, HasSubstr("element Si: there is neither " + (box.dir / "pp").string()));
  EXPECT_THAT(box.catena("list").out, HasSubstr("no runs"));
}

TEST_F(Templates, CrystalTakesItsInputAndIsSummedUp) {
  stand_in("crystal", "read -r title; [ \"$title\" = 'MgO 4.21' ] && cat '" + excerpt("crystal.out") + "'\n");
  box.write("mgo.d12", "MgO {{ a }}\n");
  const auto said = box.run(
      "c", "name: c\nnodes:\n  opt: {template: crystal23, params: {a: 4.21}, inputs: [mgo.d12]}\n", "--wait");
  ASSERT_EQ(said.status, 0) << said.out << said.err;
  EXPECT_EQ(summary("opt"),
            "energy|-2.746641924311E+02|hartree|largest "
            "gradient|0.000231|hartree/bohr|formula|MgO||converged|true||");
}

TEST_F(Templates, AnExitOf0WithoutTheProgramsLastLineIsAFailure) {
  stand_in("crystal", "head -n 12 '" + excerpt("crystal.out") + "'\n");
  stand_in("g16", "head -n 12 '" + excerpt("gaussian.log") + "'\n");
  box.write("x", "");
  box.run(
      "f",
      "name: f\nnodes:\n  c: {template: crystal23, inputs: [x]}\n  g: {template: gaussian, inputs: [x]}\n",
      "--wait");
  EXPECT_EQ(box.state("c"), "failed");
  EXPECT_EQ(box.state("g"), "failed");
}

TEST_F(Templates, GaussianIsSummedUp) {
  stand_in("g16", "cat > /dev/null; cat '" + excerpt("gaussian.log") + "'\n");
  box.write("h2o.com", "# opt b3lyp/6-31g(d)\n");
  const auto said =
      box.run("g", "name: g\nnodes:\n  opt: {template: gaussian, inputs: [h2o.com]}\n", "--wait");
  ASSERT_EQ(said.status, 0) << said.out << said.err;
  EXPECT_EQ(
      summary("opt"),
      "energy|-76.4260779687|hartree|largest force|0.000176354|hartree/bohr|formula|H2O||converged|true||");
}

TEST_F(Templates, QuantumEspressoForReal) {
  if (!have("pw.x")) GTEST_SKIP() << "Debian's quantum-espresso is not installed";
  fs::copy(sources / "templates/workflows/si.in", box.dir / "si.in");
  auto text = box.read("si.in");
  text.replace(text.find("prefix"), 0, "tprnfor = .true., ");
  text.replace(text.find("Si 0.25 0.25 0.25"), 17, "Si 0.26 0.25 0.25");
  box.write("si.in", text);
  const auto said = box.run("q",
                            "name: q\nnodes:\n  scf:\n    template: quantum-espresso\n    inputs: [si.in]\n"
                            "    params: {alat: 10.2, ecut: 12, pseudo_dir: /usr/share/espresso/pseudo}\n",
                            "--wait");
  ASSERT_EQ(said.status, 0) << said.out << said.err;
  const auto results = node("scf").at("results").as_object();
  EXPECT_EQ(results.at("formula").as_string(), "Si2");
  EXPECT_EQ(results.at("converged").as_string(), "true");
  EXPECT_NEAR(std::stod(std::string(results.at("energy").as_string())), -15.8, 0.1);
  EXPECT_GT(std::stod(std::string(results.at("max_force").as_string())), 0.001);
}

TEST_F(Templates, LammpsMinimisationForReal) {
  if (!have("lmp")) GTEST_SKIP() << "Debian's lammps is not installed";
  box.write(
      "min.in",
      "units lj\natom_style atomic\nlattice fcc 0.8442\nregion box block 0 2 0 2 0 2\ncreate_box 1 box\n"
      "create_atoms 1 box\nmass 1 1.0\ndisplace_atoms all random 0.05 0.05 0.05 12345\npair_style lj/cut "
      "2.5\n"
      "pair_coeff 1 1 1.0 1.0 2.5\nminimize 1e-8 1e-8 1000 10000\n");
  const auto said = box.run("m", "name: m\nnodes:\n  min: {template: lammps, inputs: [min.in]}\n", "--wait");
  ASSERT_EQ(said.status, 0) << said.out << said.err;
  const auto results = node("min").at("results").as_object();
  EXPECT_EQ(results.at("atoms").as_string(), "32");
  EXPECT_EQ(results.at("converged").as_string(), "true");
  EXPECT_NE(results.at("max_force").as_string(), "none");
  EXPECT_LT(std::stod(std::string(results.at("energy").as_string())), -5);
}

// The first attempt dies after 400 steps; the second goes on from its last checkpoint and ends as one that
// never died.
TEST_F(Templates, ARetryOfLammpsGoesOnFromItsCheckpoint) {
  if (!have("lmp")) GTEST_SKIP() << "Debian's lammps is not installed";
  fs::copy(sources / "templates/workflows/melt.in", box.dir / "melt.in");
  stand_in("dying-lmp",
           "if [ \"$CATENA_ATTEMPT\" = 1 ]; then lmp \"$@\" -var steps 450; echo dies; exit 3; fi\nexec lmp "
           "\"$@\"\n");
  const auto said =
      box.run("melt",
              "name: melt\nparams: {density: 0.8442, cells: 4, temperature: 1.0, steps: 600}\nnodes:\n"
              "  dies: {template: lammps, inputs: [melt.in], retry: 1, params: {lammps: dying-lmp}}\n"
              "  lives: {template: lammps, inputs: [melt.in]}\n",
              "--wait");
  ASSERT_EQ(said.status, 0) << said.out << said.err;
  const auto dies = node("dies"), lives = node("lives");
  EXPECT_EQ(dies.at("attempts").as_int64(), 2);
  const auto log = read_text(std::string(dies.at("directory").as_string()) + "/log.lammps");
  EXPECT_THAT(log, HasSubstr("Reading restart file"))
      << "the first attempt: " << box.catena("logs melt dies --attempt 1").out;
  EXPECT_EQ(dies.at("results").at("steps").as_string(), "600");
  EXPECT_NEAR(std::stod(std::string(dies.at("results").at("energy").as_string())),
              std::stod(std::string(lives.at("results").at("energy").as_string())), 1e-3);
}

// What a kill in the middle of writing leaves.
TEST_F(Templates, ATornCheckpointOfLammpsIsPassedOverByTheNextRetry) {
  if (!have("lmp")) GTEST_SKIP() << "Debian's lammps is not installed";
  fs::copy(sources / "templates/workflows/melt.in", box.dir / "melt.in");
  stand_in("dying-lmp",
           "if [ \"$CATENA_ATTEMPT\" = 1 ]; then\n  lmp \"$@\" -var steps 450\n"
           "  newest=$(ls -t *.restart* | head -n 1); head -c 100 \"$newest\" > torn; mv torn \"$newest\"; "
           "exit 9\n"
           "fi\nexec lmp \"$@\"\n");
  const auto said =
      box.run("melt",
              "name: melt\nparams: {density: 0.8442, cells: 4, temperature: 1.0, steps: 600}\nnodes:\n"
              "  dies: {template: lammps, inputs: [melt.in], retry: 2, params: {lammps: dying-lmp}}\n",
              "--wait");
  EXPECT_EQ(said.status, 0) << said.out << said.err;
  EXPECT_EQ(node("dies").at("attempts").as_int64(), 3);
  EXPECT_TRUE(fs::exists(std::string(node("dies").at("directory").as_string()) + "/unusable.2"));
}

TEST_F(Templates, PythonAndMpiAndAnyCommand) {
  if (!have("python3") || !have("mpirun")) GTEST_SKIP() << "python3 and openmpi-bin are not installed";
  box.write("x.py", "import os, sys\nprint(sys.argv[1:], os.environ['CATENA_PARAM_k'])\n");
  const auto said =
      box.run("p",
              "name: p\nenv: {OMPI_ALLOW_RUN_AS_ROOT: 1, OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: 1}\nparams: {k: a "
              "b}\nnodes:\n"
              "  py: {template: python, inputs: [x.py], params: {arguments: --fast 'two words'}}\n"
              "  mpi: {template: mpi, params: {launcher: mpirun --oversubscribe, ranks: 3, program: echo, "
              "arguments: rank}}\n"
              "  any: {template: generic, params: {command: 'printf \"c\\nb\\n\" | sort'}}\n"
              "  bad: {template: generic, params: {command: 'false | cat'}}\n",
              "--wait");
  EXPECT_EQ(said.status, 1) << said.out << said.err;
  const auto file = [&](const std::string& name, const std::string& path) {
    return read_text(std::string(node(name).at("directory").as_string()) + "/" + path);
  };
  EXPECT_EQ(file("py", "python.out"), "['--fast', 'two words'] a b\n");
  EXPECT_EQ(file("mpi", "mpi.out"), "rank\nrank\nrank\n");
  EXPECT_EQ(file("any", "output.txt"), "b\nc\n");
  EXPECT_EQ(box.state("bad"), "failed");
}

TEST_F(Templates, TheExampleOfLammpsRunsAsItIs) {
  if (!have("lmp")) GTEST_SKIP() << "Debian's lammps is not installed";
  example("lammps-melt.yaml");
  EXPECT_EQ(box.state("table"), "completed");
  EXPECT_EQ(box.state("compare"), "completed");
  const auto pieces = node("long.1"), whole = node("long.2");
  EXPECT_EQ(pieces.at("attempts").as_int64(), 3);
  EXPECT_EQ(whole.at("attempts").as_int64(), 1);
  for (const auto& each : {pieces, whole})
    EXPECT_EQ(each.at("results").at("steps").as_string(), "1000") << each.at("name");
  EXPECT_NEAR(std::stod(std::string(pieces.at("results").at("energy").as_string())),
              std::stod(std::string(whole.at("results").at("energy").as_string())), 0.01);
  // Each attempt begins with the very state that the one before has kept, and not at step 0 again.
  const auto rows = [&](int attempt) {
    const auto log = std::string(pieces.at("directory").as_string()) + "/log." + std::to_string(attempt);
    return shell_output("awk 'NF >= 6 && $1 ~ /^[0-9]+$/ && $2 ~ /[.]/ { print $1, $2, $3, $5 }' '" + log +
                        "'");
  };
  const auto first = [](const std::string& text) { return text.substr(0, text.find('\n')); };
  const auto last = [](const std::string& text) {
    return text.substr(text.rfind('\n', text.size() - 2) + 1);
  };
  EXPECT_THAT(first(rows(2)), testing::StartsWith("450 "));
  EXPECT_THAT(first(rows(3)), testing::StartsWith("900 "));
  EXPECT_EQ(first(rows(2)) + "\n", last(rows(1)));
  EXPECT_EQ(first(rows(3)) + "\n", last(rows(2)));
}
TEST_F(Templates, TheExampleOfMpiRunsAsItIs) {
  if (!have("lmp") || !have("mpirun")) GTEST_SKIP() << "Debian's lammps and openmpi-bin are not installed";
  example("mpi-scaling.yaml");
  EXPECT_EQ(box.state("speedup"), "completed");
}
TEST_F(Templates, TheExampleOfQuantumEspressoRunsAsItIs) {
  if (!have("pw.x")) GTEST_SKIP() << "Debian's quantum-espresso is not installed";
  example("silicon-eos.yaml");
  EXPECT_EQ(box.state("fit"), "completed");
}
TEST_F(Templates, TheExampleWhoseStepsAddTheNextEndsWhereTheEnergyHasSettled) {
  if (!have("pw.x")) GTEST_SKIP() << "Debian's quantum-espresso is not installed";
  example("silicon-cutoff.yaml");
  const auto energy = [&](const char* name) {
    return std::stod(std::string(node(name).at("results").at("energy").as_string()));
  };
  EXPECT_EQ(node("next-24").at("results").at("cutoff").as_string(), "24");
  EXPECT_GT(energy("scf-16") - energy("scf-20"), 0.005);
  EXPECT_LT(energy("scf-20") - energy("scf-24"), 0.005);
  EXPECT_EQ(box.status().at("nodes").as_array().size(), 10U);
}

}  // namespace
}  // namespace catena
