// SPDX-License-Identifier: MIT
// Growing array and string over the library heap. Growth can fail and says so.
#pragma once

#include "libos/exos/errno.hpp"
#include "libos/exos/heap.hpp"

namespace exos {

template <typename T>
class Vector {
 public:
  Vector() = default;
  Vector(const Vector&) = delete;
  Vector& operator=(const Vector&) = delete;
  Vector(Vector&& o) noexcept
      : data_{std::exchange(o.data_, nullptr)}, size_{std::exchange(o.size_, 0)}, capacity_{std::exchange(o.capacity_, 0)} {}
  Vector& operator=(Vector&& o) noexcept { Vector gone{std::move(o)}; swap(gone); return *this; }
  ~Vector() {
    if (data_ == nullptr) return;
    clear();
    release(data_);
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  T& back() { return data_[size_ - 1]; }

  [[nodiscard]] Status reserve(std::size_t wanted) {
    if (wanted <= capacity_) return {};
    return grow(wanted);
  }
  [[nodiscard]] Status push_back(T value) { return insert(size_, std::move(value)); }
  [[nodiscard]] Status insert(std::size_t at, T value) {
    TRY_VOID(reserve(size_ + 1));
    for (std::size_t i = size_; i > at; --i) {
      ::new (data_ + i) T(std::move(data_[i - 1]));
      data_[i - 1].~T();
    }
    ::new (data_ + at) T(std::move(value));
    ++size_;
    return {};
  }
  // `count` more at the end, for trivial types: the caller fills them. Where they are.
  [[nodiscard]] Result<T*> extend(std::size_t count) {
    static_assert(std::is_trivially_copyable_v<T>);
    TRY_VOID(reserve(size_ + count));
    size_ += count;
    return data_ + size_ - count;
  }
  void drop_back() { data_[--size_].~T(); }
  void erase(std::size_t at, std::size_t count = 1) {
    for (std::size_t i = at; i + count < size_; ++i) data_[i] = std::move(data_[i + count]);
    for (std::size_t i = size_ - count; i < size_; ++i) data_[i].~T();
    size_ -= count;
  }
  [[nodiscard]] Status resize(std::size_t wanted) {
    TRY_VOID(reserve(wanted));
    while (size_ < wanted) ::new (data_ + size_++) T();
    if (wanted < size_) erase(wanted, size_ - wanted);
    return {};
  }
  void clear() { if (size_ > 0) erase(0, size_); }

 private:
  [[nodiscard, gnu::noinline]] Status grow(std::size_t wanted) {
    constexpr std::size_t least = 8;
    const std::size_t room = std::bit_ceil(std::max(wanted, least));
    auto* fresh = static_cast<T*>(allocate(room * sizeof(T)));
    if (fresh == nullptr) return Fail{Errno::nomem};
    if constexpr (std::is_trivially_copyable_v<T>) {
      if (size_ > 0) std::memcpy(fresh, data_, size_ * sizeof(T));
    } else {
      for (std::size_t i = 0; i < size_; ++i) {
        ::new (fresh + i) T(std::move(data_[i]));
        data_[i].~T();
      }
    }
    release(data_);
    data_ = fresh;
    capacity_ = room;
    return {};
  }
  void swap(Vector& o) { std::swap(data_, o.data_); std::swap(size_, o.size_); std::swap(capacity_, o.capacity_); }
  T* data_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
};

// Bytes with a NUL behind them, so that c_str() can be handed around.
class String {
 public:
  String() = default;
  [[nodiscard]] static Result<String> from(std::string_view text) {
    String s;
    TRY_VOID(s.append(text));
    return s;
  }
  [[nodiscard]] Status append(std::string_view text) {
    char* at = TRY(extend(text.size()));
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    return {};
  }
  // `size` more bytes, which the caller fills. Where they are.
  [[nodiscard]] Result<char*> extend(std::size_t size) {
    char* at = TRY(bytes_.extend(size + 1));
    at[size] = '\0';
    bytes_.drop_back();
    return at;
  }
  [[nodiscard]] Status reserve(std::size_t size) { return bytes_.reserve(size + 1); }
  [[nodiscard]] std::string_view view() const { return {bytes_.data(), bytes_.size()}; }
  [[nodiscard]] const char* c_str() const { return bytes_.empty() ? "" : bytes_.data(); }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  void clear() { bytes_.clear(); }
  void truncate(std::size_t size) { bytes_.erase(size, bytes_.size() - size); if (size > 0) bytes_.data()[size] = '\0'; }

 private:
  Vector<char> bytes_;
};

}  // namespace exos
