//! Calls that may hang: each waits for a bounded time, on a thread that is not the caller's.

use crate::error::{Error, Result};
use std::future::Future;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use thechatapp_seal::KmsError;
use tokio::runtime::{Builder, Runtime};

/// What the way back to the caller may take on top of it.
const SLACK: Duration = Duration::from_secs(1);

/// Runs asynchronous calls for callers that block, who may be on a runtime's thread themselves.
pub struct Caller {
    runtime: Option<Runtime>,
    patience: Duration,
}

impl Caller {
    /// A runtime with one thread of its own; `patience` is how long a call may take.
    pub fn new(patience: Duration) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(2)
            .thread_name("key-service")
            .enable_all()
            .build()
            .map_err(|why| Error::internal("The key service's thread could not start", why))?;
        Ok(Self { runtime: Some(runtime), patience })
    }

    /// Waits for a call.
    pub fn wait<T: Send + 'static>(
        &self,
        call: impl Future<Output = std::result::Result<T, KmsError>> + Send + 'static,
    ) -> std::result::Result<T, KmsError> {
        let (answer, answered) = mpsc::sync_channel(1);
        let runtime = self.runtime.as_ref().ok_or(KmsError::Unavailable)?;
        let patience = self.patience;
        runtime.spawn(async move {
            let done = tokio::time::timeout(patience, call).await;
            let _ = answer.send(done.unwrap_or(Err(KmsError::Unavailable)));
        });
        answered.recv_timeout(patience + SLACK).unwrap_or(Err(KmsError::Unavailable))
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        // Waiting for what hangs would hang as well.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// A thread that owns something whose calls block, and may do so for ever.
pub struct Owner<S> {
    jobs: mpsc::Sender<Job<S>>,
    patience: Duration,
}

impl<S: Send + 'static> Owner<S> {
    /// Starts it; `patience` is how long a job may take.
    pub fn new(mut owned: S, patience: Duration) -> Result<Self> {
        let (jobs, inbox) = mpsc::channel::<Job<S>>();
        thread::Builder::new()
            .name("key-service".into())
            .spawn(move || {
                while let Ok(job) = inbox.recv() {
                    job(&mut owned);
                }
            })
            .map_err(|why| Error::internal("The key service's thread could not start", why))?;
        Ok(Self { jobs, patience })
    }

    /// Waits for a job.
    pub fn wait<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut S) -> std::result::Result<T, KmsError> + Send + 'static,
    ) -> std::result::Result<T, KmsError> {
        let (answer, answered) = mpsc::sync_channel(1);
        let (asked, patience) = (Instant::now(), self.patience);
        let job: Job<S> = Box::new(move |owned| {
            // Whoever asked behind a call that hung has gone.
            if asked.elapsed() < patience {
                let _ = answer.send(job(owned));
            }
        });
        self.jobs.send(job).map_err(|_| KmsError::Unavailable)?;
        answered.recv_timeout(patience).unwrap_or(Err(KmsError::Unavailable))
    }
}
