// Any bytes as a YAML workflow file: the answer is a workflow or mistakes, never a crash, a hang or a word on
// stderr.
#include <cstddef>
#include <cstdint>
#include <string>

#include "adapters/workflow_file/workflow_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  catena::Snapshot snapshot;
  snapshot.file = "/w/fuzz.yaml";
  snapshot.text.assign(reinterpret_cast<const char*>(data), size);
  // A file may be a template's, too.
  snapshot.files = {
      {"template:t", snapshot.text}, {"script:s", snapshot.text}, {"extension:000001:a", snapshot.text}};
  catena::Source source = catena::Source::from_snapshot(std::move(snapshot));
  catena::Diagnostics diagnostics;
  catena::read_workflow(source, {}, diagnostics);
  for (const catena::Diagnostic& diagnostic : diagnostics.list()) {
    if (catena::format(diagnostic).empty()) __builtin_trap();
  }
  return 0;
}
