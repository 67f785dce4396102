// SPDX-License-Identifier: MIT
#include "exo/gaps.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "exo/dead_padding.hpp"

namespace exo {
namespace elf = base::elf;
namespace {

struct Function {
  std::uint64_t start, end;
};

// Reads little-endian fields of .eh_frame; `bad` once something lay outside. [lsb 5.0, 10.6 Exception Frames]
class FrameReader {
 public:
  FrameReader(std::span<const std::byte> bytes, std::uint64_t address) : bytes_{bytes}, address_{address} {}
  [[nodiscard]] bool bad() const { return bad_; }
  [[nodiscard]] std::size_t position() const { return at_; }
  [[nodiscard]] bool ended() const { return at_ >= bytes_.size(); }
  void seek(std::size_t at) { at_ = at; }

  template <typename T>
  T number() {
    T value{};
    if (bytes_.size() < sizeof value || at_ > bytes_.size() - sizeof value) {
      bad_ = true;
      return value;
    }
    std::memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  std::uint64_t leb() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = number<std::uint8_t>();
      value |= std::uint64_t{byte & 0x7fu} << shift;
      if ((byte & 0x80) == 0) break;
    }
    return value;
  }
  std::string_view text() {
    const std::size_t start = at_;
    while (number<char>() != '\0')
      if (bad_) return {};
    return {reinterpret_cast<const char*>(bytes_.data()) + start, at_ - start - 1};
  }
  // An encoded pointer, absolute or pc-relative; anything else is not used for code.
  std::optional<std::uint64_t> pointer(std::uint8_t encoding, bool relative) {
    const std::uint64_t here = address_ + at_;
    std::uint64_t value = 0;
    switch (encoding & 0x0f) {
      case 0x00: case 0x04: case 0x0c: value = number<std::uint64_t>(); break;
      case 0x03: value = number<std::uint32_t>(); break;
      case 0x0b: value = static_cast<std::uint64_t>(std::int64_t{number<std::int32_t>()}); break;
      default: return std::nullopt;
    }
    if (bad_) return std::nullopt;
    const unsigned application = encoding & 0x70u;
    if (application != 0x00 && application != 0x10) return std::nullopt;
    return relative && application == 0x10 ? value + here : value;
  }

