// SPDX-License-Identifier: MIT
// The checker. Passes: `visit` counts what each object and table leads to and marks what is reached; then slots, frames,
// spaces and sleepers are compared with that. No pointer is followed before it is known to lead to an object of its kind.
#include "kernel/core/check.hpp"

#include "kernel/core/env.hpp"
#include "kernel/core/program.hpp"
#include "kernel/core/space.hpp"
#include "kernel/core/table.hpp"
#include "kernel/core/translations.hpp"

namespace aegis {
namespace {

// What was counted for one frame; what a field means depends on what lives there.
struct Recount {
  std::uint32_t maps = 0;        // plain: entries that map it; page tables: entries in use
  std::uint16_t pins = 0, refs = 0;
  bool reached = false;          // page tables, leaves: something leads here
  std::uint32_t envs = 0;        // spaces, tables: that are in them
  std::uint32_t watchers = 0;    // envs that wait for something here
  std::uint32_t viewed = 0;      // spaces: slots that others see
  std::uint32_t children = 0;    // accounts
  std::array<std::uint64_t, abi::resource_count> used{}, promised{};  // accounts: by Resource
};

constexpr std::uint8_t top_level = 4;

class Checker {
 public:
  Checker(Kernel& k, const CheckSink& sink) : k_{k}, sink_{sink}, counted_{reinterpret_cast<Recount*>(k.recount)} {}

  std::uint64_t run() {
    for (std::uint32_t f = 0; f < count(); ++f) counted_[f] = Recount{};
    for (std::uint32_t f = 0; f < count(); ++f) visit(f);
    for (std::uint32_t f = 0; f < count(); ++f)
      if (use(f) == FrameUse::table_leaf && counted_[f].reached) leaf_links(f);
    tree();
    for (std::uint32_t f = 0; f < count(); ++f) compare(f);
    expect(free_ == k_.frames.free_count(), "free frames", free_);
    expect(requests_ == k_.open_requests, "open requests", requests_);
    expect(watched_ == k_.watched, "watched frames", watched_);
    processors();
    sleepers();
    return wrong_;
  }

 private:
  bool expect(bool good, std::string_view what, std::uint64_t where) {
    if (good) return true;
    ++wrong_;
    sink_.report(sink_.context, what, where);
    return false;
  }
  [[nodiscard]] std::uint32_t count() const { return static_cast<std::uint32_t>(k_.frames.count()); }
  [[nodiscard]] FrameInfo& info(std::uint32_t f) const { return k_.frames[f]; }
  [[nodiscard]] bool is(std::uint64_t f, FrameUse wanted) const {
    return f < count() && info(static_cast<std::uint32_t>(f)).use == wanted;
  }
  [[nodiscard]] FrameUse use(std::uint32_t f) const { return info(f).use; }
  [[nodiscard]] Recount& recount(std::uint64_t f) const { return counted_[f]; }
  static const std::uint64_t* table(std::uint64_t f) {
    return reinterpret_cast<const std::uint64_t*>(arch::frame_memory(FrameNumber{f}));
  }
  // The frame that a pointer of the kernel's leads to, whatever it is; count() when it leads nowhere.
  [[nodiscard]] std::uint32_t frame_behind(const void* p) const {
    const auto start = reinterpret_cast<std::uintptr_t>(arch::frame_memory(FrameNumber{0}));
    const std::uint64_t f = (reinterpret_cast<std::uintptr_t>(p) - start) / abi::page_size;
    return f < count() ? static_cast<std::uint32_t>(f) : count();
  }

  // --- counting --------------------------------------------------------------------------------------------------
  void visit(std::uint32_t f) {
    const FrameInfo& i = info(f);
    if (i.use == FrameUse::free) return;
    if (i.owner != 0 && expect(is(i.owner, FrameUse::account), "owner is no account", f)) {
      Recount& sum = recount(i.owner);
      ++sum.used[0];
      if (i.use != FrameUse::plain) ++sum.used[2];
    }
    if (i.use == FrameUse::account) account(f);
    if (i.use == FrameUse::space) space(f);
    if (i.use == FrameUse::env) env(f);
    if (i.use == FrameUse::table) table_object(f);
    if (i.use == FrameUse::program) program(f);
  }

