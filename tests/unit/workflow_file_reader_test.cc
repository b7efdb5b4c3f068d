#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "adapters/workflow_file/workflow_reader.h"
#include "core/error.h"

namespace catena {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string pairs(const std::vector<std::pair<std::string, std::string>>& list) {
  std::string out;
  for (const auto& [name, value] : list) out += fmt::format(" {}='{}'", name, value);
  return out;
}
std::string values(const Params& params) {
  std::string out;
  for (const auto& [name, value] : params)
    out += fmt::format(" {}={}'{}'", name, static_cast<int>(value.kind), to_text(value));
  return out;
}

// All of a node except its places, which differ between YAML and JSON.
std::string dump(const NodeSpec& n) {
  std::string out = fmt::format("node {} [{}] raw={} shell={} workdir={}\n{}\n", n.name, n.origin, n.raw_body,
                                n.shell, n.workdir, n.body);
  for (const After& a : n.after) out += fmt::format(" after {} {}", a.node, to_string(a.on));
  if (n.foreach) {
    out += n.foreach->zip ? " zip" : " foreach";
    for (const Axis& axis : n.foreach->axes) {
      out += fmt::format(" {}:", axis.name);
      for (const Value& value : axis.values)
        out += fmt::format(" {}'{}'", static_cast<int>(value.kind), value.text);
    }
  }
  out += "\n params" + values(n.params) + "\n resources";
  for (std::string_view name : resource_names()) {
    if (auto text = get_resource(n.resources, name); !text.empty()) out += fmt::format(" {}={}", name, text);
  }
  out += "\n templated" + pairs(n.templated_resources) + "\n env" + pairs(n.env) + "\n inputs";
  for (const Input& i : n.inputs) out += fmt::format(" {}>{} {}", i.from, i.to, i.render);
  out += fmt::format("\n outputs {}\n results", fmt::join(n.outputs, " "));
  for (const Result& r : n.results)
    out += fmt::format(" {}:{}:{}:{}", r.name, r.file, r.regex, static_cast<int>(r.pick));
  if (n.retry) {
    out += fmt::format("\n retry {} {} {} {} {} {}{}", n.retry->max, n.retry->backoff.count(),
                       n.retry->factor, n.retry->max_delay.count(), fmt::join(n.retry->on, ","),
                       fmt::join(n.retry->permanent, ","), pairs(n.retry->resources));
  }
  if (n.on_failure) out += *n.on_failure == OnFailure::stop ? " stop" : " continue";
  if (n.kind) out += is_service(n) ? " service" : " job";
  if (n.run_in) out += *n.run_in == RunIn::scratch ? " scratch" : " workdir";
  out += fmt::format("\n out={} err={}", n.stdout_file, n.stderr_file);
  for (const auto& [dialect, options] : n.scheduler_options)
    out += fmt::format(" {}: {}", dialect, fmt::join(options, " | "));
  return out + "\n";
}
std::string dump(const Workflow& w) {
  std::string out = fmt::format("{} '{}' site={} dir={}\nparams{}\nenv{}\ndefaults {}", w.name, w.description,
                                w.site, w.directory, values(w.params), pairs(w.env), dump(w.defaults));
  for (const NodeSpec& node : w.nodes) out += dump(node);
  return out;
}

// Directives "#FAKE name=value", so that nothing here depends on a scheduler's own reader.
ScriptHeader fake_header(std::string_view script) {
  ScriptHeader header;
  header.dialect = "fake";
  int line = 0;
  std::string text(script);
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    const std::string each = text.substr(start, end - start);
    start = end + 1;
    ++line;
    if (!each.starts_with("#FAKE ")) continue;
    header.found = true;
    const std::string name = each.substr(6, each.find('=') - 6);
    const std::string value = each.substr(each.find('=') + 1);
    if (name == "chdir") {
      header.workdir = value;
    } else if (name == "output") {
      header.stdout_file = value;
    } else if (name == "option") {
      header.options.push_back(value);
    } else if (name == "env") {
      header.env.emplace_back(value, "1");
    } else if (name == "dependency") {
      header.problems.push_back({line, "a dependency has no meaning here", "write after", false});
    } else if (auto wrong = set_resource(header.resources, name, value); !wrong.empty()) {
      header.problems.push_back({line, "bad directive", "", true});
    }
  }
  return header;
}

class ReaderTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("catena-reader-{}-{}", ::getpid(), ++count_);
    fs::create_directories(folder_ / "templates");
    context_.template_folders = {folder_ / "templates"};
    context_.header_readers = {fake_header};
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const std::string& name, std::string_view text) { std::ofstream(folder_ / name) << text; }
  // Reads a workflow file of this text; its mistakes are in messages().
  Workflow read(std::string_view text, const std::string& name = "w.yaml") {
    write(name, text);
    Source source = Source::from_file((folder_ / name).string());
    return read(source);
  }
  Workflow read(Source& source) {
    diagnostics_ = {};
    ReadWorkflow result = read_workflow(source, context_, diagnostics_);
    warnings_ = result.warnings;
    return std::move(result.workflow);
  }
  // Without the folder in front.
  std::vector<std::string> messages() const {
    std::vector<std::string> out;
    for (const Diagnostic& d : diagnostics_.list()) {
      std::string text = format(d);
      if (text.starts_with(folder_.string())) text.erase(0, folder_.string().size() + 1);
      out.push_back(std::move(text));
    }
    return out;
  }
  NodeSpec node(std::string_view text) {
    Workflow workflow = read(fmt::format("name: w\nnodes:\n  a: {}\n", text));
    return workflow.nodes.empty() ? NodeSpec() : workflow.nodes.front();
  }

  fs::path folder_;
  ReaderContext context_;
  Diagnostics diagnostics_;
  std::vector<Diagnostic> warnings_;
  static inline int count_ = 0;
};

constexpr std::string_view all_yaml = R"(
name: everything
description: |
  two
  lines
site: cluster
params: {ecut: 18, kinds: [a, 1.50, true], label: "007"}
env: {OMP_NUM_THREADS: 1}
defaults:
  resources: {tasks: 1, memory: 1G, walltime: 00:10:00, queue: "{{ queue }}"}
  env: {A: b}
  retry: 1
  on_failure: continue
  shell: /bin/sh
  scheduler_options: {slurm: [--mail-type=END]}
nodes:
  scf:
    foreach: {alat: [10.0, 10.1], k: 1..3}
    params: {queue: short}
    run: |
      pw.x
    inputs: [si.in, {from: "in/{{ k }}.in", to: k.in, render: true}, "pots/*.UPF"]
    outputs: [pw.out, "*.xml"]
    results:
      energy: {file: pw.out, regex: '^!\s+total energy\s+=\s+(\S+) Ry', pick: first}
      whole: {file: x}
  fit:
    after: [scf, {node: scf.2, on: any}, {node: scf}]
    run: fit
    params: {queue: long}
    env: {X: "{{ ecut }}"}
    resources: {cpus_per_task: 2, exclusive: true}
    retry: {max: 3, backoff: 30s, factor: 1.5, max_delay: 1h, on: [timeout, node_fail],
      permanent: [2, 64], resources: {memory: x2, queue: long}}
    on_failure: stop
    kind: service
    run_in: scratch
    workdir: /data/fit
    shell: bash
    scheduler_options: {slurm: [--nice], pbs: ["-m e"]}
  side:
    foreach: {zip: {a: [x, y], b: 2..1}}
    params: {queue: q}
    after: {node: fit, on: notok}
    run: "true"
)";

constexpr std::string_view all_json = R"({
"name": "everything", "description": "two\nlines\n", "site": "cluster",
"params": {"ecut": 18, "kinds": ["a", 1.50, true], "label": "007"},
"env": {"OMP_NUM_THREADS": 1},
"defaults": {"resources": {"tasks": 1, "memory": "1G", "walltime": "00:10:00", "queue": "{{ queue }}"}, "env": {"A": "b"},
  "retry": 1, "on_failure": "continue", "shell": "/bin/sh", "scheduler_options": {"slurm": ["--mail-type=END"]}},
