// The library's own pool of threads.
//
// TensorFlow's C interface gives no access to TensorFlow's pool, and torch is reached through
// ctypes; OpenMP's workers would spin between loops and take the framework's processors away.
#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "shiftadd.h"

namespace {

// How long a worker looks for the next loop before it sleeps: the gap between two kernels of a
// model, far below a scheduler's time slice.
constexpr int kSpins = 2000;

inline void pause_briefly() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

int32_t processors() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    const int count = CPU_COUNT(&set);
    if (count > 0) return count;
  }
#endif
  const unsigned count = std::thread::hardware_concurrency();
  return count > 0 ? static_cast<int32_t>(count) : 1;
}

class Pool {
 public:
  explicit Pool(int32_t threads) {
    for (int32_t worker = 1; worker < threads; ++worker) {
      workers_.emplace_back([this, worker] { work(worker); });
    }
  }

  ~Pool() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stop_ = true;
      generation_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  // Items are handed out one by one; the calling thread takes its share. A worker that wakes when
  // none are left is not waited for: on a busy machine that would be a time slice.
  void run(int32_t threads, int64_t items, shiftadd_task task, void* context) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      threads_ = threads;
      task_ = task;
      context_ = context;
      items_ = items;
      next_.store(0, std::memory_order_relaxed);
      open_ = true;
      generation_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    take_items(0);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      open_ = false;
    }
    for (int spin = 0; spin < kSpins && active_.load(std::memory_order_acquire) > 0; ++spin) {
      pause_briefly();
    }
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return active_.load(std::memory_order_acquire) == 0; });
  }

 private:
  void take_items(int32_t worker) {
    for (;;) {
      const int64_t item = next_.fetch_add(1, std::memory_order_relaxed);
      if (item >= items_) return;
      task_(context_, item, worker);
    }
  }

  void work(int32_t worker) {
    uint64_t seen = 0;
    for (;;) {
      for (int spin = 0; spin < kSpins && generation_.load(std::memory_order_acquire) == seen;
           ++spin) {
        pause_briefly();
      }
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return generation_.load(std::memory_order_acquire) != seen; });
        seen = generation_.load(std::memory_order_acquire);
        if (stop_) return;
        if (!open_ || worker >= threads_) continue;
        active_.fetch_add(1, std::memory_order_relaxed);
      }
      take_items(worker);
      if (active_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        std::lock_guard<std::mutex> lock(mutex_);
        done_.notify_one();
      }
    }
  }

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::atomic<uint64_t> generation_{0};
  std::atomic<int64_t> next_{0};
  std::atomic<int32_t> active_{0};  // workers inside of the loop
  shiftadd_task task_ = nullptr;
  void* context_ = nullptr;
  int64_t items_ = 0;
  int32_t threads_ = 0;
  bool open_ = false;
  bool stop_ = false;
};

// Never destroyed: at exit, threads of the process may still be inside of a loop.
struct State {
  std::mutex mutex;  // held by the loop that has the pool
  Pool* pool = nullptr;
  int32_t pool_threads = 0;
  std::atomic<int32_t> requested{0};
};

State* state = nullptr;

int32_t threads_in_force() {
  const int32_t requested = state->requested.load(std::memory_order_relaxed);
  return requested > 0 ? requested : processors();
}

void run_loop(void* pool, int32_t threads, int64_t items, shiftadd_task task, void* context) {
  State* s = static_cast<State*>(pool);
  std::unique_lock<std::mutex> lock(s->mutex, std::try_to_lock);
  if (!lock.owns_lock() || threads <= 1) {
    for (int64_t item = 0; item < items; ++item) task(context, item, 0);
    return;
  }
  if (s->pool == nullptr || s->pool_threads != threads) {
    delete s->pool;
    s->pool = new Pool(threads);
    s->pool_threads = threads;
  }
  s->pool->run(threads, items, task, context);
}

// The threads of the parent do not exist in the child, whose copy of the pool is abandoned.
void after_fork_in_child() {
  const int32_t requested = state->requested.load(std::memory_order_relaxed);
  state = new State;
  state->requested.store(requested, std::memory_order_relaxed);
}

void make_state() {
  static std::once_flag once;
  std::call_once(once, [] {
    state = new State;
    pthread_atfork(nullptr, nullptr, after_fork_in_child);
  });
}

}  // namespace

extern "C" {

const shiftadd_parallel* shiftadd_default_parallel(void) {
  make_state();
  static thread_local shiftadd_parallel copy;
  copy = {run_loop, state, threads_in_force()};
  return &copy;
}

int32_t shiftadd_set_threads(int32_t threads) {
  make_state();
  state->requested.store(threads > 0 ? threads : 0, std::memory_order_relaxed);
  return threads_in_force();
}

}  // extern "C"
