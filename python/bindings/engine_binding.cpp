// SPDX-License-Identifier: MIT
#include "engine_binding.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "asgi_application.h"
#include "host_loop.h"
#include "http/request_id.h"
#include "log_bridge.h"
#include "net/socket.h"
#include "options.h"
#include "outrider/error.h"
#include "server/access_file.h"
#include "server/access_format.h"
#include "server/access_log.h"
#include "server/engine.h"
#include "server/tls.h"
#include "tls_options.h"

namespace nb = nanobind;

namespace outrider::python {
namespace {

// OSError(errno, message) for what the operating system refused; outrider._server makes it the documented exception.
[[noreturn]] void raise_os_error(const Error& error) {
  // It may show a path, whose name needn't be UTF-8.
  const nb::object text = nb::steal(PyUnicode_DecodeFSDefault(error.what()));
  if (!text.is_valid()) throw nb::python_error();
  nb::object exception = nb::borrow(PyExc_OSError)(error.code(), text);
  PyErr_SetObject(PyExc_OSError, exception.ptr());
  throw nb::python_error();
}

nb::object to_object(const net::Address& address) {
  PyObject* object = address_object(address);
  if (object == nullptr) throw nb::python_error();
  return nb::steal(object);
}

struct Release {
  void operator()(AsgiApplication* application) const {
    application->detach();
    application->release();
  }
};

// Targets are bytes of any kind.
nb::list to_list(const std::vector<std::string>& texts) {
  nb::list list;
  for (const std::string& text : texts) {
    list.append(nb::steal(PyUnicode_DecodeLatin1(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr)));
  }
  return list;
}

class PyEngine {
 public:
  PyEngine(const nb::dict& limits, bool server_header, bool date_header, nb::handle headers, std::size_t records)
      : limits_(limits_of(limits)), headers_(default_fields(headers)), process_(getpid()) {
    loop_ = std::make_unique<loop::Loop>();
    server_header_ = server_header;
    date_header_ = date_header;
    records_ = records;
  }

  ~PyEngine() { close(); }
  PyEngine(const PyEngine&) = delete;
  PyEngine& operator=(const PyEngine&) = delete;

  void bind_tcp(const std::string& host, int port, bool reuse_port) {
    if (port < 0 || port > 65535) {
      throw nb::value_error(("port must be between 0 and 65535, not " + std::to_string(port)).c_str());
    }
    const auto sharing = reuse_port ? net::PortSharing::Shared : net::PortSharing::Exclusive;
    add([&] { return net::BoundSocket::tcp(host, static_cast<uint16_t>(port), sharing); });
  }
  void bind_unix(const std::string& path) {
    add([&] { return net::BoundSocket::unix_path(path); });
  }
  void adopt(int fd) {
    add([&] { return net::BoundSocket::adopt(fd); });
  }

  // Before attach(). Raises ValueError.
  void trust(const std::vector<std::string>& trusted, const std::vector<std::string>& fields, bool proxy_protocol) {
    proxies_ = proxy_rules(trusted, fields);
    proxy_protocol_ = proxy_protocol;
  }

  // Before attach(). Without it the handshakes of WebSockets are requests as others.
  void take_websockets(const nb::dict& deflate) { websocket_deflate_ = deflate_of(deflate); }
  // Before attach(). Raises OSError; with the number 0 where no system call failed.
  void secure(const nb::dict& values) {
    try {
      tls_ = std::make_unique<server::Tls>(tls_config(values), limits_);
    } catch (const Error& error) {
      raise_os_error(error);
    }
  }
  // Thread: any that has the GIL.
  void reload_tls(const nb::dict& values) {
    if (tls_ == nullptr) throw std::runtime_error("the engine has no TLS");
    try {
      tls_->reload(tls_config(values));
    } catch (const Error& error) {
      raise_os_error(error);
    }
  }
  std::vector<std::string> tls_warnings() const {
    return tls_ == nullptr ? std::vector<std::string>() : tls_->warnings();
  }
  std::vector<std::string> chromium_arguments() const {
    return tls_ == nullptr ? std::vector<std::string>() : tls_->chromium_arguments();
  }

