// SPDX-License-Identifier: MIT
// The Python face over memory: an application says and asks what it isn't allowed to, in any order, of any types,
// from tasks and from within its own messages, while its client sends, stops and goes. What leaves is a sequence of
// responses, each as the application was promised that it would be; the interpreter and the bridge keep nothing.
//
// The play reads it from the input: asgi_messages.py for requests, asgi_websocket.py for WebSockets, a program each
// (OUTRIDER_FUZZ_PLAY). Here is the world that they play in. Objects of Python are allocated with malloc(), so that
// the sanitizer sees what becomes of them.

#include <Python.h>

#include <memory>
#include <string>
#include <vector>

#include "asgi_application.h"
#include "callables.h"
#include "host_loop.h"
#include "names.h"
#include "py_ref.h"
#include "response_checker.h"
#include "server/engine.h"
#include "support.h"
#include "testing/memory_stream.h"
#include "waiter.h"

// The interpreter keeps what it has until the process ends.
extern "C" int __lsan_is_turned_off() { return 1; }

namespace outrider::fuzz {
namespace {

using python::PyRef;

// Small, so that short inputs reach them. Time-outs play no part: how long a run takes mustn't matter.
Limits small_limits() {
  Limits limits;
  limits.body_bytes_max = 4096;
  limits.body_buffer_bytes_max = 64;
  limits.write_buffer_bytes_max = 256;
  limits.head_timeout = limits.body_timeout = limits.keep_alive_timeout = limits.write_timeout =
      limits.linger_timeout = std::chrono::milliseconds(0);
  limits.websocket_message_bytes_max = 40000;  // so that large ones are received where they stay
  limits.websocket_queue_max = 3;
  limits.websocket_queue_bytes_max = 256;
  limits.websocket_ping_interval = limits.websocket_ping_timeout = limits.websocket_close_timeout =
      std::chrono::milliseconds(0);
  return limits;
}

void check_python(bool holds, const char* property) {
  if (!holds && PyErr_Occurred() != nullptr) PyErr_Print();
  check(holds, property);
}

loop::Loop& shared_loop() {
  static loop::Loop shared;  // making one costs more than a run
  return shared;
}

// The bridge, and the methods that it was asked with: a client must know them to read the answers.
class Application final : public http::Application {
 public:
  explicit Application(const python::AsgiApplication::Options& options)
      : bridge_(new python::AsgiApplication(options)) {}
  ~Application() override {
    bridge_->detach();
    bridge_->release();
  }

  const std::vector<std::string>& methods() const { return methods_; }

 private:
  void on_request(http::Exchange& exchange) override {
    methods_.emplace_back(exchange.head().method());
    bridge_->on_request(exchange);
  }

  python::AsgiApplication* bridge_;
  std::vector<std::string> methods_;
};

// One connection with its engine.
class World {
 public:
  explicit World(const python::AsgiApplication::Options& options)
      : application_(options), engine_(shared_loop(), limits_, application_), client_(shared_loop()) {
    engine_.service().sends_date = false;
    engine_.service().set_server({});
    engine_.websockets().deflate.message_bytes_min = 16;
    engine_.serve(client_.take_stream());
  }

  testing::MemoryClient& client() { return client_; }
  server::Engine& engine() { return engine_; }

  // [(status, content, answers_head, ends_with_close)], as far as they are complete. `is_quiet`: nothing disturbs the
  // connection, so that a close that was told must have come.
  PyObject* responses(bool is_quiet) const {
    PyRef list = PyRef::steal(PyList_New(0));
    std::string_view bytes = client_.received();
    std::size_t answered = 0;
    while (!bytes.empty()) {
      const bool is_exchange = answered < application_.methods().size();
      const bool is_head = is_exchange && application_.methods()[answered] == "HEAD";
      std::optional<Response> response = take_response(bytes, is_head);
      if (!response && !is_exchange) {
        // A mistake within a head never became an exchange; it may have been a HEAD all the same.
        std::string_view rest = bytes;
        response = take_response(rest, true);
        if (response && !rest.empty()) response.reset();  // no, it was cut
        if (response) bytes = rest;
      }
      if (!response) {
        check(!is_quiet || !client_.is_ended() || client_.was_reset() || has_framed_head(bytes),
              "what is cut short shows it");
        break;
      }
      if (response->is_informational()) continue;
      ++answered;
      const PyRef item = PyRef::steal(Py_BuildValue(
          "(iy#OO)", response->status, response->content.data(), static_cast<Py_ssize_t>(response->content.size()),
          is_head ? Py_True : Py_False, response->ends_with_close ? Py_True : Py_False));
      check_python(item && PyList_Append(list.get(), item.get()) == 0, "a response can be told");
      if (!response->says_close) continue;
      check(bytes.empty(), "nothing follows the last response");
      // The application may have sent all that the client waits for, and not have said so.
      check(!is_quiet || client_.is_ended() || engine_.exchange_count() > 0, "a close that was told comes");
    }
    return list.release();
  }