 private:
  std::span<const std::byte> bytes_;
  std::uint64_t address_;
  std::size_t at_ = 0;
  bool bad_ = false;
};

// The pointer encoding that a CIE's augmentation tells, for its FDEs.
std::optional<std::uint8_t> read_encoding(FrameReader& in) {
  const auto version = in.number<std::uint8_t>();
  const std::string_view augmentation = in.text();
  in.leb();                                     // code alignment
  in.leb();                                     // data alignment
  if (version == 1) in.number<std::uint8_t>();  // return address register
  else in.leb();
  if (augmentation.empty()) return std::uint8_t{0};
  if (augmentation[0] != 'z') return std::nullopt;
  in.leb();
  for (const char c : augmentation.substr(1)) {
    if (c == 'R') return in.number<std::uint8_t>();
    if (c == 'L') in.number<std::uint8_t>();
    else if (c == 'P') {
      const auto encoding = in.number<std::uint8_t>();
      if (!in.pointer(encoding, false)) return std::nullopt;
    } else if (c != 'S' && c != 'B') return std::nullopt;
  }
  return std::uint8_t{0};
}

std::vector<Function> read_functions(std::span<const std::byte> frames, std::uint64_t address) {
  std::vector<Function> functions;
  std::map<std::size_t, std::optional<std::uint8_t>> encodings;  // by the CIE's position
  FrameReader in{frames, address};
  while (!in.ended()) {
    const auto length = in.number<std::uint32_t>();
    if (in.bad() || length == 0 || length == ~0u) break;  // the end, or the 64-bit form, which nobody writes
    const std::size_t body = in.position();
    const auto id = in.number<std::uint32_t>();
    if (id == 0) {
      encodings[body - 4] = read_encoding(in);
    } else if (const auto cie = encodings.find(body - id); cie != encodings.end() && cie->second) {
      const auto start = in.pointer(*cie->second, true);
      const auto size = in.pointer(*cie->second, false);
      if (start && size && *size != 0) functions.push_back({*start, *start + *size});
    }
    if (in.bad()) break;
    in.seek(body + length);
  }
  std::ranges::sort(functions, {}, &Function::start);
  return functions;
}

bool is_padding(std::span<const std::uint8_t> code) {
  while (!code.empty()) {
    const std::size_t size = no_op_size(code);
    if (size == 0) return false;
    code = code.subspan(size);
  }
  return true;
}

// Whether a function's last bytes keep control from running on behind it. Hand-written functions do fall through into
// the next one, over the padding, after a conditional jump; hence the care with the jump's distance.
bool ends_control(std::span<const std::uint8_t> code) {
  const std::size_t n = code.size();
  if (n >= 1 && (code[n - 1] == 0xc3 || code[n - 1] == 0xf4)) return true;                   // ret, hlt
  if (n >= 2 && code[n - 2] == 0x0f && code[n - 1] == 0x0b) return true;                     // ud2
  if (n >= 2 && code[n - 2] == 0xff && (code[n - 1] & 0xf8) == 0xe0) return true;            // jmp *register
  if (n >= 2 && code[n - 2] == 0xeb && code[n - 1] >= 0x80 && code[n - 1] <= 0xfc) return true;  // jmp, short, back
  if (n < 5 || code[n - 5] != 0xe9) return false;                                            // jmp rel32
  const bool conditional = n >= 6 && code[n - 6] == 0x0f && (code[n - 5] & 0xf0) == 0x80;
  const bool near = code[n - 1] == 0x00 || code[n - 1] == 0xff;                              // within 16 MiB
  return near && !conditional;
}

constexpr std::array<std::byte, 2> syscall_code{std::byte{0x0f}, std::byte{0x05}};

// Offsets of what may be `syscall` instructions.
std::vector<std::size_t> find_syscalls(std::span<const std::byte> code) {
  std::vector<std::size_t> found;
  for (auto rest = code;;) {
    const auto at = std::ranges::search(rest, syscall_code);
    if (at.empty()) return found;
    rest = {at.end(), rest.end()};
    found.push_back(code.size() - rest.size() - syscall_code.size());
  }
}

// Where .eh_frame lies: from the section table when there is one, else by way of .eh_frame_hdr.
std::optional<std::pair<std::span<const std::byte>, std::uint64_t>> find_frames(const ElfFile& file) {
  for (const elf::ProgramHeader& segment : file.view.segments) {
    if (segment.type != elf::pt_gnu_eh_frame) continue;
    FrameReader header{file.at(segment.vaddr), segment.vaddr};
    const auto version = header.number<std::uint8_t>();
    const auto encoding = header.number<std::uint8_t>();
    header.number<std::uint16_t>();
    const auto frames = header.pointer(encoding, true);
    if (version != 1 || !frames) return std::nullopt;
    return std::pair{file.at(*frames), *frames};
  }
  const auto bytes = file.file.data();
  const elf::FileHeader& h = *file.view.header;
  const std::uint64_t table = std::uint64_t{h.shnum} * sizeof(elf::SectionHeader);
  if (h.shnum == 0 || h.shentsize != sizeof(elf::SectionHeader) || h.shstrndx >= h.shnum) return std::nullopt;
  if (!base::range_within(h.shoff, table, bytes.size())) return std::nullopt;
  const auto section = [&](std::size_t index) {
    elf::SectionHeader out{};
    std::memcpy(&out, bytes.data() + h.shoff + index * sizeof out, sizeof out);
    return out;
  };
  const elf::SectionHeader names = section(h.shstrndx);
  for (std::size_t i = 0; i < h.shnum; ++i) {
    const elf::SectionHeader s = section(i);
    constexpr std::string_view wanted{".eh_frame\0", 10};
    if (!base::range_within(names.offset + s.name, wanted.size(), bytes.size())) continue;
    if (std::memcmp(bytes.data() + names.offset + s.name, wanted.data(), wanted.size()) != 0) continue;
    const auto whole = file.at(s.addr);
    return std::pair{whole.first(std::min<std::size_t>(whole.size(), static_cast<std::size_t>(s.size))), s.addr};
  }
  return std::nullopt;
}

constexpr std::uint64_t smallest_gap = 5, largest_gap = 4096;
constexpr std::uint64_t short_jump = 130;  // how far from a site its two bytes can lead, and a little more

// An executable segment, and what was found in it.
struct Segment {
  const elf::ProgramHeader& header;
  std::span<const std::uint8_t> code;
  std::vector<std::size_t> syscalls;

