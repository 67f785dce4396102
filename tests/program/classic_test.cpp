// SPDX-License-Identifier: MIT
// Filters as tcpdump's users write them, compiled by libpcap, translated, and compared with libpcap's own interpreter
// on captured and on made packets; then random programs of all instructions.
#include <gtest/gtest.h>

#include <random>

#include "tests/program/classic_case.hpp"

namespace program_test {
namespace {

using Packet = std::vector<std::byte>;
using parts::program::ClassicFault;

const std::vector<std::string> expressions{
    "",
    "ip",
    "ip6",
    "arp",
    "rarp",
    "tcp",
    "udp",
    "icmp",
    "icmp6",
    "igmp",
    "sctp",
    "esp",
    "ah",
    "pim",
    "vrrp",
    "stp",
    "broadcast",
    "multicast",
    "ip broadcast",
    "ip multicast",
    "ip6 multicast",
    "ether broadcast",
    "ether multicast",
    "host 127.0.0.1",
    "src host 10.0.0.1",
    "dst host 10.0.0.2",
    "host 10.0.0.1 and host 10.0.0.2",
    "not host 127.0.0.1",
    "host ::1",
    "src host fe80::1",
    "net 10.0.0.0/8",
    "src net 192.168.0.0/16",
    "dst net 10.0.0.0 mask 255.255.255.0",
    "net 127",
    "ip6 net fe80::/10",
    "net 2001:db8::/32",
    "port 53",
    "port 8080",
    "src port 8080",
    "dst port 80",
    "tcp port 80",
    "udp port 5353",
    "tcp src port 8080",
    "tcp dst port 8080",
    "portrange 1-1023",
    "tcp portrange 8000-9000",
    "dst portrange 5000-6000",
    "port 80 or port 443",
    "tcp and not port 22",
    "ip proto 47",
    "ip proto \\udp",
    "ip6 proto 58",
    "proto 17",
    "ip protochain 6",
    "ip6 protochain 17",
    "ether host 02:00:00:00:00:01",
    "ether src 02:00:00:00:00:01",
    "ether dst ff:ff:ff:ff:ff:ff",
    "ether proto 0x0800",
    "ether proto \\ip6",
    "ether proto 0x88cc",
    "vlan",
    "vlan 7",
    "vlan and ip",
    "vlan 7 and tcp port 80",
    "vlan and vlan and udp",
    "mpls",
    "mpls 100",
    "pppoes",
    "pppoed",
    "llc",
    "len > 100",
    "len <= 64",
    "less 60",
    "greater 200",
    "len = 42",
    "len - 14 > 40",
    "ip[0] & 0xf != 5",
    "ip[6:2] & 0x1fff = 0",
    "ip[6] & 0x20 != 0",
    "ip[8] < 64",
    "ip[2:2] > 576",
    "ip[12:4] = 0x7f000001",
    "ip[16:4] & 0xff000000 = 0x0a000000",
    "tcp[13] & 2 != 0",
    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
    "tcp[tcpflags] == tcp-syn|tcp-ack",
    "tcp[0:2] > 1024",
    "tcp[4:4] % 3 = 1",
    "tcp[12] >> 4 > 5",
    "tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420",
    "udp[4:2] > 20",
    "udp[8:2] ^ 0x1234 = 0",
    "udp[0:2] * 2 > 9000",
    "udp[10] & 0x80 = 0",
    "icmp[icmptype] = icmp-echo",
    "icmp[0] != 0 and icmp[0] != 8",
    "icmp[4:4] / 7 < 100000",
    "icmp6[0] == 128",
    "ip6[6] = 17",
    "ip6[4:2] + 40 > 100",
    "ip6[40:2] << 1 > 200",
    "ether[0] & 1 = 0",
    "ether[12:2] = 0x0806",
    "ether[20:2] = 1",
    "-1 * ip[8] < 0",
    "ip[9] | 1 = 7",
    "ip[8] - ip[9] > 10",
    "ip[ip[0] & 0xf : 1] = 4",
    "arp[6:2] = 1",
    "arp and arp[24:4] = 0x0a000002",
    "tcp and src net 10.0.0.0/24 and dst port 80 and tcp[13] & 0x10 != 0",
    "(tcp or udp) and (port 53 or port 80 or port 8080) and not src host 10.0.0.9",
    "ip and (ip[6:2] & 0x3fff) != 0",
    "tcp port 80 and (((ip[2:2] - ((ip[0] & 0xf) << 2)) - ((tcp[12] & 0xf0) >> 2)) != 0)",
    "host 10.0.0.1 or host 10.0.0.2 or host 10.0.0.3 or host 10.0.0.4 or host 10.0.0.5 or host 10.0.0.6 or host "
    "10.0.0.7",
    "icmp or arp or (udp and portrange 5000-5999) or (tcp and tcp[13] = 2)",
    "gateway 10.0.0.1",
    "ip6 and udp port 5353",
    "inbound",
    "ether[100:4] = 0",
    "ip[40000] = 1",
    "link[0] = 0",
    "radio[0] = 1"};

class Dice {
 public:
  explicit Dice(std::uint32_t seed) : engine_{seed} {}
  std::uint32_t operator()() { return static_cast<std::uint32_t>(engine_()); }