  std::vector<int> filenos() const {
    std::vector<int> numbers;
    for (const net::BoundSocket& socket : sockets_) numbers.push_back(socket.fd());
    return numbers;
  }

  nb::list addresses() const {
    nb::list list;
    for (const net::Address& address : addresses_) list.append(to_object(address));
    return list;
  }
  nb::list urls() const {
    nb::list list;
    const char* scheme = tls_ == nullptr ? "http" : "https";
    for (const net::Address& address : addresses_) list.append(nb::str(address.url(scheme).c_str()));
    return list;
  }

  // Nests the engine in the running host loop; from here on it belongs to that loop's thread.
  void attach(nb::handle host, nb::handle app, nb::handle context, nb::handle state, nb::dict callbacks,
              const std::string& root_path) {
    make_application(host, app, context, state, callbacks, root_path);
    engine_ = std::make_unique<server::Engine>(*loop_, limits_, *application_);
    if (!server_header_) engine_->service().set_server({});
    engine_->service().sends_date = date_header_;
    engine_->websockets().deflate = websocket_deflate_.value_or(WebSocketDeflate{});
    engine_->service().set_default_fields(headers_);
    engine_->log().keep(records_);
    engine_->trust(proxies_,
                   proxy_protocol_ ? server::Engine::ProxyHeader::Required : server::Engine::ProxyHeader::None);
    if (tls_ != nullptr) engine_->secure(*tls_);
    if (!request_id_.empty()) engine_->service().request_ids.emplace(request_id_, trusts_request_id_);
    if (access_file_ != nullptr) write_access_log();
    for (net::BoundSocket& socket : sockets_) engine_->add_socket(std::move(socket));
    sockets_.clear();
    host_ = std::make_unique<HostLoop>(host.ptr(), *loop_);
  }

  // From now on requests go to another application; those that are running stay with theirs.
  void swap(nb::handle host, nb::handle app, nb::handle context, nb::handle state, nb::dict callbacks,
            const std::string& root_path) {
    check_attached();
    make_application(host, app, context, state, callbacks, root_path);
    engine_->set_application(*application_);
  }

  // Those of the application that is there now.
  void end_exchanges(double grace, double disconnect, double cancel, bool streams_have_grace, nb::object done) {
    check_attached();
    engine_->end_exchanges(*application_, policy(grace, disconnect, cancel, streams_have_grace), reporter(done));
  }

  void listen(int backlog) {
    check_attached();
    try {
      engine_->start_listening(backlog);
    } catch (const Error& error) {
      raise_os_error(error);
    }
    loop_->need_pass();
  }

  // callback(line, fields) for each exchange that ended, as long as the logger takes records of level info.
  void log_access(const std::string& format, nb::handle logger, nb::handle callback) {
    check_attached();
    access_records_ = std::make_unique<AccessRecords>(server::AccessFormat(format), logger.ptr(), callback.ptr());
    watch_records();
  }

  // The engine writes the access log itself, once it is attached. trouble(message) says what stands in the way.
  void open_access_log(const std::variant<int, std::string>& where, const std::string& format, nb::object trouble) {
    try {
      access_file_ = where.index() == 0 ? server::AccessFile::adopt(std::get<0>(where))
                                        : server::AccessFile::open(std::get<1>(where));
    } catch (const Error& error) {
      raise_os_error(error);
    }
    access_format_ = format;
    access_trouble_ = std::move(trouble);
  }

  // Thread: any that has the GIL.
  void reopen_access_log() {
    const std::shared_ptr<server::AccessFile> file = access_file_;
    if (file == nullptr) throw std::runtime_error("the engine has no access log");
    try {
      const nb::gil_scoped_release released;  // a disk may take its time
      file->reopen();
    } catch (const Error& error) {
      raise_os_error(error);
    }
  }

  // Before attach().
  void give_request_ids(const std::string& name, bool trusts_peer) {
    request_id_ = http::request_id_field(name);
    trusts_request_id_ = trusts_peer;
  }

