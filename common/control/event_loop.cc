#include "common/control/event_loop.h"

#include <event2/event.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <utility>
#include <vector>

namespace flyover {
namespace {

timeval ToTimeval(std::chrono::milliseconds time) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  timeval tv{};
  tv.tv_sec = us / 1'000'000;
  tv.tv_usec = us % 1'000'000;
  return tv;
}

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::abort();
}

}  // namespace

// Shared with the trampoline, which keeps a copy while the callback runs: a callback may drop its
// own handle.
struct EventLoop::Handle::Event : std::enable_shared_from_this<Event> {
  event* libevent = nullptr;
  std::function<void(FdEvents)> callback;

  static void Trampoline(evutil_socket_t, short what, void* argument) {
    const auto self = static_cast<Event*>(argument)->shared_from_this();
    self->callback(FdEvents{.read = (what & EV_READ) != 0, .write = (what & EV_WRITE) != 0});
  }
  void Cancel() {
    if (libevent != nullptr) event_free(libevent);
    libevent = nullptr;
  }
  static Handle Make(event_base* base, int fd, short what, const timeval* timeout,
                     std::function<void(FdEvents)> callback) {
    Handle handle;
    handle.event_ = std::make_shared<Event>();
    handle.event_->callback = std::move(callback);
    handle.event_->libevent = event_new(base, fd, what, &Trampoline, handle.event_.get());
    if (handle.event_->libevent == nullptr || event_add(handle.event_->libevent, timeout) != 0) {
      Die("flyover: event loop: cannot register an event");
    }
    return handle;
  }
};

EventLoop::Handle::Handle() = default;
EventLoop::Handle::~Handle() {
  if (event_) event_->Cancel();
}
EventLoop::Handle::Handle(Handle&& other) noexcept : event_(std::move(other.event_)) {}
EventLoop::Handle& EventLoop::Handle::operator=(Handle&& other) noexcept {
  if (this != &other) {
    if (event_) event_->Cancel();
    event_ = std::move(other.event_);
  }
  return *this;
}

struct EventLoop::Impl {
  event_base* base = nullptr;
  int wake_fd = -1;
  Handle wake;
  std::mutex mutex;
  std::vector<std::function<void()>> posted;  // guarded by mutex

  void RunPosted() {
    uint64_t count;
    // Non-blocking; a spurious wake-up finds nothing to read.
    [[maybe_unused]] const ssize_t n = read(wake_fd, &count, sizeof(count));
    std::vector<std::function<void()>> work;
    {
      const std::lock_guard lock(mutex);
      work.swap(posted);
    }
    for (auto& task : work) task();
  }
};

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {
  impl_->base = event_base_new();
  if (impl_->base == nullptr) Die("flyover: event loop: cannot create libevent's base");
  impl_->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (impl_->wake_fd < 0) Die("flyover: event loop: eventfd");
  impl_->wake = WatchFd(impl_->wake_fd, {.read = true},
                        [impl = impl_.get()](FdEvents) { impl->RunPosted(); });
}

EventLoop::~EventLoop() {
  impl_->posted.clear();
  impl_->wake = Handle();
  event_base_free(impl_->base);
  close(impl_->wake_fd);
}

EventLoop::Handle EventLoop::WatchFd(int fd, FdEvents interest,
                                     std::function<void(FdEvents)> callback) {
  const auto what = static_cast<short>(EV_PERSIST | (interest.read ? EV_READ : 0) |
                                       (interest.write ? EV_WRITE : 0));
  return Handle::Event::Make(impl_->base, fd, what, nullptr, std::move(callback));
}

EventLoop::Handle EventLoop::RunAfter(std::chrono::milliseconds delay,
                                      std::function<void()> callback) {
  const timeval tv = ToTimeval(delay);
  return Handle::Event::Make(impl_->base, -1, 0, &tv,
                             [callback = std::move(callback)](FdEvents) { callback(); });
}

EventLoop::Handle EventLoop::RunEvery(std::chrono::milliseconds period,
                                      std::function<void()> callback) {
  const timeval tv = ToTimeval(period);
  return Handle::Event::Make(impl_->base, -1, EV_PERSIST, &tv,
                             [callback = std::move(callback)](FdEvents) { callback(); });
}

EventLoop::Handle EventLoop::OnSignal(int signal, std::function<void()> callback) {
  return Handle::Event::Make(impl_->base, signal, EV_SIGNAL | EV_PERSIST, nullptr,
                             [callback = std::move(callback)](FdEvents) { callback(); });
}

void EventLoop::Post(std::function<void()> work) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->posted.push_back(std::move(work));
  }
  const uint64_t one = 1;
  // Fails only when the counter is full, and then the loop wakes up anyway.
  [[maybe_unused]] const ssize_t n = write(impl_->wake_fd, &one, sizeof(one));
}

void EventLoop::Run() { event_base_dispatch(impl_->base); }

void EventLoop::Stop() {
  Post([base = impl_->base] { event_base_loopbreak(base); });
}

void EventLoop::RunReady() { event_base_loop(impl_->base, EVLOOP_NONBLOCK); }

}  // namespace flyover