 private:
  Limits limits_ = small_limits();
  Application application_;
  server::Engine engine_;
  testing::MemoryClient client_;
};

std::unique_ptr<World> world;

// --- what the play calls -------------------------------------------------------------------------------------------

PyObject* begin(PyObject*, PyObject* arguments) {
  python::AsgiApplication::Options options{};
  options.on_debug = Py_None;
  int takes_websockets = 0;
  if (!PyArg_ParseTuple(arguments, "OOOOOOOOp", &options.app, &options.loop, &options.context, &options.on_exception,
                        &options.on_incomplete, &options.as_coroutine, &options.disconnected_error,
                        &options.protocol_error, &takes_websockets)) {
    return nullptr;
  }
  options.takes_websockets = takes_websockets != 0;
  static python::HostLoop host(options.loop, shared_loop());
  check(world == nullptr, "there is one world at a time");
  world = std::make_unique<World>(options);
  Py_RETURN_NONE;
}

PyObject* finish(PyObject*, PyObject*) {
  world = nullptr;
  Py_RETURN_NONE;
}

PyObject* client_send(PyObject*, PyObject* bytes) {
  if (world && PyBytes_Check(bytes)) {
    world->client().send({PyBytes_AS_STRING(bytes), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes))});
  }
  Py_RETURN_NONE;
}

PyObject* client_allow(PyObject*, PyObject* count) {
  const Py_ssize_t bytes = PyLong_AsSsize_t(count);
  if (world && bytes < 0) {
    world->client().go_on_taking();
  } else if (world) {
    world->client().allow(static_cast<std::size_t>(bytes));
  }
  Py_RETURN_NONE;
}

template <void (*Act)(World&)>
PyObject* act(PyObject*, PyObject*) {
  if (world) Act(*world);
  Py_RETURN_NONE;
}

void end(World& it) { it.client().end(); }
void reset(World& it) { it.client().reset(); }
void break_writing(World& it) { it.client().break_writing(); }
void drain(World& it) {
  using std::chrono::milliseconds;
  it.engine().drain({milliseconds(0), milliseconds(0), milliseconds(0), false}, [](const StopReport&) {});
}

PyObject* responses(PyObject*, PyObject* is_quiet) { return world->responses(is_quiet == Py_True); }

// All that the client took.
PyObject* received(PyObject*, PyObject*) {
  const std::string_view bytes = world->client().received();
  return PyBytes_FromStringAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size()));
}

PyObject* exchanges(PyObject*, PyObject*) { return PyLong_FromSize_t(world ? world->engine().exchange_count() : 0); }

PyMethodDef methods[] = {
    {"begin", begin, METH_VARARGS, nullptr},
    {"finish", finish, METH_NOARGS, nullptr},
    {"client_send", client_send, METH_O, nullptr},
    {"client_allow", client_allow, METH_O, nullptr},
    {"client_end", act<end>, METH_NOARGS, nullptr},
    {"client_reset", act<reset>, METH_NOARGS, nullptr},
    {"client_breaks", act<break_writing>, METH_NOARGS, nullptr},
    {"drain", act<drain>, METH_NOARGS, nullptr},
    {"responses", responses, METH_O, nullptr},
    {"received", received, METH_NOARGS, nullptr},
    {"exchanges", exchanges, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef definition{PyModuleDef_HEAD_INIT, "world", nullptr, -1, methods, nullptr, nullptr, nullptr, nullptr};

PyObject* make_module() { return PyModule_Create(&definition); }

// --- the interpreter -----------------------------------------------------------------------------------------------

void start_interpreter() {
  PyPreConfig before;
  PyPreConfig_InitIsolatedConfig(&before);
  before.allocator = PYMEM_ALLOCATOR_MALLOC;
  check(PyStatus_Exception(Py_PreInitialize(&before)) == 0, "the interpreter can be prepared");
  check(PyImport_AppendInittab("world", make_module) == 0, "the world can be a module");
  PyConfig config;
  PyConfig_InitIsolatedConfig(&config);
  config.write_bytecode = 0;
  config.use_hash_seed = 1;  // the same input is the same play
  config.hash_seed = 1;
  PyConfig_SetBytesString(&config, &config.program_name, OUTRIDER_FUZZ_PYTHON);
  check(PyStatus_Exception(Py_InitializeFromConfig(&config)) == 0, "the interpreter starts");
  PyConfig_Clear(&config);
  check_python(python::make_names() && python::make_waiter_type() && python::make_callable_types(),
               "the bridge has its types");
}

// The play's run(data).
PyObject* load_play() {
  start_interpreter();
  PyObject* path = PySys_GetObject("path");
  const PyRef folder = PyRef::steal(PyUnicode_DecodeFSDefault(OUTRIDER_FUZZ_FOLDER));
  check_python(path != nullptr && PyList_Append(path, folder.get()) == 0, "the play can be found");
  const PyRef module = PyRef::steal(PyImport_ImportModule(OUTRIDER_FUZZ_PLAY));
  PyObject* run = module ? PyObject_GetAttrString(module.get(), "run") : nullptr;
  check_python(run != nullptr, "the play can be loaded");
  return run;
}

}  // namespace
}  // namespace outrider::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace outrider;
  static PyObject* const run = fuzz::load_play();
  const auto bytes = python::PyRef::steal(
      PyBytes_FromStringAndSize(reinterpret_cast<const char*>(data), static_cast<Py_ssize_t>(size)));
  const auto result = python::PyRef::steal(PyObject_CallOneArg(run, bytes.get()));
  fuzz::check_python(static_cast<bool>(result), "what the play says holds");
  fuzz::check(PyErr_Occurred() == nullptr, "no exception is left over");
  fuzz::check(fuzz::world == nullptr, "nothing stays of the world");
  return 0;
}
