// SPDX-License-Identifier: MIT
// A corpus in one file: each input as its length (two bytes, the lower one first) and its bytes. libFuzzer wants files in
// a folder, so a fuzzer begins with unpack_corpus() in LLVMFuzzerInitialize: of its arguments
//   --packed=FILE    becomes a folder with the inputs, which is gone when the fuzzer ends
//   --pack=FILE DIR  writes the inputs in DIR to FILE, in the order of their lengths, and ends
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

namespace program_test {

namespace detail {

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  if (!in) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    std::exit(1);
  }
  return {std::istreambuf_iterator<char>{in}, {}};
}

[[noreturn]] inline void pack(const std::string& file, const std::string& folder) {
  std::vector<std::string> inputs;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) inputs.push_back(bytes_of(entry.path()));
  std::ranges::sort(inputs, [](const auto& a, const auto& b) { return a.size() != b.size() ? a.size() < b.size() : a < b; });
  std::ofstream out{file, std::ios::binary};
  for (const std::string& input : inputs)
    if (input.size() <= 0xffff) out << static_cast<char>(input.size() & 0xff) << static_cast<char>(input.size() >> 8) << input;
  std::exit(out.flush() ? 0 : 1);
}

inline std::string& unpacked_folder() {
  static std::string folder;
  return folder;
}

inline void unpack(const std::string& file) {
  const std::string packed = bytes_of(file);
  char name[] = "/tmp/corpus_XXXXXX";
  if (::mkdtemp(name) == nullptr) std::exit(1);
  unpacked_folder() = name;
  std::atexit([] { std::filesystem::remove_all(unpacked_folder()); });
  std::size_t number = 0;
  for (std::size_t at = 0; at + 2 <= packed.size();) {
    const std::size_t size = static_cast<unsigned char>(packed[at]) | static_cast<std::size_t>(static_cast<unsigned char>(packed[at + 1])) << 8;
    at += 2;
    if (size > packed.size() - at) break;
    std::ofstream{unpacked_folder() + "/" + std::to_string(number++), std::ios::binary} << std::string_view{packed}.substr(at, size);
    at += size;
  }
}

}  // namespace detail

inline int unpack_corpus(int* count, char*** arguments) {
  constexpr std::string_view pack = "--pack=", packed = "--packed=";
  for (int i = 1; i < *count; ++i) {
    const std::string_view word = (*arguments)[i];
    if (word.starts_with(pack) && i + 1 < *count) detail::pack(std::string{word.substr(pack.size())}, (*arguments)[i + 1]);
    if (!word.starts_with(packed)) continue;
    detail::unpack(std::string{word.substr(packed.size())});
    (*arguments)[i] = detail::unpacked_folder().data();
  }
  return 0;
}

}  // namespace program_test