  void account(std::uint32_t f) {
    const auto& a = object_at<Account>(f);
    if (a.vector != 0 && expect(is(a.vector, FrameUse::plain), "a revocation page is not plain", f)) ++recount(a.vector).pins;
    if (a.parent == 0 || !expect(is(a.parent, FrameUse::account), "an account's parent is gone", f)) return;
    Recount& above = recount(a.parent);
    for (std::size_t r = 0; r < abi::resource_count; ++r) {
      above.used[r] += a.usage[r].claim();
      above.promised[r] += a.usage[r].minimum;
    }
    ++above.children;
    expect(a.depth == object_at<Account>(a.parent).depth + 1, "an account's depth", f);
    expect(info(f).owner == a.parent, "an account's frame is its parent's", f);
  }

  void env(std::uint32_t f) {
    const auto& e = object_at<Env>(f);
    if (expect(is(e.user_area.raw(), FrameUse::plain), "user area is not plain", f)) ++recount(e.user_area.raw()).pins;
    if (expect(is(e.space, FrameUse::space), "an env's space is gone", f)) ++recount(e.space).envs;
    if (expect(is(e.table, FrameUse::table), "an env's table is gone", f)) ++recount(e.table).envs;
    const bool current = e.cpu < arch::cpu_count() && arch::cpu(arch::CpuId{e.cpu}).current == &e;
    expect((e.state == RunState::running) == current, "running means current", f);
    expect(!e.sleep.queued || e.state == RunState::sleeping, "only sleepers are queued", f);
    expect((e.state == RunState::calling) == (e.callee != nullptr), "calling means a callee", f);
    expect(e.callee == nullptr || e.callee->caller == &e, "a callee knows its caller", f);
    expect(e.caller == nullptr || e.caller->callee == &e, "a caller knows its callee", f);
    expect(e.state != RunState::accepting || e.caller == nullptr, "who accepts answers nobody", f);
    waits(f, e);
    if (e.sleep.queued) ++queued_;
    std::uint32_t positions = 0;
    for (const ObjectRef owner : k_.slices) positions += owner == k_.frames.ref_of(&e);
    expect(positions == e.positions, "positions of an env", f);
    if (is(info(f).owner, FrameUse::account)) recount(info(f).owner).used[1] += positions;
  }

  void waits(std::uint32_t f, const Env& e) {
    const Wait& wait = e.wait;
    expect(wait.count == 0 || e.state == RunState::sleeping, "only sleepers wait for words", f);
    expect((wait.count == 0) == (wait.watched == 0), "who waits watches", f);
    if (!expect(wait.count <= abi::max_watch_words && wait.watched <= max_watches, "a wait's words", f)) return;
    const auto watches = std::span{wait.watches}.first(wait.watched);
    const auto watched = [&](std::uint32_t frame) {
      return std::ranges::any_of(watches, [=](const Watch& at) { return at.frame == frame; });
    };
    for (std::uint32_t i = 0; i < wait.count; ++i) expect(watched(frame_behind(wait.words[i])), "a word that is not watched", f);
    if (wait.count != 0 && wait.program != 0)
      expect(is(wait.program, FrameUse::program) && watched(wait.program), "a wait's program", f);
    for (const Watch& at : watches) {
      const bool good = at.frame < count() && is_watched(info(at.frame)) && is(at.next, FrameUse::env) && is(at.prev, FrameUse::env);
      if (!expect(good, "a watch", f)) continue;
      ++recount(at.frame).watchers;
      const Watch* next = find_watch(at.next, at.frame);
      const Watch* prev = find_watch(at.prev, at.frame);
      expect(next != nullptr && next->prev == f && prev != nullptr && prev->next == f, "a ring of watchers", f);
    }
  }
  static const Watch* find_watch(std::uint32_t env, std::uint32_t frame) {
    const Wait& wait = object_at<Env>(env).wait;
    for (const Watch& at : std::span{wait.watches}.first(std::min<std::size_t>(wait.watched, max_watches)))
      if (at.frame == frame) return &at;
    return nullptr;
  }
  // All who watch the frame are in one ring, that it leads to, from the one who was looked at longest ago.
  void ring(std::uint32_t f) {
    std::uint32_t met = 0;
    std::uint64_t looked = 0;
    for (std::uint32_t at = info(f).aux; met < recount(f).watchers; ++met) {
      const Watch* here = is(at, FrameUse::env) ? find_watch(at, f) : nullptr;
      if (!expect(here != nullptr && here->looked > looked && here->looked <= k_.looks, "a ring's order", f)) return;
      looked = here->looked;
      at = here->next;
      if (at == info(f).aux) {
        ++met;
        break;
      }
    }
    expect(met == recount(f).watchers && met != 0, "a ring's length", f);
  }