"nodes": {
  "scf": {"foreach": {"alat": [10.0, 10.1], "k": "1..3"}, "params": {"queue": "short"}, "run": "pw.x\n",
    "inputs": ["si.in", {"from": "in/{{ k }}.in", "to": "k.in", "render": true}, "pots/*.UPF"],
    "outputs": ["pw.out", "*.xml"],
    "results": {"energy": {"file": "pw.out", "regex": "^!\\s+total energy\\s+=\\s+(\\S+) Ry", "pick": "first"},
                "whole": {"file": "x"}}},
  "fit": {"after": ["scf", {"node": "scf.2", "on": "any"}, {"node": "scf"}], "run": "fit", "params": {"queue": "long"},
    "env": {"X": "{{ ecut }}"}, "resources": {"cpus_per_task": 2, "exclusive": true},
    "retry": {"max": 3, "backoff": "30s", "factor": 1.5, "max_delay": "1h", "on": ["timeout", "node_fail"],
      "permanent": [2, 64], "resources": {"memory": "x2", "queue": "long"}},
    "on_failure": "stop", "kind": "service", "run_in": "scratch", "workdir": "/data/fit", "shell": "bash",
    "scheduler_options": {"slurm": ["--nice"], "pbs": ["-m e"]}},
  "side": {"foreach": {"zip": {"a": ["x", "y"], "b": "2..1"}}, "params": {"queue": "q"}, "after": {"node": "fit", "on": "notok"},
    "run": "true"}
}})";

TEST_F(ReaderTest, YamlAndJsonGiveTheSameWorkflow) {
  const Workflow yaml = read(all_yaml);
  ASSERT_THAT(messages(), IsEmpty());
  const Workflow json = read(all_json, "w.json");
  ASSERT_THAT(messages(), IsEmpty());
  EXPECT_EQ(dump(yaml), dump(json));
  // A program's pipe has no ending to go by.
  const Workflow bare = read(all_json, "w");
  EXPECT_THAT(messages(), IsEmpty());
  EXPECT_EQ(dump(bare), dump(json));
}

TEST_F(ReaderTest, EveryFieldArrives) {
  const Workflow w = read(all_yaml);
  ASSERT_THAT(messages(), IsEmpty());
  EXPECT_EQ(w.directory, folder_.string());
  EXPECT_EQ(w.description, "two\nlines\n");
  EXPECT_EQ(w.defaults.resources.walltime, Seconds(600));
  ASSERT_EQ(w.nodes.size(), 3u);
  const NodeSpec& scf = w.nodes[0];
  EXPECT_EQ(scf.at.line, 17);
  EXPECT_EQ(scf.at.column, 3);
  EXPECT_EQ(scf.body, "pw.x\n");
  EXPECT_EQ(scf.origin, "run");
  EXPECT_EQ(scf.foreach->axes[0].values[0], Value::of("10.0", Value::Kind::number));
  EXPECT_EQ(scf.foreach->axes[1].values.size(), 3u);
  EXPECT_EQ(scf.results[0].pick, Result::Pick::first);
  EXPECT_EQ(scf.results[1].pick, Result::Pick::last);
  const NodeSpec& fit = w.nodes[1];
  EXPECT_EQ(fit.after[1].node, "scf.2");
  EXPECT_EQ(fit.after[1].on, On::any);
  EXPECT_EQ(fit.after[1].at.line, 28);
  EXPECT_EQ(fit.retry->backoff, Seconds(30));
  EXPECT_EQ(fit.retry->max_delay, Seconds(3600));
  EXPECT_THAT(fit.retry->permanent, ElementsAre(2, 64));
  EXPECT_EQ(pairs(fit.retry->resources), " memory='x2' queue='long'");
  EXPECT_TRUE(is_service(fit));
  EXPECT_EQ(fit.run_in, RunIn::scratch);
  EXPECT_FALSE(is_service(scf));
  EXPECT_EQ(scf.run_in, std::nullopt);
  EXPECT_EQ(w.nodes[2].foreach->axes[1].values[0].text, "2");
  EXPECT_TRUE(w.nodes[2].foreach->zip);
}

