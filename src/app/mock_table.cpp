// SPDX-License-Identifier: MIT
#include "app/mock_table.h"

#include <algorithm>
#include <functional>
#include <stdexcept>

#include "app/mock_text.h"
#include "app/percent.h"

namespace outrider::app {

using testing::MockFailure;
using testing::MockRequest;

namespace {

constexpr std::string_view kEveryMethod = "*";
// Methods are compared before: the filter's router knows this one only.
constexpr std::string_view kAnyMethod = "GET";

std::size_t size_of(const MockRequest& request) {
  std::size_t size = sizeof request + request.path.size() + request.query.size() + request.body.size();
  for (const auto& [name, value] : request.headers) size += name.size() + value.size();
  return size;
}

}  // namespace

MockFilter::MockFilter(std::string_view method, std::string_view pattern) : method_(method), pattern_(pattern) {
  router_.add(kAnyMethod, pattern, std::make_shared<MockRoute>());
}

bool MockFilter::operator()(const MockRequest& request) const {
  Captures captures;
  return (method_ == kEveryMethod || request.method == method_) &&
         router_.match(kAnyMethod, request.path, captures) != nullptr;
}

void MockTable::set_route(std::string_view method, std::string_view pattern, const MockRoute& content) {
  std::pair<std::string, std::string> key(method, pattern);
  const std::lock_guard lock(mutex_);
  const auto found = routes_.find(key);
  if (found != routes_.end()) {
    *found->second = content;
    return;
  }
  auto route = std::make_shared<MockRoute>(content);
  router_.add(method, pattern, route);
  routes_.emplace(std::move(key), std::move(route));
}

MockRoute* MockTable::find_route(MockRequest& request) const {
  Captures captures;
  const Route* found = router_.match(request.method, request.path, captures);
  if (found == nullptr) found = router_.match(kEveryMethod, request.path, captures);
  if (found == nullptr) return nullptr;
  request.route = found->pattern;
  for (std::size_t i = 0; i < captures.count; ++i) {
    std::string value;
    append_decoded(captures.values[i], Plus::IsPlus, value);
    request.parameters.emplace_back(found->parameter_names[i], std::move(value));
  }
  return static_cast<MockRoute*>(found->handler.get());
}

MockChoice MockTable::choose(MockRequest& request) {
  const std::lock_guard lock(mutex_);
  MockRoute* const route = find_route(request);
  add(request);
  if (route == nullptr) {
    add_trouble_locked(request.to_string());
    return {{.status = 404, .body = no_route_text(request, route_names())}, nullptr};
  }
  if (route->function != nullptr) return {{}, route->function};
  const std::size_t index = route->next;
  if (index + 1 < route->answers.size()) ++route->next;
  return {route->answers[index], nullptr};
}

void MockTable::add_incomplete(MockRequest request) {
  const std::lock_guard lock(mutex_);
  request.is_complete = false;
  find_route(request);
  add(request);
}

void MockTable::add(const MockRequest& request) {
  bytes_ += size_of(request);
  requests_.push_back(request);
  while (requests_.size() > limits_.requests_max || (bytes_ > limits_.bytes_max && requests_.size() > 1)) {
    bytes_ -= size_of(requests_.front());
    requests_.pop_front();
    ++forgotten_;
  }
  recorded_.notify_all();
}

void MockTable::add_trouble(std::string line) {
  const std::lock_guard lock(mutex_);
  add_trouble_locked(std::move(line));
}

void MockTable::add_trouble_locked(std::string line) {
  if (trouble_.size() < kTroubleMax) {
    trouble_.push_back(std::move(line));
  } else {
    ++trouble_untold_;
  }
}

void MockTable::forget() {
  const std::lock_guard lock(mutex_);
  requests_.clear();
  trouble_.clear();
  bytes_ = forgotten_ = trouble_untold_ = 0;
}

void MockTable::forget_routes() {
  const std::lock_guard lock(mutex_);
  router_ = Router();
  routes_.clear();
}

std::vector<std::string> MockTable::route_names() const {
  std::vector<std::string> names;
  for (const auto& [key, route] : routes_) names.push_back(key.first + " " + key.second);
  return names;
}

std::vector<MockRequest> MockTable::select(const MockFilter& filter) const {
  std::vector<MockRequest> selected;
  for (const MockRequest& request : requests_) {
    if (filter(request)) selected.push_back(request);
  }
  return selected;
}

std::vector<MockRequest> MockTable::requests() const {
  const std::lock_guard lock(mutex_);
  return {requests_.begin(), requests_.end()};
}

std::vector<MockRequest> MockTable::requests(const MockFilter& filter) const {
  const std::lock_guard lock(mutex_);
  return select(filter);
}

std::size_t MockTable::count(const MockFilter& filter) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(requests_.begin(), requests_.end(), std::cref(filter)));
}

MockRequest MockTable::wait_for(const MockFilter& filter, std::chrono::milliseconds timeout,
                                std::size_t times) const {
  std::unique_lock lock(mutex_);
  std::vector<MockRequest> selected;
  const auto are_there = [&] { return (selected = select(filter)).size() >= times; };
  if (recorded_.wait_for(lock, timeout, are_there)) return selected[times - 1];
  throw MockFailure(failure_text(filter.method(), filter.pattern(), selected.size(), times) + " within " +
                    std::to_string(timeout.count()) + " ms\n" + describe_locked(filter.method(), filter.pattern()));
}

std::string MockTable::unexpected() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const std::string& line : trouble_) text.append(line).append("\n");
  if (trouble_untold_ > 0) text.append("and ").append(std::to_string(trouble_untold_)).append(" more\n");
  return text;
}

std::string MockTable::describe(std::string_view method, std::string_view pattern) const {
  const std::lock_guard lock(mutex_);
  return describe_locked(method, pattern);
}

std::string MockTable::describe_locked(std::string_view method, std::string_view pattern) const {
  return list_requests({requests_.begin(), requests_.end()}, method, pattern, forgotten_);
}

}  // namespace outrider::app
