#include "pbs/listing.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "core/split.h"
#include "pbs/reply.h"

namespace catena::pbs {
namespace {

struct Attribute {
  std::string_view name;
  std::string ListedJob::*field;
};

constexpr Attribute attributes[] = {
    {"Job_Name", &ListedJob::name},
    {"Job_Owner", &ListedJob::owner},
    {"job_state", &ListedJob::state},
    {"substate", &ListedJob::substate},
    {"Exit_status", &ListedJob::exit_status},
    {"exit_status", &ListedJob::exit_status},  // Torque
    {"depend", &ListedJob::depend},
    {"comment", &ListedJob::comment},
    {"exec_host", &ListedJob::exec_host},
    {"ctime", &ListedJob::created},
    {"qtime", &ListedJob::queued},
    {"stime", &ListedJob::started},
    {"start_time", &ListedJob::started},  // Torque
    {"obittime", &ListedJob::ended},
    {"comp_time", &ListedJob::ended},  // Torque
    {"mtime", &ListedJob::modified},
    {"Resource_List.walltime", &ListedJob::walltime},
    {"resources_used.walltime", &ListedJob::walltime_used},
};

std::string* field_of(ListedJob& job, std::string_view name) {
  const auto* found = std::ranges::find(attributes, name, &Attribute::name);
  return found == std::end(attributes) ? nullptr : &(job.*(found->field));
}

// "54[2].pbshost"
bool job_id(std::string_view text) {
  return !text.empty() && text[0] >= '0' && text[0] <= '9' && text.find_first_of(" \t\"") == text.npos;
}

// Reads JSON as PBS writes it. Whatever is wrong inside one job, the next one is found again: each begins a
// line of its own.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}
  Listing read() {
    const bool good = object([this](const std::string& name) { return name == "Jobs" ? jobs() : skip(0); });
    if (!good || (blanks(), at_ != text_.size())) listing_.whole = false;
    return std::move(listing_);
  }

 private:
  static constexpr int deepest = 32;

