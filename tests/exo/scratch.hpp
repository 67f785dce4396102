// SPDX-License-Identifier: MIT
// A folder for a test's files, gone with the test.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

class Scratch : public testing::Test {
 protected:
  Scratch() {
    std::string path = "/tmp/exo-unit-XXXXXX";
    if (::mkdtemp(path.data()) != nullptr) folder_ = path;
  }
  ~Scratch() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  std::string write(const std::string& name, const std::string& text, int mode = 0644) const {
    const auto path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream{path, std::ios::binary} << text;
    ::chmod(path.c_str(), static_cast<mode_t>(mode));
    return path.string();
  }
  [[nodiscard]] static std::string read(const std::filesystem::path& path) {
    std::ifstream in{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
  std::filesystem::path folder_;
};
