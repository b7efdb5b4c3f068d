#include <fmt/format.h>
#include <libfyaml.h>

#include <algorithm>
#include <functional>

#include "adapters/workflow_file/document.h"

namespace catena {
namespace {

// libfyaml counts from 0, and its marks stand behind the sign that begins an anchor, an alias or a quoted
// text: `sign` is its width.
Position position_of(const fy_mark* mark, int sign = 0) {
  return mark == nullptr ? Position{} : Position{mark->line + 1, mark->column + 1 - sign};
}

Item::Kind kind_of_plain(std::string_view text) {
  if (text.empty() || text == "null" || text == "~") return Item::Kind::null;
  if (text == "true" || text == "false") return Item::Kind::boolean;
  return is_number(text) ? Item::Kind::number : Item::Kind::string;
}

int sign_width(fy_event& event) {
  if (event.type == FYET_ALIAS) return 1;
  if (event.type != FYET_SCALAR) return 0;
  const fy_scalar_style style = fy_token_scalar_style(event.scalar.value);
  return style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED ? 1 : 0;
}

// Turns the parser's events into items. Events rather than libfyaml's own document: that one is quadratic on
// large maps, and follows aliases.
class Events {
 public:
  Events(std::string_view source, DocumentBuilder& builder) : source_(source), builder_(builder) {}

  // False when reading is to stop: at the end, or because going on makes no sense.
  bool take(fy_event& event) {
    const Position at = position_of(fy_event_start_mark(&event), sign_width(event));
    switch (event.type) {
      case FYET_NONE:
      case FYET_STREAM_START:
      case FYET_DOCUMENT_END:
        return true;
      case FYET_STREAM_END:
        return false;
      case FYET_DOCUMENT_START:
        if (++documents_ == 1) return true;
        builder_.problem(at, "a second document starts here",
                         "one file holds one document: split it at the '---'");
        return false;
      case FYET_ALIAS:
        builder_.problem(at, "aliases (*name) are not supported",
                         "write the value again, or use params or a template");
        value(Item::Kind::null, {}, at);
        return true;
      case FYET_SCALAR:
        refuse(event.scalar.anchor, event.scalar.tag);
        scalar(event.scalar.value, at);
        return true;
      case FYET_SEQUENCE_START:
        refuse(event.sequence_start.anchor, event.sequence_start.tag);
        return begin(Item::Kind::list, at);
      case FYET_MAPPING_START:
        refuse(event.mapping_start.anchor, event.mapping_start.tag);
        return begin(Item::Kind::map, at);
      case FYET_SEQUENCE_END:
      case FYET_MAPPING_END:
        builder_.end();
        open_.pop_back();
        if (!open_.empty()) open_.back().wants_key = true;
        return true;
    }
    return true;
  }

 private:
  struct Open {
    bool map;
    bool wants_key;
  };

  bool key_expected() const { return !open_.empty() && open_.back().map && open_.back().wants_key; }

  void refuse(fy_token* anchor, fy_token* tag) {
    if (anchor != nullptr) {
      builder_.problem(position_of(fy_token_start_mark(anchor), 1), "anchors (&name) are not supported",
                       "write the value again, or use params or a template");
    }
    if (tag != nullptr) {
      builder_.problem(position_of(fy_token_start_mark(tag)), "tags (!name) are not supported",
                       "put a text that starts with '!' in quotes");
    }
  }

  void scalar(fy_token* token, const Position& at) {
    std::size_t length = 0;
    const char* data = fy_token_get_text(token, &length);
    std::string_view text = data == nullptr ? std::string_view() : std::string_view(data, length);
    const bool plain = fy_token_scalar_style(token) == FYSS_PLAIN;
    // Most texts stand in the source as they are; the others live in the token, which goes with its event.
    const bool inside = std::less_equal<>()(source_.data(), text.data()) &&
                        std::less_equal<>()(text.data() + text.size(), source_.data() + source_.size());
    if (!inside) {
      if (text.find('\0') != std::string_view::npos)
        builder_.problem(at, "a NUL character has no place in a text");
      text = builder_.keep(text);
    }
    if (plain && text == "<<" && key_expected()) {
      builder_.problem(at, "merge keys (<<) are not supported", "use defaults, params or a template");
    }
    value(plain ? kind_of_plain(text) : Item::Kind::string, text, at);
  }

