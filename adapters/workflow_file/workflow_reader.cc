#include "adapters/workflow_file/workflow_reader.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "adapters/workflow_file/hook_reader.h"
#include "adapters/workflow_file/node_reader.h"
#include "core/render.h"

namespace catena {
namespace {

bool is_json(std::string_view file, std::string_view text) {
  std::string ending = std::filesystem::path(file).extension().string();
  std::ranges::transform(ending, ending.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (ending == ".json") return true;
  if (ending == ".yaml" || ending == ".yml") return false;
  const std::size_t open = text.find_first_not_of(" \t\r\n");
  if (open == std::string_view::npos || text[open] != '{') return false;
  const std::size_t next = text.find_first_not_of(" \t\r\n", open + 1);
  return next != std::string_view::npos && text[next] == '"';
}

Document parse(const Scope& scope, std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  std::vector<DocumentProblem> problems;
  Document document = is_json(scope.file, text) ? parse_json(text, problems) : parse_yaml(text, problems);
  for (DocumentProblem& problem : problems)
    scope.error(problem.at, std::move(problem.message), std::move(problem.hint));
  if (document.root() == nullptr && problems.empty()) scope.error({1, 1}, "the file is empty");
  return document;
}

// "#!/bin/bash -l" → "/bin/bash -l".
std::string shell_of(std::string_view script) {
  if (!script.starts_with("#!")) return {};
  std::string_view line = script.substr(2, script.find('\n') - 2);
  const std::size_t start = line.find_first_not_of(" \t");
  if (start == std::string_view::npos) return {};
  return std::string(line.substr(start, line.find_last_not_of(" \t") - start + 1));
}

class WorkflowReader {
 public:
  WorkflowReader(Source& source, const ReaderContext& context, Diagnostics& diagnostics)
      : source_(source), context_(context), scope_{diagnostics, source.file(), {}} {}

  ReadWorkflow read() {
    Workflow& workflow = result_.workflow;
    workflow.file = source_.file();
    workflow.directory = source_.directory();
    const Document document = parse(scope_, source_.text());
    const Item* root = document.root();
    if (root == nullptr || !expect(scope_, *root, Item::Kind::map, "the workflow")) return std::move(result_);
    read_fields<WorkflowReader>(scope_, *root, "the workflow", fields, *this);
    if (root->find("name") == nullptr) scope_.error(root->at, "the workflow has no name", "write name: NAME");
    // Behind the rest, whatever the order in the file: nodes are checked against the defaults.
    if (const Item* nodes = root->find("nodes")) {
      read_nodes(scope_, *nodes);
    } else {
      scope_.error(root->at, "the workflow has no nodes", "write nodes: {NAME: {run: COMMAND}}");
    }
    for (const Extension& extension : extensions(source_.snapshot())) read_extension(extension);
    return std::move(result_);
  }

 private:
  struct Part {  // of a script or a template: read once, however many nodes use it
    bool good = false;
    NodeSpec spec;
    bool render_inputs = false;
  };

  static const Field<WorkflowReader> fields[8];

  // What a job has added: nodes, each behind the job's own node if it waits for no other one of these.
  void read_extension(const Extension& extension) {
    const std::string file = extension_file(extension.node);
    const Scope scope{scope_.diagnostics, file, {}};
    const Document document = parse(scope, extension.text);
    const Item* root = document.root();
    if (root == nullptr || !expect(scope, *root, Item::Kind::map, "an extension")) return;
    const Item* nodes = root->find("nodes");
    constexpr std::string_view known[] = {"nodes"};
    for (const Item& item : root->children()) {
      if (&item != nodes) unknown_key(scope, item, "an extension", known);
    }
    if (nodes == nullptr) {
      scope.error(root->at, "an extension has no nodes", "write nodes: {NAME: {run: COMMAND}}");
      return;
    }
    auto& list = result_.workflow.nodes;
    const std::size_t first = list.size();
    read_nodes(scope, *nodes);
    std::unordered_map<std::string_view, std::size_t> places;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (places.emplace(list[i].name, i).second || i < first) continue;
      Scope{scope.diagnostics, file, list[i].name}.error(
          list[i].at, "the run has a node of this name already", "choose another name");
    }
    for (std::size_t i = first; i < list.size(); ++i) {
      NodeSpec& spec = list[i];
      spec.file = file;
      bool waits = false;
      for (const After& after : spec.after) {
        const auto there = places.find(std::string_view(after.node).substr(0, after.node.find('.')));
        if (there == places.end()) continue;  // expand() says so
        const bool own = there->second >= first;
        waits = waits || own || after.node == extension.node;
        if (own || !is_service(list[there->second])) continue;
        Scope{scope.diagnostics, file, spec.name}.error(
            after.at, fmt::format("after: the service '{}' was begun for other nodes", after.node),
            "give the extension a service of its own");
      }
      if (!waits) spec.after.push_back({std::string(extension.node), On::ok, spec.at});
    }
  }

  void read_nodes(const Scope& outer, const Item& nodes) {
    if (!expect(outer, nodes, Item::Kind::map, "nodes")) return;
    if (nodes.size == 0)
      outer.error(nodes.at, "nodes: there are none", "write nodes: {NAME: {run: COMMAND}}");
    auto& list = result_.workflow.nodes;
    list.reserve(list.size() + nodes.size);
    for (const Item& item : nodes.children()) {
      const Scope scope{outer.diagnostics, outer.file, item.key};
      if (auto wrong = check_name(item.key); !wrong.empty()) scope.error(item.key_at, wrong);
      list.push_back(complete(scope, read_node(scope, item)));
    }
  }

  // Takes in what the node is made from.
  NodeSpec complete(const Scope& scope, NodeDraft draft) {
    check_dialects(scope, draft.spec, draft.spec.at);
    const Position at = draft.resources_at.line > 0 ? draft.resources_at : draft.spec.at;
    if (!draft.script.empty()) {
      if (const Part& part = script(scope, draft); part.good)
        draft.spec = lay_over(part.spec, std::move(draft.spec));
    } else if (!draft.template_name.empty()) {
      if (const Part& part = template_part(scope, draft); part.good) {
        draft.spec = lay_over(part.spec, std::move(draft.spec));
        for (Input& input : draft.spec.inputs) input.render = input.render || part.render_inputs;
      }
    }
    add_templated(default_resources_, draft.spec);
    if (draft.spec.templated_resources.empty() && defaults_sound_) {
      check_resources(scope, at, merge(result_.workflow.defaults.resources, draft.spec.resources));
    }
    return std::move(draft.spec);
  }

  static bool check_resources(const Scope& scope, Position at, const Resources& resources) {
    const std::string wrong = check(resources);
    if (!wrong.empty()) scope.error(at, fmt::format("resources: {}", wrong));
    return wrong.empty();
  }

  void check_dialects(const Scope& scope, const NodeSpec& spec, Position at) const {
    if (context_.dialects.empty()) return;
    for (const auto& [dialect, options] : spec.scheduler_options) {
      if (std::ranges::find(context_.dialects, dialect) != context_.dialects.end()) continue;
      const std::vector<std::string_view> known(context_.dialects.begin(), context_.dialects.end());
      std::string hint = suggestion(dialect, known);
      if (hint.empty()) hint = fmt::format("known schedulers: {}", fmt::join(known, ", "));
      scope.error(at, fmt::format("scheduler_options: unknown scheduler '{}'", dialect), std::move(hint));
    }
  }

  const Part& script(const Scope& scope, const NodeDraft& draft) {
    auto [entry, fresh] = scripts_.try_emplace(draft.script);
    Part& part = entry->second;
    // A mistake in the file itself is told once; that it is not there, for each node.
    if (!fresh && part.good) return part;
    const Source::Loaded loaded = source_.script(draft.script);
    if (loaded.text == nullptr) {
      scope.error(draft.body_at, fmt::format("script '{}' cannot be read: {}", draft.script, loaded.problem),
                  "paths are relative to the workflow file");
      return part;
    }
    if (!fresh) return part;
    part.spec.origin = fmt::format("script {}", draft.script);
    // As sbatch and qsub users expect it, a script runs beside its files.
    part.spec.workdir = "{{ workflow.dir }}";
    part.good = take_script(scope, loaded, part.spec);
    return part;
  }

  // Reads a script's text and header into `spec`.
  bool take_script(const Scope& scope, const Source::Loaded& loaded, NodeSpec& spec) {
    const std::string& text = *loaded.text;
    const Scope in_script{scope.diagnostics, loaded.file, scope.node};
    const std::size_t mistakes = scope.diagnostics.list().size();
    if (const std::size_t nul = text.find('\0'); nul != std::string::npos) {
      in_script.error(position_in(text, nul), "a NUL byte: this is not a script");
      return false;
    }
    if (const std::size_t cr = text.find('\r'); cr != std::string::npos) {
      in_script.error(position_in(text, cr), "a carriage return: the lines end as on DOS (\\r\\n)",
                      "convert it with dos2unix");
    }
    if (text.find_first_not_of(" \t\r\n") == std::string::npos)
      in_script.error({1, 1}, "the script is empty");
    spec.body = text;
    spec.raw_body = true;
    spec.shell = shell_of(text);
    for (const HeaderReader& reader : context_.header_readers) {
      ScriptHeader header = reader(text);
      if (!header.found) continue;
      take_header(in_script, std::move(header), spec);
      break;
    }
    return scope.diagnostics.list().size() == mistakes;
  }

  void take_header(const Scope& in_script, ScriptHeader header, NodeSpec& spec) {
    for (ScriptHeader::Problem& problem : header.problems) {
      const Position at{problem.line, 1};
      if (problem.error) {
        in_script.error(at, std::move(problem.message), std::move(problem.hint));
      } else {
        result_.warnings.push_back({std::string(in_script.file), at, std::string(in_script.node),
                                    std::move(problem.message), std::move(problem.hint)});
      }
    }
    if (!header.shell.empty()) spec.shell = std::move(header.shell);
    spec.resources = std::move(header.resources);
    spec.env = std::move(header.env);
    spec.stdout_file = std::move(header.stdout_file);
    spec.stderr_file = std::move(header.stderr_file);
    if (!header.options.empty()) spec.scheduler_options[header.dialect] = std::move(header.options);
    if (!header.workdir.empty()) {
      spec.workdir =
          header.workdir.starts_with("/") ? header.workdir : "{{ workflow.dir }}/" + header.workdir;
    }
  }

  const Part& template_part(const Scope& scope, const NodeDraft& draft) {
    auto [entry, fresh] = templates_.try_emplace(draft.template_name);
    Part& part = entry->second;
    if (!fresh && part.good) return part;
    const Source::Loaded loaded = source_.template_file(draft.template_name, context_.template_folders);
    if (loaded.text == nullptr) {
      missing_template(scope, draft, loaded.problem);
      return part;
    }
    if (!fresh) return part;
    const Scope in_template{scope.diagnostics, loaded.file, {}};
    const std::size_t mistakes = scope.diagnostics.list().size();
    const Document document = parse(in_template, *loaded.text);
    if (document.root() == nullptr) return part;
    NodeDraft base = read_template(in_template, *document.root());
    check_dialects(in_template, base.spec, document.root()->at);
    if (!base.script.empty()) {
      const Source::Loaded body =
          source_.template_script(draft.template_name, base.script, context_.template_folders);
      if (body.text == nullptr) {
        in_template.error(base.body_at,
                          fmt::format("script '{}' cannot be read: {}", base.script, body.problem),
                          "paths are relative to the template");
      } else {
        NodeSpec from_script;
        take_script(scope, body, from_script);
        base.spec = lay_over(std::move(from_script), std::move(base.spec));
      }
    }
    part.spec = std::move(base.spec);
    part.spec.origin = fmt::format("template {}", draft.template_name);
    part.render_inputs = base.render_inputs;
    part.good = scope.diagnostics.list().size() == mistakes;
    return part;
  }

  void missing_template(const Scope& scope, const NodeDraft& draft, const std::string& problem) const {
    const auto names = template_names(context_.template_folders);
    const std::vector<std::string_view> known(names.begin(), names.end());
    std::string hint = suggestion(draft.template_name, known);
    if (hint.empty()) {
      hint = known.empty() ? "no templates were found"
                           : fmt::format("known templates: {}", fmt::join(known, ", "));
    }
    scope.error(draft.body_at, fmt::format("template '{}' cannot be read: {}", draft.template_name, problem),
                std::move(hint));
  }

  void take_defaults(const Scope& scope, const Item& item) {
    NodeDraft draft = read_defaults(scope, item);
    check_dialects(scope, draft.spec, draft.spec.at);
    if (draft.spec.templated_resources.empty())
      defaults_sound_ = check_resources(scope, draft.resources_at, draft.spec.resources);
    // They are rendered with each node's own values, so each node gets them; see complete().
    default_resources_.templated_resources = std::exchange(draft.spec.templated_resources, {});
    result_.workflow.defaults = std::move(draft.spec);
  }

  Source& source_;
  const ReaderContext& context_;
  Scope scope_;
  ReadWorkflow result_;
  NodeSpec default_resources_;
  bool defaults_sound_ = true;
  std::map<std::string, Part, std::less<>> scripts_, templates_;
};

constexpr Field<WorkflowReader> WorkflowReader::fields[8] = {
    {"name",
     [](const Scope& scope, const Item& item, WorkflowReader& reader) {
       auto name = read_text(scope, item, "name");
       if (!name) return;
       if (auto wrong = check_name(*name); !wrong.empty())
         scope.error(item.at, fmt::format("name: {}", wrong));
       reader.result_.workflow.name = std::move(*name);
     }},
    {"description",
     [](const Scope& scope, const Item& item, WorkflowReader& reader) {
       reader.result_.workflow.description = read_text(scope, item, "description").value_or("");
     }},
    {"params", [](const Scope& scope, const Item& item,
                  WorkflowReader& reader) { reader.result_.workflow.params = read_params(scope, item); }},
    {"defaults",
     [](const Scope& scope, const Item& item, WorkflowReader& reader) { reader.take_defaults(scope, item); }},
    {"site",
     [](const Scope& scope, const Item& item, WorkflowReader& reader) {
       reader.result_.workflow.site = read_line(scope, item, "site").value_or("");
     }},
    {"env", [](const Scope& scope, const Item& item,
               WorkflowReader& reader) { reader.result_.workflow.env = read_env(scope, item); }},
    {"hooks", [](const Scope& scope, const Item& item,
                 WorkflowReader& reader) { reader.result_.workflow.hooks = read_hooks(scope, item); }},
    // Read by read(), after the rest.
    {"nodes", [](const Scope&, const Item&, WorkflowReader&) {}},
};

}  // namespace

ReadWorkflow read_workflow(Source& source, const ReaderContext& context, Diagnostics& diagnostics) {
  return WorkflowReader(source, context, diagnostics).read();
}

}  // namespace catena