TEST_F(ReaderTest, WhatARetryRaisesIsChecked) {
  node("{run: x, retry: {max: 1, resources: {memory: x0, walltme: x2}, permanent: [0]}}");
  EXPECT_THAT(messages(), UnorderedElementsAre(HasSubstr("'x0' is no factor"), HasSubstr("walltme"),
                                               HasSubstr("retry.permanent")));
}

TEST_F(ReaderTest, DefaultsThatHoldParametersGoToTheNodesThatDoNotSetThem) {
  const Workflow w = read(
      "name: w\ndefaults: {resources: {queue: '{{ q }}', memory_per_cpu: '{{ m }}'}}\nparams: {q: x, m: 1G}\n"
      "nodes:\n  a: {run: x}\n  b: {run: x, resources: {queue: own, memory: 1G}}\n  c: {run: x, resources: "
      "{queue: '{{ m }}'}}\n");
  ASSERT_THAT(messages(), IsEmpty());
  EXPECT_EQ(pairs(w.nodes[0].templated_resources), " queue='{{ q }}' memory_per_cpu='{{ m }}'");
  EXPECT_EQ(pairs(w.nodes[1].templated_resources), "");
  EXPECT_EQ(pairs(w.nodes[2].templated_resources), " memory_per_cpu='{{ m }}' queue='{{ m }}'");
  EXPECT_THAT(w.defaults.templated_resources, IsEmpty());
}

TEST_F(ReaderTest, RangesGoUpAndDownWithSteps) {
  auto texts = [&](const std::string& range) {
    std::string out;
    const NodeSpec spec = node(fmt::format("{{run: x, foreach: {{i: {}}}}}", range));
    if (spec.foreach && !spec.foreach->axes.empty()) {
      for (const Value& value : spec.foreach->axes[0].values) out += value.text + " ";
    }
    return out;
  };
  EXPECT_EQ(texts("1..4"), "1 2 3 4 ");
  EXPECT_EQ(texts("4..1"), "4 3 2 1 ");
  EXPECT_EQ(texts("1..10..4"), "1 5 9 ");
  EXPECT_EQ(texts("10..1..4"), "10 6 2 ");
  EXPECT_EQ(texts("10..1..-4"), "10 6 2 ");
  EXPECT_EQ(texts("-2..1"), "-2 -1 0 1 ");
  EXPECT_EQ(texts("5..5"), "5 ");
  EXPECT_EQ(texts("9223372036854775806..9223372036854775807"), "9223372036854775806 9223372036854775807 ");
}

TEST_F(ReaderTest, RangesAreLimitedBeforeTheyAreMade) {
  node("{run: x, foreach: {i: -9223372036854775808..9223372036854775807}}");
  EXPECT_THAT(messages(), ElementsAre(HasSubstr("has more than 1000000 values")));
  node("{run: x, foreach: {i: 1..1000, j: 1..1001}}");
  EXPECT_THAT(messages(), ElementsAre(HasSubstr("foreach: more than 1000000 elements")));
  node("{run: x, foreach: {i: 1..1000000}}");
  EXPECT_THAT(messages(), IsEmpty());
}

