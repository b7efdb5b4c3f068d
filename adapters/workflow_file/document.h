// A file that a person or a program wrote, as a tree with the place of everything in it: the same for YAML
// and JSON. Held in one flat array in the file's order, so that a document of a million nodes is read and
// walked in linear time.
#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

#include "core/diagnostic.h"

namespace catena {

// One value of the document. Texts are views into the parsed source or into the Document that holds the item.
struct Item {
  enum class Kind : std::uint8_t { null, boolean, number, string, list, map };
  class Children;

  std::string_view key;    // of a value in a map
  std::string_view text;   // of a scalar: its characters as written (10.0 stays "10.0"), a string without
                           // quotes and escapes
  Position at;             // of the value
  Position key_at;         // of its key; of the value itself outside a map
  std::uint32_t span = 1;  // how many items it takes in the array, itself and all below it
  std::uint32_t size = 0;  // of a list or map: how many values it holds
  Kind kind = Kind::null;

  bool scalar() const { return kind != Kind::list && kind != Kind::map; }
  Children children() const;                      // in the file's order; empty for scalars
  const Item* find(std::string_view name) const;  // of a map: the first value with this key, or nullptr
};
static_assert(sizeof(Item) <= 64);

// An item's children follow it in the array, each with all that is below it.
class Item::Children {
 public:
  class Iterator {
   public:
    Iterator(const Item* item, std::uint32_t left) : item_(item), left_(left) {}
    const Item& operator*() const { return *item_; }
    const Item* operator->() const { return item_; }
    Iterator& operator++() {
      // The last child has no item behind it that may be pointed at.
      if (--left_ > 0) item_ += item_->span;
      return *this;
    }
    bool operator==(const Iterator& other) const { return left_ == other.left_; }

   private:
    const Item* item_;
    std::uint32_t left_;
  };
  explicit Children(const Item& parent) : parent_(parent) {}
  Iterator begin() const { return {&parent_ + 1, parent_.size}; }
  Iterator end() const { return {nullptr, 0}; }

 private:
  const Item& parent_;
};

inline Item::Children Item::children() const {
  return Children(*this);
}

// "a list", "a map", "a text", "a number", "true or false", "nothing".
std::string_view describe(Item::Kind kind);

struct DocumentProblem {
  Position at;
  std::string message, hint;
};

// Lists and maps in one another, at most: keeps hostile files from exhausting the stack.
inline constexpr std::size_t max_depth = 64;

class Document {
 public:
  // nullptr if the text could not be parsed.
  const Item* root() const { return items_.empty() ? nullptr : items_.data(); }
  std::size_t size() const { return items_.size(); }

 private:
  friend class DocumentBuilder;
  std::vector<Item> items_;
  std::unique_ptr<std::pmr::monotonic_buffer_resource> arena_ =
      std::make_unique<std::pmr::monotonic_buffer_resource>();
};

// Both parsers need `text` to outlive the document. They refuse text that is not UTF-8, NUL characters and
// duplicate keys. What is wrong is appended to `problems`; after a syntax error the document has no root.
// Columns count characters, not bytes.
//
// JSON as RFC 8259 has it: no comments, no trailing commas.
Document parse_json(std::string_view text, std::vector<DocumentProblem>& problems);
// YAML 1.2. A plain scalar is null if it is empty, "null" or "~", a boolean if it is "true" or "false", a
// number if JSON would read it as one, else a string: so are 00:10:00, yes, 007 and 1G. Anchors, aliases,
// tags, merge keys and further documents are refused.
Document parse_yaml(std::string_view text, std::vector<DocumentProblem>& problems);

// Used by the parsers: takes values in the file's order.
class DocumentBuilder {
 public:
  // `bytes`: the size of the source, from which the number of items is guessed.
  DocumentBuilder(Document& document, std::vector<DocumentProblem>& problems, std::size_t bytes);
  void key(std::string_view text, Position at);  // of the value that comes next
  void scalar(Item::Kind kind, std::string_view text, Position at);
  void begin(Item::Kind kind, Position at);  // list or map
  void end();                                // of the innermost open one; duplicate keys are found here
  std::size_t depth() const { return open_.size(); }
  std::string_view keep(std::string_view text);  // a copy that lives as long as the document
  void problem(Position at, std::string message, std::string hint = {});
  void discard();  // after a syntax error

 private:
  void append(Item::Kind kind, std::string_view text, Position at);
  Document& document_;
  std::vector<DocumentProblem>& problems_;
  std::vector<std::uint32_t> open_;
  std::string_view key_;
  Position key_at_;
};

// The place of byte `offset`.
Position position_in(std::string_view text, std::size_t offset);
// The first byte that is not part of valid UTF-8 or is NUL; npos if there is none.
std::size_t find_bad_byte(std::string_view text);
// Whether JSON's grammar has this as a number.
bool is_number(std::string_view text);

}  // namespace catena
