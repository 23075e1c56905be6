//! Passwords: Argon2id (RFC 9106), 19 MiB, two passes, one lane, as OWASP asks. A few threads of their own compute them, one fewer
//! than there are cores and with less weight than those that carry messages, so that a crowd of sign-ins costs waiting and
//! nothing else; a name that does not exist costs the same time as a wrong password.
//!
//! A new password has to be long enough, hard to guess (`zxcvbn`, which knows common passwords, names and patterns), and, where the
//! host has a list of those that are known from elsewhere, not on it ([`super::breached`]).

use super::breached::Breached;
use crate::error::{Error, Fail, Result};
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use thechatapp_protocol::{Code, ErrorBody};
use tokio::sync::{Semaphore, oneshot};
use zeroize::Zeroizing;
use zxcvbn::{Score, zxcvbn};

/// Longest, in bytes: more is no password but an attack on the hash.
const LONGEST: usize = 1024;
/// The least that is hard enough to guess: some ten million guesses.
const HARD: Score = Score::Two;
/// Most threads.
const MOST_THREADS: usize = 4;
/// How much less weight they have than others: a thread of weight 1 stands beside one of about 9.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;
/// Waiting at most.
const WAITING: usize = 200;

/// What computing one hash costs.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    memory_kib: u32,
    passes: u32,
}

impl Cost {
    /// What the product uses.
    pub const PRODUCT: Self = Self { memory_kib: 19 * 1024, passes: 2 };
    /// For tests, which are about something else.
    #[cfg(any(test, feature = "test-support"))]
    pub const TESTS: Self = Self { memory_kib: 8, passes: 1 };
}

type Work = Box<dyn FnOnce() + Send>;

/// Hashes and checks passwords.
pub struct Passwords {
    argon2: Argon2<'static>,
    nobody: String,
    waiting: Semaphore,
    work: Mutex<mpsc::Sender<Work>>,
    breached: OnceLock<Breached>,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passwords(..)")
    }
}

impl Passwords {
    /// At this cost. Its threads end when it is dropped.
    ///
    /// # Errors
    /// When the system gives no randomness, or no threads.
    pub fn new(cost: Cost) -> Result<Self> {
        let params = Params::new(cost.memory_kib, cost.passes, 1, None)
            .map_err(|why| Error::internal("The password hash is misconfigured", why))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hash(&argon2, "nobody's password")?;
        let (work, waits) = mpsc::channel();
        let waits = Arc::new(Mutex::new(waits));
        for _ in 0..threads() {
            let waits = waits.clone();
            let spawned = std::thread::Builder::new().name("passwords".into()).spawn(move || compute(&waits));
            spawned.map_err(|why| Error::internal("No thread for passwords", why))?;
        }
        let work = Mutex::new(work);
        Ok(Self { argon2, nobody, waiting: Semaphore::new(WAITING), work, breached: OnceLock::new() })
    }

    /// With a list of passwords that are known from elsewhere; once.
    pub fn set_breached(&self, list: Breached) {
        let _ = self.breached.set(list);
    }

    /// Whether a password may be chosen where it has to have so many characters; `about` is what others know of whoever chooses it.
    ///
    /// # Errors
    /// Bad input for a short, a long, a common or a known one; busy when too many wait.
    pub async fn fits(
        self: &Arc<Self>,
        password: &str,
        shortest: u64,
        about: Vec<String>,
    ) -> std::result::Result<(), Fail> {
        let refuse = |what: &str, why: String| {
            Err(Fail::bad_input(what, why, "choose another: a few words that do not belong together are good"))
        };
        if (password.chars().count() as u64) < shortest {
            return refuse("This password is too short", format!("it has fewer than {shortest} characters"));
        }
        if password.len() > LONGEST {
            return refuse("This password is too long", format!("it has more than {LONGEST} bytes"));
        }
        let (own, password) = (self.clone(), Zeroizing::new(password.to_owned()));
        let (score, known) = self
            .in_turn(move || {
                let about: Vec<&str> = about.iter().map(String::as_str).collect();
                let known = own.breached.get().map_or(Ok(false), |list| list.has(&password));
                Ok((zxcvbn(&password, &about).score(), known?))
            })
            .await?;
        if known {
            return refuse("This password is known", "it is on a list of passwords that were stolen elsewhere".into());
        }
        if score < HARD {
            return refuse("This password is easy to guess", "it is common, a pattern, or made of names".into());
        }
        Ok(())
    }

    /// The hash of a new password, in PHC form. Whether it may be chosen is asked before: [`Self::fits`].
    ///
    /// # Errors
    /// Busy when too many wait.
    pub async fn hash(self: &Arc<Self>, password: String) -> std::result::Result<String, Fail> {
        let (password, own) = (Zeroizing::new(password), self.clone());
        self.in_turn(move || hash(&own.argon2, &password).map_err(|_| Fail::Broken("a password that does not hash")))
            .await
    }

    /// Whether a password is the one behind a hash; without a hash the answer is no, after the same time.
    ///
    /// # Errors
    /// Busy when too many wait.
    pub async fn verify(self: &Arc<Self>, password: String, known: Option<String>) -> std::result::Result<bool, Fail> {
        let (password, own) = (Zeroizing::new(password), self.clone());
        self.in_turn(move || {
            if password.len() > LONGEST {
                return Ok(false);
            }
            let exists = known.is_some();
            let text = known.unwrap_or_else(|| own.nobody.clone());
            let parsed = PasswordHash::new(&text).map_err(|_| Fail::Broken("a password hash that is none"))?;
            Ok(own.argon2.verify_password(password.as_bytes(), &parsed).is_ok() && exists)
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> std::result::Result<T, Fail> + Send + 'static,
    ) -> std::result::Result<T, Fail> {
        let busy = || {
            Fail::from(
                ErrorBody::new(
                    Code::Busy,
                    "Too many people sign in at once",
                    "the server is busy",
                    "try again in a moment",
                )
                .after(5),
            )
        };
        let ended = || Fail::Broken("a password check that did not end");
        let _place = self.waiting.try_acquire().map_err(|_| busy())?;
        let (answer, done) = oneshot::channel();
        let job: Work = Box::new(move || {
            // Nobody waits any more for what was given up.
            if !answer.is_closed() {
                let _ = answer.send(work());
            }
        });
        self.work.lock().unwrap_or_else(PoisonError::into_inner).send(job).map_err(|_| ended())?;
        done.await.map_err(|_| ended())?
    }
}

/// How many are computed at once: the cores but one, which is left to messages.
fn threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    cores.saturating_sub(1).clamp(1, MOST_THREADS)
}

/// Computes what comes until nobody can send any more.
fn compute(waits: &Mutex<mpsc::Receiver<Work>>) {
    // Of this thread alone, on Linux; elsewhere it would be the whole process.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICE);
    loop {
        let next = waits.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(work) = next else { return };
        // One that fails must not take the thread with it; whoever waits is told by its dropped answer.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    }
}

fn hash(argon2: &Argon2<'_>, password: &str) -> Result<String> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|why| Error::internal("The system gave no random bytes", why))?;
    let salt = SaltString::encode_b64(&salt).map_err(|why| Error::internal("A salt could not be made", why))?;
    let hash = argon2
        .hash_password(password.as_bytes(), &salt)
        .map_err(|why| Error::internal("A password could not be hashed", why))?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests;