TEST_F(ReaderTest, AScriptsHeaderLiesUnderTheNodesOwnWords) {
  write("relax.sh",
        "#!/bin/zsh -l\n#FAKE tasks=4\n#FAKE memory=2G\n#FAKE output=o.%j\n#FAKE option=--nice\n#FAKE "
        "env=OMP\n#FAKE dependency=x\necho {{ raw }}\n");
  const NodeSpec spec =
      node("{script: relax.sh, resources: {tasks: 8}, env: {OMP: 2}, scheduler_options: {fake: [--own]}}");
  ASSERT_THAT(messages(), IsEmpty());
  EXPECT_EQ(spec.origin, "script relax.sh");
  EXPECT_TRUE(spec.raw_body);
  EXPECT_THAT(spec.body, HasSubstr("echo {{ raw }}"));
  EXPECT_EQ(spec.shell, "/bin/zsh -l");
  EXPECT_EQ(spec.workdir, "{{ workflow.dir }}");
  EXPECT_EQ(spec.resources.tasks, 8);
  EXPECT_EQ(get_resource(spec.resources, "memory"), "2G");
  EXPECT_EQ(spec.stdout_file, "o.%j");
  EXPECT_EQ(pairs(spec.env), " OMP='2'");
  EXPECT_THAT(spec.scheduler_options.at("fake"), ElementsAre("--nice", "--own"));
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_EQ(warnings_[0].file, (folder_ / "relax.sh").string());
  EXPECT_EQ(warnings_[0].at.line, 7);
}

TEST_F(ReaderTest, AScriptsFolderIsTheWorkflowsUnlessItSaysOtherwise) {
  write("a.sh", "#!/bin/sh\n#FAKE chdir=sub\ntrue\n");
  write("b.sh", "#FAKE chdir=/abs\ntrue\n");
  EXPECT_EQ(node("{script: a.sh}").workdir, "{{ workflow.dir }}/sub");
  EXPECT_EQ(node("{script: b.sh}").workdir, "/abs");
  EXPECT_EQ(node("{script: b.sh, workdir: own}").workdir, "own");
}

TEST_F(ReaderTest, AScriptWithoutAHeaderKeepsItsInterpreter) {
  write("p.py", "#! /usr/bin/env python3\nprint()\n");
  const NodeSpec spec = node("{script: p.py}");
  ASSERT_THAT(messages(), IsEmpty());
  EXPECT_EQ(spec.shell, "/usr/bin/env python3");
}

TEST_F(ReaderTest, ScriptsThatCannotRunAreRefused) {
  fs::create_directory(folder_ / "dir");
  write("dos.sh", "#!/bin/sh\r\ntrue\r\n");
  write("nul.sh", std::string_view("#!/bin/sh\na\0b\n", 14));
  write("empty.sh", "\n");
  write("bad.sh", "#FAKE tasks=4\n#FAKE memory=much\ntrue\n");
  write("big.sh", std::string((4u << 20) + 1, 'x'));
  read(
      "name: w\nnodes:\n  a: {script: no.sh}\n  b: {script: dir}\n  c: {script: dos.sh}\n  d: {script: "
      "nul.sh}\n  e: {script: empty.sh}\n"
      "  f: {script: bad.sh}\n  g: {script: big.sh}\n  h: {script: bad.sh}\n  i: {script: no.sh}\n");
  EXPECT_THAT(
      messages(),
      ElementsAre(HasSubstr("w.yaml:3:15: node 'a': script 'no.sh' cannot be read: there is no such file"),
                  HasSubstr("w.yaml:4:15: node 'b': script 'dir' cannot be read: it is a folder"),
                  HasSubstr("dos.sh:1:10: node 'c': a carriage return"),
                  HasSubstr("nul.sh:2:2: node 'd': a NUL byte: this is not a script"),
                  HasSubstr("empty.sh:1:1: node 'e': the script is empty"),
                  HasSubstr("bad.sh:2:1: node 'f': bad directive"),
                  HasSubstr("w.yaml:9:15: node 'g': script 'big.sh' cannot be read: it is larger than 4 MiB"),
                  HasSubstr("w.yaml:11:15: node 'i': script 'no.sh' cannot be read: there is no such file")));
}

constexpr std::string_view pw_template = R"(description: plane waves
run: pw.x -in {{ node.input }}
params: {ecut: 20, alat: 9}
env: {A: base, B: base}
resources: {tasks: 4, memory_per_cpu: 1G, queue: "{{ q }}"}
inputs: [base.in, {from: lib/x.in, to: y.in}]
render_inputs: true
outputs: [pw.out]
results: {energy: {file: pw.out}, volume: {file: pw.out}}
retry: 2
)";

