// SPDX-License-Identifier: MIT
#include "tests/unit/checker.hpp"

#include <cstdio>
#include <set>

#include "kernel/core/space.hpp"
#include "kernel/core/table.hpp"
#include "kernel/core/env.hpp"
#include "tests/unit/fake_arch.hpp"

namespace fake {
namespace {

using namespace aegis;

struct Counted {
  std::uint64_t maps = 0, pins = 0, refs = 0;
};

class Checker {
 public:
  explicit Checker(Kernel& k) : k_{k}, counted_(k.frames.count()) {}

  std::vector<std::string> run() {
    for (std::uint32_t f = 0; f < k_.frames.count(); ++f) visit(f);
    for (const Slot* slot : slots_) slot_links(*slot);
    for (std::uint32_t f = 0; f < k_.frames.count(); ++f) frame(f);
    for (const auto& [name, sum] : accounts_) account(name, sum);
    for (const auto& [name, count] : space_envs_) expect(object_at<Space>(name).envs == count, "envs of space", name);
    processors();
    sleepers();
    std::string why;
    if (!translations_agree(why)) wrong_.push_back(why);
    return std::move(wrong_);
  }

 private:
  struct Sum {
    std::uint64_t used = 0, children = 0, objects = 0;
  };

  void expect(bool good, const char* what, std::uint64_t where) {
    if (good) return;
    char text[160];
    std::snprintf(text, sizeof text, "%s (frame %llu)", what, static_cast<unsigned long long>(where));
    wrong_.emplace_back(text);
  }
  FrameInfo& info(std::uint32_t f) { return k_.frames[f]; }

  void visit(std::uint32_t f) {
    const FrameInfo& i = info(f);
    if (i.use == FrameUse::free) return;
    if (i.owner != 0) {
      expect(info(i.owner).use == FrameUse::account, "owner is no account", f);
      Sum& sum = accounts_[i.owner];
      ++sum.used;
      if (i.use != FrameUse::plain) ++sum.objects;
    }
    if (i.use == FrameUse::account) {
      accounts_[f];
      const auto& a = object_at<Account>(f);
      if (a.parent != 0) {
        accounts_[a.parent].used += a.limit;
        ++accounts_[a.parent].children;
        expect(i.owner == a.parent, "an account's frame is its parent's", f);
      }
    }
    if (i.use == FrameUse::space) space(f);
    if (i.use == FrameUse::env) env(f);
    if (i.use == FrameUse::table) table_object(f);
  }

  void env(std::uint32_t f) {
    const auto& e = object_at<Env>(f);
    ++counted_[e.user_area.raw()].pins;
    expect(k_.frames[e.user_area].use == FrameUse::plain, "user area is not plain", f);
    expect(info(e.space).use == FrameUse::space, "an env's space is gone", f);
    expect(info(e.table).use == FrameUse::table, "an env's table is gone", f);
    ++space_envs_[e.space];
    ++table_envs_[e.table];
    const bool current = machine().cpus[e.cpu].current == &e;
    expect((e.state == RunState::running) == current, "running means current", f);
    expect(!e.sleep.queued || e.state == RunState::sleeping, "only sleepers are queued", f);
    if (e.sleep.queued) ++queued_;
  }

  void table_object(std::uint32_t f) {
    const auto& t = object_at<Table>(f);
    table_envs_[f];
    for (const Leaf* leaf : t.leaves) {
      if (leaf == nullptr) continue;
      const std::uint32_t lf = frame_index(leaf);
      expect(info(lf).use == FrameUse::table_leaf && info(lf).aux == f, "leaf", lf);
      leaves_.insert(lf);
      for (const Slot& slot : *leaf) {
        if (slot.empty()) {
          expect(slot.parent == nullptr && slot.first_child == nullptr && slot.next == nullptr && slot.prev == nullptr,
                 "links of an empty slot", lf);
          continue;
        }
        slots_.push_back(&slot);
        if (slot.kind != Kind::frames) continue;
        for (std::uint64_t n = slot.base; n < slot.base + slot.count; ++n) ++counted_[n].refs;
      }
    }
  }