 private:
  std::mt19937 engine_;
};

struct Builder {
  Packet bytes;
  Builder& put(std::initializer_list<unsigned> values) {
    for (const unsigned v : values) bytes.push_back(static_cast<std::byte>(v));
    return *this;
  }
  Builder& be16(unsigned v) { return put({v >> 8 & 255, v & 255}); }
  Builder& be32(std::uint32_t v) { return be16(v >> 16).be16(v & 0xffff); }
  Builder& fill(std::size_t count, Dice& dice) {
    for (; count > 0; --count) bytes.push_back(static_cast<std::byte>(dice()));
    return *this;
  }
};

// Packets of the kinds that the expressions ask for, with their fields in and out of what is asked for.
Packet make_packet(Dice& dice) {
  const auto one_of = [&](std::initializer_list<std::uint32_t> values) {
    return values.begin()[dice() % values.size()];
  };
  Builder b;
  if (dice() % 4 == 0)
    b.put({0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
  else
    b.put({one_of({2, 3, 1}), 0, 0, 0, 0, dice() % 3});
  b.put({2, 0, 0, 0, 0, dice() % 3});
  for (std::uint32_t tags = one_of({0, 0, 0, 0, 1, 2}); tags > 0; --tags)
    b.be16(one_of({0x8100, 0x8100, 0x88a8})).be16(one_of({7, 8, 0x2007}));
  const auto ports = [&] {
    b.be16(one_of({80, 443, 53, 8080, 5353, 22, 1024, 40000})).be16(one_of({80, 53, 8080, 5353, 22, 9, 65535}));
  };
  const auto transport = [&](std::uint32_t protocol) {
    if (protocol == 6) {
      ports();
      b.be32(dice()).be32(dice()).put({one_of({5, 5, 6, 8}) << 4, one_of({2, 0x12, 0x10, 0x18, 1, 4})});
      b.be16(1000).be32(0);
      if (dice() % 3 == 0) b.be32(0x47455420);
    } else if (protocol == 17) {
      ports();
      b.be16(dice() % 60).be16(0).be16(one_of({0x1234, 0x4321}));
    } else {
      b.put({one_of({0, 8, 128, 129, 3}), 0}).be16(dice() & 0xffff).be32(dice() >> dice() % 32);
    }
  };
  switch (dice() % 8) {
    case 0:
      b.be16(0x0806)
          .be16(1)
          .be16(0x0800)
          .put({6, 4})
          .be16(one_of({1, 2}))
          .fill(6, dice)
          .be32(0x0a000001)
          .fill(6, dice)
          .be32(0x0a000002);
      break;
    case 1: {
      const std::uint32_t next = one_of({6, 17, 58, 0, 60});
      b.be16(0x86dd).be32(0x60000000).be16(dice() % 200).put({next, 64});
      for (int side = 0; side < 2; ++side)
        b.be32(one_of({0, 0xfe800000, 0x20010db8, 0xff020000})).be32(0).be32(0).be32(one_of({1, 2}));
      if (next == 0 || next == 60)
        b.put({17, 0}).be16(0).be32(0), transport(17);
      else
        transport(next);
      break;
    }
    case 2:
      b.be16(one_of({0x88cc, 0x8847, 0x8863, 0x8864, 0x8035, 38, 60})).be32(one_of({100u << 12, 0x42420300}));
      break;
    default: {
      const std::uint32_t protocol = one_of({6, 6, 17, 17, 1, 2, 47, 50, 51, 132}), words = one_of({5, 5, 5, 6, 15});
      b.be16(0x0800)
          .put({4 << 4 | words, 0})
          .be16(one_of({40, 60, 600, 1500}))
          .be16(7)
          .be16(one_of({0, 0, 0x4000, 0x2000, 0x00b9}));
      b.put({one_of({64, 1, 255}), protocol}).be16(0);
      for (int side = 0; side < 2; ++side)
        b.be32(one_of({0x0a000001, 0x0a000002, 0x7f000001, 0xc0a80105, 0xffffffff, 0xe0000001}));
      b.fill((words - 5) * 4, dice);
      if (protocol == 51) b.put({6, 4}).fill(22, dice);
      transport(protocol);
    }
  }
  b.fill(dice() % 64, dice);
  if (dice() % 6 == 0) b.bytes.resize(dice() % b.bytes.size());  // cut short
  return b.bytes;
}

std::vector<Packet> packets() {
  std::vector<Packet> all;
  char error[PCAP_ERRBUF_SIZE];
  pcap_t* capture = pcap_open_offline(PROGRAM_SOURCES "/loopback.pcap", error);
  EXPECT_NE(capture, nullptr) << error;
  if (capture == nullptr) return all;
  pcap_pkthdr* header = nullptr;
  for (const u_char* bytes = nullptr; pcap_next_ex(capture, &header, &bytes) == 1;) {
    const auto* start = reinterpret_cast<const std::byte*>(bytes);
    all.emplace_back(start, start + header->caplen);
  }
  pcap_close(capture);
  EXPECT_GE(all.size(), 40u);
  Dice dice{1992};
  for (int i = 0; i < 110; ++i) all.push_back(make_packet(dice));
  all.emplace_back();
  return all;
}

TEST(Classic, FiltersOfLibpcap) {
  const std::vector<Packet> all = packets();
  std::size_t filters = 0, texts = 0, comparisons = 0, matches = 0;
  for (const std::string& text : expressions) {
    bool compiled = false;
    for (const int link : {DLT_EN10MB, DLT_RAW})
      for (const int optimise : {1, 0}) {
        pcap_t* handle = pcap_open_dead(link, 65535);
        bpf_program compiled_program{};
        if (pcap_compile(handle, &compiled_program, text.c_str(), optimise, 0xff000000) == 0) {
          const ClassicCode classic{compiled_program.bf_insns, compiled_program.bf_insns + compiled_program.bf_len};
          pcap_freecode(&compiled_program);
          const ClassicCase both{classic};
          ASSERT_FALSE(both.failure) << text << ": " << describe(both.failure->fault) << " at " << both.failure->at;
          ASSERT_TRUE(both.program->accepted())
              << text << ": " << describe(both.program->refusal()) << " at " << both.program->refused_at();
          compiled = true;
          ++filters;
          for (const Packet& packet : all) {
            const std::string difference = both.compare(packet);
            ASSERT_EQ(difference, "") << text << " on a packet of " << packet.size();
            ++comparisons;
            matches += both.program->execute(packet).value != 0 ? 1 : 0;
          }
        }
        pcap_close(handle);
      }
    texts += compiled ? 1 : 0;
  }
  std::printf("%zu expressions, %zu filters, %zu comparisons, %zu matches\n", texts, filters, comparisons, matches);
  EXPECT_GE(texts, 100u);
  EXPECT_GE(matches, comparisons / 50);
}

TEST(Classic, RandomProgramsOfAllInstructions) {
  Dice dice{1969};
  std::size_t values = 0;
  for (int i = 0; i < 3000; ++i) {
    std::vector<std::uint8_t> bytes(6 * (1 + dice() % 40));
    for (auto& b : bytes) b = static_cast<std::uint8_t>(dice());
    const ClassicCode classic = classic_of(bytes);
    const ClassicCase both{classic};
    ASSERT_FALSE(both.failure) << describe(both.failure->fault);
    ASSERT_TRUE(both.program->accepted()) << describe(both.program->refusal());
    for (const std::size_t length : {std::size_t{60}, std::size_t{200}, std::size_t{20}, std::size_t{0}}) {
      Packet packet(length);
      for (auto& b : packet) b = static_cast<std::byte>(dice());
      ASSERT_EQ(both.compare(packet), "") << i << " length " << length;
      values += both.program->execute(packet).value != 0 ? 1 : 0;
    }
  }
  EXPECT_GE(values, 1500u);
}

TEST(Classic, WhatIsNoProgram) {
  const auto fault = [](const ClassicCode& code) {
    const ClassicCase both{code};
    return both.failure ? std::optional{both.failure->fault} : std::nullopt;
  };
  const bpf_insn done{BPF_RET | BPF_K, 0, 0, 1};
  const auto with = [&](unsigned code, std::uint32_t k, unsigned jt = 0, unsigned jf = 0) {
    return ClassicCode{{static_cast<u_short>(code), static_cast<u_char>(jt), static_cast<u_char>(jf), k}, done};
  };
  EXPECT_EQ(fault({}), ClassicFault::empty);
  EXPECT_EQ(fault({done}), std::nullopt);
  EXPECT_EQ(fault({{BPF_LD | BPF_IMM, 0, 0, 1}}), ClassicFault::no_return);
  EXPECT_EQ(fault(with(BPF_JMP | BPF_JA, 1)), ClassicFault::jump_outside);
  EXPECT_EQ(fault(with(BPF_JMP | BPF_JA, 0xffff'fff0)), ClassicFault::jump_outside);
  EXPECT_EQ(fault(with(BPF_JMP | BPF_JEQ, 1, 0, 200)), ClassicFault::jump_outside);
  EXPECT_EQ(fault(with(BPF_ST, 16)), ClassicFault::bad_memory);
  EXPECT_EQ(fault(with(BPF_LD | BPF_MEM, 0xffff'ffff)), ClassicFault::bad_memory);
  EXPECT_EQ(fault(with(BPF_ALU | BPF_DIV, 0)), ClassicFault::division_by_zero);
  EXPECT_EQ(fault(with(BPF_ALU | BPF_MOD, 0)), ClassicFault::division_by_zero);
  EXPECT_EQ(fault(ClassicCode(5000, done)), ClassicFault::too_long);
  // What is left of all 65,536 opcodes is what libpcap knows.
  std::size_t taken = 0;
  for (unsigned code = 0; code < 0x10000; ++code)
    if (fault(with(code, 1)) == std::nullopt) ++taken;
  EXPECT_EQ(taken, 48u);  // and the jump, which leads outside here
}

}  // namespace
}  // namespace program_test