  void blanks() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool take(char c) {
    blanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool ends_string(std::size_t after) const {
    return after >= text_.size() || std::string_view(",}]:\n\r").find(text_[after]) != std::string_view::npos;
  }
  bool ends_line(std::size_t after) const {
    if (after < text_.size() && text_[after] == ',') ++after;
    return after < text_.size() && (text_[after] == '\n' || text_[after] == '\r');
  }
  // The text between quotes. Escapes are undone where they are JSON's, and kept where they are not.
  bool string(std::string& value) {
    value.clear();
    if (!take('"')) return false;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"' && ends_string(at_ + 1)) {
        ++at_;
        return true;
      }
      const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
      const bool closes = next == '"' && ends_line(at_ + 2);  // a value's last backslash, not doubled
      if (c != '\\' || closes) {
        value += c;
        continue;
      }
      if (next == '"' || next == '\\' || next == '/') {
        value += next;
      } else if (next == 'n' || next == 't' || next == 'r') {
        value += ' ';
      } else {
        value += c;
        continue;
      }
      ++at_;
    }
    return false;
  }
  bool bare(std::string& value) {
    blanks();
    const auto end = std::min(text_.find_first_of(",}]\n\r", at_), text_.size());
    value = text_.substr(at_, end - at_);
    at_ = end;
    while (!value.empty() && std::isspace(static_cast<unsigned char>(value.back()))) value.pop_back();
    return !value.empty() && value.find_first_of("{[\"") == value.npos;
  }
  bool scalar(std::string& value) {
    blanks();
    return at_ < text_.size() && text_[at_] == '"' ? string(value) : bare(value);
  }
  template <typename Member>
  bool object(Member member) {
    if (!take('{')) return false;
    std::string name;
    while (!take('}')) {
      if (!string(name) || !take(':') || !member(name)) return false;
      if (take(',')) continue;
      return take('}');
    }
    return true;
  }
  bool skip(int depth) {
    if (depth > deepest) return false;
    blanks();
    if (at_ < text_.size() && text_[at_] == '{')
      return object([this, depth](const std::string&) { return skip(depth + 1); });
    if (!take('[')) {
      std::string ignored;
      return scalar(ignored);
    }
    while (!take(']')) {
      if (!skip(depth + 1)) return false;
      if (take(',')) continue;
      return take(']');
    }
    return true;
  }
  bool jobs() {
    if (!take('{')) return false;
    std::string id;
    while (!take('}')) {
      if (string(id) && take(':') && job(id)) {
        if (take(',')) continue;
        if (take('}')) return true;
        listing_.whole = false;
      } else if (listing_.jobs.empty() || !listing_.jobs.back().broken) {
        listing_.whole = false;  // not even its id
      }
      if (!next_job()) return false;
    }
    return true;
  }
  bool job(const std::string& id) {
    ListedJob listed;
    listed.id = id;
    const bool good = job_id(id) && object([&](const std::string& name) {
                        auto* field = field_of(listed, name);
                        return field ? scalar(*field) : skip(0);
                      });
    listed.broken = !good;
    if (!good && listed.name.empty()) listing_.whole = false;
    listing_.jobs.push_back(std::move(listed));
    return good;
  }
  // To the line that begins the next job, or to the brace that ends the jobs.
  bool next_job() {
    for (auto line = text_.find('\n', at_); line != text_.npos; line = text_.find('\n', line + 1)) {
      const auto quote = text_.find_first_not_of(" \t\r", line + 1);
      if (quote == text_.npos || text_[quote] != '"') continue;
      const auto end = text_.find('"', quote + 1);
      if (end == text_.npos) break;
      const auto colon = text_.find_first_not_of(" \t", end + 1);
      if (colon == text_.npos || text_[colon] != ':') continue;
      const auto brace = text_.find_first_not_of(" \t", colon + 1);
      if (brace == text_.npos || text_[brace] != '{' || !job_id(text_.substr(quote + 1, end - quote - 1)))
        continue;
      at_ = quote;
      return true;
    }
    // None follows: the last job was the broken one. The document's end shows that nothing was cut off.
    const auto last = text_.find_last_not_of(" \t\r\n");
    const auto inner =
        last == text_.npos || last == 0 ? text_.npos : text_.find_last_not_of(" \t\r\n", last - 1);
    if (inner == text_.npos || inner < at_ || text_[last] != '}' || text_[inner] != '}') return false;
    at_ = inner;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Listing listing_;
};

// "name = value" of an attribute's line.
std::optional<std::pair<std::string_view, std::string_view>> attribute_of(std::string_view line) {
  const auto start = line.find_first_not_of(" \t");
  if (start == line.npos || start == 0) return std::nullopt;
  line.remove_prefix(start);
  const auto equals = line.find(" = ");
  if (equals == line.npos || line.substr(0, equals).find(' ') != line.npos) return std::nullopt;
  return std::pair(line.substr(0, equals), line.substr(equals + 3));
}

}  // namespace

Listing read_json(std::string_view text) {
  return JsonReader(text).read();
}

Listing read_text(std::string_view text) {
  Listing listing;
  std::string* field = nullptr;  // of the line before, which the next may continue
  bool tabs = false;             // slurm-wlm-torque: attributes are indented as continuations are elsewhere
  for (auto line : lines(text)) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("Job Id:")) {
      const auto start = line.find_first_not_of(" \t", 7);
      tabs = line.size() > 7 && line[7] == '\t';
      field = nullptr;
      auto& job = listing.jobs.emplace_back();
      if (start != line.npos) job.id = line.substr(start);
      job.terse = tabs;
      if (!job_id(job.id)) {
        listing.unread.emplace_back(line);
        listing.jobs.pop_back();
      }
      continue;
    }
    if (listing.jobs.empty()) {
      listing.unread.emplace_back(line);
      continue;
    }
    if (line.starts_with('\t') && !tabs) {
      if (field) field->append(line.substr(1));
      continue;
    }
    field = nullptr;
    if (const auto attribute = attribute_of(line)) {
      field = field_of(listing.jobs.back(), attribute->first);
      if (field) *field = attribute->second;
    } else {
      listing.unread.emplace_back(line);
    }
  }
  for (const auto& job : listing.jobs) listing.whole = listing.whole && !job.name.empty();
  return listing;
}

}  // namespace catena::pbs