  [[nodiscard]] std::uint64_t end() const { return header.vaddr + header.filesz; }
  [[nodiscard]] std::span<const std::uint8_t> bytes(std::uint64_t start, std::uint64_t stop) const {
    return code.subspan(static_cast<std::size_t>(start - header.vaddr), static_cast<std::size_t>(stop - start));
  }
  // Whether a site lies in [start, stop) or so near that a jump leads there.
  [[nodiscard]] bool near_syscall(std::uint64_t start, std::uint64_t stop) const {
    const std::uint64_t from = start - header.vaddr;
    const auto site = std::ranges::lower_bound(syscalls, from < short_jump ? 0 : from - short_jump);
    return site != syscalls.end() && *site < stop - header.vaddr + short_jump;
  }
  void add(std::uint64_t start, std::uint64_t stop, std::vector<Gap>& gaps) const {
    if (stop - start < smallest_gap || stop - start > largest_gap || !near_syscall(start, stop)) return;
    gaps.push_back({static_cast<std::uint32_t>(header.offset + (start - header.vaddr)),
                    static_cast<std::uint32_t>(stop - start)});
  }
};

void gaps_between(const Segment& segment, const Function& before, const Function& after, std::vector<Gap>& gaps) {
  if (after.start < before.end || after.start > segment.end() || after.start - before.end > largest_gap) return;
  if (!segment.near_syscall(before.end, after.start)) return;
  if (!ends_control(segment.bytes(before.start, before.end))) return;
  if (is_padding(segment.bytes(before.end, after.start))) segment.add(before.end, after.start, gaps);
}

void gaps_of_segment(const Segment& segment, const std::vector<Function>& functions, std::vector<Gap>& gaps) {
  for (std::size_t i = 0; i < functions.size(); ++i) {
    const Function& function = functions[i];
    if (function.start < segment.header.vaddr || function.end > segment.end()) continue;
    if (segment.near_syscall(function.start, function.end))
      for (const CodeRange& dead : dead_padding(segment.bytes(function.start, function.end)))
        segment.add(function.start + dead.start, function.start + dead.end, gaps);
    if (i + 1 < functions.size()) gaps_between(segment, function, functions[i + 1], gaps);
  }
}

// Sorted; what touches becomes one, what overlaps (functions with several unwind entries) is there once.
void unite(std::vector<Gap>& gaps) {
  std::ranges::sort(gaps, {}, &Gap::offset);
  std::vector<Gap> united;
  for (const Gap& gap : gaps) {
    if (united.empty() || gap.offset > united.back().offset + united.back().length) {
      united.push_back(gap);
      continue;
    }
    Gap& last = united.back();
    last.length = std::max(last.offset + last.length, gap.offset + gap.length) - last.offset;
  }
  gaps = std::move(united);
}

}  // namespace

std::vector<Gap> find_gaps(const ElfFile& file) {
  std::vector<Gap> gaps;
  const auto bytes = file.file.data();
  if (bytes.size() > 0xffff'ffffu) return gaps;
  std::vector<Function> functions;
  for (const elf::ProgramHeader& header : file.view.segments) {
    if (header.type != elf::pt_load || (header.flags & elf::pf_x) == 0) continue;
    if (!base::range_within(header.offset, header.filesz, bytes.size())) continue;
    const auto whole = bytes.subspan(static_cast<std::size_t>(header.offset), static_cast<std::size_t>(header.filesz));
    const Segment segment{header, {reinterpret_cast<const std::uint8_t*>(whole.data()), whole.size()}, find_syscalls(whole)};
    if (segment.syscalls.empty()) continue;
    if (functions.empty()) {
      const auto frames = find_frames(file);
      if (!frames) return gaps;
      functions = read_functions(frames->first, frames->second);
    }
    gaps_of_segment(segment, functions, gaps);
  }
  unite(gaps);
  return gaps;
}

std::string encode_gaps(const std::vector<Gap>& gaps) {
  std::string out;
  const auto number = [&](std::uint32_t n) { out.append(reinterpret_cast<const char*>(&n), sizeof n); };
  number(static_cast<std::uint32_t>(gaps.size()));
  for (const Gap& gap : gaps) number(gap.offset), number(gap.length);
  return out;
}

}  // namespace exo