  // callback(text) for each request that the engine refuses itself, as long as the logger takes records of that
  // level.
  void on_refused(nb::handle logger, int level, nb::object callback) {
    check_attached();
    refused_ = std::move(callback);
    refused_gate_ = std::make_unique<LogGate>(logger.ptr(), level);
    engine_->on_refused([this](const auto& describe) {
      if (!refused_gate_->is_open()) return;
      nb::object text = nb::str(describe().c_str());
      nb::object result = nb::steal(PyObject_CallOneArg(refused_.ptr(), text.ptr()));
      if (!result.is_valid()) PyErr_WriteUnraisable(refused_.ptr());
    });
  }

  // callback() after each exchange.
  void on_exchange(nb::object callback) {
    check_attached();
    on_exchange_ = std::move(callback);
    watch_records();
  }

  void drain(double grace, double disconnect, double cancel, bool streams_have_grace, nb::object done) {
    check_attached();
    engine_->drain(policy(grace, disconnect, cancel, streams_have_grace), reporter(done));
  }

  // callback(is_quiet) is called once; see server::Engine::hold().
  void hold(nb::object callback) {
    check_attached();
    auto* function = callback.release().ptr();  // given back in the call
    engine_->hold([function](bool is_quiet) {
      nb::object owner = nb::steal(function);
      nb::object result = nb::steal(PyObject_CallOneArg(function, is_quiet ? Py_True : Py_False));
      if (!result.is_valid()) PyErr_WriteUnraisable(function);
    });
  }

  void go_on() {
    if (engine_ != nullptr) engine_->go_on();
  }

  // callback(["GET /slow (5.2 s)", ...]) when a drain has lasted for so many seconds.
  void on_held_up(double after, nb::object callback) {
    check_attached();
    held_up_ = std::move(callback);
    engine_->on_held_up(milliseconds(after), [this](const std::vector<std::string>& running) {
      nb::object result = nb::steal(PyObject_CallOneArg(held_up_.ptr(), to_list(running).ptr()));
      if (!result.is_valid()) PyErr_WriteUnraisable(held_up_.ptr());
    });
  }

  void on_exhausted(nb::object callback) {
    check_attached();
    exhausted_ = std::move(callback);
    engine_->on_exhausted([this](int code) {
      nb::object text = nb::str(server::describe_exhaustion(code).c_str());
      nb::object result = nb::steal(PyObject_CallOneArg(exhausted_.ptr(), text.ptr()));
      if (!result.is_valid()) PyErr_WriteUnraisable(exhausted_.ptr());
    });
  }

  nb::list running() { return engine_ ? to_list(engine_->describe_running()) : nb::list(); }

  nb::object tasks() const {
    return application_ ? nb::borrow(application_->tasks()) : nb::steal(PySet_New(nullptr));
  }

  nb::list records() const {
    nb::list list;
    if (engine_ == nullptr) return list;
    for (const server::ExchangeLog::Entry& entry : engine_->log().entries()) {
      list.append(nb::make_tuple(entry.method,
                                 nb::steal(PyUnicode_DecodeLatin1(
                                     entry.target.data(), static_cast<Py_ssize_t>(entry.target.size()), nullptr)),
                                 entry.status, static_cast<double>(entry.microseconds) / 1000.0, entry.request_id));
    }
    return list;
  }

  void forget_records() {
    if (engine_) engine_->log().forget();
  }

  std::size_t connection_count() const { return engine_ ? engine_->connection_count() : 0; }
  std::size_t exchange_count() const { return engine_ ? engine_->exchange_count() : 0; }
  uint64_t exchanges_total() const { return engine_ ? engine_->exchanges_total() : 0; }

  // Ends everything at once and gives all resources back. On the loop's thread, not inside a pass. Idempotent.
  void close() {
    if (loop_ == nullptr) return;
    if (getpid() != process_) {
      // In a forked child the event queue is still the parent's: closing watchers would make the parent deaf.
      for (net::BoundSocket& socket : sockets_) socket.close_after_fork();
      loop_->close_descriptors_after_fork();
      (void)host_.release();
      (void)engine_.release();
      (void)application_.release();
      (void)loop_.release();
      return;
    }
    host_.reset();
    engine_.reset();
    access_file_.reset();
    sockets_.clear();
    application_.reset();
    loop_.reset();
  }