  void slot_links(const Slot& slot) {
    const std::uint32_t f = frame_index(&slot);
    for (const Slot* other : {slot.parent, slot.first_child, slot.next, slot.prev}) {
      if (other == nullptr) continue;
      expect(leaves_.contains(frame_index(other)) && !other->empty(), "a link leads nowhere", f);
    }
    if (slot.first_child != nullptr)
      expect(slot.first_child->parent == &slot && slot.first_child->prev == nullptr, "first child", f);
    if (slot.next != nullptr) expect(slot.next->prev == &slot && slot.next->parent == slot.parent, "next", f);
    if (slot.prev != nullptr) expect(slot.prev->next == &slot, "prev", f);
    if (slot.parent == nullptr)
      return expect(slot.next == nullptr && slot.prev == nullptr, "a root has no siblings", f);
    const Slot& parent = *slot.parent;
    expect(slot.prev != nullptr || parent.first_child == &slot, "not among the parent's children", f);
    expect(parent.object == slot.object, "a child's object", f);
    if (parent.kind == Kind::account && slot.kind == Kind::frames) return;
    expect(parent.kind == slot.kind && (slot.rights & ~parent.rights) == 0, "a child has more rights", f);
    if (slot.is_range())
      expect(slot.base >= parent.base && slot.base + slot.count <= parent.base + parent.count, "a child's range", f);
  }

  void space(std::uint32_t f) {
    const auto& s = object_at<Space>(f);
    space_envs_[f];
    expect(info(s.top).use == FrameUse::page_table && info(s.top).level == 4 && info(s.top).aux == f &&
               info(s.top).owner == info(f).owner,
           "top table", f);
    std::uint32_t viewed = 0;
    for (const std::uint32_t n : s.viewers) viewed += n;
    expect(viewed == s.viewed, "viewers", f);
    for (std::uint32_t i = 256; i < 512; ++i) expect(table(s.top)[i] == 0x1000'0000'0000 + i, "the kernel's half", f);
    for (std::uint32_t i = 0; i < 256; ++i) {
      const std::uint64_t entry = table(s.top)[i];
      if (!is_present(entry)) {
        expect(entry == 0 && s.source[i] == 0, "an absent entry is 0", f);
        continue;
      }
      ++counted_[s.top].maps;
      if (s.source[i] == 0) {
        tables(f, pte_frame(entry).raw(), 3);
        continue;
      }
      ++views_[s.source[i]][i];
      expect(info(s.source[i]).use == FrameUse::space, "a link's source is gone", f);
      expect(pte_frame(table(object_at<Space>(s.source[i]).top)[i]) == pte_frame(entry),
             "a link differs from its source", f);
    }
    spaces_.push_back(f);
  }

  void tables(std::uint32_t of, std::uint64_t frame, std::uint8_t level) {
    const FrameInfo& i = info(static_cast<std::uint32_t>(frame));
    expect(i.use == FrameUse::page_table && i.level == level && i.aux == of && i.owner == info(of).owner, "page table",
           frame);
    expect(reached_.insert(frame).second, "a page table is used twice", frame);
    for (std::uint32_t n = 0; n < 512; ++n) {
      const std::uint64_t entry = table(frame)[n];
      if (!is_present(entry)) {
        expect(entry == 0, "an absent entry is 0", frame);
        continue;
      }
      ++counted_[frame].maps;
      if (level > 1) tables(of, pte_frame(entry).raw(), static_cast<std::uint8_t>(level - 1));
      else page(of, entry, frame);
    }
  }

  void page(std::uint32_t of, std::uint64_t entry, std::uint64_t where) {
    const FrameNumber f = pte_frame(entry);
    ++counted_[f.raw()].maps;
    const FrameInfo& i = k_.frames[f];
    expect(i.use == FrameUse::plain || i.use == FrameUse::info, "a frame in kernel use is mapped", where);
    expect((entry & abi::pte_user) != 0, "a page without the user bit", where);
    expect((entry & abi::pte_write) == 0 || (entry & abi::pte_may_write) != 0, "writable above the ceiling", where);
    expect((entry & abi::pte_no_execute) != 0 || (entry & abi::pte_may_execute) != 0, "executable above the ceiling",
           where);
    if (i.use == FrameUse::info)
      expect((entry & (abi::pte_may_write | abi::pte_may_execute)) == 0, "information pages are read-only", where);
    if ((entry & abi::pte_owned) != 0) expect(i.owner == info(of).owner, "owned by another account", where);
  }