TEST_F(ReaderTest, ANodesOwnWordsWinOverItsTemplate) {
  write("templates/pw.yaml", pw_template);
  const NodeSpec spec = node(
      "{template: pw, foreach: {alat: [10.0]}, params: {ecut: 30}, env: {B: own}, resources: {memory: 2G, "
      "queue: x}, "
      "inputs: [si.in, other/base.in], outputs: [pw.out, b], results: {energy: {file: own.out}}}");
  ASSERT_THAT(messages(), IsEmpty());
  EXPECT_EQ(spec.origin, "template pw");
  EXPECT_FALSE(spec.raw_body);
  EXPECT_EQ(spec.body, "pw.x -in {{ node.input }}");
  EXPECT_EQ(values(spec.params), " ecut=2'30' alat=2'9'");
  EXPECT_EQ(pairs(spec.env), " A='base' B='own'");
  EXPECT_EQ(get_resource(spec.resources, "memory"), "2G");
  EXPECT_FALSE(spec.resources.memory_per_cpu);
  EXPECT_EQ(spec.resources.tasks, 4);
  EXPECT_THAT(spec.templated_resources, IsEmpty());
  ASSERT_EQ(spec.inputs.size(), 3u);
  EXPECT_EQ(spec.inputs[0].from, "other/base.in");
  EXPECT_EQ(spec.inputs[1].to, "y.in");
  EXPECT_EQ(spec.inputs[2].from, "si.in");
  for (const Input& input : spec.inputs) EXPECT_TRUE(input.render) << input.from;
  EXPECT_THAT(spec.outputs, ElementsAre("pw.out", "b"));
  ASSERT_EQ(spec.results.size(), 2u);
  EXPECT_EQ(spec.results[0].file, "own.out");
  EXPECT_EQ(spec.retry->max, 2);
}

TEST_F(ReaderTest, MistakesInATemplateAreToldOnceWithItsOwnPlace) {
  write("templates/bad.yaml", "run: x\nafter: [y]\nresources: {memroy: 1G}\n");
  read("name: w\nnodes:\n  a: {template: bad}\n  b: {template: bad}\n");
  EXPECT_THAT(
      messages(),
      ElementsAre(
          HasSubstr("templates/bad.yaml:2:1: unknown key 'after' in a template"),
          HasSubstr("templates/bad.yaml:3:13: unknown key 'memroy' in resources (did you mean 'memory'?)")));
}

TEST_F(ReaderTest, ATemplatesNearestNameIsSuggested) {
  write("templates/qe-pw.yaml", pw_template);
  node("{template: qe_pw}");
  EXPECT_THAT(
      messages(),
      ElementsAre(AllOf(
          HasSubstr("w.yaml:3:17: node 'a': template 'qe_pw' cannot be read: there is no such template"),
          HasSubstr("did you mean 'qe-pw'?"))));
  node("{template: ../../etc/passwd}");
  EXPECT_THAT(messages(), ElementsAre(HasSubstr("'../../etc/passwd' is not a template's name")));
}

TEST_F(ReaderTest, TheFirstTemplateFolderWins) {
  fs::create_directory(folder_ / "mine");
  write("templates/pw.yaml", "run: theirs\n");
  write("mine/pw.yaml", "run: mine\n");
  context_.template_folders = {folder_ / "nowhere", folder_ / "mine", folder_ / "templates"};
  EXPECT_EQ(node("{template: pw}").body, "mine");
}

