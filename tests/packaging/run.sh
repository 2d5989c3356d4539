#!/usr/bin/env bash
# What somebody gets who installs Outrider: a C++ library that find_package() finds, and a typed Python package.
# `./dev test` calls it: tests/packaging/run.sh <python> <mypy>
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=$1 mypy=$PWD/$2 out=$PWD/build/packaging

# What is installed counts here, not how fast it is: unoptimized, it is built in half the time, and with ccache its engine
# is that of the packages which ./dev test has built already. The library and the bindings are built here file by file.
export SKBUILD_CMAKE_BUILD_TYPE=None SKBUILD_CMAKE_DEFINE="CMAKE_INTERPROCEDURAL_OPTIMIZATION=OFF"

step() {  # step <what is shown by it> <command>...
  printf '+ %s\n' "${*:2}"
  if ! "${@:2}"; then
    echo "FAILED  $1"
    exit 1
  fi
  echo "ok      $1"
}

install_library() {
  rm -rf "$out/prefix" "$out/consumer"
  cmake -S . -B "$out/library" -G Ninja -DCMAKE_BUILD_TYPE=None -DCMAKE_INSTALL_MESSAGE=NEVER --log-level=WARNING &&
    cmake --build "$out/library" && cmake --install "$out/library" --prefix "$out/prefix"
}

# CMAKE_FIND_USE_… : an Outrider elsewhere on this machine must not stand in for the one just installed.
build_consumer() {
  cmake -S tests/packaging -B "$out/consumer" -G Ninja -DCMAKE_BUILD_TYPE=None -DCMAKE_PREFIX_PATH="$out/prefix" \
    -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF --log-level=WARNING && cmake --build "$out/consumer"
}

public_headers_are_the_standard_library_s_and_ours() {
  ! grep -rhE '^ *# *include' "$out/prefix/include" | grep -vE '<[a-z0-9_]+>|"outrider/[a-z0-9_/]+\.h"'
}

install_package() {
  "$python" -m venv --clear "$out/venv" && "$out/venv/bin/pip" install --quiet -C cmake.define.OUTRIDER_UNITY=ON \
    -C cmake.define.OUTRIDER_UNITY_BINDINGS=OFF .
}

only_outrider_is_installed() {
  ! "$out/venv/bin/pip" list --format=freeze | grep -vE '^(outrider|pip|setuptools)=='
}

installed() { "$out/venv/bin/python" -I -c "import pathlib, outrider; $1"; }

step "cmake --install" install_library
step "a consumer builds with find_package" build_consumer
step "the consumer's server answers" "$out/consumer/consumer"
step "public headers reach nothing foreign" public_headers_are_the_standard_library_s_and_ours
step "pip install . into an empty environment" install_package
step "no dependency comes along" only_outrider_is_installed
step "the package imports" installed 'print(outrider.__version__)'
step "type information is installed" installed \
  'folder = pathlib.Path(outrider.__file__).parent; [(folder / name).stat() for name in ("py.typed", "_engine.pyi")]'
installed_plugin() { "$out/venv/bin/python" -I -c "
import importlib.metadata, sys
(plugin,) = importlib.metadata.entry_points(group='pytest11')
assert (plugin.name, plugin.value, plugin.dist.name) == ('outrider', 'pytest_outrider', 'outrider'), plugin
import pathlib
folder = pathlib.Path(plugin.dist.locate_file('pytest_outrider'))
assert (folder / 'py.typed').exists()
import types  # pytest itself isn't here: what the plugin imports of it is in the way of nobody
sys.modules['pytest'] = types.SimpleNamespace(
    hookimpl=lambda **_: lambda f: f,
    fixture=lambda *a, **_: a[0] if a else lambda f: f, StashKey=object)
plugin.load()
assert not [name for name in sys.modules if name.partition('.')[0] == 'outrider'], 'an unused plugin imports the server'
"; }
step "pytest finds the plugin, which doesn't import the server" installed_plugin
cd "$out"  # away from the sources, so that the type checker sees the installed package
step "mypy --strict accepts a user's program" "$mypy" --strict --cache-dir "$out/mypy" \
  --python-executable "$out/venv/bin/python" ../../tests/packaging/user.py