  void value(Item::Kind kind, std::string_view text, const Position& at) {
    if (key_expected()) {
      builder_.key(text, at);
      open_.back().wants_key = false;
      return;
    }
    builder_.scalar(kind, text, at);
    if (!open_.empty()) open_.back().wants_key = true;
  }

  bool begin(Item::Kind kind, const Position& at) {
    if (key_expected()) {
      builder_.problem(at, fmt::format("a key must be a text, not {}", describe(kind)),
                       "put a text that starts with '{' or '[' in quotes");
      return false;
    }
    if (open_.size() == max_depth) {
      builder_.problem(at, fmt::format("lists and maps are nested more than {} deep", max_depth));
      return false;
    }
    builder_.begin(kind, at);
    open_.push_back({kind == Item::Kind::map, true});
    return true;
  }

  std::string_view source_;
  DocumentBuilder& builder_;
  std::vector<Open> open_;
  int documents_ = 0;
};

using Diag = std::unique_ptr<fy_diag, void (*)(fy_diag*)>;

// A parser with FYPCF_COLLECT_DIAG alone still prints on stderr: only a diag of one's own keeps errors and
// stays silent.
Diag silent_diag() {
  fy_diag_cfg config{};
  fy_diag_cfg_default(&config);
  config.fp = nullptr;
  Diag diag(fy_diag_create(&config), fy_diag_destroy);
  if (diag) fy_diag_set_collect_errors(diag.get(), true);
  return diag;
}

// libfyaml's words for what people do wrong most often, and what to do then.
constexpr std::pair<std::string_view, std::string_view> hints[] = {
    {"tab character", "indent with spaces"},
    {"plain scalar cannot start", "put the text in quotes"},
    {"invalid nested block mapping", "put a text that holds ': ' in quotes"},
    {"indentation", "keys of one map start in the same column"},
    {"without a closing bracket", "a '[' or '{' is not closed"},
    {"missing comma in flow", "a '{' is not closed, or a comma is missing"},
};

void report(fy_diag* diag, DocumentBuilder& builder) {
  void* iterator = nullptr;
  const fy_diag_error* error = fy_diag_errors_iterate(diag, &iterator);
  // Only the first: those that follow come of it.
  if (error == nullptr) {
    builder.problem({}, "not valid YAML");
    return;
  }
  const std::string_view message = error->msg;
  const auto* hint = std::find_if(std::begin(hints), std::end(hints), [&](const auto& entry) {
    return message.find(entry.first) != std::string_view::npos;
  });
  builder.problem({error->line, error->column}, fmt::format("not valid YAML: {}", message),
                  hint == std::end(hints) ? std::string() : std::string(hint->second));
}

}  // namespace

Document parse_yaml(std::string_view text, std::vector<DocumentProblem>& problems) {
  Document document;
  DocumentBuilder builder(document, problems, text.size());
  if (const std::size_t bad = find_bad_byte(text); bad != std::string_view::npos) {
    builder.problem(position_in(text, bad), text[bad] == '\0' ? "a NUL byte" : "not valid UTF-8");
    return document;
  }
  fy_parse_cfg config{};
  config.flags = static_cast<fy_parse_cfg_flags>(FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_PREFER_RECURSIVE |
                                                 FYPCF_JSON_NONE | FYPCF_DEFAULT_VERSION_1_2);
  const Diag diag = silent_diag();
  config.diag = diag.get();
  std::unique_ptr<fy_parser, void (*)(fy_parser*)> parser(fy_parser_create(&config), fy_parser_destroy);
  if (!diag || !parser || fy_parser_set_string(parser.get(), text.data(), text.size()) != 0) {
    builder.problem({}, "the YAML parser could not be started");
    return document;
  }
  Events events(text, builder);
  while (true) {
    fy_event* event = fy_parser_parse(parser.get());
    if (event == nullptr) {
      report(diag.get(), builder);
      break;
    }
    const bool end = event->type == FYET_STREAM_END;
    const bool more = events.take(*event);
    fy_parser_event_free(parser.get(), event);
    if (end) return document;
    if (!more) break;
  }
  builder.discard();
  return document;
}

}  // namespace catena
