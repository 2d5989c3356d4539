// SPDX-License-Identifier: MIT
// The load client: warm up, say `ready`, wait for a line, measure, print the result as one line of JSON.
//
// The pause is what makes the accounting exact: between `ready` and the line, and again once the result is out, the
// server is idle, so whoever reads its CPU time then knows that every nanosecond belongs to the requests counted.

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "client.h"

namespace {

double percentile_us(std::vector<std::uint64_t>& sorted, double share) {
  if (sorted.empty()) return 0;
  // Nearest rank: of few values, the high percentiles are the largest and not the smallest.
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  const std::size_t index = std::max<std::size_t>(rank, 1) - 1;
  return static_cast<double>(sorted[index]) / 1000;
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (char character : text) {
    if (character != '"' && character != '\\' && character >= ' ') result += character;
  }
  return result + "\"";
}

void print(bench::Tally tally) {
  auto& latencies = tally.latencies_ns;
  std::sort(latencies.begin(), latencies.end());
  std::printf(
      "{\"requests\": %zu, \"errors\": %llu, \"reconnects\": %llu, \"seconds\": %.6f, \"requests_per_second\": "
      "%.1f, ",
      latencies.size(), static_cast<unsigned long long>(tally.errors),
      static_cast<unsigned long long>(tally.reconnects), tally.seconds,
      static_cast<double>(latencies.size()) / tally.seconds);
  std::printf("\"bytes\": %llu, ", static_cast<unsigned long long>(tally.bytes));
  std::printf("\"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f, \"first_error\": %s}\n",
              percentile_us(latencies, 0.50), percentile_us(latencies, 0.90), percentile_us(latencies, 0.99),
              percentile_us(latencies, 1.0), quoted(tally.first_error).c_str());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options = bench::parse_options(argc, argv);
  // However the server misbehaves, this program ends.
  alarm(static_cast<unsigned>(options.seconds + options.warmup) + 60);
  bench::Client client(options);
  if (options.warmup > 0) {
    const bench::Tally tally = client.run(options.warmup);
    if (tally.errors > 0) {
      print(tally);
      return 1;
    }
  }
  std::puts("ready");
  std::fflush(stdout);
  if (std::getchar() == EOF) return 0;
  print(client.run(options.seconds));
  return 0;
}
