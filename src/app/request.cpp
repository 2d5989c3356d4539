// SPDX-License-Identifier: MIT
#include "outrider/request.h"

#include <algorithm>

#include "app/dispatcher.h"
#include "app/handler_run.h"
#include "app/percent.h"
#include "base/ascii.h"
#include "outrider/response.h"

namespace outrider {

Header HeaderRange::Iterator::operator*() const {
  const http::Field field = run_->head().field(index_);
  return {field.name, field.value};
}

std::size_t HeaderRange::size() const { return run_->head().field_count(); }

std::string_view Request::method() const { return run_->head().method(); }
std::string_view Request::target() const { return run_->head().target(); }
std::string_view Request::path() const { return run_->head().path(); }
std::string_view Request::query() const { return run_->head().query(); }

std::optional<std::string> Request::query(std::string_view name) const { return app::find_in_query(query(), name); }

std::optional<std::string_view> Request::header(std::string_view name) const {
  for (const Header field : headers()) {
    if (ascii::equals_ignore_case(field.name, name)) return field.value;
  }
  return std::nullopt;
}

HeaderRange Request::headers() const { return HeaderRange(run_); }

std::string_view Request::parameter(std::string_view name) const { return std::as_const(*run_).parameter(name); }

std::string_view Request::id() const { return run_->request_id(); }

const std::string& Request::peer_address() const { return run_->peer_address(); }

const std::string& Request::client_address() const { return run_->client_address(); }

std::string_view Request::scheme() const { return run_->scheme(); }

const TlsInfo* Request::tls() const { return run_->tls(); }

void Request::inform(int status, std::initializer_list<Header> fields) { run_->inform(status, fields); }

std::stop_token Request::stop_token() { return run_->stop_token(); }

bool Request::is_disconnected() const { return run_->is_disconnected(); }

void Request::stop_server(const StopPolicy& policy) {
  const app::Dispatcher::RequestStop& request_stop = run_->dispatcher().request_stop();
  if (request_stop) request_stop(policy);
}

}  // namespace outrider