 private:
  static StopPolicy policy(double grace, double disconnect, double cancel, bool streams_have_grace) {
    return {milliseconds(grace), milliseconds(disconnect), milliseconds(cancel), streams_have_grace};
  }

  static std::function<void(const StopReport&)> reporter(nb::object& done) {
    auto* callback = done.release().ptr();  // given back in the call, which comes exactly once
    return [callback](const StopReport& report) {
      nb::object function = nb::steal(callback);
      nb::object result =
          nb::steal(PyObject_CallFunction(callback, "KKKKO", report.completed, report.disconnected, report.cancelled,
                                          report.aborted, to_list(report.held_up).ptr()));
      if (!result.is_valid()) PyErr_WriteUnraisable(callback);
    };
  }

  void make_application(nb::handle host, nb::handle app, nb::handle context, nb::handle state,
                        const nb::dict& callbacks, const std::string& root_path) {
    AsgiApplication::Options options{app.ptr(),
                                     host.ptr(),
                                     context.ptr(),
                                     state.is_none() ? nullptr : state.ptr(),
                                     nb::handle(callbacks["on_exception"]).ptr(),
                                     nb::handle(callbacks["on_incomplete"]).ptr(),
                                     nb::handle(callbacks["on_debug"]).ptr(),
                                     nb::handle(callbacks["as_coroutine"]).ptr(),
                                     nb::handle(callbacks["disconnected_error"]).ptr(),
                                     nb::handle(callbacks["protocol_error"]).ptr(),
                                     root_path,
                                     request_id_,
                                     websocket_deflate_.has_value()};
    application_.reset(new AsgiApplication(options));
  }

  void watch_records() {
    engine_->on_record([this](const http::ExchangeRecord& record) {
      if (access_records_ != nullptr) access_records_->add(record);
      if (!on_exchange_.is_valid()) return;
      nb::object result = nb::steal(PyObject_CallNoArgs(on_exchange_.ptr()));
      if (!result.is_valid()) PyErr_WriteUnraisable(on_exchange_.ptr());
    });
  }

  void write_access_log() {
    const auto trouble = [this](const std::string& message) {
      nb::object text = nb::steal(PyUnicode_DecodeLocale(message.c_str(), "surrogateescape"));  // it names a path
      nb::object result = nb::steal(PyObject_CallOneArg(access_trouble_.ptr(), text.ptr()));
      if (!result.is_valid()) PyErr_WriteUnraisable(access_trouble_.ptr());
    };
    engine_->set_access_log(
        std::make_unique<server::AccessLog>(*loop_, server::AccessFormat(access_format_), access_file_, trouble));
  }

  void check_attached() const {
    if (engine_ == nullptr) throw std::runtime_error("the engine is not attached to an event loop");
  }

  template <class Bind>
  void add(Bind bind) {
    try {
      sockets_.push_back(bind());
    } catch (const Error& error) {
      raise_os_error(error);
    }
    addresses_.push_back(sockets_.back().address());
  }