  void program(std::uint32_t f) {
    const auto& p = object_at<Program>(f);
    using abi::ProgramState;
    expect((p.state == ProgramState::loading) == (p.work != 0), "a program that is loading has work frames", f);
    const bool listed = p.info >= k_.programs.entries().data() && p.info < k_.programs.entries().data() + k_.programs.entries().size();
    if (expect(listed, "a program's entry", f))
      expect(p.info->program == f && p.info->account == info(f).owner && p.info->state == static_cast<std::uint32_t>(p.state), "a program's entry", f);
    expect(p.state != ProgramState::ready || p.code != 0, "a ready program has code", f);
    expect(p.inside <= arch::cpu_count(), "processors inside a program", f);
    parts(f, p.work, p.work_frames);
    parts(f, p.code, p.code_frames);
    if (is(info(f).owner, FrameUse::account)) ++recount(info(f).owner).used[3];
    for (std::uint32_t r = 0; r < p.header.region_count; ++r) {
      const abi::ProgramRegion& region = p.header.regions[r];
      if (!expect(base::range_within(region.first, region.count, count()), "a program's region", f)) continue;
      for (std::uint64_t n = region.first; n < region.first + region.count; ++n) {
        ++recount(n).pins;
        expect(is(n, FrameUse::plain) && info(static_cast<std::uint32_t>(n)).owner == info(f).owner, "a program's region", f);
      }
    }
  }
  void parts(std::uint32_t f, std::uint32_t first, std::uint32_t frames) {
    for (std::uint32_t n = first; n < first + frames; ++n) {
      const bool good = is(n, FrameUse::program_part) && info(n).aux == f && info(n).owner == info(f).owner;
      if (expect(good, "part of a program", f)) expect(!std::exchange(recount(n).reached, true), "a part is used twice", n);
    }
  }

  void table_object(std::uint32_t f) {
    const auto& t = object_at<Table>(f);
    std::uint32_t number = 0;
    for (const Leaf* leaf : t.leaves) leaf_of(f, leaf, number++);
    for (const LeafIndex* index : t.indexes) {
      const std::uint32_t at = frame_behind(index), first = number;
      number += abi::leaves_per_index;
      if (index == nullptr) continue;
      const bool good = is(at, FrameUse::table_index) && info(at).aux == f && info(at).maps == first;
      if (!expect(good, "index of leaves", f)) continue;
      expect(!std::exchange(recount(at).reached, true), "an index is used twice", at);
      recount(at).maps = first;
      for (std::uint32_t i = 0; i < abi::leaves_per_index; ++i) leaf_of(f, (*index)[i], first + i);
    }
  }

  void leaf_of(std::uint32_t f, const Leaf* there, std::uint32_t number) {
    if (there == nullptr) return;
    const Leaf& leaf = *there;
    const std::uint32_t at = frame_behind(there);
    const bool good = is(at, FrameUse::table_leaf) && info(at).aux == f && info(at).maps == number;
    if (!expect(good, "leaf", f)) return;
    recount(at).maps = number;
    expect(!std::exchange(recount(at).reached, true), "a leaf is used twice", at);
    for (const Slot& slot : leaf) {
      if (slot.empty()) {
        const bool bare = slot.parent == nullptr && slot.first_child == nullptr && slot.next == nullptr &&
                          slot.prev == nullptr;
        expect(bare, "links of an empty slot", at);
        continue;
      }
      ++slots_;
      if (slot.kind != Kind::frames) continue;
      if (!expect(base::range_within(slot.base, slot.count, count()), "a capability's range", at)) continue;
      for (std::uint64_t n = slot.base; n < slot.base + slot.count; ++n) ++recount(n).refs;
    }
  }

