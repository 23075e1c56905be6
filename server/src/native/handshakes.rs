//! TLS handshakes, on a few threads of their own that weigh less than those that carry messages: a handshake is most of what a
//! stranger can make the server compute, and a crowd of them must cost each other waiting and nobody else.

use crate::error::{Error, Result};
use std::future::Future;
use tokio::runtime::{Builder, Runtime};
use tokio_util::task::AbortOnDropHandle;

/// How much less weight: a thread of weight 1 stands beside one of about 3.
const NICE: i32 = 5;
/// More are of no use to a server of messages.
const MOST_THREADS: usize = 4;

/// The threads.
#[derive(Debug)]
pub struct Handshakes(Option<Runtime>);

impl Handshakes {
    /// Starts them.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start() -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(cores.clamp(1, MOST_THREADS)).thread_name("handshakes").enable_time();
        builder.on_thread_start(|| crate::guard::weigh_less(NICE));
        let runtime = builder.build().map_err(|why| Error::internal("No threads for handshakes", why))?;
        Ok(Self(Some(runtime)))
    }

    /// Runs a handshake there. It ends with whoever waits for it.
    pub async fn run<T: Send + 'static>(&self, handshake: impl Future<Output = T> + Send + 'static) -> Option<T> {
        AbortOnDropHandle::new(self.0.as_ref()?.spawn(handshake)).await.ok()
    }
}

impl Drop for Handshakes {
    fn drop(&mut self) {
        // Nobody waits for them: whoever drops this may stand in another runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
