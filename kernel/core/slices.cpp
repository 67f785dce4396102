// SPDX-License-Identifier: MIT
#include "kernel/core/slices.hpp"

namespace aegis {
namespace {

void take_from(Kernel& k, std::uint32_t position, Env& owner) {
  k.slices[position] = {};
  --owner.positions;
  pay_back(k, owner_of(k, frame_index(&owner)), Resource::slices, position);
}

}  // namespace

Status bind_position(Kernel& k, std::uint32_t position, Env* env) {
  Env* before = k.frames.live<Env>(k.slices[position]);
  if (env == before) return {};
  Account* payer = env != nullptr ? &owner_of(k, frame_index(env)) : nullptr;
  if (payer != nullptr) {
    const bool pays_already = before != nullptr && &owner_of(k, frame_index(before)) == payer;
    const Usage& usage = payer->of(Resource::slices);
    if (payer->dying || usage.used + (pays_already ? 0 : 1) > usage.limit) return fail(Error::over_limit);
  }
  // point of no return
  if (before != nullptr) take_from(k, position, *before);
  if (env == nullptr) return {};
  charge(k, *payer, Resource::slices, position, 1);
  k.slices[position] = k.frames.ref_of(env);
  ++env->positions;
  return {};
}

void release_positions(Kernel& k, Env& env) {
  const ObjectRef name = k.frames.ref_of(&env);
  for (std::uint32_t position = 0; env.positions != 0; ++position)
    if (k.slices[position] == name) take_from(k, position, env);
}

}  // namespace aegis
