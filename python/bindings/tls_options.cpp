// SPDX-License-Identifier: MIT
#include "tls_options.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <utility>
#include <vector>

#include "message.h"
#include "outrider/error.h"
#include "py_ref.h"

namespace nb = nanobind;

namespace outrider::python {
namespace {

PyObject* text(const std::string& bytes) {
  return PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "replace");
}

PyObject* text_or_none(const std::string& bytes) { return bytes.empty() ? Py_NewRef(Py_None) : text(bytes); }

PyObject* texts(const std::vector<std::string>& all) {
  PyRef list = PyRef::steal(PyList_New(0));
  for (const std::string& one : all) {
    PyRef item = PyRef::steal(text(one));
    if (!list || !item || PyList_Append(list.get(), item.get()) != 0) return nullptr;
  }
  return list.release();
}

// A path, or PEM text. File names that aren't UTF-8 are str with surrogates in Python (os.fsdecode()).
std::string file_bytes(nb::handle text) {
  const nb::object bytes = nb::steal(PyUnicode_EncodeFSDefault(text.ptr()));
  if (!bytes.is_valid()) throw nb::python_error();
  return std::string(view(bytes.ptr()));
}

}  // namespace

TlsConfig tls_config(const nb::dict& values) {
  const auto string = [&](const char* name) { return nb::cast<std::string>(values[name]); };
  const auto file = [&](const char* name) { return file_bytes(values[name]); };
  TlsConfig config;
  config.certificate = {file("certificate"), file("private_key"), string("password")};
  for (const nb::handle pair : values["more_certificates"]) {
    config.more_certificates.push_back({file_bytes(pair[0]), file_bytes(pair[1])});
  }
  config.client_certificates = static_cast<ClientCertificates>(nb::cast<int>(values["client_certificates"]));
  config.client_ca = file("client_ca");
  config.minimum_version = string("minimum_version") == "1.3" ? TlsVersion::Tls13 : TlsVersion::Tls12;
  config.ciphers = string("ciphers");
  config.ca_pem = string("ca_pem");
  return config;
}

// ASGI: "TLS Extension". A certificate that isn't valid ends the handshake, so there is never an error to be told.
PyObject* tls_extension(const TlsInfo& info) {
  PyRef server = PyRef::steal(text_or_none(info.server_certificate));
  PyRef chain = PyRef::steal(texts(info.client_certificates));
  PyRef name = PyRef::steal(text_or_none(info.client_name));
  if (!server || !chain || !name) return nullptr;
  return Py_BuildValue("{s:O,s:O,s:O,s:O,s:i,s:i}", "server_cert", server.get(), "client_cert_chain", chain.get(),
                       "client_cert_name", name.get(), "client_cert_error", Py_None, "tls_version",
                       static_cast<int>(info.version), "cipher_suite", static_cast<int>(info.cipher_suite));
}

void bind_tls(nb::module_& module) {
  module.def(
      "throw_away_certificate",
      [](const std::vector<std::string>& names) {
        try {
          const TlsConfig config = TlsConfig::throw_away(names);
          return nb::make_tuple(config.certificate.certificate, config.certificate.private_key, config.ca_pem);
        } catch (const Error& error) {
          throw nb::value_error(error.what());
        }
      },
      nb::arg("names"), nb::sig("def throw_away_certificate(names: list[str]) -> tuple[str, str, str]"),
      "A certificate, its key and the authority that made it, as PEM text. Raises ValueError.");
}

}  // namespace outrider::python
