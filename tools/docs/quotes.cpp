// SPDX-License-Identifier: MIT
// docs_quotes PAGE SOURCE: fails when a block of C++ in the page is not made of consecutive lines of the source.
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace {

std::vector<std::string> lines_of(const char* file) {
  std::vector<std::string> lines;
  std::ifstream in{file};
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

bool contains(const std::vector<std::string>& lines, const std::vector<std::string>& block) {
  for (std::size_t at = 0; at + block.size() <= lines.size(); ++at) {
    std::size_t same = 0;
    while (same < block.size() && lines[at + same] == block[same]) ++same;
    if (same == block.size()) return true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: docs_quotes PAGE SOURCE\n", stderr);
    return 2;
  }
  const auto page = lines_of(argv[1]), source = lines_of(argv[2]);
  int blocks = 0, wrong = 0;
  for (std::size_t i = 0; i < page.size(); ++i) {
    if (page[i] != "```cpp") continue;
    std::vector<std::string> block;
    const std::size_t first = i + 1;
    while (++i < page.size() && page[i] != "```") block.push_back(page[i]);
    ++blocks;
    if (!block.empty() && contains(source, block)) continue;
    std::printf("%s:%zu: this block is not in %s\n", argv[1], first + 1, argv[2]);
    ++wrong;
  }
  if (blocks == 0) std::printf("%s quotes nothing\n", argv[1]);
  return wrong == 0 && blocks != 0 ? 0 : 1;
}