TEST_F(ReaderTest, ARunGoesOnFromItsSnapshotWhenTheFilesAreGone) {
  write("templates/pw.yaml", pw_template);
  write("templates/scripted.yaml", "script: body.sh\n");
  write("templates/body.sh", "#!/bin/sh\n#FAKE tasks=3\necho body\n");
  write("relax.sh", "#!/bin/sh\n#FAKE tasks=4\ntrue\n");
  write("w.yaml",
        "name: w\nparams: {q: x}\nnodes:\n  a: {template: pw}\n  b: {script: relax.sh}\n  c: {template: "
        "scripted}\n  d: {script: ./relax.sh}\n");
  Source disk = Source::from_file((folder_ / "w.yaml").string());
  const Workflow first = read(disk);
  ASSERT_THAT(messages(), IsEmpty());
  EXPECT_EQ(first.nodes[2].body, "#!/bin/sh\n#FAKE tasks=3\necho body\n");
  EXPECT_EQ(first.nodes[2].resources.tasks, 3);
  std::vector<std::string> names;
  for (const auto& [name, text] : disk.snapshot().files) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("script:./relax.sh", "script:relax.sh", "template:pw", "template:scripted",
                                 "template:scripted/script:body.sh"));

  write("w.yaml", "name: other\n");
  for (const char* gone : {"templates/pw.yaml", "templates/scripted.yaml", "templates/body.sh", "relax.sh"})
    fs::remove(folder_ / gone);
  Source kept = Source::from_snapshot(disk.snapshot());
  const Workflow second = read(kept);
  ASSERT_THAT(messages(), IsEmpty());
  EXPECT_EQ(dump(first), dump(second));
}

TEST_F(ReaderTest, ASnapshotNeverReadsTheDisk) {
  write("relax.sh", "#!/bin/sh\ntrue\n");
  write("templates/pw.yaml", "run: x\n");
  Snapshot snapshot;
  snapshot.file = (folder_ / "w.yaml").string();
  snapshot.text = "name: w\nnodes:\n  a: {script: relax.sh}\n  b: {template: pw}\n";
  Source source = Source::from_snapshot(snapshot);
  read(source);
  EXPECT_THAT(
      messages(),
      ElementsAre(HasSubstr("script 'relax.sh' cannot be read: it is missing from the run's snapshot"),
                  HasSubstr("template 'pw' cannot be read: it is missing from the run's snapshot")));
}

TEST_F(ReaderTest, AMissingWorkflowFileIsAnError) {
  try {
    Source::from_file((folder_ / "none.yaml").string());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_found);
  }
  EXPECT_THROW(Source::from_file(folder_.string()), Error);
}

TEST_F(ReaderTest, AnUnknownSchedulerIsAMistakeWhereTheyAreKnown) {
  context_.dialects = {"slurm", "pbs"};
  node("{run: x, scheduler_options: {slrum: [--nice]}}");
  EXPECT_THAT(messages(),
              ElementsAre(HasSubstr("scheduler_options: unknown scheduler 'slrum' (did you mean 'slurm'?)")));
}

// The example that ships with catena, with the template that ships with it.
TEST_F(ReaderTest, TheSiliconExampleIsRead) {
  const fs::path root = fs::path(CATENA_SOURCE_DIR) / "templates";
  context_.template_folders = {root / "job"};
  Source source = Source::from_file((root / "workflows/silicon-eos.yaml").string());
  const Workflow w = read(source);
  ASSERT_THAT(messages(), IsEmpty());
  ASSERT_EQ(w.nodes.size(), 2u);
  EXPECT_EQ(w.nodes[0].origin, "template qe-pw");
  EXPECT_EQ(w.nodes[0].foreach->axes[0].values[0].text, "10.0");
  EXPECT_EQ(w.nodes[0].inputs.at(0).from, "si.in");
  EXPECT_TRUE(w.nodes[0].inputs.at(0).render);
  EXPECT_EQ(w.nodes[0].results.at(0).name, "energy");
  EXPECT_EQ(w.nodes[1].after.at(0).node, "scf");
}

TEST_F(ReaderTest, AThousandNodesOfOneTemplateReadItOnce) {
  write("templates/pw.yaml", "run: x\n");
  std::string text = "{\"name\": \"w\", \"nodes\": {";
  for (int i = 0; i < 1000; ++i)
    text += fmt::format("{}\"n{}\": {{\"template\": \"pw\"}}", i > 0 ? "," : "", i);
  const Workflow w = read(text + "}}", "w.json");
  ASSERT_THAT(messages(), IsEmpty());
  EXPECT_EQ(w.nodes.size(), 1000u);
  EXPECT_EQ(w.nodes.back().body, "x");
}

}  // namespace
}  // namespace catena
