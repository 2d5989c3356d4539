// SPDX-License-Identifier: MIT

// testing::Mock: an App with nothing but a fallback, which looks the routes up in a table that the test may change.

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "app/mock_table.h"
#include "app/mock_text.h"
#include "outrider/app.h"
#include "outrider/request.h"
#include "outrider/response.h"
#include "outrider/testing.h"

namespace outrider::testing {
namespace {

using app::MockRoute;
using app::MockTable;

void check_answer(const Answer& answer) {
  if (answer.status < 200 || answer.status > 999) {
    throw std::invalid_argument("an Answer has the status " + std::to_string(answer.status) +
                                "; expected 200 to 999");
  }
  if (answer.delay.count() < 0) {
    throw std::invalid_argument("an Answer has a delay of " + std::to_string(answer.delay.count()) +
                                " ms; it can't be negative");
  }
  if (answer.cut_after && *answer.cut_after >= answer.body.size()) {
    throw std::invalid_argument("an Answer is to be cut after " + std::to_string(*answer.cut_after) +
                                " bytes, but its body has only " + std::to_string(answer.body.size()));
  }
}

MockRequest record_head(Request& request) {
  MockRequest record;
  record.method = request.method();
  record.path = request.path();
  record.query = request.query();
  for (const Header field : request.headers()) record.headers.emplace_back(field.name, field.value);
  return record;
}

// A stream, as that alone can end half-way.
Response make_cut_response(std::string body, std::size_t cut_after) {
  const std::size_t length = body.size();
  body.resize(cut_after);
  const auto stream = [part = std::move(body)](ResponseWriter& out) -> Task<void> {
    co_await out.write(part);
    throw Abort();
  };
  return Response::stream(stream).set_content_length(length);
}

Response make_response(Answer answer) {
  Response response = answer.cut_after      ? make_cut_response(std::move(answer.body), *answer.cut_after)
                      : answer.body.empty() ? Response()
                                            : Response(std::move(answer.body));
  response.set_status(answer.status);
  for (const auto& [name, value] : answer.headers) response.add_header(name, value);
  return response;
}

// The whole request, unless it ends early: that is written down and thrown.
Task<MockRequest> receive(MockTable& table, Request& request) {
  MockRequest record = record_head(request);
  bool is_too_long = false;
  try {
    while (!is_too_long) {
      const std::string_view piece = co_await request.read();
      if (piece.empty()) break;
      const std::size_t room = table.limits().body_bytes_max - record.body.size();
      record.body.append(piece.substr(0, room));
      is_too_long = piece.size() > room;
    }
  } catch (const Cancelled&) {
    table.add_incomplete(std::move(record));
    throw;
  }
  if (is_too_long) {
    table.add_incomplete(std::move(record));
    throw HttpError(413, "the body has more than " + std::to_string(table.limits().body_bytes_max) + " bytes");
  }
  co_return record;
}

Task<Response> answer(MockTable& table, Request& request) {
  MockRequest record = co_await receive(table, request);
  app::MockChoice choice = table.choose(record);
  if (choice.function != nullptr) {
    const auto call = [&] { return (*choice.function)(record); };
    choice.answer = co_await request.offload(call);
    check_answer(choice.answer);
  }
  if (choice.answer.delay.count() > 0) co_await request.sleep(choice.answer.delay);
  if (choice.answer.drop) throw Abort();
  co_return make_response(std::move(choice.answer));
}

App make_app(const std::shared_ptr<MockTable>& table) {
  App app;
  app.fallback([table](Request& request) { return answer(*table, request); });
  return app;
}

Config watch(const std::shared_ptr<MockTable>& table, Config config) {
  auto on_error = std::move(config.on_error);
  config.on_error = [table, on_error, log = config.log](const HandlerError& error) {
    table->add_trouble(error.message());
    if (on_error) return on_error(error);
    if (log) log(LogLevel::Error, "a handler failed: " + error.message());
  };
  return config;
}

}  // namespace

Mock::Mock(Config config, const MockLimits& limits)
    : table_(std::make_shared<MockTable>(limits)),
      server_(serve(make_app(table_), watch(table_, std::move(config)))) {}

Mock::~Mock() { server_.stop(StopPolicy::immediate()); }

void Mock::set_answers(std::string_view method, std::string_view pattern, std::vector<Answer> answers) {
  std::for_each(answers.begin(), answers.end(), check_answer);
  MockRoute route;
  route.answers = std::move(answers);
  table_->set_route(method, pattern, route);
}

void Mock::set_function(std::string_view method, std::string_view pattern, Function function) {
  if (!function) {
    throw std::invalid_argument("the function of " + std::string(method) + " " + std::string(pattern) + " is null");
  }
  MockRoute route;
  route.function = std::make_shared<Function>(std::move(function));
  table_->set_route(method, pattern, route);
}

std::vector<MockRequest> Mock::requests() const { return table_->requests(); }

std::vector<MockRequest> Mock::requests(std::string_view method, std::string_view pattern) const {
  return table_->requests({method, pattern});
}

std::size_t Mock::count(std::string_view method, std::string_view pattern) const {
  return table_->count({method, pattern});
}

MockRequest Mock::wait_for(std::string_view method, std::string_view pattern, std::chrono::milliseconds timeout,
                           std::size_t times) const {
  if (times == 0) throw std::invalid_argument("Mock::wait_for() waits for at least one request; times is 0");
  return table_->wait_for({method, pattern}, timeout, times);
}

void Mock::assert_called(std::string_view method, std::string_view pattern, std::optional<std::size_t> times) const {
  const std::size_t found = count(method, pattern);
  if (times ? found == *times : found > 0) return;
  throw MockFailure(app::failure_text(method, pattern, found, times) + "\n" + describe(method, pattern));
}

std::string Mock::unexpected() const { return table_->unexpected(); }
void Mock::check() const {
  const std::string text = unexpected();
  if (!text.empty()) throw MockFailure("the mock was asked for what it doesn't expect:\n" + text);
}

std::string Mock::describe() const { return table_->describe({}, {}); }

std::string Mock::describe(std::string_view method, std::string_view pattern) const {
  return table_->describe(method, pattern);
}

void Mock::forget() { table_->forget(); }

void Mock::reset() {
  table_->forget_routes();
  table_->forget();
}

}  // namespace outrider::testing
