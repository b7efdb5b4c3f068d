#include "adapters/transfer/tar.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace catena::transfer {
namespace {

constexpr std::size_t block_size = 512;
constexpr std::size_t name_size = 100;
constexpr std::int64_t second = 1'000'000'000;  // in nanoseconds
constexpr std::string_view long_link = "././@LongLink";

std::uintmax_t padding_of(std::uintmax_t size) {
  return (block_size - size % block_size) % block_size;
}

// A number in its field: octal digits, or big-endian with the first bit set where they do not suffice.
void put_number(std::span<char> field, std::uintmax_t number) {
  if (number >> (3 * (field.size() - 1)) == 0) {
    field.back() = '\0';
    for (auto at = field.size() - 1; at-- > 0; number >>= 3)
      field[at] = static_cast<char>('0' + (number & 7));
    return;
  }
  for (auto at = field.size(); at-- > 0; number >>= 8) field[at] = static_cast<char>(number & 0xff);
  field[0] = static_cast<char>(0x80);
}

std::uintmax_t number_in(std::string_view field) {
  std::uintmax_t number = 0;
  if (static_cast<unsigned char>(field[0]) & 0x80U) {
    for (const char c : field.substr(1)) number = number << 8 | static_cast<unsigned char>(c);
    return number;
  }
  for (const char c : field) {
    if (c >= '0' && c <= '7') number = number << 3 | static_cast<unsigned>(c - '0');
  }
  return number;
}

std::string_view text_in(std::string_view field) {
  return field.substr(0, field.find('\0'));
}

std::uintmax_t sum_of(std::string_view block) {
  std::uintmax_t sum = 0;
  for (std::size_t i = 0; i < block_size; ++i)
    sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(block[i]);
  return sum;
}

std::string header_block(std::string_view name, const Member& member, char type, std::uintmax_t size,
                         std::string_view link) {
  std::string block(block_size, '\0');
  const auto field = [&](std::size_t at, std::size_t length) { return std::span(block).subspan(at, length); };
  std::ranges::copy(name.substr(0, name_size), block.begin());
  put_number(field(100, 8), static_cast<unsigned>(member.mode));
  put_number(field(108, 8), 0);
  put_number(field(116, 8), 0);
  put_number(field(124, 12), size);
  put_number(field(136, 12), static_cast<std::uintmax_t>(std::max<std::int64_t>(member.mtime / second, 0)));
  block[156] = type;
  std::ranges::copy(link.substr(0, name_size), block.begin() + 157);
  std::ranges::copy(std::string_view("ustar  "), block.begin() + 257);
  put_number(field(148, 7), sum_of(block));
  block[155] = ' ';
  return block;
}

// The header and content that carry a name of any length before the member they belong to.
std::string long_name(char type, std::string_view name) {
  if (name.size() < name_size) return {};
  const auto size = name.size() + 1;
  return header_block(long_link, {}, type, size, {}) + std::string(name) +
         std::string(1 + padding_of(size), '\0');
}

// The record that carries a time finer than a second.
std::string fine_time(std::int64_t mtime) {
  if (mtime <= 0 || mtime % second == 0) return {};
  const auto record = fmt::format(" mtime={}.{:09}\n", mtime / second, mtime % second);
  const auto size = record.size() + 2;  // its own length is part of it: two digits
  auto text = fmt::format("{}{}", size, record);
  return header_block("././@PaxHeader", {}, 'x', size, {}) + text + std::string(padding_of(size), '\0');
}

}  // namespace

bool TarSource::next() {
  if (item_ == items_.size()) {
    if (ended_) return false;
    ended_ = true;
    head_.assign(2 * block_size, '\0');
    return true;
  }
  const auto& [member, content] = items_[item_++];
  const bool is_link = !member.link.empty();
  left_ = is_link ? 0 : member.size;
  head_ += fine_time(member.mtime) + long_name('K', member.link) + long_name('L', member.name);
  head_ += header_block(member.name, member, is_link ? '1' : '0', left_, member.link);
  text_ = content.text;
  if (left_ > 0 && !content.file.empty()) {
    file_.open(content.file, std::ios::binary);
    if (!file_) {
      throw Error(ErrorKind::transport,
                  fmt::format("cannot read {}: {}", content.file.string(), std::strerror(errno)));
    }
  }
  return true;
}

std::size_t TarSource::read(std::span<char> buffer) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const auto room = buffer.size() - filled;
    if (!head_.empty()) {
      const auto size = std::min(room, head_.size());
      std::copy_n(head_.begin(), size, buffer.begin() + static_cast<std::ptrdiff_t>(filled));
      head_.erase(0, size);
      filled += size;
    } else if (left_ > 0) {
      std::size_t got = std::min<std::uintmax_t>(room, left_);
      if (file_.is_open()) {
        file_.read(buffer.data() + filled, static_cast<std::streamsize>(got));
        got = static_cast<std::size_t>(file_.gcount());
        if (got == 0) {
          throw Error(ErrorKind::transport, fmt::format("cannot read {}: it became shorter while it was read",
                                                        items_[item_ - 1].second.file.string()));
        }
      } else {
        std::copy_n(text_.begin(), got, buffer.begin() + static_cast<std::ptrdiff_t>(filled));
        text_.remove_prefix(got);
      }
      filled += got;
      left_ -= got;
      if (left_ == 0) {
        file_ = {};
        head_.assign(padding_of(items_[item_ - 1].first.size), '\0');
      }
    } else if (!next()) {
      break;
    }
  }
  return filled;
}

void TarSink::take(std::string_view piece) {
  while (!piece.empty() && !ended_) {
    if (left_ > 0) {
      const auto part = piece.substr(0, std::min<std::uintmax_t>(left_, piece.size()));
      piece.remove_prefix(part.size());
      left_ -= part.size();
      if (in_long_name_) {
        long_name_ += part;
      } else if (in_file_) {
        content_(part);
      }
      if (left_ == 0 && in_file_) end_();
    } else if (padding_ > 0) {
      const auto skipped = std::min<std::uintmax_t>(padding_, piece.size());
      piece.remove_prefix(skipped);
      padding_ -= skipped;
    } else {
      const auto part = piece.substr(0, block_size - block_.size());
      piece.remove_prefix(part.size());
      block_ += part;
      if (block_.size() == block_size) header();
    }
  }
}

void TarSink::header() {
  const std::string block = std::exchange(block_, {});
  const std::string_view view = block;
  if (view.find_first_not_of('\0') == std::string_view::npos) {
    ended_ = true;
    return;
  }
  if (number_in(view.substr(148, 8)) != sum_of(view)) {
    throw Error(ErrorKind::transport, "what arrived is no tar stream",
                "does the login shell print something, or is tar not GNU tar there?");
  }
  Member member;
  member.size = number_in(view.substr(124, 12));
  member.mtime = static_cast<std::int64_t>(number_in(view.substr(136, 12))) * second;
  member.mode = static_cast<int>(number_in(view.substr(100, 8)) & 07777);
  left_ = member.size;
  padding_ = padding_of(member.size);
  const char type = view[156];
  in_long_name_ = type == 'L';
  in_file_ = type == '0' || type == '\0';
  if (in_long_name_) {
    long_name_.clear();
    return;
  }
  member.name = long_name_.empty() ? text_in(view.substr(0, name_size)) : text_in(long_name_);
  long_name_.clear();
  if (!in_file_) return;
  begin_(member);
  if (left_ == 0) end_();
}

}  // namespace catena::transfer