  void space(std::uint32_t f) {
    const auto& s = object_at<Space>(f);
    const bool good = is(s.top, FrameUse::page_table) && info(s.top).level == top_level && info(s.top).aux == f &&
                      info(s.top).owner == info(f).owner;
    if (!expect(good, "top table", f)) return;
    expect(!std::exchange(recount(s.top).reached, true), "a page table is used twice", s.top);
    kernel_half(s.top);
    for (std::uint32_t i = 0; i < abi::user_slots; ++i) top_entry(f, s, i);
  }

  // The kernel's entries are the same in every space, but for the bits that the processor sets.
  void kernel_half(std::uint32_t top) {
    if (some_top_ == 0) some_top_ = top;
    const auto settled = [](std::uint64_t entry) { return entry & ~pte_changed_by_cpu; };
    bool good = pte_frame(table(top)[abi::window_slot]).raw() == top &&
                (table(top)[abi::window_slot] & (abi::pte_write | abi::pte_present)) == abi::pte_present;
    for (std::uint64_t i = abi::window_slot + 1; i < table_entries; ++i)
      good = good && settled(table(top)[i]) == settled(table(some_top_)[i]);
    expect(good, "the kernel's half", top);
  }

  void top_entry(std::uint32_t f, const Space& s, std::uint32_t slot) {
    const std::uint64_t entry = table(s.top)[slot];
    const std::uint32_t from = s.source[slot];
    if (!is_present(entry)) {
      expect(entry == 0 && from == 0, "an absent entry is 0", s.top);
      return;
    }
    ++recount(s.top).maps;
    if (from == 0) return tables(f, pte_frame(entry).raw(), top_level - 1);
    if (!expect(is(from, FrameUse::space), "a link's source is gone", f)) return;
    ++recount(from).viewed;
    const auto& source = object_at<Space>(from);
    if (!expect(is(source.top, FrameUse::page_table) && source.source[slot] == 0, "a link's source", f)) return;
    expect(pte_frame(table(source.top)[slot]) == pte_frame(entry), "a link differs from its source", f);
  }

  void tables(std::uint32_t of, std::uint64_t frame, std::uint8_t level) {
    const bool in_memory = frame < count();
    if (!expect(in_memory, "page table", frame)) return;
    const FrameInfo& i = k_.frames[FrameNumber{frame}];
    const bool good = i.use == FrameUse::page_table && i.level == level && i.aux == of && i.owner == info(of).owner;
    if (!expect(good, "page table", frame)) return;
    if (!expect(!std::exchange(recount(frame).reached, true), "a page table is used twice", frame)) return;
    for (std::uint64_t n = 0; n < table_entries; ++n) {
      const std::uint64_t entry = table(frame)[n];
      if (!is_present(entry)) {
        expect(entry == 0, "an absent entry is 0", frame);
        continue;
      }
      ++recount(frame).maps;
      const bool large = (entry & abi::pte_large) != 0;
      if (large && !expect(level == 2, "a large entry at the wrong level", frame)) continue;
      if (level == 1 || large) pages(of, entry, large ? table_entries : 1, frame);
      else tables(of, pte_frame(entry).raw(), static_cast<std::uint8_t>(level - 1));
    }
  }

  // An entry that maps `n` frames.
  void pages(std::uint32_t of, std::uint64_t entry, std::uint64_t n, std::uint64_t where) {
    const std::uint64_t first = pte_frame(entry).raw();
    if (!expect(first % n == 0 && base::range_within(first, n, count()), "mapped beyond memory", where)) return;
    expect((entry & abi::pte_user) != 0, "a page without the user bit", where);
    expect((entry & abi::pte_write) == 0 || (entry & abi::pte_may_write) != 0, "writable above the ceiling", where);
    expect((entry & abi::pte_no_execute) != 0 || (entry & abi::pte_may_execute) != 0, "executable above the ceiling",
           where);
    expect((entry & key_bits(k_.flags_astray)) == 0, "a key that the processor lacks", where);
    for (std::uint64_t f = first; f < first + n; ++f) {
      ++recount(f).maps;
      const FrameInfo& i = k_.frames[FrameNumber{f}];
      expect(i.use == FrameUse::plain || i.use == FrameUse::info, "a frame in kernel use is mapped", f);
      if (i.use == FrameUse::info)
        expect((entry & (abi::pte_may_write | abi::pte_may_execute)) == 0, "information pages are read-only", where);
      expect(i.owner == info(of).owner || (i.flags & abi::frame_abroad) != 0, "abroad and not said so", where);
      if ((entry & abi::pte_owned) != 0) expect(i.owner == info(of).owner, "owned by another account", where);
    }
  }

