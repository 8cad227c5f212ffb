//! The one thread on which everything that speaks to Chrome runs.
//!
//! Chrome is started from it as well: Linux ties `PR_SET_PDEATHSIG` to the thread that forked, and this one
//! lives as long as the process.

use std::future::Future;
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::task::{AbortHandle, JoinHandle};

static HANDLE: OnceLock<Handle> = OnceLock::new();

/// Shared by threads that are between sending a command and spawning what awaits its answer.
static BEGINNING: RwLock<()> = RwLock::new(());

/// The runtime's handle; the first call starts the thread.
pub fn handle() -> &'static Handle {
    HANDLE.get_or_init(start)
}

/// Runs the future on the thread.
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    handle().spawn(future)
}

/// Keeps answers from being read until it is dropped. Whoever sends a command and then spawns what awaits the answer
/// holds it meanwhile: else that could come to know its answer after others know what Chrome said later.
#[must_use = "answers are kept back until it is dropped"]
pub fn begin() -> RwLockReadGuard<'static, ()> {
    BEGINNING.read().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until everything that was begun has been spawned: microseconds. On the thread, before a message is read.
pub(super) fn wait_for_begun() {
    drop(BEGINNING.write().unwrap_or_else(PoisonError::into_inner));
}

/// Runs the future on the thread until it has ended, or the task is dropped.
pub fn spawn_owned<F>(future: F) -> Task
where
    F: Future<Output = ()> + Send + 'static,
{
    Task(spawn(future).abort_handle())
}

/// A task that ends when this is dropped.
#[must_use = "a task that is dropped ends"]
pub struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[expect(
    clippy::expect_used,
    reason = "a process that can have neither a thread nor epoll cannot run Chrome"
)]
fn start() -> Handle {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("an I/O runtime");
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name("pagepool-io".into())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))
        .expect("an I/O thread");
    handle
}
