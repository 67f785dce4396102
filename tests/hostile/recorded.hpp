// SPDX-License-Identifier: MIT
// The call stubs once more, noting each answer: an error that the table does not document for the call fails the test, and
// at the end so does each documented one that nothing provoked.
#pragma once

#include "abi/documented.hpp"
#include "tests/hostile/attack.hpp"

namespace attack {

using abi::documented, abi::error_bit, abi::error_count, abi::ErrorSet;

class Answers {
 public:
  void note(abi::Call call, Error error) {
    const auto index = static_cast<std::size_t>(call);
    const ErrorSet bit = error_bit(error);
    if (error != Error::none && (documented[index] & bit) == 0 && (seen_[index] & bit) == 0)
      fail(here(), base::Text<120>{"{} answered {}, which is not documented", abi::call_names[index], error}.view());
    seen_[index] |= bit;
  }
  void check_all_seen() const {
    std::uint32_t pairs = 0;
    for (std::size_t i = 0; i < abi::call_count; ++i) {
      pairs += static_cast<std::uint32_t>(std::popcount(documented[i]));
      for (std::uint32_t e = 1; e < error_count; ++e)
        if ((documented[i] & ~seen_[i] & 1u << e) != 0)
          fail(here(), base::Text<120>{"{}: nothing provoked {}", abi::call_names[i], static_cast<Error>(e)}.view());
    }
    rt::log("{} documented errors of {} calls", pairs, abi::call_count);
  }

 private:
  std::array<ErrorSet, abi::call_count> seen_{};
};
inline constinit Answers answers{};

template <typename Stub>
struct RecordedStub;
template <abi::Call Number, typename Value, typename... Arguments>
struct RecordedStub<rt::detail::Stub<Number, Value, void(Arguments...)>> {
  rt::RawAnswer raw(Arguments... arguments) const {
    const std::array<std::uint64_t, 6> registers{rt::detail::to_register(arguments)...};
    const rt::RawAnswer answer = any_call(abi::call_base + static_cast<std::uint64_t>(Number), registers.data());
    answers.note(Number, answer.code());
    return answer;
  }
  abi::Result<Value> operator()(Arguments... arguments) const {
    const rt::RawAnswer answer = raw(arguments...);
    if (answer.error != 0) return base::Unexpected{answer.code()};
    if constexpr (std::is_void_v<Value>) return {};
    else return answer.value;
  }
};

// Stands in for rt::call in the programs that count: `namespace call = attack::recorded;`.
namespace recorded {
#define AEGIS_CALL(number, name, arguments, value, path, rights, errors, meaning) \
  inline constexpr RecordedStub<std::remove_const_t<decltype(::rt::call::name)>> name{};
AEGIS_CALLS(AEGIS_CALL)
#undef AEGIS_CALL
}  // namespace recorded

}  // namespace attack
