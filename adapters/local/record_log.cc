#include "adapters/local/record_log.h"

#include <fcntl.h>

#include <cerrno>
#include <system_error>

namespace catena::local {

RecordWriter::RecordWriter(const std::string& path)
    : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
  if (!file_.open()) throw std::system_error(errno, std::generic_category(), path);
}

bool RecordWriter::append(std::string_view line) {
  // It begins with a newline too: what a full disk has cut short before it must not swallow it.
  const auto text = std::string("\n").append(line);
  ssize_t written = 0;
  while ((written = ::write(file_.get(), text.data(), text.size())) < 0 && errno == EINTR) {
  }
  return written == static_cast<ssize_t>(text.size());
}

void RecordLog::refresh() {
  lines_.read([this](std::string_view line) {
    auto record = line.empty() ? std::nullopt : read_record(line);
    if (!record) return;
    auto& latest = latest_[record->token];
    if (latest.token.empty() || record->state != JobState::running) latest = std::move(*record);
  });
}

const Report* RecordLog::find(std::string_view token) const {
  const auto found = latest_.find(std::string(token));
  return found == latest_.end() ? nullptr : &found->second;
}

}  // namespace catena::local