  const Limits limits_;
  const http1::DefaultFields headers_;
  const pid_t process_;
  bool server_header_ = true;
  bool date_header_ = true;
  std::size_t records_ = 0;
  http::ProxyRules proxies_;
  bool proxy_protocol_ = false;
  std::unique_ptr<server::Tls> tls_;  // null without TLS
  std::vector<net::BoundSocket> sockets_;
  std::vector<net::Address> addresses_;
  std::shared_ptr<server::AccessFile> access_file_;  // null when the engine doesn't write the log
  std::string access_format_;
  nb::object access_trouble_;
  std::unique_ptr<AccessRecords> access_records_;
  std::optional<WebSocketDeflate> websocket_deflate_;  // none: WebSockets aren't taken
  std::string request_id_;                             // the field's name; empty for none
  bool trusts_request_id_ = false;
  nb::object refused_;
  std::unique_ptr<LogGate> refused_gate_;
  nb::object held_up_;
  nb::object exhausted_;
  nb::object on_exchange_;
  std::unique_ptr<loop::Loop> loop_;
  std::unique_ptr<AsgiApplication, Release> application_;
  std::unique_ptr<server::Engine> engine_;
  std::unique_ptr<HostLoop> host_;
};

// What has to do with TLS.
void bind_secured(nb::class_<PyEngine>& engine) {
  engine
      .def("secure", &PyEngine::secure, nb::arg("tls"), nb::sig("def secure(self, tls: dict[str, object]) -> None"),
           "https instead of http, with what outrider._tls says; before attach(). Raises OSError.")
      .def("reload_tls", &PyEngine::reload_tls, nb::arg("tls"),
           nb::sig("def reload_tls(self, tls: dict[str, object]) -> None"),
           "The same for connections from now on. Raises OSError; nothing has changed then. From any thread.")
      .def_prop_ro("tls_warnings", &PyEngine::tls_warnings, "Of certificates that aren't valid now.")
      .def_prop_ro("chromium_arguments", &PyEngine::chromium_arguments,
                   "What makes Chromium accept the certificate; none without TLS.");
}

// What has to do with logs.
void bind_logs(nb::class_<PyEngine>& engine) {
  engine
      .def("log_access", &PyEngine::log_access, nb::arg("format"), nb::arg("logger"), nb::arg("callback"),
           "Calls callback(line, fields) after each exchange while the logger takes records of level info.")
      .def("open_access_log", &PyEngine::open_access_log, nb::arg("where"), nb::arg("format"), nb::arg("trouble"),
           nb::sig("def open_access_log(self, where: int | str, format: str, trouble: object) -> None"),
           "Opens the file (or takes the descriptor) that the engine writes its access log to once it is attached;\n"
           "trouble(message) is called when it can't. Raises OSError.")
      .def("reopen_access_log", &PyEngine::reopen_access_log,
           "Opens the access log's file by its path again. Raises OSError. From any thread.")
      .def("give_request_ids", &PyEngine::give_request_ids, nb::arg("name"), nb::arg("trusts_peer"),
           "Gives each request an id in the header field of that name. Before attach().")
      .def("on_refused", &PyEngine::on_refused, nb::arg("logger"), nb::arg("level"), nb::arg("callback"),
           "Calls callback(text) for each request that the engine refuses, while the logger takes that level.");
}

}  // namespace

void bind_engine(nb::module_& module) {
  nb::class_<PyEngine> type(
      module, "Engine",
      "One engine: its sockets, then (attached) its connections on a host event loop. Internal: use\n"
      "outrider.Server. Every method belongs to the loop's thread once attach() was called.");
  type.def(nb::init<const nb::dict&, bool, bool, nb::handle, std::size_t>(), nb::arg("limits"),
           nb::arg("server_header"), nb::arg("date_header"), nb::arg("headers"), nb::arg("records"),
           nb::sig("def __init__(self, limits: dict[str, float], server_header: bool, date_header: bool, "
                   "headers: tuple[tuple[str, str], ...], records: int) -> None"))
      .def("bind_tcp", &PyEngine::bind_tcp, nb::arg("host"), nb::arg("port"), nb::arg("reuse_port"),
           "Binds a TCP socket; port 0 takes a free one. Raises OSError.")
      .def("bind_unix", &PyEngine::bind_unix, nb::arg("path"), "Binds a Unix socket. Raises OSError.")
      .def("adopt", &PyEngine::adopt, nb::arg("fd"), "Takes a duplicate of a bound socket. Raises OSError.")
      .def("trust", &PyEngine::trust, nb::arg("proxies"), nb::arg("fields"), nb::arg("proxy_protocol"),
           nb::sig("def trust(self, proxies: list[str], fields: list[str], proxy_protocol: bool) -> None"),
           "Whom to believe what of the origin of requests; before attach(). Raises ValueError.")
      .def("take_websockets", &PyEngine::take_websockets, nb::arg("deflate"),
           nb::sig("def take_websockets(self, deflate: dict[str, bool | int]) -> None"),
           "Lets the application have WebSockets, compressed in that way; before attach().")
      .def_prop_ro(
          "filenos",
          [](const PyEngine& engine) {
            nb::list list;
            for (const int number : engine.filenos()) list.append(number);
            return list;
          },
          nb::sig("def filenos(self) -> list[int]"), "The descriptors of the sockets, before attach().")
      .def_prop_ro("addresses", &PyEngine::addresses, nb::sig("def addresses(self) -> list[tuple[str, int | None]]"),
                   "Where the sockets are bound.")
      .def_prop_ro("urls", &PyEngine::urls, nb::sig("def urls(self) -> list[str]"), "The same as URLs.")
      .def("attach", &PyEngine::attach, nb::arg("host"), nb::arg("app"), nb::arg("context"), nb::arg("state").none(),
           nb::arg("callbacks"), nb::arg("root_path"),
           nb::sig("def attach(self, host: object, app: object, context: object, state: object | None, "
                   "callbacks: dict[str, object], root_path: str) -> None"),
           "Nests the engine in the running event loop `host`.")
      .def("swap", &PyEngine::swap, nb::arg("host"), nb::arg("app"), nb::arg("context"), nb::arg("state").none(),
           nb::arg("callbacks"), nb::arg("root_path"),
           nb::sig("def swap(self, host: object, app: object, context: object, state: object | None, "
                   "callbacks: dict[str, object], root_path: str) -> None"),
           "Puts another application in the place of the one; running requests stay with theirs.")
      .def("end_exchanges", &PyEngine::end_exchanges, nb::arg("grace"), nb::arg("disconnect"), nb::arg("cancel"),
           nb::arg("streams_have_grace"), nb::arg("done"),
           "Ends the application's exchanges in stages, while connections go on; done() is called as by drain().")
      .def("listen", &PyEngine::listen, nb::arg("backlog"), "Starts accepting. Raises OSError.")
      .def("drain", &PyEngine::drain, nb::arg("grace"), nb::arg("disconnect"), nb::arg("cancel"),
           nb::arg("streams_have_grace"), nb::arg("done"),
           "Stops in stages; done(completed, disconnected, cancelled, aborted, held_up) is called once.")
      .def("on_exchange", &PyEngine::on_exchange, nb::arg("callback"), "Calls callback() after each exchange.")
      .def("hold", &PyEngine::hold, nb::arg("quiet"),
           "Accepts nothing, closes idle connections; quiet(True) is called when no exchange is running.")
      .def("go_on", &PyEngine::go_on, "Ends a hold().")
      .def("on_exhausted", &PyEngine::on_exhausted, nb::arg("callback"),
           "Calls callback(text) when there is nothing left to accept connections with.")
      .def("on_held_up", &PyEngine::on_held_up, nb::arg("after"), nb::arg("callback"),
           "Calls callback(running) when a drain has lasted for `after` seconds.")
      .def_prop_ro("running", &PyEngine::running, nb::sig("def running(self) -> list[str]"),
                   "The exchanges that are running: 'GET /slow (5.2 s)'.")
      .def_prop_ro("tasks", &PyEngine::tasks, nb::sig("def tasks(self) -> set[asyncio.Task[object]]"),
                   "The application's tasks that are still running.")
      .def_prop_ro("records", &PyEngine::records,
                   nb::sig("def records(self) -> list[tuple[str, str, int, float, str]]"),
                   "The last exchanges: (method, target, status, milliseconds, request id).")
      .def("forget_records", &PyEngine::forget_records, "Those of exchanges that have ended.")
      .def_prop_ro("connection_count", &PyEngine::connection_count, "Open connections.")
      .def_prop_ro("exchange_count", &PyEngine::exchange_count, "Exchanges under way.")
      .def_prop_ro("exchanges_total", &PyEngine::exchanges_total, "Exchanges begun so far.")
      .def("close", &PyEngine::close, "Ends everything at once. Idempotent.");
  bind_logs(type);
  bind_secured(type);
}

}  // namespace outrider::python