  // --- the derivation tree ---------------------------------------------------------------------------------------
  [[nodiscard]] bool leads_to_slot(const Slot* slot) const {
    const std::uint32_t f = frame_behind(slot);
    return is(f, FrameUse::table_leaf) && counted_[f].reached && reinterpret_cast<std::uintptr_t>(slot) % sizeof(Slot) == 0 &&
           !slot->empty();
  }

  void leaf_links(std::uint32_t f) {
    for (const Slot& slot : object_at<Leaf>(f))
      if (!slot.empty()) slot_links(slot, f);
  }

  void slot_links(const Slot& slot, std::uint32_t f) {
    for (const Slot* other : {slot.parent, slot.first_child, slot.next, slot.prev})
      if (other != nullptr && !expect(leads_to_slot(other), "a link leads nowhere", f)) {
        links_good_ = false;
        return;
      }
    const bool child = slot.first_child == nullptr || (slot.first_child->parent == &slot && slot.first_child->prev == nullptr);
    const bool next = slot.next == nullptr || (slot.next->prev == &slot && slot.next->parent == slot.parent);
    const bool prev = slot.prev == nullptr || slot.prev->next == &slot;
    const bool root = slot.parent != nullptr || (slot.next == nullptr && slot.prev == nullptr);
    const bool known = slot.parent == nullptr || slot.prev != nullptr || slot.parent->first_child == &slot;
    const bool all[] = {expect(child, "first child", f), expect(next, "next", f), expect(prev, "prev", f),
                        expect(root, "a root has no siblings", f), expect(known, "not among the parent's children", f)};
    for (const bool good : all) links_good_ = links_good_ && good;
    if (slot.parent != nullptr) attenuated(*slot.parent, slot, f);
  }

  void attenuated(const Slot& parent, const Slot& slot, std::uint32_t f) {
    if (parent.kind == Kind::account && !(parent.object == slot.object)) {
      // Below an account's capability lie those to what it, or an account below it, paid for.
      if (!is_live(k_, parent) || !is_live(k_, slot)) return;
      const std::uint32_t owner = slot.kind == Kind::frames ? slot.object.frame : info(slot.object.frame).owner;
      if (!expect(is(owner, FrameUse::account), "a capability below an account that did not pay", f)) return;
      expect(object_at<Account>(owner).is_within(object_at<Account>(parent.object.frame)),
             "a capability below a stranger's account", f);
      return;
    }
    expect(parent.object == slot.object, "a child's object", f);
    if (parent.kind == Kind::account && slot.kind == Kind::frames) return;
    if (parent.kind == Kind::env && slot.kind == Kind::entry) return;
    expect(parent.kind == slot.kind && (slot.rights & ~parent.rights) == 0, "a child has more rights", f);
    if (!slot.is_range()) return;
    const bool inside = slot.base >= parent.base && slot.base + slot.count <= parent.base + parent.count;
    expect(inside, "a child's range", f);
  }

  // Every slot hangs on a root: walking down from the roots meets each once.
  void tree() {
    if (!links_good_) return;
    std::uint64_t met = 0;
    for (std::uint32_t f = 0; f < count(); ++f) {
      if (use(f) != FrameUse::table_leaf || !counted_[f].reached) continue;
      for (const Slot& slot : object_at<Leaf>(f))
        if (!slot.empty() && slot.parent == nullptr) met += tree_size(slot, slots_ - met);
    }
    expect(met == slots_, "capabilities that hang on no root", slots_ - met);
  }

  static std::uint64_t tree_size(const Slot& root, std::uint64_t most) {
    std::uint64_t size = 1;
    const Slot* at = &root;
    while (size <= most) {
      if (at->first_child != nullptr) {
        at = at->first_child;
      } else {
        while (at != &root && at->next == nullptr) at = at->parent;
        if (at == &root) return size;
        at = at->next;
      }
      ++size;
    }
    return size;
  }