  void frame(std::uint32_t f) {
    const FrameInfo& i = info(f);
    expect(i.maps == counted_[f].maps, "maps", f);
    expect(i.pins == counted_[f].pins, "pins", f);
    expect(i.refs == counted_[f].refs, "refs", f);
    if (i.use == FrameUse::free) {
      ++free_;
      expect(i.owner == 0 && i.maps == 0 && i.pins == 0 && i.refs == 0 && i.aux == 0 && i.level == 0, "a free frame",
             f);
    }
    if (i.use == FrameUse::plain) expect(i.aux == 0, "aux of a plain frame", f);
    if (i.use == FrameUse::plain || i.use == FrameUse::page_table) expect(i.owner != 0, "owner", f);
    if (i.use == FrameUse::page_table && i.level < 4)
      expect(reached_.contains(f), "a page table that nothing leads to", f);
    if (i.use == FrameUse::table_leaf) expect(leaves_.contains(f), "a leaf that nothing leads to", f);
    if (i.use == FrameUse::space)
      expect(object_at<Space>(f).viewers == views_[f], "viewers of a slot", f);
    if (i.use == FrameUse::table) expect(object_at<Table>(f).envs == table_envs_[f], "envs of table", f);
    if (f + 1 == k_.frames.count()) expect(free_ == k_.frames.free_count(), "free frames", free_);
  }

  void account(std::uint32_t name, const Sum& sum) {
    const auto& a = object_at<Account>(name);
    expect(a.used == sum.used, "account: used", name);
    expect(a.children == sum.children, "account: children", name);
    expect(a.objects == sum.objects, "account: objects", name);
    expect(a.used <= a.limit, "account: limit", name);
  }

  void processors() {
    for (const Cpu& cpu : machine().cpus) {
      if (cpu.current != nullptr) {
        expect(info(frame_index(cpu.current)).use == FrameUse::env, "current is no env", cpu.id.raw());
        expect(cpu.current->state == RunState::running && cpu.current->cpu == cpu.id.raw(), "current runs",
               cpu.id.raw());
        expect(cpu.space == cpu.current->space, "current's space is in use", cpu.id.raw());
      }
      if (cpu.started) expect(cpu.loaded == cpu.current, "settled", cpu.id.raw());
      if (cpu.space == 0) continue;
      expect(info(cpu.space).use == FrameUse::space, "a dead space is in use", cpu.id.raw());
      expect(machine().top[cpu.id.raw()] == object_at<Space>(cpu.space).top, "tables in use", cpu.id.raw());
    }
  }

  void sleepers() {
    std::size_t found = 0;
    std::vector<Env*> left;
    if (k_.sleepers.first() != nullptr) left.push_back(k_.sleepers.first());
    while (!left.empty()) {
      Env* e = left.back();
      left.pop_back();
      ++found;
      expect(e->sleep.queued && e->deadline >= k_.sleepers.first_deadline(), "sleepers' order", frame_index(e));
      for (Env* c = e->sleep.child; c != nullptr; c = c->sleep.next) {
        expect(c->deadline >= e->deadline, "heap order", frame_index(c));
        left.push_back(c);
      }
    }
    expect(found == queued_, "sleepers", found);
  }

  Kernel& k_;
  std::vector<Counted> counted_;
  std::vector<std::string> wrong_;
  std::vector<const Slot*> slots_;
  std::vector<std::uint32_t> spaces_;
  std::set<std::uint32_t> leaves_;
  std::set<std::uint64_t> reached_;
  std::map<std::uint32_t, Sum> accounts_;
  std::map<std::uint32_t, std::uint32_t> space_envs_, table_envs_;
  std::map<std::uint32_t, std::array<std::uint32_t, 256>> views_;  // by source: how often each slot is seen
  std::size_t queued_ = 0;
  std::uint64_t free_ = 0;
};

}  // namespace

std::vector<std::string> check(aegis::Kernel& k) { return Checker{k}.run(); }

}  // namespace fake
