// SPDX-License-Identifier: MIT
// Doubly linked intrusive list: the links live in the element, so insertion cannot fail.
#pragma once

#include "base/std.hpp"

namespace base {

struct ListLink {
  ListLink* prev = nullptr;
  ListLink* next = nullptr;
  [[nodiscard]] constexpr bool linked() const { return next != nullptr; }
  constexpr void unlink() {
    prev->next = next;
    next->prev = prev;
    prev = next = nullptr;
  }
};

// `Member` is the ListLink inside T that this list uses; T may be on several lists by several links.
// The head is self-linked at construction, so a List must not be moved.
template <typename T, ListLink T::* Member>
class List {
 public:
  constexpr List() { head_.prev = head_.next = &head_; }
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  [[nodiscard]] constexpr bool empty() const { return head_.next == &head_; }
  constexpr void push_back(T& t) { insert(&(t.*Member), head_.prev, &head_); }
  constexpr void push_front(T& t) { insert(&(t.*Member), &head_, head_.next); }
  [[nodiscard]] T* front() { return empty() ? nullptr : owner(head_.next); }
  T* pop_front() {
    T* t = front();
    if (t != nullptr) (t->*Member).unlink();
    return t;
  }
  static void remove(T& t) { (t.*Member).unlink(); }

  class Iterator {
   public:
    // The successor is read before the element is handed out, so the body may unlink the element itself.
    explicit Iterator(ListLink* at) : at_{at}, next_{at->next} {}
    T& operator*() const { return *owner(at_); }
    Iterator& operator++() { at_ = next_; next_ = at_->next; return *this; }
    bool operator==(const Iterator& o) const { return at_ == o.at_; }

   private:
    ListLink* at_;
    ListLink* next_;
  };
  Iterator begin() { return Iterator{head_.next}; }
  Iterator end() { return Iterator{&head_}; }

 private:
  static constexpr void insert(ListLink* link, ListLink* prev, ListLink* next) {
    link->prev = prev;
    link->next = next;
    prev->next = next->prev = link;
  }
  static T* owner(ListLink* link) {
    const auto offset = reinterpret_cast<std::uintptr_t>(&(reinterpret_cast<T*>(alignof(T))->*Member)) - alignof(T);
    return reinterpret_cast<T*>(reinterpret_cast<std::uintptr_t>(link) - offset);
  }

  ListLink head_{};
};

}  // namespace base
