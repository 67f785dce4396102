// SPDX-License-Identifier: MIT
#include "kernel/core/kernel.hpp"

namespace aegis {
namespace {

constinit TicketLock lock{};
constinit Kernel kernel{};

}  // namespace

KernelGuard::KernelGuard() { lock.acquire(); }
KernelGuard::~KernelGuard() { lock.release(); }
Kernel& KernelGuard::operator*() const { return kernel; }

}  // namespace aegis
