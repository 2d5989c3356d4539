// SPDX-License-Identifier: MIT
#pragma once
// What both floors go round in: one thread, one epoll, a listening socket on loopback.

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "socket.h"

namespace bench {

class EpollLoop {
 public:
  // Ends in false, with a message, when the port can't be had.
  bool listen(const char* program, int port) {
    listener_ = listen_loopback(port);
    if (listener_ < 0) return std::fprintf(stderr, "%s: listen: %s\n", program, std::strerror(errno)), false;
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    control(EPOLL_CTL_ADD, listener_, EPOLLIN);
    return true;
  }

  void wait_for(int fd, uint32_t events) const { control(EPOLL_CTL_MOD, fd, events); }

  // For ever: calls on_connection(fd) for each new one, and on_ready(fd) when one can be read from, or whatever
  // wait_for() said.
  template <class OnConnection, class OnReady>
  void run(OnConnection on_connection, OnReady on_ready) const {
    std::array<epoll_event, 256> events;
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int index = 0; index < count; ++index) {
        const int fd = events[static_cast<std::size_t>(index)].data.fd;
        if (fd == listener_) accept_all(on_connection);
        else on_ready(fd);
      }
    }
  }

 private:
  template <class OnConnection>
  void accept_all(OnConnection& on_connection) const {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      set_nodelay(fd);
      on_connection(fd);
      control(EPOLL_CTL_ADD, fd, EPOLLIN);
    }
  }

  void control(int operation, int fd, uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    epoll_ctl(epoll_, operation, fd, &event);
  }

  int epoll_ = -1;
  int listener_ = -1;
};

}  // namespace bench