  // --- comparing -------------------------------------------------------------------------------------------------
  void compare(std::uint32_t f) {
    const FrameInfo& i = info(f);
    const Recount& c = recount(f);
    expect(i.maps == c.maps, "maps", f);
    expect(i.pins == c.pins + (c.watchers != 0 ? 1 : 0), "pins", f);
    if (expect(is_watched(i) == (c.watchers != 0), "watched", f) && c.watchers != 0) {
      ++watched_;
      ring(f);
    }
    expect(i.refs == c.refs, "refs", f);
    switch (i.use) {
      case FrameUse::free:
        ++free_;
        expect(i.owner == 0 && i.maps == 0 && i.pins == 0 && i.refs == 0 && i.aux == 0 && i.level == 0 && i.flags == 0,
               "a free frame", f);
        break;
      case FrameUse::plain:
        expect(i.maps != 0 || (i.flags & abi::frame_abroad) == 0, "abroad without a mapping", f);
        expect(i.owner != 0, "owner", f);
        expect(!is_condemned(i) || may_be_condemned(i.owner), "condemned for nothing", f);
        expect(is_condemned(i) == k_.frames.any_condemned(f, 1), "condemned twice told", f);
        break;
      case FrameUse::page_table:
        expect(i.owner != 0, "owner", f);
        expect(c.reached, "a page table that nothing leads to", f);
        break;
      case FrameUse::table_index: expect(c.reached, "an index that nothing leads to", f); break;
      case FrameUse::program_part: expect(c.reached, "part of no program", f); break;
      case FrameUse::table_leaf: expect(c.reached, "a leaf that nothing leads to", f); break;
      case FrameUse::space: compare_space(f); break;
      case FrameUse::table: expect(object_at<Table>(f).envs == c.envs, "envs of table", f); break;
      case FrameUse::account: compare_account(f); break;
      default: break;
    }
  }

  // Its account is ending, or under force with the one above that is.
  [[nodiscard]] bool may_be_condemned(std::uint32_t owner) const {
    if (!is(owner, FrameUse::account)) return true;  // said elsewhere
    const auto& account = object_at<Account>(owner);
    const Account* top = k_.frames.live<Account>(k_.force.account);
    return account.dying || (top != nullptr && account.is_within(*top));
  }

  void compare_account(std::uint32_t f) {
    const auto& a = object_at<Account>(f);
    const Recount& c = recount(f);
    expect(a.children == c.children, "account: children", f);
    constexpr std::array<std::string_view, abi::resource_count> names{"account: frames", "account: slices",
                                                                      "account: objects", "account: programs"};
    for (std::size_t r = 0; r < abi::resource_count; ++r) {
      const Usage& usage = a.usage[r];
      expect(usage.used == c.used[r], names[r], f);
      expect(usage.promised == c.promised[r] && usage.promised <= usage.minimum, "account: minima", f);
      expect(usage.minimum <= usage.limit && (usage.excess() == 0 || is_asked(a, r)), "account: limit", f);
    }
    if (a.request.open) ++requests_;
  }

  // Resources are being asked back from it, or from one above it (whose force lowers limits below).
  static bool is_asked(const Account& account, std::size_t what) {
    for (const Account* at = &account; at != nullptr; at = at->above())
      if (at->request.open && static_cast<std::size_t>(at->request.resource) == what) return true;
    return false;
  }

  void compare_space(std::uint32_t f) {
    const auto& s = object_at<Space>(f);
    const Recount& c = recount(f);
    expect(s.envs == c.envs, "envs of space", f);
    expect(s.viewed == c.viewed, "viewers", f);
    std::uint32_t links = 0;
    for (const std::uint32_t source : s.source) links += source != 0 ? 1 : 0;
    expect(s.links == links, "links", f);
    for (std::uint64_t active = s.active; active != 0; active &= active - 1) {
      const auto id = static_cast<std::uint32_t>(std::countr_zero(active));
      const bool there = id < arch::cpu_count() && arch::cpu(arch::CpuId{id}).space == f;
      if (expect(there, "used by a processor that is elsewhere", f))
        expect(arch::cpu(arch::CpuId{id}).current != nullptr, "used by an idle processor", f);
    }
    if (s.viewed == 0 && c.viewed == 0) {
      bool nobody = true;
      for (const std::uint32_t n : s.viewers) nobody = nobody && n == 0;
      expect(nobody, "viewers of a slot", f);
      return;
    }
    std::array<std::uint32_t, abi::user_slots> viewers{};
    for (std::uint32_t other = 0; other < count(); ++other) {
      if (use(other) != FrameUse::space) continue;
      const auto& viewer = object_at<Space>(other);
      for (std::uint32_t i = 0; i < abi::user_slots; ++i)
        if (viewer.source[i] == f) ++viewers[i];
    }
    expect(viewers == s.viewers, "viewers of a slot", f);
  }

