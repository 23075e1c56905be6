//! Programs that run beside us. They end with their owner: asked first, by process id, then forced.

use crate::step::{Failure, Result};
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A running program that is stopped when this goes out of scope.
pub struct Running {
    name: String,
    child: Child,
}

impl Running {
    pub fn start(name: &str, command: &mut Command) -> Result<Self> {
        let child = command.spawn().map_err(|error| Failure::new(format!("{name} does not start: {error}")))?;
        Ok(Self { name: name.to_owned(), child })
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Fails when the program has ended.
    pub fn expect_alive(&mut self) -> Result {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(Failure::new(format!("{} ended early with {status}", self.name))),
        }
    }

    pub fn wait(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    fn ended_within(&mut self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let asked = cfg!(unix)
            && Command::new("kill")
                .args(["-TERM", &self.child.id().to_string()])
                .status()
                .is_ok_and(|status| status.success());
        if !(asked && self.ended_within(Duration::from_secs(10))) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Asks again and again until there is an answer; says what it waited for when there is none in time.
pub fn wait_for<T>(what: &str, time: Duration, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + time;
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if Instant::now() >= deadline {
            return Err(Failure::new(format!("waited {} s in vain: {what}", time.as_secs())));
        }
        sleep(Duration::from_millis(50));
    }
}
