#include "adapters/workflow_file/document.h"

#include <fmt/format.h>

#include <cstring>
#include <unordered_map>

namespace catena {

const Item* Item::find(std::string_view name) const {
  if (kind != Kind::map) return nullptr;
  for (const Item& child : children()) {
    if (child.key == name) return &child;
  }
  return nullptr;
}

std::string_view describe(Item::Kind kind) {
  switch (kind) {
    case Item::Kind::null:
      return "nothing";
    case Item::Kind::boolean:
      return "true or false";
    case Item::Kind::number:
      return "a number";
    case Item::Kind::string:
      return "a text";
    case Item::Kind::list:
      return "a list";
    case Item::Kind::map:
      return "a map";
  }
  return "nothing";
}

DocumentBuilder::DocumentBuilder(Document& document, std::vector<DocumentProblem>& problems,
                                 std::size_t bytes)
    : document_(document), problems_(problems) {
  // Growing step by step would copy a large file's items twice over; pages that stay empty cost nothing.
  document_.items_.reserve(bytes / 16 + 16);
}

void DocumentBuilder::key(std::string_view text, Position at) {
  key_ = text;
  key_at_ = at;
}

void DocumentBuilder::append(Item::Kind kind, std::string_view text, Position at) {
  Item item;
  item.kind = kind;
  item.text = text;
  item.at = at;
  item.key_at = at;
  if (!open_.empty()) {
    Item& parent = document_.items_[open_.back()];
    ++parent.size;
    if (parent.kind == Item::Kind::map) {
      item.key = key_;
      item.key_at = key_at_.line > 0 ? key_at_ : parent.at;
    }
    // A value that is not there at all ("key:") has no place of its own.
    if (item.at.line == 0) item.at = parent.kind == Item::Kind::map ? item.key_at : parent.at;
  }
  document_.items_.push_back(item);
}

void DocumentBuilder::scalar(Item::Kind kind, std::string_view text, Position at) {
  append(kind, text, at);
}

void DocumentBuilder::begin(Item::Kind kind, Position at) {
  append(kind, {}, at);
  open_.push_back(static_cast<std::uint32_t>(document_.items_.size() - 1));
}

void DocumentBuilder::end() {
  Item& item = document_.items_[open_.back()];
  item.span = static_cast<std::uint32_t>(document_.items_.size() - open_.back());
  open_.pop_back();
  if (item.kind != Item::Kind::map || item.size < 2) return;
  auto duplicate = [&](const Item& again, const Item& first) {
    problem(again.key_at, fmt::format("'{}' is given twice", again.key),
            fmt::format("it was first given at line {}", first.key_at.line));
  };
  // Most maps are small, and a hash table for each of a million of them is slow.
  if (item.size <= 16) {
    for (const Item& child : item.children()) {
      for (const Item& other : item.children()) {
        if (&other == &child) break;
        if (other.key != child.key) continue;
        duplicate(child, other);
        break;
      }
    }
    return;
  }
  std::unordered_map<std::string_view, const Item*> seen;
  seen.reserve(item.size);
  for (const Item& child : item.children()) {
    auto [first, fresh] = seen.emplace(child.key, &child);
    if (!fresh) duplicate(child, *first->second);
  }
}

std::string_view DocumentBuilder::keep(std::string_view text) {
  if (text.empty()) return {};
  auto* copy = static_cast<char*>(document_.arena_->allocate(text.size(), 1));
  std::memcpy(copy, text.data(), text.size());
  return {copy, text.size()};
}

void DocumentBuilder::problem(Position at, std::string message, std::string hint) {
  problems_.push_back({at, std::move(message), std::move(hint)});
}

void DocumentBuilder::discard() {
  document_.items_.clear();
  open_.clear();
}

Position position_in(std::string_view text, std::size_t offset) {
  Position at{1, 1};
  for (char c : text.substr(0, offset)) {
    if (c == '\n') {
      ++at.line;
      at.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
      ++at.column;
    }
  }
  return at;
}

std::size_t find_bad_byte(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  std::size_t i = 0;
  while (i < text.size()) {
    // Most bytes are ASCII: eight at a time, none with its high bit set, none 0.
    std::uint64_t word = 0;
    if (i + sizeof word <= text.size()) {
      std::memcpy(&word, text.data() + i, sizeof word);
      constexpr std::uint64_t high = 0x8080808080808080, low = 0x0101010101010101;
      if (((word | (word - low)) & high) == 0) {
        i += sizeof word;
        continue;
      }
    }
    const unsigned char lead = byte(i);
    if (lead == 0) return i;
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                               : lead >= 0xE0 && lead <= 0xEF ? 3
                               : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                              : 0;
    if (length == 0 || i + length > text.size()) return i;
    for (std::size_t k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xC0) != 0x80) return i;
    }
    // Overlong forms, surrogates, and what lies above U+10FFFF.
    const unsigned char second = byte(i + 1);
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
        (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) {
      return i;
    }
    i += length;
  }
  return std::string_view::npos;
}

bool is_number(std::string_view text) {
  std::size_t i = 0;
  auto digits = [&] {
    const std::size_t start = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    return i - start;
  };
  if (i < text.size() && text[i] == '-') ++i;
  const bool zero = i < text.size() && text[i] == '0';
  const std::size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
    if (digits() == 0) return false;
  }
  return i == text.size();
}

}  // namespace catena