  // --- processors and sleepers -----------------------------------------------------------------------------------
  void processors() {
    for (std::uint32_t id = 0; id < arch::cpu_count(); ++id) {
      const Cpu& cpu = arch::cpu(arch::CpuId{id});
      if (cpu.current != nullptr && expect(is(frame_behind(cpu.current), FrameUse::env), "current is no env", id)) {
        expect(cpu.current->state == RunState::running && cpu.current->cpu == id, "current runs", id);
        expect(cpu.space == cpu.current->space, "current's space is in use", id);
        expect((object_at<Space>(cpu.space).active & cpu_bit(cpu)) != 0, "a space does not know where it is used", id);
      }
      if (cpu.started) expect(cpu.loaded == cpu.current, "settled", id);
      if (cpu.space != 0) expect(is(cpu.space, FrameUse::space), "a dead space is in use", id);
    }
  }

  [[nodiscard]] bool leads_to_sleeper(const Env* env) const {
    return is(frame_behind(env), FrameUse::env) && object_at<Env>(frame_behind(env)).sleep.queued &&
           reinterpret_cast<std::uintptr_t>(env) % abi::page_size == 0;
  }

  void sleepers() {
    Env* root = k_.sleepers.first();
    if (root == nullptr) return static_cast<void>(expect(queued_ == 0, "sleepers", queued_));
    if (!expect(leads_to_sleeper(root) && root->sleep.prev == nullptr && root->sleep.next == nullptr, "first sleeper", 0))
      return;
    for (std::uint32_t f = 0; f < count(); ++f)
      if (use(f) == FrameUse::env && object_at<Env>(f).sleep.queued && !sleeper_links(object_at<Env>(f), f)) return;
    const std::uint64_t met = heap_size(*root);
    expect(met == queued_, "sleepers", met);
  }

  bool sleeper_links(const Env& e, std::uint32_t f) {
    const SleepLink& s = e.sleep;
    for (const Env* other : {s.child, s.next, s.prev})
      if (other != nullptr && !expect(leads_to_sleeper(other), "a sleeper's link leads nowhere", f)) return false;
    const bool good = (s.child == nullptr || s.child->sleep.prev == &e) && (s.next == nullptr || s.next->sleep.prev == &e) &&
                      (s.prev == nullptr || s.prev->sleep.child == &e || s.prev->sleep.next == &e);
    return expect(good, "a sleeper's links", f);
  }

  // Envs in the heap, and that none is due before the one it hangs on.
  std::uint64_t heap_size(const Env& root) {
    std::uint64_t size = 1;
    const Env* at = &root;
    while (size <= queued_) {
      if (at->sleep.child != nullptr) {
        expect(at->sleep.child->deadline >= at->deadline, "heap order", frame_behind(at));
        at = at->sleep.child;
      } else {
        while (at != &root && at->sleep.next == nullptr) at = elder(*at);
        if (at == &root) return size;
        const Env* above = elder(*at);
        at = at->sleep.next;
        expect(above->deadline <= at->deadline, "heap order", frame_behind(at));
      }
      ++size;
    }
    return size;
  }
  // The one that an env hangs on: `prev` leads there by way of its elder siblings.
  static const Env* elder(const Env& env) {
    const Env* at = &env;
    while (at->sleep.prev->sleep.child != at) at = at->sleep.prev;
    return at->sleep.prev;
  }

  Kernel& k_;
  const CheckSink& sink_;
  Recount* counted_;
  std::uint64_t wrong_ = 0, free_ = 0, slots_ = 0, queued_ = 0, requests_ = 0, watched_ = 0;
  std::uint32_t some_top_ = 0;
  bool links_good_ = true;
};

}  // namespace

const std::uint64_t recount_size = sizeof(Recount);

Result<std::uint64_t> check_tables(Kernel& k, const CheckSink& sink) { return Checker{k, sink}.run(); }

}  // namespace aegis
